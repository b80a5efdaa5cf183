"""Makes the recordings under `converter/tests/recordings`: three trained nets on real inputs, in under 2 MB.

    python converter/python/examples/make_fixtures.py [--data ../shared/data] [--out converter/tests/recordings]

Before a net is recorded, its outputs are compared with those that ONNX Runtime gave for the same weights and inputs.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from nets import kws_dscnn, mnist_cnn, mobilenet_v2_like
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from mote_recorder import Recorder, Recording

BUDGET = 2_000_000
TOLERANCE = 1e-4
REPOSITORY = Path(__file__).resolve().parents[3]
KWS_SCALE, KWS_ZERO_POINT = 0.5847029089927673, 83


def main() -> None:
    """Checks the nets, records them, and checks the size of it all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default_data = Path(os.environ.get("MOTE_DATA", REPOSITORY.parent / "shared/data"))
    parser.add_argument("--data", type=Path, default=default_data, help="folder of the test material")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "converter/tests/recordings")
    arguments = parser.parse_args()
    data, out = arguments.data, arguments.out
    recordings = [*record_mnist(data, out), record_kws(data, out), record_mobilenet(data, out)]
    total = sum(file.stat().st_size for recording in recordings for file in recording.files)
    print(f"{total} bytes in all")
    if total > BUDGET:
        raise SystemExit(f"error: more than the {BUDGET} bytes that the fixtures may take")


def record_mnist(data: Path, out: Path) -> list[Recording]:
    """Two test digits in float32, bfloat16 and float16; the halves leave the first convolution out for its size."""
    net = mnist_cnn(data)
    folder = data / "onnx/mnist_cnn_32_64_64"
    check(net, load(folder / "inputs.npy"), load(folder / "outputs.npy"), "mnist_cnn")
    images = load(data / "real/mnist/test2k_images_u8.npy").unsqueeze(1).float() / 255
    labels = load(data / "real/mnist/test2k_labels_u8.npy")
    chosen = [0, 1]
    recordings = [
        recorder("classification").record(net, images, out / "mnist_cnn.safetensors", labels=labels, indices=chosen)
    ]
    for dtype, suffix in ((torch.bfloat16, "bf16"), (torch.float16, "f16")):
        half = recorder("classification", export_onnx=False, exclude=("0", "1"))
        path = out / f"mnist_cnn_{suffix}.safetensors"
        recordings.append(half.record(mnist_cnn(data).to(dtype), images.to(dtype), path, labels=labels, indices=chosen))
    return recordings


def record_kws(data: Path, out: Path) -> Recording:
    """Two keywords; of the pairs of convolution and activation only the activation is recorded."""
    net = kws_dscnn(data)
    golden_inputs = kws_features(load(data / "tflite/kws_dscnn_int8/inputs.npy").reshape(-1, 49, 10))
    golden = load(data / "onnx_mlperf/kws_dscnn_fp32/outputs.npy").flatten(0, 1)
    check(net, golden_inputs, golden, "kws_dscnn")
    features = kws_features(load(data / "real/kws/features_int8.npy"))
    labels = load(data / "real/kws/labels_u8.npy")
    check(net, features, load(data / "tflite/kws_dscnn_fp32/real_outputs.npy").reshape(-1, 12), "kws_dscnn, real")
    left_out = ("pad", "conv", "*.depthwise", "*.pointwise", "block[2-4].relu1")
    options = recorder("classification", exclude=left_out)
    return options.record(net, features, out / "kws_dscnn.safetensors", labels=labels, indices=[0, 1])


def record_mobilenet(data: Path, out: Path) -> Recording:
    """Two photographs at 8x8, averaged down from 32x32 for size; every layer, batch norms included."""
    net = mobilenet_v2_like(data)
    folder = data / "onnx/mobilenetv2_like"
    check(net, load(folder / "inputs.npy"), load(folder / "outputs.npy"), "mobilenetv2_like")
    images = load(data / "real/cifar10/images_u8.npy").permute(0, 3, 1, 2).float() / 255
    small = avg_pool2d((images - 0.5) / 0.25, 4)
    labels = load(data / "real/cifar10/labels_u8.npy")
    path = out / "mobilenetv2_like.safetensors"
    return recorder("classification").record(net, small, path, labels=labels, indices=[0, 1])


def recorder(task: Any, **options: Any) -> Recorder:  # noqa: ANN401  passed on to Recorder, which checks them
    """On the CPU, so that the fixtures can be made again anywhere; weights are in the ONNX files."""
    return Recorder(device="cpu", task=task, save_state_dict=False, **options)


def check(net: nn.Module, inputs: Tensor, golden: Tensor, name: str) -> None:
    """Stops unless `net` gives `golden`, relative to its largest value."""
    with torch.no_grad():
        ours = net.eval()(inputs)
    error = float((ours - golden).abs().max() / golden.abs().max())
    print(f"{name}: {len(inputs)} samples, largest error {error:.1e} of the largest output")
    if error > TOLERANCE:
        raise SystemExit(f"error: {name} differs from its golden outputs by more than {TOLERANCE}")


def kws_features(quantized: Tensor) -> Tensor:
    """Float MFCC `[N, 1, 49, 10]` of the int8 ones, as the test material says."""
    return ((quantized.float() - KWS_ZERO_POINT) * KWS_SCALE).unsqueeze(1)


def load(path: Path) -> Tensor:
    """A `.npy` file."""
    array: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    return torch.from_numpy(array)


if __name__ == "__main__":
    main()
