"""Budgets and shards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from conftest import Net, RecordBare
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from mote_recorder import RecordingError, RecordingWarning, read_manifest, read_tensor

# Input 36, features.0, features.1, act, blocks.0.0, act#2 each 144, dense 3, output 3, all float32.
PER_SAMPLE = 4 * (36 + 5 * 144 + 3 + 3)


def test_sample_budget_draws_samples_with_the_seed(net: Net, images: Tensor, record_bare: RecordBare) -> None:
    with pytest.warns(RecordingWarning, match="6 samples left out: max_samples is 4"):
        four = record_bare(net, images, max_samples=4, seed=5)
    with pytest.warns(RecordingWarning):
        two = record_bare(net, images, max_samples=2, seed=5)
    drawn = four.manifest["samples"]
    assert len(set(drawn)) == 4
    assert drawn == sorted(drawn) != [0, 1, 2, 3]
    assert set(two.manifest["samples"]) < set(drawn)
    assert four.manifest["left_out"] == {"samples": 6, "reason": "max_samples is 4"}
    assert torch.equal(read_tensor(two.files[0], "input/image"), images[two.manifest["samples"]])


def test_byte_budget_counts_all_tensors(net: Net, images: Tensor, record_bare: RecordBare) -> None:
    with pytest.warns(RecordingWarning, match=f"a sample takes {PER_SAMPLE} bytes"):
        recording = record_bare(net, images, budget_bytes=4 * PER_SAMPLE - 1)
    assert len(recording.manifest["samples"]) == 3
    assert recording.bytes == 3 * PER_SAMPLE
    assert sum(tensor.nbytes for tensor in load_file(recording.files[0]).values()) == recording.bytes


def test_budget_keeps_the_first_of_given_indices(net: Net, images: Tensor, record_bare: RecordBare) -> None:
    with pytest.warns(RecordingWarning, match="1 samples left out"):
        recording = record_bare(net, images, indices=[9, 1, 4], max_samples=2)
    assert recording.manifest["samples"] == [9, 1]


def test_budget_below_one_sample_is_an_error(net: Net, images: Tensor, record_bare: RecordBare, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="not one sample fits"):
        record_bare(net, images, budget_bytes=PER_SAMPLE - 1)
    assert list(tmp_path.iterdir()) == []


def test_shards_hold_whole_chunks(net: Net, images: Tensor, record_bare: RecordBare, tmp_path: Path) -> None:
    whole = load_file(record_bare(net, images, labels=range(10), batch_size=2).files[0])
    per_sample = PER_SAMPLE + 8
    recording = record_bare(net, images, labels=range(10), batch_size=2, shard_bytes=5 * per_sample)

    # Chunks of two samples, two of them in a shard, and a last one alone; the unsharded file is gone.
    shards = [f"r-0000{n}-of-00003.safetensors" for n in (1, 2, 3)]
    index_path = tmp_path / "r.safetensors.index.json"
    assert sorted(p.name for p in tmp_path.iterdir()) == [*shards, "r.safetensors.index.json"]
    assert sorted(recording.files) == sorted([*(tmp_path / name for name in shards), index_path])
    index = json.loads(index_path.read_text())
    assert index["metadata"]["total_size"] == 10 * per_sample
    manifest = read_manifest(index_path)
    assert manifest["layers"][0]["shape"] == [10, 4, 6, 6]
    in_files: dict[str, str] = {}
    for shard in shards:
        with safe_open(tmp_path / shard, "pt") as file:
            in_files |= dict.fromkeys(file.keys(), shard)
            assert sum(file.get_tensor(key).nbytes for key in file.keys()) <= 5 * per_sample  # noqa: SIM118
    assert in_files == index["weight_map"]
    assert in_files["layer/act#2@4"] == shards[1]
    assert {key.rpartition("@")[2] for key in in_files} == {"0", "2", "4", "6", "8"}
    for name, value in whole.items():
        assert torch.equal(read_tensor(index_path, name), value)


def test_chunk_size_is_chosen_to_fit_a_shard(net: Net, images: Tensor, record_bare: RecordBare) -> None:
    recording = record_bare(net, images, shard_bytes=8 * PER_SAMPLE)
    index = recording.files[-1]
    assert index.name == "r.safetensors.index.json"
    keys = json.loads(index.read_text())["weight_map"]
    assert {key.rpartition("@")[2] for key in keys} == {"0", "2", "4", "6", "8"}


def test_chunk_larger_than_a_shard_is_an_error(net: Net, images: Tensor, record_bare: RecordBare) -> None:
    with pytest.raises(RecordingError, match="use batch_size 3 or less"):
        record_bare(net, images, batch_size=4, shard_bytes=3 * PER_SAMPLE)
    with pytest.raises(RecordingError, match="raise shard_bytes"):
        record_bare(net, images, shard_bytes=PER_SAMPLE - 1)


def test_whole_recording_replaces_shards(net: Net, images: Tensor, record_bare: RecordBare, tmp_path: Path) -> None:
    (tmp_path / "r-notes.txt").touch()
    record_bare(net, images, batch_size=1, shard_bytes=PER_SAMPLE)
    assert len(list(tmp_path.iterdir())) == 12
    record_bare(net, images)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r-notes.txt", "r.safetensors"]
