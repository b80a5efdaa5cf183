"""A net is after a recording what it was before, however the recording ends."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Net, RecordBare
from torch import Tensor, nn

from mote_recorder import RecordingError, RecordingWarning, read_manifest, read_tensor, record
from mote_recorder.precision import full_precision


def hooks(module: nn.Module) -> int:
    return sum(len(each._forward_hooks) + len(each._forward_pre_hooks) for each in module.modules())


def test_hooks_modes_and_random_state_are_restored(net: Net, images: Tensor, record_bare: RecordBare) -> None:
    own: list[object] = []
    net.act.register_forward_hook(lambda *_: own.append(1))
    net.train()
    net.features[1].eval()
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    record_bare(net, images)
    assert hooks(net) == 1
    assert own
    assert net.training
    assert net.features[0].training
    assert not net.features[1].training
    assert torch.equal(torch.rand(1), expected)


class Fails(nn.Module):
    """Fails at the fourth call: two are probes, one fills the first shard."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(2, 2)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        out: Tensor = self.dense(x)
        if self.calls > 3:
            raise RuntimeError("out of luck")
        return out


def test_failure_leaves_no_hooks_and_no_files(record_bare: RecordBare, tmp_path: Path) -> None:
    net = Fails().train()
    with pytest.raises(RecordingError, match=r"the net failed on x float32 \[2, 2\]: out of luck"):
        record_bare(net, torch.randn(8, 2), batch_size=2, shard_bytes=2 * 24)
    assert net.calls == 4
    assert hooks(net) == 0
    assert net.training
    assert list(tmp_path.iterdir()) == []


def test_failed_recording_keeps_the_older_one(
    net: Net, images: Tensor, record_bare: RecordBare, tmp_path: Path
) -> None:
    record_bare(net, images)
    before = (tmp_path / "r.safetensors").read_bytes()
    with pytest.raises(RecordingError):
        record_bare(net, images[:, :, :, 0])
    assert (tmp_path / "r.safetensors").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["r.safetensors"]


def test_buffers_get_their_values_back(record_bare: RecordBare) -> None:
    class Counts(nn.Module):
        seen: Tensor
        last: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", torch.zeros(()))
            self.register_buffer("last", torch.zeros(2))
            self.act = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            self.seen += len(x)
            self.last = x[-1]
            out: Tensor = self.act(x)
            return out

    net = Counts()
    last = net.last
    record_bare(net, torch.ones(5, 2))
    assert net.seen == 0
    assert net.last is last
    assert torch.equal(last, torch.zeros(2))


def test_precision_settings_are_restored() -> None:
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        with full_precision():
            assert torch.get_float32_matmul_precision() == "highest"
            # Reading these raises where torch's older and newer settings contradict each other.
            assert not torch.backends.cuda.matmul.allow_tf32
            assert not torch.backends.cudnn.allow_tf32
        assert torch.get_float32_matmul_precision() == "medium"
        assert torch.backends.cuda.matmul.allow_tf32
        assert torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="torch older than the setting")
def test_precision_set_the_newer_way_is_restored() -> None:
    backends: Any = torch.backends
    backends.fp32_precision = "tf32"
    try:
        with full_precision():
            assert backends.cudnn.conv.fp32_precision == "ieee"
            assert backends.cuda.matmul.fp32_precision == "ieee"
        assert backends.cudnn.conv.fp32_precision == "tf32"
    finally:
        backends.fp32_precision = "none"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu_and_the_net_comes_home(net: Net, images: Tensor, tmp_path: Path) -> None:
    gpu, cpu = tmp_path / "gpu.safetensors", tmp_path / "cpu.safetensors"
    record(net, images, gpu)
    assert {value.device.type for value in (*net.parameters(), *net.buffers())} == {"cpu"}
    record(net, images, cpu, device="cpu")
    manifest = read_manifest(gpu)
    assert manifest["device"].startswith("cuda: ")
    for layer in manifest["layers"]:
        ours, theirs = read_tensor(gpu, layer["tensor"]), read_tensor(cpu, layer["tensor"])
        # TF32 would be off by 1e-3.
        torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=2e-6)


def test_compiled_and_data_parallel_nets_are_unwrapped(net: Net, images: Tensor, record_bare: RecordBare) -> None:
    compiled = torch.compile(nn.DataParallel(net))
    assert isinstance(compiled, nn.Module)
    recording = record_bare(compiled, images)
    assert recording.manifest["layers"][0]["name"] == "features.0"


def test_warning_as_error_writes_nothing(record_bare: RecordBare, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RecordingWarning)
        with pytest.raises(RecordingWarning):
            record_bare(nn.Linear(2, 2), torch.ones(3, 2))
    assert list(tmp_path.iterdir()) == []
