"""What a recording holds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Net, RecordBare
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from mote_recorder import RecordingWarning, read_manifest, read_tensor, record

LAYERS = ["features.0", "features.1", "act", "blocks.0.0", "act#2", "dense"]


def test_every_leaf_is_recorded_in_order_of_execution(net: Net, images: Tensor, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    labels = np.arange(10, dtype=np.uint8)
    record(net, images, path, labels=labels, task="classification", name="a net", device="cpu", seed=3)

    manifest = read_manifest(path)
    assert [layer["tensor"] for layer in manifest["layers"]] == [f"layer/{name}" for name in LAYERS]
    assert [layer["call"] for layer in manifest["layers"]] == [1, 1, 1, 1, 2, 1]
    assert manifest["layers"][4]["name"] == "act"
    assert manifest["layers"][0] == {
        "name": "features.0",
        "call": 1,
        "type": "Conv2d",
        "tensor": "layer/features.0",
        "shape": [10, 4, 6, 6],
        "dtype": "float32",
    }
    assert manifest["inputs"] == [
        {"name": "image", "tensor": "input/image", "shape": [10, 1, 6, 6], "dtype": "float32"}
    ]
    assert manifest["outputs"] == [{"name": "output", "tensor": "output/output", "shape": [10, 3], "dtype": "float32"}]
    assert (manifest["name"], manifest["task"], manifest["seed"]) == ("a net", "classification", 3)
    assert manifest["samples"] == list(range(10))
    assert manifest["label"] is True
    assert manifest["device"] == "cpu"
    assert manifest["onnx"] == "net.onnx"
    assert manifest["state_dict"] == "net.state_dict.safetensors"
    assert set(manifest["versions"]) == {"python", "torch", "onnx", "mote_recorder"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "net.safetensors", "net.state_dict.safetensors"]

    tensors = load_file(path)
    assert set(tensors) == {"input/image", "output/output", "label", *(f"layer/{name}" for name in LAYERS)}
    for entry in (*manifest["inputs"], *manifest["outputs"], *manifest["layers"]):
        assert list(tensors[entry["tensor"]].shape) == entry["shape"]
    assert tensors["label"].dtype is torch.int64
    assert tensors["label"].tolist() == list(range(10))

    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["mote_recording"]) == manifest


def test_values_are_those_of_the_net(net: Net, images: Tensor, record_bare: RecordBare) -> None:
    path = record_bare(net, images, batch_size=4).files[0]
    net.eval()
    with torch.no_grad():
        normalized = net.features(images)
        torch.testing.assert_close(read_tensor(path, "output/output"), net(images))
    # The activation works in place: a reference instead of a copy would hold its result.
    torch.testing.assert_close(read_tensor(path, "layer/features.1"), normalized)
    assert (normalized < 0).any()
    torch.testing.assert_close(read_tensor(path, "layer/act"), normalized.relu())
    assert torch.equal(read_tensor(path, "input/image"), images)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_kept(net: Net, images: Tensor, record_bare: RecordBare, dtype: torch.dtype) -> None:
    recording = record_bare(net.to(dtype), images.to(dtype))
    name = str(dtype).removeprefix("torch.")
    assert {layer["dtype"] for layer in recording.manifest["layers"]} == {name}
    tensors = load_file(recording.files[0])
    assert {tensor.dtype for tensor in tensors.values()} == {dtype}
    net.eval()
    with torch.no_grad():
        assert torch.equal(tensors["layer/features.0"], net.features[0](images.to(dtype)))


def test_float64_is_rounded_to_float32(net: Net, images: Tensor, record_bare: RecordBare) -> None:
    recording = record_bare(net.double(), images.double())
    assert {tensor.dtype for tensor in load_file(recording.files[0]).values()} == {torch.float32}


def test_indices_are_kept_in_their_order(net: Net, images: Tensor, record_bare: RecordBare) -> None:
    recording = record_bare(net, images, indices=[7, 2, 5], labels=list(range(100, 110)))
    assert recording.manifest["samples"] == [7, 2, 5]
    assert torch.equal(read_tensor(recording.files[0], "input/image"), images[[7, 2, 5]])
    assert read_tensor(recording.files[0], "label").tolist() == [107, 102, 105]


class Parts(nn.Module):
    """A leaf that returns a tuple and one that returns a mapping."""

    class Split(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x[:, :2], x.argmax(1)

    class Named(nn.Module):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"low": x - 1, "high": x + 1}

    def __init__(self) -> None:
        super().__init__()
        self.split = Parts.Split()
        self.named = Parts.Named()

    def forward(self, x: Tensor, offset: Tensor) -> dict[str, object]:
        first, best = self.split(x)
        both = self.named(first + offset)
        return {"sum": both["low"] + both["high"], "pair": (both["low"], best)}


def test_tuples_and_mappings_are_named_by_their_parts(record_bare: RecordBare) -> None:
    x, offset = torch.randn(5, 4), torch.randn(5, 1)
    with pytest.warns(RecordingWarning, match=r"layer/split\.1.*int64"):
        recording = record_bare(Parts(), {"offset": offset, "x": x}, labels=torch.zeros(5, dtype=torch.int32))
    manifest = recording.manifest
    tensors = [layer["tensor"] for layer in manifest["layers"]]
    assert tensors == ["layer/split.0", "layer/named.low", "layer/named.high"]
    assert [layer["name"] for layer in manifest["layers"]] == ["split", "named", "named"]
    assert [value["name"] for value in manifest["outputs"]] == ["output.sum", "output.pair.0", "output.pair.1"]
    assert [value["name"] for value in manifest["inputs"]] == ["offset", "x"]
    assert [entry["name"] for entry in manifest["skipped"]] == ["layer/split.1"]
    high = read_tensor(recording.files[0], "layer/named.high")
    assert torch.equal(high, x[:, :2] + offset + 1)
    assert torch.equal(read_tensor(recording.files[0], "output/output.pair.1"), x.argmax(1))


def test_several_positional_inputs_take_the_names_of_forward(record_bare: RecordBare) -> None:
    class Add(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(8, 3)

        def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
            found: Tensor = self.table(ids) * mask
            return found

    ids, mask = np.arange(4, dtype=np.int64), np.ones((4, 3), np.float32)
    recording = record_bare(Add(), [ids, mask])
    assert [(v["name"], v["dtype"]) for v in recording.manifest["inputs"]] == [("ids", "int64"), ("mask", "float32")]
    assert torch.equal(read_tensor(recording.files[0], "input/ids"), torch.arange(4))


def test_first_axis_that_is_not_the_sample_is_skipped(record_bare: RecordBare) -> None:
    class TimeFirst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(2, 3)
            self.dense = nn.Linear(3, 1)

        def forward(self, x: Tensor) -> Tensor:
            sequence, _ = self.lstm(x.transpose(0, 1))
            out: Tensor = self.dense(sequence[-1])
            return out

    # As many steps as samples: by the shape alone the two axes look the same.
    with pytest.warns(RecordingWarning, match="first axis is not the sample"):
        recording = record_bare(TimeFirst(), torch.randn(4, 4, 2))
    assert [layer["tensor"] for layer in recording.manifest["layers"]] == ["layer/dense"]
    assert {entry["name"] for entry in recording.manifest["skipped"]} == {
        "layer/lstm.0",
        "layer/lstm.1.0",
        "layer/lstm.1.1",
    }


def test_include_and_exclude_choose_layers(net: Net, images: Tensor, record_bare: RecordBare) -> None:
    recording = record_bare(net, images, include=("features.*", "act"), exclude=("*.1",))
    assert [layer["name"] for layer in recording.manifest["layers"]] == ["features.0", "act", "act"]


def test_parametrized_module_is_a_leaf(record_bare: RecordBare) -> None:
    net = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), nn.ReLU())
    recording = record_bare(net, torch.randn(4, 3))
    assert [layer["name"] for layer in recording.manifest["layers"]] == ["0", "1"]


def test_transformer_layers_are_seen(record_bare: RecordBare) -> None:
    net = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    recording = record_bare(net, torch.randn(3, 5, 8), exclude=("dropout*",))
    # Without hooks torch would take a fused path around these modules; attention never calls its own child.
    names = [layer["tensor"] for layer in recording.manifest["layers"]]
    assert names == [f"layer/{name}" for name in ("self_attn.0", "norm1", "linear1", "linear2", "norm2")]


def test_non_finite_values_are_recorded_with_a_warning(record_bare: RecordBare) -> None:
    class Log(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.log()

    with pytest.warns(RecordingWarning) as warned:
        recording = record_bare(nn.Sequential(Log(), nn.Identity()), torch.tensor([[1.0], [0.0], [-1.0]]))
    texts = [str(warning.message).partition(" NaN")[0] for warning in warned]
    assert texts == [f"`{name}` holds 2" for name in ("output/output", "layer/0", "layer/1")]
    values = read_tensor(recording.files[0], "layer/0").flatten()
    assert values[0] == 0
    assert values[1] == -torch.inf
    assert values[2].isnan()


def test_net_without_leaf_modules_is_recorded_with_a_warning(record_bare: RecordBare) -> None:
    with pytest.warns(RecordingWarning, match="no layer is recorded"):
        recording = record_bare(nn.Linear(3, 2), torch.randn(4, 3))
    assert recording.manifest["layers"] == []


def test_state_dict_is_the_nets(net: Net, images: Tensor, tmp_path: Path) -> None:
    net.blocks.append(net.blocks[0])
    record(net.half(), images.half(), tmp_path / "n.safetensors", export_onnx=False, device="cpu")
    saved = load_file(tmp_path / "n.state_dict.safetensors")
    assert saved.keys() == net.state_dict().keys()
    for name, value in net.state_dict().items():
        assert torch.equal(saved[name], value)
