"""The command line: a module from Python code, arrays from `.npy` files, a recording as the result."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from mote_recorder.errors import RecordingError, RecordingWarning
from mote_recorder.manifest import TASKS
from mote_recorder.recorder import DEFAULT_SHARD_BYTES, Recorder, Recording
from mote_recorder.samples import Array, Inputs
from mote_recorder.version import __version__

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 1 << 10, "MI": 1 << 20, "GI": 1 << 30}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; 0 when the recording is written, 2 for any error."""
    arguments = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", RecordingWarning)
            warnings.showwarning = _show_warning
            recording = _record(arguments)
    except (RecordingError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _report(recording)
    return 0


def _record(arguments: argparse.Namespace) -> Recording:
    module = _load_module(arguments.module)
    if arguments.weights:
        _load_weights(module, arguments.weights)
    inputs = _load_inputs(arguments.inputs)
    if arguments.dtype:
        module.to(DTYPES[arguments.dtype])
        inputs = _cast(inputs, DTYPES[arguments.dtype])
    recorder = Recorder(
        device=arguments.device,
        batch_size=arguments.batch_size,
        max_samples=arguments.max_samples,
        budget_bytes=arguments.budget,
        shard_bytes=arguments.shard_size,
        seed=arguments.seed,
        export_onnx=not arguments.no_onnx,
        save_state_dict=not arguments.no_state_dict,
        include=tuple(arguments.include) or None,
        exclude=tuple(arguments.exclude),
        task=arguments.task,
        name=arguments.name,
    )
    labels = _load_array(arguments.labels) if arguments.labels else None
    return recorder.record(module, inputs, arguments.output, labels=labels, indices=arguments.indices)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mote_recorder",
        description="Records what a PyTorch net computes, layer by layer and in full precision, for `mote validate`.",
    )
    parser.add_argument("module", metavar="MODULE:FACTORY", help="`package.module:name` or `file.py:name`: a function "
                        "that returns the net, a class without arguments, or the net itself")  # fmt: skip
    parser.add_argument("--inputs", action="append", required=True, metavar="[NAME=]FILE", help=".npy file with the "
                        "samples on its first axis; again for more inputs, NAME= for keyword arguments")  # fmt: skip
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="`<stem>.safetensors`")
    parser.add_argument("--labels", type=Path, metavar="FILE", help=".npy file with the class of each sample")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="state dict, .safetensors or of torch.save")
    parser.add_argument("--dtype", choices=DTYPES, help="convert the net and float inputs first")
    parser.add_argument("--device", help="`cuda` or `cpu`; by default CUDA where there is one")
    parser.add_argument("--indices", type=_indices, metavar="I,J,...", help="record these samples; A:B is a range")
    parser.add_argument("--batch-size", type=int, metavar="N", help="samples that run at once")
    parser.add_argument("--max-samples", type=int, metavar="N", help="record at most so many, drawn with the seed")
    parser.add_argument("--budget", type=_size, metavar="SIZE", help="record at most so many bytes, such as 2M")
    parser.add_argument("--shard-size", type=_size, default=DEFAULT_SHARD_BYTES, metavar="SIZE", help="default 1Gi")
    parser.add_argument("--include", action="append", default=[], metavar="PATTERN", help="only these leaf modules")
    parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help="not these leaf modules")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--task", choices=TASKS, help="what the output means")
    parser.add_argument("--name", help="name of the net; by default the file's stem")
    parser.add_argument("--no-onnx", action="store_true", help="write no ONNX file")
    parser.add_argument("--no-state-dict", action="store_true", help="write no state dict")
    parser.add_argument("--version", action="version", version=f"mote_recorder {__version__}")
    return parser


def _load_module(text: str) -> nn.Module:
    source, colon, name = text.rpartition(":")
    if not colon or not source or not name:
        raise RecordingError(f"`{text}` is not MODULE:FACTORY, such as `nets:make_net` or `nets.py:make_net`")
    try:
        found = getattr(_import(source), name)
        made = found if isinstance(found, nn.Module) else found()
    except Exception as error:
        raise RecordingError(f"`{text}` gives no net: {type(error).__name__}: {error}") from error
    if not isinstance(made, nn.Module):
        raise RecordingError(f"`{text}` gives a {type(made).__name__}, not a torch.nn.Module")
    return made


def _import(source: str) -> object:
    if not source.endswith(".py"):
        # An installed command, unlike `python -m`, does not look into the working directory.
        sys.path.insert(0, str(Path.cwd()))
        return importlib.import_module(source)
    path = Path(source).resolve()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {path}")
    sys.path.insert(0, str(path.parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _load_weights(module: nn.Module, path: Path) -> None:
    try:
        if path.suffix == ".safetensors":
            state: Mapping[str, Any] = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        module.load_state_dict(state)
    except Exception as error:
        raise RecordingError(f"`{path}` is no state dict of this net: {error}") from error


def _load_inputs(texts: Sequence[str]) -> Inputs:
    named: dict[str, Array] = {}
    positional: list[Array] = []
    for text in texts:
        name, equals, file = text.partition("=")
        if equals and name.isidentifier():
            if name in named:
                raise RecordingError(f"input `{name}` is given twice")
            named[name] = _load_array(Path(file))
        else:
            positional.append(_load_array(Path(text)))
    if named and positional:
        raise RecordingError("give all inputs a NAME= or none")
    return named or positional


def _load_array(path: Path) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise RecordingError(f"`{path}` is no .npy file: {error}") from error
    if not isinstance(array, np.ndarray):
        raise RecordingError(f"`{path}` holds several arrays; give one .npy file for each input")
    return array


def _cast(inputs: Inputs, dtype: torch.dtype) -> Inputs:
    def cast(array: Array) -> Array:
        tensor = array if isinstance(array, Tensor) else torch.from_numpy(np.array(array))
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    if isinstance(inputs, Mapping):
        return {name: cast(array) for name, array in inputs.items()}
    return cast(inputs) if isinstance(inputs, Tensor | np.ndarray) else [cast(array) for array in inputs]


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)\s*([KMG]I?)?B?", text.upper())
    if not match:
        raise argparse.ArgumentTypeError(f"`{text}` is no size; write 2000000, 2M or 2Mi")
    return int(match[1]) * UNITS[match[2] or ""]


def _indices(text: str) -> list[int]:
    chosen: list[int] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        try:
            chosen += range(int(first), int(last)) if colon else [int(first)]
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"`{part}` is no index; write 0,5,9 or 0:8") from error
    return chosen


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"warning: {message}", file=sys.stderr)


def _report(recording: Recording) -> None:
    manifest = recording.manifest
    samples, layers = len(manifest["samples"]), len(manifest["layers"])
    print(f"{manifest['name']}: {samples} samples, {layers} layers, {recording.bytes} bytes, on {manifest['device']}")
    for path in recording.files:
        print(path)
