"""`Recorder`: from a module and samples to the files of a recording."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from mote_recorder.capture import Capture, leaf_modules
from mote_recorder.errors import RecordingError, RecordingWarning
from mote_recorder.export import export_onnx, state_dict
from mote_recorder.manifest import FORMAT, TASKS, LeftOut, Manifest, Task, Versions
from mote_recorder.plan import Plan, chunk_size, fit_budget, make_plan
from mote_recorder.samples import Array, Inputs, Samples, check_indices, check_labels, select
from mote_recorder.session import choose_device, describe_device, forward, prepared, unwrap
from mote_recorder.version import __version__
from mote_recorder.writer import Files, Sharded, Whole

DEFAULT_SHARD_BYTES = 1 << 30


@dataclass(frozen=True)
class Recording:
    """What was written: the files, the manifest that they hold, and the bytes of all tensors."""

    files: list[Path]
    manifest: Manifest
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """How to record; one `Recorder` serves any number of nets.

    Attributes:
        device: Where to run, `cuda` or `cpu`; by default CUDA where there is one.
        batch_size: Samples that run at once, also the chunk of a sharded recording. By default as many as fit a quarter
            of a shard, at most 256. 1 suits a net with a fixed batch of one.
        max_samples: Most samples to record.
        budget_bytes: Most bytes of tensors to record; samples are left out to keep it. Headers come on top.
        shard_bytes: A larger recording is split into shards of at most so many bytes; memory holds about two.
        seed: Draws the samples where a budget leaves some out, and seeds torch for the run.
        export_onnx: Write `<stem>.onnx` beside the recording.
        save_state_dict: Write `<stem>.state_dict.safetensors` beside the recording.
        include: Patterns of the paths of leaf modules to record; all without it.
        exclude: Patterns of the paths of leaf modules not to record.
        task: What the net's output means.
        name: Name of the net; by default the file's stem.
    """

    device: str | torch.device | None = None
    batch_size: int | None = None
    max_samples: int | None = None
    budget_bytes: int | None = None
    shard_bytes: int = DEFAULT_SHARD_BYTES
    seed: int = 0
    export_onnx: bool = True
    save_state_dict: bool = True
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    task: Task | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Checks the options."""
        for option in ("batch_size", "max_samples", "budget_bytes", "shard_bytes"):
            value = getattr(self, option)
            if value is not None and value < 1:
                raise RecordingError(f"{option} must be at least 1, got {value}")
        if self.task is not None and self.task not in TASKS:
            raise RecordingError(f"task must be one of {', '.join(TASKS)}, got `{self.task}`")
        if isinstance(self.include, str) or isinstance(self.exclude, str):
            raise RecordingError("include and exclude are tuples of patterns, not one string")

    def record(
        self,
        module: nn.Module,
        inputs: Inputs,
        path: str | os.PathLike[str],
        *,
        labels: Array | Sequence[int] | None = None,
        indices: Sequence[int] | npt.NDArray[Any] | Tensor | None = None,
    ) -> Recording:
        """Runs `module` over `inputs` and writes the recording to `path`.

        Args:
            module: Any module. It runs in eval mode and is left as it was, hooks and device included.
            inputs: An array or a tensor with the samples on its first axis; a sequence of them for more positional
                inputs; a mapping for keyword inputs.
            path: `<stem>.safetensors`.
            labels: Class of each sample, integers `[N]`.
            indices: Which samples to record, in this order; all without it.

        Raises:
            RecordingError: The net, the inputs or the options cannot be recorded. Nothing is written then.
        """
        module = unwrap(module)
        samples = Samples(module, inputs)
        chosen = None if indices is None else check_indices(samples.count, indices)
        checked_labels = None if labels is None else check_labels(samples.count, labels)
        device = choose_device(module, self.device)
        with Files(path) as files:
            with (
                prepared(module, device, self.seed),
                Capture(leaf_modules(module, self.include, self.exclude)) as capture,
            ):
                run = _Run(self, module, samples, checked_labels, device, capture)
                manifest, size = run.write(files, chosen)
            self._write_beside(files, module, samples, manifest)
            return Recording(files.commit(), manifest, size)

    def _write_beside(self, files: Files, module: nn.Module, samples: Samples, manifest: Manifest) -> None:
        if manifest["onnx"]:
            # Two samples, so that no axis of one is taken for a constant.
            example = samples.take((manifest["samples"] * 2)[: 1 if self.batch_size == 1 else 2])
            wrong = export_onnx(module, samples, example, files.temporary(manifest["onnx"]))
            if wrong:
                warnings.warn(f"the ONNX file differs from the net: {wrong}", RecordingWarning, stacklevel=4)
        if manifest["state_dict"]:
            files.save(manifest["state_dict"], state_dict(module), {"format": "pt"})


@dataclass
class _Run:
    """One recording on its way; the module is prepared and the hooks are on it."""

    options: Recorder
    module: nn.Module
    samples: Samples
    labels: Tensor | None
    device: torch.device
    capture: Capture

    def write(self, files: Files, indices: list[int] | None) -> tuple[Manifest, int]:
        """Probes, plans, runs all chunks and writes the recording; returns the manifest and the bytes of tensors."""
        options = self.options
        available = self.samples.count if indices is None else len(indices)
        plan = self._probe(indices or range(self.samples.count))
        per_sample = plan.bytes_per_sample
        count, why = fit_budget(per_sample, available, options.max_samples, options.budget_bytes)
        left_out = LeftOut(samples=available - count, reason=why) if why else None
        chunk = chunk_size(per_sample, options.batch_size, options.shard_bytes)
        chosen = select(self.samples.count, indices, count, options.seed)
        manifest = self._manifest(files.stem, plan, chosen, left_out)

        writer: Whole | Sharded
        if per_sample * count <= options.shard_bytes:
            writer = Whole(files, plan, count)
        else:
            writer = Sharded(files, -(-count // chunk), options.shard_bytes // (per_sample * chunk))
        torch.manual_seed(options.seed)
        broken: dict[str, int] = {}
        for first in range(0, count, chunk):
            part = chosen[first : first + chunk]
            ran = forward(self.module, self.samples, part, self.device, self.capture)
            tensors = plan.tensors(ran, None if self.labels is None else self.labels[torch.tensor(part)])
            _count_non_finite(tensors, broken)
            writer.add(first, tensors)
        writer.finish(manifest)
        _warn(plan, left_out, broken)
        return manifest, per_sample * count

    def _probe(self, order: Sequence[int]) -> Plan:
        one = forward(self.module, self.samples, order[:1], self.device, self.capture)
        two = None
        if self.options.batch_size != 1 and len(order) > 1:
            try:
                two = forward(self.module, self.samples, order[:2], self.device, self.capture)
            except RecordingError as error:
                raise RecordingError(
                    f"one sample runs, but {error}; for a net with a fixed batch use batch_size=1"
                ) from error
        return make_plan(one, two, self.labels is not None)

    def _manifest(self, stem: str, plan: Plan, chosen: list[int], left_out: LeftOut | None) -> Manifest:
        count = len(chosen)
        return Manifest(
            format=FORMAT,
            name=self.options.name or stem,
            task=self.options.task,
            inputs=[row.value(name, count) for name, row in plan.inputs.items()],
            outputs=[row.value(name, count) for name, row in plan.outputs.items()],
            layers=plan.manifest_layers(count),
            label=plan.label is not None,
            device=describe_device(self.device),
            versions=Versions(
                python=platform.python_version(),
                torch=str(torch.__version__),
                onnx=onnx.__version__,
                mote_recorder=__version__,
            ),
            seed=self.options.seed,
            samples=chosen,
            onnx=f"{stem}.onnx" if self.options.export_onnx else None,
            state_dict=f"{stem}.state_dict.safetensors" if self.options.save_state_dict else None,
            skipped=plan.skipped,
            left_out=left_out,
        )


def record(
    module: nn.Module,
    inputs: Inputs,
    path: str | os.PathLike[str],
    *,
    labels: Array | Sequence[int] | None = None,
    indices: Sequence[int] | npt.NDArray[Any] | Tensor | None = None,
    seed: int = 0,
    device: str | torch.device | None = None,
    batch_size: int | None = None,
    max_samples: int | None = None,
    budget_bytes: int | None = None,
    shard_bytes: int = DEFAULT_SHARD_BYTES,
    export_onnx: bool = True,
    save_state_dict: bool = True,
    include: tuple[str, ...] | None = None,
    exclude: tuple[str, ...] = (),
    task: Task | None = None,
    name: str | None = None,
) -> Recording:
    """Records `module` over `inputs` into `path`; the options are `Recorder`'s, the rest is `Recorder.record`'s."""
    recorder = Recorder(
        device=device,
        batch_size=batch_size,
        max_samples=max_samples,
        budget_bytes=budget_bytes,
        shard_bytes=shard_bytes,
        seed=seed,
        export_onnx=export_onnx,
        save_state_dict=save_state_dict,
        include=include,
        exclude=exclude,
        task=task,
        name=name,
    )
    return recorder.record(module, inputs, path, labels=labels, indices=indices)


def _count_non_finite(tensors: Mapping[str, Tensor], broken: dict[str, int]) -> None:
    for name, value in tensors.items():
        if value.is_floating_point() and (bad := int((~torch.isfinite(value)).sum())):
            broken[name] = broken.get(name, 0) + bad


def _warn(plan: Plan, left_out: LeftOut | None, broken: Mapping[str, int]) -> None:
    def say(text: str) -> None:
        warnings.warn(text, RecordingWarning, stacklevel=6)

    if left_out:
        say(f"{left_out['samples']} samples left out: {left_out['reason']}")
    for entry in plan.skipped:
        say(f"`{entry['name']}` is not recorded: {entry['reason']}")
    if not plan.layers:
        say("no layer is recorded: no leaf module ran; functions called directly, such as F.relu, are not seen")
    for name, count in broken.items():
        say(f"`{name}` holds {count} NaN or infinite values; they are recorded as they are")
