"""What is refused says what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Net, RecordBare
from safetensors.torch import save_file
from torch import Tensor, nn

from mote_recorder import Recorder, RecordingError, read_manifest, record


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "no inputs"),
        (torch.tensor(1.0), "is a scalar"),
        (torch.zeros(0, 1, 6, 6), "no samples"),
        ([torch.zeros(2, 1), torch.zeros(2, 1)], "takes 1 positional inputs"),
        (["x"], "is a str"),
        ({"image": np.array(["a"])}, "which torch lacks"),
        ({"image": torch.zeros(2, 1, 6, 6), "other": torch.zeros(3, 1)}, "differ in their number of samples"),
        (torch.zeros(2, 3, 6, 6), r"failed on image float32 \[1, 3, 6, 6\]"),
        (torch.zeros(2, 1, 6, 6, dtype=torch.float64), "is float64 and the weights are float32"),
    ],
)
def test_inputs(net: Net, record_bare: RecordBare, inputs: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(RecordingError, match=message):
        record_bare(net, inputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [1, 2]}, r"labels must be \[10\]"),
        ({"labels": [0.5] * 10}, "labels must be integers"),
        ({"indices": [10]}, "index 10 is outside the 10 samples"),
        ({"indices": [-1]}, "outside"),
        ({"indices": [1, 1]}, "a sample twice"),
        ({"indices": []}, "list of integers"),
        ({"exclude": ("head*",)}, r"pattern `head\*` matches no leaf module"),
        ({"exclude": "act"}, "tuples of patterns"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"task": "guess"}, "task must be one of"),
        ({"device": "abacus"}, "`abacus` is no device"),
    ],
)
def test_options(net: Net, images: Tensor, record_bare: RecordBare, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        record_bare(net, images, **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_cuda_where_there_is_none(net: Net, images: Tensor, record_bare: RecordBare) -> None:
    with pytest.raises(RecordingError, match="finds no CUDA device here; use device `cpu`"):
        record_bare(net, images, device="cuda")


def test_path_must_be_safetensors(net: Net, images: Tensor, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"must be the name of a \.safetensors file"):
        record(net, images, tmp_path / "net.pt")


def test_layers_that_depend_on_the_data(record_bare: RecordBare) -> None:
    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.always, self.sometimes = nn.ReLU(), nn.Tanh()

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.always(x)
            return self.sometimes(y) if x.max() > 3 else y

    x = torch.arange(6.0).unsqueeze(1)
    with pytest.raises(RecordingError, match="`layer/sometimes` ran for some samples only"):
        record_bare(Sometimes(), x)
    with pytest.raises(RecordingError, match=r"`layer/sometimes` should be .* and is nothing"):
        record_bare(Sometimes(), x, indices=[5, 4, 0, 1], batch_size=2)
    assert len(record_bare(Sometimes(), x, exclude=("sometimes",)).manifest["layers"]) == 1


def test_fixed_batch_of_one_needs_batch_size_one(record_bare: RecordBare) -> None:
    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.act(x.reshape(1, 4))
            return out

    with pytest.raises(RecordingError, match="use batch_size=1"):
        record_bare(One(), torch.randn(3, 4))
    recording = record_bare(One(), torch.randn(3, 4), batch_size=1)
    assert recording.manifest["layers"][0]["shape"] == [3, 4]


def test_net_without_an_output_per_sample(record_bare: RecordBare) -> None:
    class Loss(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean()

    with pytest.raises(RecordingError, match="no output that can be recorded"):
        record_bare(Loss(), torch.randn(3, 4))


def test_lazy_net(record_bare: RecordBare) -> None:
    with pytest.raises(RecordingError, match="lazy parameters"):
        record_bare(nn.Sequential(nn.LazyLinear(2)), torch.randn(3, 4))


def test_failed_export_writes_nothing(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = torch.linalg.svdvals(x)
            return out

    with pytest.raises(RecordingError, match="export_onnx=False"):
        Recorder(device="cpu").record(nn.Sequential(Odd()), torch.randn(2, 3, 3), tmp_path / "o.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_reader_refuses_other_files(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(RecordingError, match="is no recording"):
        read_manifest(path)
    save_file({"a": torch.zeros(1)}, path, {"mote_recording": '{"format": 2}'})
    with pytest.raises(RecordingError, match="has format 2, this version reads 1"):
        read_manifest(path)
