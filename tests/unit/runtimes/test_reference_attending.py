"""Attention against a loop over its queries and keys, RotaryEmbedding against turning complex numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from onnx import helper
from reference_models import evaluate, graph_of

from pytest_edgert.errors import UnsupportedModelError

RNG = np.random.default_rng(23)
HEADS, QUERIES, KEYS, SIZE = 4, 3, 5, 2


def draw(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def attend(
    feeds: dict[str, np.ndarray], tmp_path: Any, outputs: tuple[str, ...] = ("y",), opset: int = 24, **how: Any
) -> Any:
    names = [feeds_name if feeds_name in feeds else "" for feeds_name in ("q", "k", "v", "m", "pk", "pv", "n")]
    while not names[-1]:
        names.pop()
    node = helper.make_node("Attention", names, list(outputs), **how)
    model = graph_of([node], feeds, {}, dict.fromkeys([name for name in outputs if name], "float32"), opset=opset)
    return evaluate(model, feeds, tmp_path)


def slow(q: np.ndarray, k: np.ndarray, v: np.ndarray, sees: Any, cap: float = 0.0) -> np.ndarray:
    """One query of one head of one example after the other; `sees(query, key)` tells what it may look at."""
    made = np.zeros((*q.shape[:3], v.shape[3]))
    for b, h, i in np.ndindex(*q.shape[:3]):
        group = h * k.shape[1] // q.shape[1]
        scores = {
            j: float(q[b, h, i] @ k[b, group, j]) / math.sqrt(q.shape[3]) for j in range(k.shape[2]) if sees(i, j)
        }
        scores = {j: cap * math.tanh(score / cap) if cap else score for j, score in scores.items()}
        total = sum(map(math.exp, scores.values()))
        for j, score in scores.items():
            made[b, h, i] += math.exp(score) / total * v[b, group, j]
    return made


@pytest.mark.parametrize(
    ("how", "sees"),
    [
        ({}, lambda i, j: True),
        ({"is_causal": 1}, lambda i, j: j <= i),
        ({"softcap": 0.5}, lambda i, j: True),
    ],
    ids=["plain", "causal", "capped"],
)
@pytest.mark.parametrize("groups", [HEADS, 2])
def test_attention_is_what_a_loop_says(how, sees, groups, tmp_path):
    feeds = {"q": draw(2, HEADS, QUERIES, SIZE), "k": draw(2, groups, KEYS, SIZE), "v": draw(2, groups, KEYS, 3)}
    wanted = slow(*feeds.values(), sees, how.get("softcap", 0.0))
    np.testing.assert_allclose(attend(feeds, tmp_path, **how)["y"], wanted, rtol=1e-5, atol=1e-6)


def test_a_past_moves_the_causal_frontier_and_comes_out_with_the_present(tmp_path):
    feeds = {"q": draw(1, 2, 2, SIZE), "k": draw(1, 2, 2, SIZE), "v": draw(1, 2, 2, SIZE)}
    feeds |= {"pk": draw(1, 2, 3, SIZE), "pv": draw(1, 2, 3, SIZE)}
    found = attend(feeds, tmp_path, ("y", "ak", "av"), is_causal=1)
    k, v = (np.concatenate([feeds[past], feeds[now]], axis=2) for past, now in (("pk", "k"), ("pv", "v")))
    np.testing.assert_array_equal(found["ak"], k)
    np.testing.assert_array_equal(found["av"], v)
    np.testing.assert_allclose(found["y"], slow(feeds["q"], k, v, lambda i, j: j <= i + 3), rtol=1e-5, atol=1e-6)


def test_a_query_that_sees_nothing_gives_zeros(tmp_path):
    feeds = {"q": draw(1, 1, 2, SIZE), "k": draw(1, 1, 3, SIZE), "v": draw(1, 1, 3, SIZE)}
    feeds["m"] = np.array([[True, False, True], [False, False, False]])
    found = attend(feeds, tmp_path)["y"]
    np.testing.assert_allclose(found[:, :, 0], slow(*list(feeds.values())[:3], lambda i, j: j != 1)[:, :, 0], rtol=1e-5)
    np.testing.assert_array_equal(found[:, :, 1], 0)


def test_a_mask_that_is_too_short_hides_the_rest(tmp_path):
    feeds = {
        "q": draw(1, 1, 2, SIZE),
        "k": draw(1, 1, 4, SIZE),
        "v": draw(1, 1, 4, SIZE),
        "m": np.zeros((2, 2), np.float32),
    }
    wanted = slow(*list(feeds.values())[:3], lambda i, j: j < 2)
    np.testing.assert_allclose(attend(feeds, tmp_path)["y"], wanted, rtol=1e-5, atol=1e-6)


def test_heads_that_do_not_divide_are_refused_by_the_node(tmp_path):
    feeds = {"q": draw(1, 3, 2, SIZE), "k": draw(1, 2, 2, SIZE), "v": draw(1, 2, 2, SIZE)}
    with pytest.raises(UnsupportedModelError, match=r"y \(Attention\) has 3 heads of queries for 2"):
        attend(feeds, tmp_path)


@pytest.mark.parametrize("together", [0, 1])
def test_features_turn_as_complex_numbers_do(together, tmp_path):
    x, angles = draw(2, 3, 4, 8), RNG.uniform(0, 6, (2, 4, 3))  # six of eight features turn
    feeds = {"x": x, "c": np.cos(angles).astype(np.float32), "s": np.sin(angles).astype(np.float32)}
    node = helper.make_node("RotaryEmbedding", list(feeds), ["y"], interleaved=together, rotary_embedding_dim=6)
    found = evaluate(graph_of([node], feeds, {}, {"y": "float32"}, opset=23), feeds, tmp_path)["y"]
    one, other = (x[..., 0:6:2], x[..., 1:6:2]) if together else (x[..., :3], x[..., 3:6])
    turned = (one + 1j * other) * np.exp(1j * angles)[:, None]
    mine = (found[..., 0:6:2], found[..., 1:6:2]) if together else (found[..., :3], found[..., 3:6])
    np.testing.assert_allclose(mine[0] + 1j * mine[1], turned, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found[..., 6:], x[..., 6:])
