"""Nets that the tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mote_recorder import Recorder, Recording


class Net(nn.Module):
    """Convolution, batch norm, one in-place activation used twice, a residual and a nested container."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4))
        self.act = nn.ReLU(inplace=True)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Conv2d(4, 4, 1))])
        self.dense = nn.Linear(4, 3)

    def forward(self, image: Tensor) -> Tensor:
        x = self.act(self.features(image))
        for block in self.blocks:
            x = x + self.act(block(x))
        logits: Tensor = self.dense(x.mean((2, 3)))
        return logits


@pytest.fixture
def net() -> Net:
    torch.manual_seed(7)
    made = Net()
    bn = made.features[1]
    assert isinstance(bn, nn.BatchNorm2d)
    assert bn.running_mean is not None
    bn.running_mean.uniform_(-1, 1)
    return made


@pytest.fixture
def images() -> Tensor:
    return torch.randn(10, 1, 6, 6, generator=torch.Generator().manual_seed(1))


RecordBare = Callable[..., Recording]


@pytest.fixture
def record_bare(tmp_path: Path) -> RecordBare:
    """Records on the CPU into `tmp_path / "r.safetensors"`, nothing beside it."""

    def run(
        module: nn.Module,
        inputs: object,
        *,
        labels: object = None,
        indices: object = None,
        **options: object,
    ) -> Recording:
        defaults: dict[str, object] = {"device": "cpu", "export_onnx": False, "save_state_dict": False}
        recorder = Recorder(**{**defaults, **options})  # type: ignore[arg-type]
        path = tmp_path / "r.safetensors"
        return recorder.record(module, inputs, path, labels=labels, indices=indices)  # type: ignore[arg-type]

    return run
