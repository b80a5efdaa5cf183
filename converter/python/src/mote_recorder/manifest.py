"""The manifest: the JSON that says which tensors a recording holds. The README is its specification."""

from __future__ import annotations

from typing import Literal, TypedDict

FORMAT = 1
"""Version of the file format. A reader refuses a version that it does not know."""

METADATA_KEY = "mote_recording"
"""Key of the manifest in the metadata of the safetensors file or of its index."""

Task = Literal["classification", "regression", "binary", "reconstruction"]
TASKS: tuple[Task, ...] = ("classification", "regression", "binary", "reconstruction")


class Value(TypedDict):
    """An input or an output of the net. `shape` starts with the number of samples."""

    name: str
    tensor: str
    shape: list[int]
    dtype: str


class Layer(TypedDict):
    """One output of one call of one leaf module; layers are listed in the order in which they ran."""

    name: str
    call: int
    type: str
    tensor: str
    shape: list[int]
    dtype: str


class Skipped(TypedDict):
    """What ran or was asked for and is not in the file, and why."""

    name: str
    type: str
    reason: str


class LeftOut(TypedDict):
    """Samples that a budget left out, and which budget."""

    samples: int
    reason: str


class Versions(TypedDict):
    """Versions of what made the recording."""

    python: str
    torch: str
    onnx: str
    mote_recorder: str


class Manifest(TypedDict):
    """All that a reader needs to find its way through a recording."""

    format: int
    name: str
    task: Task | None
    inputs: list[Value]
    outputs: list[Value]
    layers: list[Layer]
    label: bool
    device: str
    versions: Versions
    seed: int
    samples: list[int]
    onnx: str | None
    state_dict: str | None
    skipped: list[Skipped]
    left_out: LeftOut | None
