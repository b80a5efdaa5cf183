"""The ONNX export computes what was recorded, under names that lead back to the modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from conftest import Net
from torch import Tensor, nn

from mote_recorder import RecordingWarning, read_manifest, read_tensor, record


def run(path: Path, feed: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Runs an ONNX file with the values `names` as outputs."""
    ort = pytest.importorskip("onnxruntime")
    model = onnx.load(path)
    declared = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in declared)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip(names, session.run(names, feed), strict=True))


def scope(path: str, call: int) -> str:
    """The name of a module in ONNX, as the README says."""
    parts = path.split(".")
    names: list[str] = []
    for end in range(1, len(parts) + 1):
        start = end - 1
        while parts[start].isdigit() and start > 0:
            start -= 1
        names.append(".".join(parts[start:end]))
    # Lists of modules are never called themselves.
    names = [name for name in names if name != "blocks"]
    return "/" + "/".join(names) + (f"_{call - 1}" if call > 1 else "")


def test_every_layer_is_found_in_the_graph(net: Net, images: Tensor, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    record(net, images, path, device="cpu")
    manifest = read_manifest(path)
    graph = onnx.load(tmp_path / "net.onnx").graph
    last = {node.name.rpartition("/")[0]: node.output[0] for node in graph.node}
    # The convolution before a batch norm holds both, under its own name.
    last[scope("features.1", 1)] = last.pop(scope("features.0", 1))
    layers = [layer for layer in manifest["layers"] if layer["name"] != "features.0"]
    found = {layer["tensor"]: last[scope(layer["name"], layer["call"])] for layer in layers}
    assert found["layer/dense"] == "output"
    values = run(tmp_path / "net.onnx", {"image": images.numpy()}, list(found.values()))
    for tensor, name in found.items():
        np.testing.assert_allclose(values[name], read_tensor(path, tensor).numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_export_is_float32_with_a_free_batch_axis(net: Net, images: Tensor, tmp_path: Path, dtype: torch.dtype) -> None:
    record(net.to(dtype), images.to(dtype), tmp_path / "net.safetensors", device="cpu")
    assert next(net.parameters()).dtype is dtype
    model = onnx.load(tmp_path / "net.onnx")
    assert [entry.version for entry in model.opset_import if entry.domain == ""] == [17]
    assert {tensor.data_type for tensor in model.graph.initializer} <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}
    for value in (*model.graph.input, *model.graph.output):
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"
    image = images.to(dtype).float()
    for count in (1, 3):
        ours = run(tmp_path / "net.onnx", {"image": image[:count].numpy()}, ["output"])["output"]
        with torch.no_grad():
            theirs = net.float().eval()(image[:count]).numpy()
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_mappings_export_under_the_names_of_the_recording(tmp_path: Path) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.dense = nn.Embedding(9, 4), nn.Linear(4, 2)

        def forward(self, ids: Tensor, *, scale: Tensor) -> dict[str, Tensor]:
            x = self.table(ids) * scale
            return {"hidden": x, "logits": self.dense(x)}

    ids, scale = torch.arange(5), torch.rand(5, 1)
    path = tmp_path / "two.safetensors"
    record(Two(), {"scale": scale, "ids": ids}, path, device="cpu")
    graph = onnx.load(tmp_path / "two.onnx").graph
    assert [value.name for value in graph.input] == ["scale", "ids"]
    names = [value.name for value in graph.output]
    assert names == [value["name"] for value in read_manifest(path)["outputs"]] == ["output.hidden", "output.logits"]
    values = run(tmp_path / "two.onnx", {"scale": scale.numpy(), "ids": ids.numpy()}, names)
    for name in names:
        np.testing.assert_allclose(values[name], read_tensor(path, f"output/{name}").numpy(), rtol=1e-5, atol=1e-6)


def test_export_that_differs_is_told(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")

    class Counts(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * int(x.shape[0]) if bool((x[:1] > 0).all()) else -x

    with pytest.warns(RecordingWarning, match="the ONNX file differs from the net: its `output` is off by"):
        record(nn.Sequential(Counts()), torch.tensor([[1.0], [-2.0]]), tmp_path / "c.safetensors", device="cpu")
    assert (tmp_path / "c.onnx").exists()


def test_the_net_itself_is_not_touched(net: Net, images: Tensor, tmp_path: Path) -> None:
    net.half()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    record(net, images.half(), tmp_path / "net.safetensors", device="cpu")
    assert "forward" not in vars(net)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
        assert value.dtype is before[name].dtype
