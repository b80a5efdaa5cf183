"""Hooks that copy what the leaf modules of a net return."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.utils.hooks import RemovableHandle

from mote_recorder.errors import RecordingError
from mote_recorder.samples import dtype_name

FLOATS = (torch.float32, torch.bfloat16, torch.float16)
"""Element types of recorded layers; float64 is rounded to float32."""


@dataclass(frozen=True)
class Key:
    """Which output of which call of which module. `part` is empty for a plain tensor, else `.0` or `.key`."""

    module: str
    part: str
    call: int
    type: str

    @property
    def tensor(self) -> str:
        """Name in the file: `layer/<module><part>`, with `#2` from the second call in one forward on."""
        return f"layer/{self.module}{self.part}" + (f"#{self.call}" if self.call > 1 else "")


@dataclass
class Captured:
    """What one forward gave: CPU copies in order of execution, and what has no place in a recording."""

    tensors: dict[Key, Tensor]
    refused: dict[Key, str]


class Capture:
    """Context manager with hooks on `leaves`; they are gone after the `with`, whatever happened in it."""

    def __init__(self, leaves: Mapping[str, nn.Module]) -> None:
        """`leaves` by their path in the net, as `leaf_modules` finds them."""
        self._leaves = leaves
        self._handles: list[RemovableHandle] = []
        self._calls: Counter[str] = Counter()
        self._captured = Captured({}, {})

    def __enter__(self) -> Capture:
        """Registers the hooks."""
        try:
            for name, module in self._leaves.items():
                self._handles.append(module.register_forward_hook(self._hook(name)))
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes the hooks."""
        self._remove()

    def take(self) -> Captured:
        """What was captured since the last call."""
        captured, self._captured = self._captured, Captured({}, {})
        self._calls.clear()
        return captured

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _hook(self, name: str) -> Any:  # noqa: ANN401  the type of a hook is torch's own
        def hook(module: nn.Module, _inputs: object, output: object) -> None:
            self._calls[name] += 1
            for part, value in flatten(output):
                key = Key(name, part, self._calls[name], type(module).__name__)
                reason = refusal(value)
                if reason is None and isinstance(value, Tensor):
                    # A copy at once: an in-place activation behind this layer writes over its output.
                    self._captured.tensors[key] = copy_to_cpu(value)
                else:
                    self._captured.refused[key] = reason or "not a tensor"

        return hook


def leaf_modules(module: nn.Module, include: tuple[str, ...] | None, exclude: tuple[str, ...]) -> dict[str, nn.Module]:
    """Modules without children by path, those that match `include` (all without it) and no pattern of `exclude`.

    Patterns are shell-style (`*`, `?`, `[...]`) over whole paths; one that matches no leaf is an error. A parametrized
    module counts as a leaf, and so does `MultiheadAttention`, which never calls its own child. A module that is itself
    the whole net is no layer: its output is the net's.
    """
    every = {name: leaf for name, leaf in _walk(module, "") if name}
    for pattern in (*(include or ()), *exclude):
        if not any(fnmatchcase(name, pattern) for name in every):
            raise RecordingError(f"pattern `{pattern}` matches no leaf module; the first are {list(every)[:8]}")

    def wanted(name: str) -> bool:
        included = include is None or any(fnmatchcase(name, pattern) for pattern in include)
        return included and not any(fnmatchcase(name, pattern) for pattern in exclude)

    return {name: leaf for name, leaf in every.items() if wanted(name)}


def flatten(output: object, part: str = "") -> Iterator[tuple[str, object]]:
    """What nested tuples, lists and mappings hold, as (`.0.key`, value) in their order; None is left out."""
    if isinstance(output, Mapping):
        for key, value in output.items():
            yield from flatten(value, f"{part}.{key}")
    elif isinstance(output, tuple | list):
        for index, value in enumerate(output):
            yield from flatten(value, f"{part}.{index}")
    elif output is not None:
        yield part, output


def refusal(value: object) -> str | None:
    """Why `value` cannot be recorded as a layer or an output, if so."""
    if not isinstance(value, Tensor):
        return f"{type(value).__name__}, not a tensor"
    if value.is_quantized or value.layout is not torch.strided:
        return "a sparse or quantized tensor"
    if value.dtype not in (*FLOATS, torch.float64):
        return f"elements are {dtype_name(value.dtype)}, not float"
    if value.dim() == 0:
        return "a scalar without a sample axis"
    return None


def copy_to_cpu(value: Tensor) -> Tensor:
    """A contiguous copy on the CPU in the same precision, float64 as float32."""
    dtype = torch.float32 if value.dtype is torch.float64 else value.dtype
    return value.detach().to("cpu", dtype, copy=True, memory_format=torch.contiguous_format)


def _walk(module: nn.Module, name: str, seen: set[nn.Module] | None = None) -> Iterator[tuple[str, nn.Module]]:
    seen = set() if seen is None else seen
    if module in seen:
        return
    seen.add(module)
    children = [
        (child_name, child)
        for child_name, child in module.named_children()
        if not (child_name == "parametrizations" and parametrize.is_parametrized(module))
    ]
    if not children or isinstance(module, nn.MultiheadAttention):
        yield name, module
        return
    for child_name, child in children:
        yield from _walk(child, f"{name}.{child_name}" if name else child_name, seen)
