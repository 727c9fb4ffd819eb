"""What the tests of explanations share: tensors to plant faults in, and the best explanation of a pair."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from pytest_edgert.agreement.explain.ranking import explain
from pytest_edgert.agreement.explain.words import sentence
from pytest_edgert.agreement.outcome import Sides

SEEDS = st.integers(0, 2**32 - 1)
SCALES = st.sampled_from([1e-6, 0.01, 1.0, 300.0, 1e8])
SHAPES = st.sampled_from([(1, 3, 12, 16), (2, 5, 9, 9), (4, 40), (300,), (2, 7, 33)])
FEW = settings(max_examples=10, deadline=None)


def sides(output, reference, quantization=None, dtype=""):
    names = [dtype or str(side.dtype) for side in (output, reference)]
    return Sides(output, reference, *names, quantization, quantization)


def best(output, reference, quantization=None, context=None, dtype=""):
    """Return the name and the words of the best explanation."""
    found = explain(sides(output, reference, quantization, dtype), context)
    assert found, "nothing explains it"
    return found[0].name, sentence(found[0])


def normal(seed, shape, scale=1.0):
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def smooth(seed, shape, fastest=0.5):
    """Return sums of waves along every axis, so that neighbours are alike and no two entries are."""
    rng = np.random.default_rng(seed)
    total = np.zeros(shape)
    for _ in range(8):
        phase = sum(
            rng.choice([-1, 1])
            * rng.uniform(0.4 * fastest, fastest)
            * np.arange(n).reshape([-1 if a == axis else 1 for a in range(len(shape))])
            for axis, n in enumerate(shape)
        )
        total += rng.uniform(0.5, 1) * np.sin(phase + rng.uniform(0, 6))
    return total.astype(np.float32)


def steps(seed, shape, spread=30.0, dtype=np.int8):
    return np.clip(np.rint(np.random.default_rng(seed).standard_normal(shape) * spread), -128, 127).astype(dtype)
