"""What will be in the file, found by running one sample, and two: names, shapes and bytes before the real run."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mote_recorder.capture import Key
from mote_recorder.errors import RecordingError
from mote_recorder.manifest import Layer, Skipped, Value
from mote_recorder.samples import dtype_name
from mote_recorder.session import Forward

LABEL = "label"
AUTO_BATCH = 256
"""Most samples in a chunk whose size is ours to choose."""


@dataclass(frozen=True)
class Row:
    """A tensor of the file as it is for one sample."""

    tensor: str
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def bytes(self) -> int:
        """Bytes of one sample."""
        return self.dtype.itemsize * torch.Size(self.shape).numel()

    def value(self, name: str, count: int) -> Value:
        """Its entry in the manifest, as an input or an output."""
        return Value(name=name, tensor=self.tensor, shape=[count, *self.shape], dtype=dtype_name(self.dtype))


@dataclass
class Plan:
    """Rows of the file in its order, and what is left out of it."""

    inputs: dict[str, Row]
    outputs: dict[str, Row]
    layers: dict[Key, Row]
    label: Row | None
    skipped: list[Skipped]

    @property
    def rows(self) -> list[Row]:
        """All rows."""
        label = [self.label] if self.label else []
        return [*self.inputs.values(), *self.outputs.values(), *self.layers.values(), *label]

    @property
    def bytes_per_sample(self) -> int:
        """Bytes of tensors that each sample adds to the file."""
        return sum(row.bytes for row in self.rows)

    def tensors(self, ran: Forward, labels: Tensor | None) -> dict[str, Tensor]:
        """The tensors of a chunk by their name in the file; an error where the net behaves otherwise than before."""
        count = len(next(iter(ran.inputs.values())))
        found: dict[str, Tensor] = {}
        for row, value in (
            *((row, ran.inputs.get(name)) for name, row in self.inputs.items()),
            *((row, ran.outputs.get(name)) for name, row in self.outputs.items()),
            *((row, ran.layers.get(key)) for key, row in self.layers.items()),
            *([(self.label, labels)] if self.label else []),
        ):
            if value is None or value.shape != (count, *row.shape) or value.dtype is not row.dtype:
                got = "nothing" if value is None else f"{dtype_name(value.dtype)} {list(value.shape)}"
                raise RecordingError(
                    f"`{row.tensor}` should be {dtype_name(row.dtype)} {[count, *row.shape]} as for the first samples "
                    f"and is {got}: layers that depend on the data cannot be compared; record samples that behave "
                    "alike with `indices`, or leave the layer out with `exclude`"
                )
            found[row.tensor] = value
        skipped = {entry["name"] for entry in self.skipped}
        for key in ran.layers:
            if key not in self.layers and key.tensor not in skipped:
                raise RecordingError(f"`{key.tensor}` ran for some samples only; leave it out with `exclude`")
        return found

    def manifest_layers(self, count: int) -> list[Layer]:
        """Layers of the manifest in order of execution."""
        return [
            Layer(
                name=key.module,
                call=key.call,
                type=key.type,
                tensor=row.tensor,
                shape=[count, *row.shape],
                dtype=dtype_name(row.dtype),
            )
            for key, row in self.layers.items()
        ]


def make_plan(one: Forward, two: Forward | None, has_labels: bool) -> Plan:
    """The plan from a run of one sample and, where the net takes more at once, one of two.

    What follows the number of samples with its first axis, and with no other, is recorded.
    """
    inputs = {name: Row(f"input/{name}", tuple(value.shape[1:]), value.dtype) for name, value in one.inputs.items()}
    skipped: list[Skipped] = []
    outputs: dict[str, Row] = {}
    for name, value in one.outputs.items():
        reason = _not_by_sample(value, two.outputs.get(name) if two else None, two is not None)
        if reason:
            skipped.append(Skipped(name=f"output/{name}", type="output", reason=reason))
        else:
            outputs[name] = Row(f"output/{name}", tuple(value.shape[1:]), value.dtype)
    layers: dict[Key, Row] = {}
    for key, value in one.layers.items():
        reason = _not_by_sample(value, two.layers.get(key) if two else None, two is not None)
        if reason:
            skipped.append(Skipped(name=key.tensor, type=key.type, reason=reason))
        else:
            layers[key] = Row(key.tensor, tuple(value.shape[1:]), value.dtype)
    skipped += [Skipped(name=f"output/{name}", type="output", reason=why) for name, why in one.refused_outputs.items()]
    skipped += [Skipped(name=key.tensor, type=key.type, reason=why) for key, why in one.refused_layers.items()]
    if not outputs:
        raise RecordingError(f"the net has no output that can be recorded: {skipped}")
    plan = Plan(inputs, outputs, layers, Row(LABEL, (), torch.int64) if has_labels else None, skipped)
    names = [row.tensor for row in plan.rows]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise RecordingError(f"two layers would both be `{min(twice)}`; rename one of the modules")
    return plan


def fit_budget(
    bytes_per_sample: int, count: int, max_samples: int | None, budget_bytes: int | None
) -> tuple[int, str | None]:
    """How many samples to record, and the reason if fewer than `count`."""
    limit, reason = count, None
    if max_samples is not None and max_samples < limit:
        limit, reason = max_samples, f"max_samples is {max_samples}"
    if budget_bytes is not None and budget_bytes // bytes_per_sample < limit:
        limit = budget_bytes // bytes_per_sample
        reason = f"a sample takes {bytes_per_sample} bytes and budget_bytes is {budget_bytes}"
    if limit == 0:
        raise RecordingError(f"{reason}: not one sample fits; raise the budget or leave layers out with `exclude`")
    return limit, reason


def chunk_size(bytes_per_sample: int, batch_size: int | None, shard_bytes: int) -> int:
    """Samples that run at once; a chunk always fits into a shard."""
    fits = shard_bytes // bytes_per_sample
    if fits == 0:
        raise RecordingError(f"a sample takes {bytes_per_sample} bytes, a shard holds {shard_bytes}: raise shard_bytes")
    if batch_size is None:
        return min(AUTO_BATCH, max(1, fits // 4))
    if batch_size > fits:
        raise RecordingError(
            f"{batch_size} samples of {bytes_per_sample} bytes are more than a shard of {shard_bytes}: "
            f"use batch_size {fits} or less, or raise shard_bytes"
        )
    return batch_size


def _not_by_sample(one: Tensor, two: Tensor | None, ran_two: bool) -> str | None:
    """Why the first axis, or another one, is not that of the samples."""
    if two is None and ran_two:
        return "did not run for two samples at once"
    if one.shape[0] == 1 and (two is None or two.shape == (2, *one.shape[1:])):
        return None
    compared = "" if two is None else f", {list(two.shape)} for two"
    return f"shape {list(one.shape)} for one sample{compared}: the first axis is not the sample"
