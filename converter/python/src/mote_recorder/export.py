"""The net beside the recording: ONNX in float32 with a free batch axis, and its state dict."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from mote_recorder.capture import flatten
from mote_recorder.errors import RecordingError
from mote_recorder.onnx_check import find_difference
from mote_recorder.samples import Samples

OPSET = 17
BATCH = "batch"


def export_onnx(module: nn.Module, samples: Samples, example: Mapping[str, Tensor], path: Path) -> str | None:
    """Exports `module` in float32 with the names of the recording; nodes are named after module paths.

    The TorchScript exporter is used because its node names hold those paths (`/features/0/conv/Conv`). `example` holds
    the inputs of a sample or two on the CPU. The export works on a copy of the net.

    Returns:
        What is wrong with the export, if ONNX Runtime is installed and gives something else than the net.
    """
    try:
        net = copy.deepcopy(module).to("cpu", torch.float32).eval()
    except Exception as error:
        raise RecordingError(f"the net cannot be copied for ONNX ({error}); use export_onnx=False") from error
    tensors = {name: _as_float32(value) for name, value in example.items()}
    call = net.forward

    def run(*values: Tensor) -> dict[str, Tensor]:
        positional, keyword = samples.arguments(dict(zip(tensors, values, strict=True)))
        parts = flatten(call(*positional, **keyword))
        return {f"output{part}": value for part, value in parts if isinstance(value, Tensor)}

    def plain(*values: Tensor) -> tuple[Tensor, ...]:
        return tuple(run(*values).values())

    with torch.no_grad():
        try:
            outputs = list(run(*tensors.values()))
            # Replaced on the instance, so that the export sees plain tensors and the scopes of its nodes stay.
            net.forward = plain
            _torchscript_export(net, tensors, outputs, path)
            onnx.checker.check_model(str(path))
        except Exception as error:
            raise RecordingError(f"the ONNX export failed: {error}; without one use export_onnx=False") from error
        return find_difference(path, plain, tensors, outputs)


def state_dict(module: nn.Module) -> dict[str, Tensor]:
    """The state dict in the net's own precision, every entry with memory of its own."""
    entries = module.state_dict().items()
    return {
        name: value.detach().to("cpu", copy=True).contiguous() for name, value in entries if isinstance(value, Tensor)
    }


def _torchscript_export(net: nn.Module, tensors: Mapping[str, Tensor], outputs: list[str], path: Path) -> None:
    with warnings.catch_warnings():
        # That it is the older exporter, and each of torch's own branches that a trace takes for constant.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            tuple(tensors.values()),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(tensors),
            output_names=outputs,
            dynamic_axes={name: {0: BATCH} for name in (*tensors, *outputs)},
        )


def _as_float32(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value
