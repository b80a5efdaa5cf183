"""Inputs and labels as they come from a user, and which of their samples are recorded."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mote_recorder.errors import RecordingError

Array: TypeAlias = "Tensor | npt.NDArray[Any]"
Inputs: TypeAlias = "Array | Sequence[Array] | Mapping[str, Array]"


class Samples:
    """The inputs of a net by name, all with the samples on their first axis; memory-mapped arrays stay on disk."""

    def __init__(self, module: nn.Module, inputs: Inputs) -> None:
        """Checks `inputs`: one array or a sequence of them are positional arguments, a mapping keyword arguments."""
        self.by_keyword = isinstance(inputs, Mapping)
        if isinstance(inputs, Mapping):
            self.arrays: dict[str, Array] = dict(inputs)
        else:
            positional = [inputs] if isinstance(inputs, Tensor | np.ndarray) else list(inputs)
            self.arrays = dict(zip(_argument_names(module, len(positional)), positional, strict=True))
        if not self.arrays:
            raise RecordingError("no inputs: give at least one array with the samples on its first axis")
        for name, array in self.arrays.items():
            _check_array(name, array)
        counts = {name: len(array) for name, array in self.arrays.items()}
        if len(set(counts.values())) > 1:
            raise RecordingError(f"inputs differ in their number of samples: {counts}; the first axis is the sample")
        self.count = next(iter(counts.values()))
        if self.count == 0:
            raise RecordingError("the inputs hold no samples: their first axis is 0 long")

    def take(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """The samples `indices` of every input, as contiguous tensors of their own on the CPU."""
        return {name: _take(array, indices) for name, array in self.arrays.items()}

    def arguments(self, tensors: Mapping[str, Tensor]) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Positional and keyword arguments of the net for inputs by name."""
        return ([], dict(tensors)) if self.by_keyword else (list(tensors.values()), {})


def select(count: int, indices: Sequence[int] | None, limit: int, seed: int) -> list[int]:
    """Which of `count` samples to record, at most `limit` of them.

    With `indices` the first `limit` of these. Without, `limit` of all are drawn with `seed` and kept in their order, so
    that data sorted by class still show every class; a smaller limit draws a subset of a larger one's samples.
    """
    if indices is not None:
        return list(indices[:limit])
    if limit >= count:
        return list(range(count))
    drawn = np.random.default_rng(seed).permutation(count)[:limit]
    return [int(i) for i in np.sort(drawn)]


def check_indices(count: int, indices: Sequence[int] | npt.NDArray[Any] | Tensor) -> list[int]:
    """`indices` as a list, each in `0..count` and none of them twice."""
    array = np.asarray(indices)
    if array.ndim != 1 or array.size == 0 or not np.issubdtype(array.dtype, np.integer):
        raise RecordingError(f"indices must be a list of integers, got {array.dtype} of shape {list(array.shape)}")
    checked = [int(i) for i in array]
    outside = [i for i in checked if not 0 <= i < count]
    if outside:
        raise RecordingError(f"index {outside[0]} is outside the {count} samples of the inputs")
    if len(set(checked)) != len(checked):
        raise RecordingError("indices name a sample twice")
    return checked


def check_labels(count: int, labels: Array | Sequence[int]) -> Tensor:
    """`labels` as int64 `[count]`."""
    tensor = labels if isinstance(labels, Tensor) else torch.from_numpy(np.ascontiguousarray(labels))
    if tensor.dim() != 1 or len(tensor) != count:
        raise RecordingError(f"labels must be [{count}], one per sample, got {list(tensor.shape)}")
    if tensor.is_floating_point() or tensor.is_complex():
        raise RecordingError(f"labels must be integers (the class of each sample), got {dtype_name(tensor.dtype)}")
    return tensor.detach().to("cpu", torch.int64)


def dtype_name(dtype: torch.dtype) -> str:
    """`float32` for `torch.float32`."""
    return str(dtype).removeprefix("torch.")


def _argument_names(module: nn.Module, count: int) -> list[str]:
    """Names of the first `count` positional arguments of `forward`; `input`, `input_1`, ... for `*args`."""
    kinds = inspect.Parameter
    parameters = inspect.signature(module.forward).parameters.values()
    names = [p.name for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    if len(names) >= count:
        return names[:count]
    if any(p.kind is kinds.VAR_POSITIONAL for p in parameters):
        return names + [f"input_{i}" if i else "input" for i in range(len(names), count)]
    raise RecordingError(f"{type(module).__name__} takes {len(names)} positional inputs {names}, got {count}")


def _check_array(name: str, array: object) -> None:
    if not isinstance(array, Tensor | np.ndarray):
        raise RecordingError(f"input `{name}` is a {type(array).__name__}; give a torch tensor or a NumPy array")
    if array.ndim == 0:
        raise RecordingError(f"input `{name}` is a scalar; its first axis must be the sample")
    if isinstance(array, np.ndarray):
        try:
            torch.from_numpy(np.empty(0, array.dtype))
        except TypeError as error:
            raise RecordingError(f"input `{name}` has dtype {array.dtype}, which torch lacks") from error


def _take(array: Array, indices: Sequence[int]) -> Tensor:
    if isinstance(array, Tensor):
        taken = array.detach()[torch.as_tensor(indices, device=array.device)]
        return taken.to("cpu").contiguous()
    # Indexing with a list copies, so a read-only memory map never backs a tensor.
    return torch.from_numpy(np.ascontiguousarray(array[np.asarray(indices)]))
