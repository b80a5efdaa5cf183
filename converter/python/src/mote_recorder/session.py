"""Runs a net for recording: in eval mode, in full precision, on one device, and leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from mote_recorder.capture import Capture, Key, copy_to_cpu, flatten, refusal
from mote_recorder.errors import RecordingError
from mote_recorder.precision import full_precision
from mote_recorder.samples import Samples, dtype_name

INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)
"""Element types of outputs beside the floats."""


@dataclass
class Forward:
    """What one forward took and gave, on the CPU. Names of inputs and outputs are without `input/` and `output/`."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    layers: dict[Key, Tensor]
    refused_outputs: dict[str, str]
    refused_layers: dict[Key, str]


def unwrap(module: nn.Module) -> nn.Module:
    """The net inside `torch.compile`, `DataParallel` and `DistributedDataParallel`, whose hooks fire once a call."""
    original = getattr(module, "_orig_mod", None)
    if isinstance(original, nn.Module):
        return unwrap(original)
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        return unwrap(module.module)
    return module


def choose_device(module: nn.Module, device: str | torch.device | None) -> torch.device:
    """`device`, or CUDA where there is one, else the CPU; refuses a net that lies on several devices."""
    values = (*module.parameters(), *module.buffers())
    if any(is_lazy(value) for value in values):
        raise RecordingError("the net has lazy parameters without a shape; run it once before recording it")
    places = {value.device for value in values}
    if len(places) > 1:
        raise RecordingError(f"the net lies on several devices {sorted(map(str, places))}; move it to one first")
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise RecordingError(f"`{device}` is no device; use `cuda` or `cpu`") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise RecordingError(f"torch {torch.__version__} finds no CUDA device here; use device `cpu`")
    return chosen


def describe_device(device: torch.device) -> str:
    """`cpu`, or `cuda: ` and the name of the GPU."""
    return f"cuda: {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type


@contextmanager
def prepared(module: nn.Module, device: torch.device, seed: int) -> Iterator[None]:
    """Eval mode on `device`, float32 without TF32, seeded, no gradients; then everything back as it was.

    Buffers get their values back too, so that a net that keeps state is the same after a recording.
    """
    training = {each: each.training for each in module.modules()}
    buffers = [
        (owner, name, buffer, buffer.detach().clone())
        for owner in module.modules()
        for name, buffer in owner.named_buffers(recurse=False)
    ]
    home = next((value.device for value in (*module.parameters(), *module.buffers())), device)
    gpus = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(gpus), full_precision(), torch.no_grad():
            module.to(device).eval()
            torch.manual_seed(seed)
            yield
    finally:
        module.to(home)
        for each, mode in training.items():
            each.training = mode
        with torch.no_grad():
            for owner, name, buffer, value in buffers:
                buffer.copy_(value)
                owner._buffers[name] = buffer


def forward(
    module: nn.Module, samples: Samples, indices: Sequence[int], device: torch.device, capture: Capture
) -> Forward:
    """Runs the samples `indices` once; `capture` is entered and its hooks are on `module`."""
    inputs = samples.take(indices)
    _check_precision(module, inputs)
    positional, keyword = samples.arguments({name: value.to(device) for name, value in inputs.items()})
    try:
        result = module(*positional, **keyword)
    except Exception as error:
        shapes = ", ".join(f"{name} {dtype_name(value.dtype)} {list(value.shape)}" for name, value in inputs.items())
        raise RecordingError(f"the net failed on {shapes}: {error}") from error
    captured = capture.take()
    recorded = {name: copy_to_cpu(value) if value.dtype is torch.float64 else value for name, value in inputs.items()}
    outputs: dict[str, Tensor] = {}
    refused: dict[str, str] = {}
    for part, value in flatten(result):
        name = f"output{part}"
        reason = _refused_output(value)
        if reason is None and isinstance(value, Tensor):
            outputs[name] = copy_to_cpu(value)
        else:
            refused[name] = reason or "not a tensor"
    return Forward(recorded, outputs, captured.tensors, refused, captured.refused)


def _check_precision(module: nn.Module, inputs: dict[str, Tensor]) -> None:
    weights = {value.dtype for value in module.parameters() if value.is_floating_point()}
    for name, value in inputs.items():
        if value.dtype is torch.float64 and weights and torch.float64 not in weights:
            kinds = ", ".join(sorted(map(dtype_name, weights)))
            raise RecordingError(f"input `{name}` is float64 and the weights are {kinds}: convert the input to that")


def _refused_output(value: object) -> str | None:
    """As for layers, but integers may be an output: a net can end in its answer."""
    if isinstance(value, Tensor) and value.dtype in INTEGERS and value.dim() and value.layout is torch.strided:
        return None
    return refusal(value)
