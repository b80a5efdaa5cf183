"""Full precision while a net is recorded, whatever the user has chosen for speed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def full_precision() -> Iterator[None]:
    """No TF32 and no bfloat16 inside float32 products, no half-precision sums, deterministic convolutions.

    torch has an older and a newer way to say so and refuses to multiply where the two disagree, so both are set. The
    older comes first, since setting it writes the newer one as well.
    """
    settings = _settings()
    before = [(place, name, _read(place, name)) for place, name, _ in settings]
    matmul = _read_matmul()
    try:
        torch.set_float32_matmul_precision("highest")
        for place, name, value in settings:
            setattr(place, name, value)
        yield
    finally:
        if matmul is not None:
            torch.set_float32_matmul_precision(matmul)
        for place, name, value in before:
            if value is not None:
                setattr(place, name, value)


def _settings() -> list[tuple[Any, str, Any]]:
    cuda, cudnn, mkldnn = torch.backends.cuda.matmul, torch.backends.cudnn, torch.backends.mkldnn
    settings: list[tuple[Any, str, Any]] = [
        (cuda, "allow_fp16_reduced_precision_reduction", False),
        (cuda, "allow_bf16_reduced_precision_reduction", False),
        (cudnn, "deterministic", True),
        (cudnn, "benchmark", False),
        (cudnn, "allow_tf32", False),
    ]
    newer = [(cudnn, "conv"), (cudnn, "rnn"), (mkldnn, "matmul"), (mkldnn, "conv"), (mkldnn, "rnn")]
    places = [cuda, *(getattr(place, name, None) for place, name in newer)]
    return settings + [(place, "fp32_precision", "ieee") for place in places if hasattr(place, "fp32_precision")]


def _read(place: Any, name: str) -> Any:  # noqa: ANN401  settings of several types
    """The value of a setting; None where torch refuses to say, as the older and the newer one disagree already."""
    try:
        return getattr(place, name)
    except RuntimeError:
        return None


def _read_matmul() -> str | None:
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return None
