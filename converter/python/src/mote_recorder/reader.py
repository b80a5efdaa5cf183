"""Reads a recording back, whole or sharded."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import cast

import torch
from safetensors import safe_open
from torch import Tensor

from mote_recorder.errors import RecordingError
from mote_recorder.manifest import FORMAT, METADATA_KEY, Manifest
from mote_recorder.writer import INDEX_SUFFIX


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """The manifest of a recording; `path` is its `.safetensors` file or, of a sharded one, its `.index.json`."""
    if _is_index(path):
        metadata = json.loads(Path(path).read_text("utf-8")).get("metadata", {})
    else:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    if METADATA_KEY not in metadata:
        raise RecordingError(f"`{path}` is no recording: its metadata lack `{METADATA_KEY}`")
    manifest = json.loads(metadata[METADATA_KEY])
    if manifest.get("format") != FORMAT:
        raise RecordingError(f"`{path}` has format {manifest.get('format')}, this version reads {FORMAT}")
    return cast(Manifest, manifest)


def read_tensor(path: str | os.PathLike[str], name: str) -> Tensor:
    """All samples of the tensor `name`, such as `layer/conv1`; chunks of shards are put together."""
    if not _is_index(path):
        with safe_open(path, "pt") as file:
            return cast(Tensor, file.get_tensor(name))
    weight_map: dict[str, str] = json.loads(Path(path).read_text("utf-8"))["weight_map"]
    chunks: list[tuple[int, Tensor]] = []
    for key, shard in weight_map.items():
        base, _, first = key.rpartition("@")
        if base == name:
            with safe_open(Path(path).parent / shard, "pt") as file:
                chunks.append((int(first), file.get_tensor(key)))
    if not chunks:
        raise RecordingError(f"`{path}` has no tensor `{name}`")
    return torch.cat([chunk for _, chunk in sorted(chunks, key=lambda item: item[0])])


def _is_index(path: str | os.PathLike[str]) -> bool:
    return Path(path).name.endswith(INDEX_SUFFIX)
