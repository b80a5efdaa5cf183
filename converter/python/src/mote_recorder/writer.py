"""Writes tensors into one safetensors file, or chunk by chunk into shards with an index, under temporary names."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import torch
from safetensors.torch import save_file
from torch import Tensor

from mote_recorder.errors import RecordingError
from mote_recorder.manifest import METADATA_KEY, Manifest
from mote_recorder.plan import Plan

SUFFIX = ".safetensors"
INDEX_SUFFIX = f"{SUFFIX}.index.json"


class Files:
    """Files of one recording: written under temporary names, renamed together by `commit`, else removed."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """`path` ends in `.safetensors`; its folder is made where it is missing."""
        self.path = Path(path)
        if self.path.suffix != SUFFIX or self.path.name == SUFFIX:
            raise RecordingError(f"`{self.path}` must be the name of a {SUFFIX} file")
        self.folder = self.path.parent
        self.stem = self.path.name.removesuffix(SUFFIX)
        self._pending: dict[Path, Path] = {}

    def __enter__(self) -> Files:
        """Makes the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes what was not committed."""
        for temporary in self._pending.values():
            temporary.unlink(missing_ok=True)

    def temporary(self, name: str) -> Path:
        """Where to write the file that `commit` will call `name`."""
        temporary = self.folder / f".{name}.{os.getpid()}.tmp"
        self._pending[self.folder / name] = temporary
        return temporary

    def save(self, name: str, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
        """Writes a safetensors file."""
        path = self.temporary(name)
        path.touch()
        mode = path.stat().st_mode
        save_file(dict(tensors), path, metadata)
        # The library makes files that only their owner reads; a recording is as open as any other file.
        path.chmod(mode)

    def commit(self) -> list[Path]:
        """Gives all files their names; an older recording of the same stem loses the files that are not of this one."""
        written = list(self._pending)
        for path, temporary in self._pending.items():
            temporary.replace(path)
        self._pending.clear()
        shard = re.compile(re.escape(self.stem) + r"-\d{5,}-of-\d{5,}" + re.escape(SUFFIX))
        for path in self.folder.iterdir():
            ours = path.name in (self.stem + SUFFIX, self.stem + INDEX_SUFFIX) or shard.fullmatch(path.name)
            if ours and path not in written:
                path.unlink()
        return written


class Whole:
    """All samples in one file, held in memory until `finish`."""

    def __init__(self, files: Files, plan: Plan, count: int) -> None:
        """Makes room for `count` samples."""
        self._files = files
        self._tensors = {row.tensor: torch.empty((count, *row.shape), dtype=row.dtype) for row in plan.rows}

    def add(self, first: int, chunk: Mapping[str, Tensor]) -> None:
        """Takes the chunk that starts at sample `first`."""
        for name, value in chunk.items():
            self._tensors[name][first : first + len(value)] = value

    def finish(self, manifest: Manifest) -> None:
        """Writes the file."""
        self._files.save(self._files.path.name, self._tensors, {METADATA_KEY: json.dumps(manifest)})


class Sharded:
    """Whole chunks in shards, each written as soon as it is full; no more than one shard is in memory."""

    def __init__(self, files: Files, chunks: int, chunks_per_shard: int) -> None:
        """`chunks` chunks will come, `chunks_per_shard` of them fill a shard."""
        self._files = files
        self._per_shard = chunks_per_shard
        self._shards = -(-chunks // chunks_per_shard)
        self._waiting: list[dict[str, Tensor]] = []
        self._weight_map: dict[str, str] = {}
        self._written = 0
        self._bytes = 0

    def add(self, first: int, chunk: Mapping[str, Tensor]) -> None:
        """Takes the chunk that starts at sample `first`."""
        self._waiting.append({f"{name}@{first}": value for name, value in chunk.items()})
        if len(self._waiting) == self._per_shard:
            self._flush()

    def finish(self, manifest: Manifest) -> None:
        """Writes the last shard and the index."""
        if self._waiting:
            self._flush()
        index = {
            "metadata": {"total_size": self._bytes, METADATA_KEY: json.dumps(manifest)},
            "weight_map": self._weight_map,
        }
        self._files.temporary(self._files.stem + INDEX_SUFFIX).write_text(json.dumps(index, indent=1) + "\n", "utf-8")

    def _flush(self) -> None:
        self._written += 1
        name = f"{self._files.stem}-{self._written:05d}-of-{self._shards:05d}{SUFFIX}"
        tensors = {key: value for chunk in self._waiting for key, value in chunk.items()}
        self._files.save(name, tensors, {"format": "pt"})
        self._weight_map.update(dict.fromkeys(tensors, name))
        self._bytes += sum(value.nbytes for value in tensors.values())
        self._waiting.clear()
