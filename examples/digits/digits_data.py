"""scikit-learn's bundled handwritten digits, scaled to [0, 1] and split once and for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from network import CLASSES

#: Of every class, in the order of the data set, each fifth digit is held out.
HELD_OUT_EVERY = 5


@dataclass(frozen=True, slots=True)
class Digits:
    """Labelled digits.

    Args:
        images: (n, 1, 8, 8), float32, in [0, 1] by steps of 1/16.
        labels: (n,), int64, in 0 … 9.
    """

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


def load() -> tuple[Digits, Digits]:
    """Return the digits to train on (1433) and the held-out digits (364)."""
    from sklearn.datasets import load_digits

    bundle = load_digits()
    images = (bundle.images[:, None] / 16).astype(np.float32)
    labels = bundle.target.astype(np.int64)
    held_out = _each_fifth_of_its_class(labels)
    return Digits(images[~held_out], labels[~held_out]), Digits(images[held_out], labels[held_out])


def _each_fifth_of_its_class(labels: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    chosen = np.zeros(len(labels), dtype=bool)
    for digit in range(CLASSES):
        chosen[np.flatnonzero(labels == digit)[::HELD_OUT_EVERY]] = True
    return chosen
