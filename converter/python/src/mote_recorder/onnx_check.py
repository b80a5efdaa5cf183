"""Compares an ONNX export with the net, where ONNX Runtime is installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

TOLERANCE = 1e-3
"""Largest difference from the net, relative to its largest output. A wrong trace is off by much more."""


def find_difference(
    path: Path,
    net: Callable[..., Sequence[Tensor]],
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
) -> str | None:
    """What is wrong with the export, or None; None too without ONNX Runtime.

    A trace takes data-dependent branches and sizes for constants, which shows with other samples than those of the
    trace: each sample runs alone, and all of them at once.
    """
    try:
        runtime: Any = importlib.import_module("onnxruntime")
    except ImportError:
        return None
    count = len(next(iter(inputs.values())))
    try:
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for part in (*(slice(i, i + 1) for i in range(count)), slice(None)):
            feed = {name: value[part] for name, value in inputs.items()}
            ours = session.run(list(outputs), {name: value.numpy() for name, value in feed.items()})
            for name, got, expected in zip(outputs, ours, net(*feed.values()), strict=True):
                if error := _difference(got, expected.numpy()):
                    return f"its `{name}` {error}"
    except Exception as error:
        return f"ONNX Runtime does not run it: {error}"
    return None


def _difference(got: Any, expected: Any) -> str | None:  # noqa: ANN401  arrays of any element type
    if got.shape != expected.shape:
        return f"has shape {list(got.shape)} instead of {list(expected.shape)}"
    difference = np.abs(got.astype(np.float64) - expected.astype(np.float64))
    finite = np.isfinite(difference)
    largest = float(difference[finite].max(initial=0))
    scale = float(np.abs(expected.astype(np.float64))[finite].max(initial=0))
    return f"is off by {largest:.2e}, the largest value being {scale:.2e}" if largest > TOLERANCE * scale else None
