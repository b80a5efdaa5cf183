"""The recordings that are committed for the Rust tests hold what their manifests and READMEs say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file

from mote_recorder import read_manifest

FOLDER = Path(__file__).resolve().parents[2] / "tests/recordings"
NAMES = ["kws_dscnn", "mnist_cnn", "mnist_cnn_bf16", "mnist_cnn_f16", "mobilenetv2_like"]


def test_all_are_known_and_small() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.safetensors")) == NAMES
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_000_000


@pytest.mark.parametrize("name", NAMES)
def test_tensors_are_those_of_the_manifest(name: str) -> None:
    path = FOLDER / f"{name}.safetensors"
    manifest, tensors = read_manifest(path), load_file(path)
    entries = [*manifest["inputs"], *manifest["outputs"], *manifest["layers"]]
    assert {entry["tensor"] for entry in entries} | {"label"} == set(tensors)
    for entry in entries:
        tensor = tensors[entry["tensor"]]
        assert [list(tensor.shape), str(tensor.dtype)] == [entry["shape"], f"torch.{entry['dtype']}"]
        assert tensor.isfinite().all()
    assert tensors["label"].shape == (len(manifest["samples"]),)
    # Every net ends in a leaf module, so its output is there twice.
    assert torch.equal(tensors["output/output"], tensors[manifest["layers"][-1]["tensor"]])


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("f16")])
def test_onnx_gives_the_recorded_output(name: str) -> None:
    ort = pytest.importorskip("onnxruntime")
    tensors = load_file(FOLDER / f"{name}.safetensors")
    file = FOLDER / f"{name}.onnx"
    onnx.checker.check_model(str(file))
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    (output,) = session.run(["output"], {"input": tensors["input/input"].numpy()})
    np.testing.assert_allclose(output, tensors["output/output"].numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "tolerance"), [("mnist_cnn_bf16", 3e-2), ("mnist_cnn_f16", 4e-3)])
def test_halves_are_near_the_float32_recording(name: str, tolerance: float) -> None:
    exact = load_file(FOLDER / "mnist_cnn.safetensors")
    half = load_file(FOLDER / f"{name}.safetensors")
    for layer in read_manifest(FOLDER / f"{name}.safetensors")["layers"]:
        ours, theirs = half[layer["tensor"]].float(), exact[layer["tensor"]]
        assert (ours - theirs).abs().max() < tolerance * theirs.abs().max()
        assert not torch.equal(ours, theirs)
