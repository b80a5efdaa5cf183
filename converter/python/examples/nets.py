"""The three nets of the fixtures as PyTorch modules, with trained weights from the shared test material."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file
from torch import Tensor, nn


def mnist_cnn(data: Path) -> nn.Sequential:
    """Three convolutions of 32, 64 and 64 channels for MNIST, `[N, 1, 28, 28]` to `[N, 10]` logits."""
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(576, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    net.load_state_dict(load_file(data / "onnx/mnist_cnn_32_64_64/weights.safetensors"))
    return net


class InvertedResidual(nn.Module):
    """The block of MobileNetV2: expand, depthwise, project, each with batch norm; a residual where shapes allow."""

    def __init__(self, channels: int, expanded: int, out: int, stride: int) -> None:
        """`expanded` equal to `channels` leaves the expansion out."""
        super().__init__()
        expand = [nn.Conv2d(channels, expanded, 1, bias=False), nn.BatchNorm2d(expanded), nn.ReLU6(inplace=True)]
        self.n = nn.Sequential(
            *(expand if expanded != channels else []),
            nn.Conv2d(expanded, expanded, 3, stride, 1, groups=expanded, bias=False),
            nn.BatchNorm2d(expanded),
            nn.ReLU6(inplace=True),
            nn.Conv2d(expanded, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """`[N, channels, H, W]` to `[N, out, H / stride, W / stride]`."""
        y: Tensor = self.n(x)
        return x + y if self.residual else y


def mobilenet_v2_like(data: Path) -> nn.Sequential:
    """A small MobileNetV2 for CIFAR-10, `[N, 3, H, W]` to `[N, 10]` logits, trained at 32x32."""
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU6(inplace=True),
        InvertedResidual(16, 16, 8, 1),
        InvertedResidual(8, 32, 16, 2),
        InvertedResidual(16, 64, 16, 1),
        InvertedResidual(16, 64, 24, 2),
        InvertedResidual(24, 96, 24, 1),
        nn.Conv2d(24, 96, 1, bias=False),
        nn.BatchNorm2d(96),
        nn.ReLU6(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(96, 10),
    )
    net.load_state_dict(load_file(data / "onnx/mobilenetv2_like/weights.safetensors"))
    return net


def kws_dscnn(data: Path) -> nn.Sequential:
    """MLPerf Tiny's keyword spotting DS-CNN, `[N, 1, 49, 10]` MFCC to `[N, 12]` probabilities.

    The weights are those of the ONNX file, whose batch norms are folded into the convolutions.
    """
    width = 64
    layers: list[tuple[str, nn.Module]] = [
        ("pad", nn.ZeroPad2d((1, 1, 4, 5))),
        ("conv", nn.Conv2d(1, width, (10, 4), 2)),
        ("relu", nn.ReLU()),
    ]
    for block in range(1, 5):
        parts: list[tuple[str, nn.Module]] = [
            ("depthwise", nn.Conv2d(width, width, 3, padding=1, groups=width)),
            ("relu1", nn.ReLU()),
            ("pointwise", nn.Conv2d(width, width, 1)),
            ("relu2", nn.ReLU()),
        ]
        layers.append((f"block{block}", nn.Sequential(OrderedDict(parts))))
    layers += [
        ("pool", nn.AvgPool2d((25, 5))),
        ("flatten", nn.Flatten()),
        ("dense", nn.Linear(width, 12)),
        ("softmax", nn.Softmax(1)),
    ]
    net = nn.Sequential(OrderedDict(layers))
    _load_in_order(net, data / "onnx_mlperf/kws_dscnn_fp32/model.onnx")
    return net


def _load_in_order(net: nn.Module, path: Path) -> None:
    """Gives the convolutions and fully connected layers of `net` the weights of the ONNX nodes, both in their order."""
    graph = onnx.load(path).graph
    constants = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    nodes = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for node, layer in zip(nodes, layers, strict=True):
        weight, bias = constants[node.input[1]], constants[node.input[2]]
        transposed = node.op_type == "Gemm" and not any(a.name == "transB" and a.i for a in node.attribute)
        state = {"weight": weight.t() if transposed else weight, "bias": bias}
        layer.load_state_dict(state)
