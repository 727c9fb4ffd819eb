"""Attention and RotaryEmbedding in float64; https://onnx.ai/onnx/operators/onnx__Attention.html, onnx__RotaryEmbedding.html.

A query that may see no key gives zeros, as the operator's definition by others has it.
"""

from __future__ import annotations

import math

import numpy as np

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.reference.elementwise import float32_of
from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed, optional
from pytest_edgert.runtimes.reference.values import Value
from pytest_edgert.tensors import Array


def attention(node: Node, arguments: Arguments) -> tuple[Value, ...]:
    """Attention: the result, then the keys and values with the past, then the scores in the form that is asked for."""
    x = needed(node, arguments, 0)
    q = _heads(node, x.array, "q_num_heads")
    k, v = (_heads(node, needed(node, arguments, place).array, "kv_num_heads") for place in (1, 2))
    past = [optional(arguments, place) for place in (4, 5)]
    k, v = (
        part if before is None else np.concatenate([before.array, part], axis=2)
        for part, before in zip((k, v), past, strict=True)
    )
    if q.shape[1] % k.shape[1]:
        raise UnsupportedModelError(f"Node {node.label} has {q.shape[1]} heads of queries for {k.shape[1]} of keys.")
    many_k, many_v = (np.repeat(part, q.shape[1] // part.shape[1], axis=1) for part in (k, v))
    bias = _bias(node, arguments, q.shape[2], k.shape[2])
    scores, chances = _scores(node, q, many_k, bias)
    made = chances @ many_v
    if x.array.ndim == 3:
        made = made.transpose(0, 2, 1, 3).reshape(made.shape[0], made.shape[2], -1)
    found = (made, k, v, scores[int(node.get("qk_matmul_output_mode", 0))])
    return tuple(Value(part, x.dtype) for part in found[: len(node.outputs)])


def _heads(node: Node, array: Array, name: str) -> Array:
    """Return (batch, heads, length, size) of that, or of (batch, length, heads · size)."""
    if array.ndim == 4:
        return array
    heads = int(node.get(name, 0))
    if array.ndim != 3 or heads < 1 or array.shape[2] % heads:
        raise UnsupportedModelError(f"Node {node.label} does not say how {array.shape} is cut into heads ({name}).")
    return array.reshape(*array.shape[:2], heads, -1).transpose(0, 2, 1, 3)


def _scores(node: Node, q: Array, k: Array, bias: Array) -> tuple[tuple[Array, ...], Array]:
    """Return scores as they are, capped, with the bias, as probabilities; and the probabilities."""
    scale = node.get("scale", 0.0)
    raw = (q @ k.transpose(0, 1, 3, 2)) * (float32_of(scale) if scale else 1 / math.sqrt(q.shape[-1]))
    cap = float32_of(node.get("softcap", 0.0))
    capped = cap * np.tanh(raw / cap) if cap > 0 else raw
    biased = capped + bias
    blind = np.broadcast_to(np.isneginf(bias).all(axis=-1, keepdims=True), (*biased.shape[:-1], 1))
    top = np.where(blind, 0.0, biased.max(axis=-1, keepdims=True, initial=-np.inf))
    powers = np.where(blind, 0.0, np.exp(biased - top))
    total = powers.sum(axis=-1, keepdims=True)
    chances = powers / np.where(blind, 1.0, total)
    return (raw, capped, biased, chances), chances


def _bias(node: Node, arguments: Arguments, queries: int, keys: int) -> Array:
    """Return what is added to the scores, -inf where a query may not look; broadcast to (batch, heads, queries, keys)."""
    mask, past, lengths = optional(arguments, 3), optional(arguments, 4), optional(arguments, 6)
    bias = np.zeros((1, 1, queries, keys))
    if mask is not None:
        added = mask.array if mask.is_float else np.where(mask.array, 0.0, -np.inf)
        missing = [(0, 0)] * (added.ndim - 1) + [(0, keys - added.shape[-1])]
        bias = bias + np.pad(added, missing, constant_values=-np.inf)
    first = np.zeros(1, np.int64) if past is None else np.asarray([past.array.shape[2]])
    if lengths is not None:
        counts = lengths.array.reshape(-1, 1, 1, 1)
        bias = np.where(np.arange(keys) < counts, bias, -np.inf)
        first = lengths.array.reshape(-1) - queries if past is None else first
    place = np.arange(queries)[:, None] + first.reshape(-1, 1, 1, 1)
    ahead = np.arange(keys) - place  # of a key before its query's own place: negative
    left, right = int(node.get("left_window_size", -1)), int(node.get("right_window_size", -1))
    seen = np.ones(ahead.shape, bool)
    for allowed, limits in (
        (ahead <= 0, bool(node.get("is_causal", 0))),
        (ahead >= -left, left >= 0),
        (ahead <= right, right >= 0),
    ):
        seen &= allowed if limits else True
    return np.where(seen, bias, -np.inf)


def rotary_embedding(node: Node, arguments: Arguments) -> Value:
    """RotaryEmbedding: pairs of features, side by side or half a head apart, turned by the angles of their place."""
    x = needed(node, arguments, 0)
    split = x.array if x.array.ndim == 4 else _heads(node, x.array, "num_heads")
    turned = int(node.get("rotary_embedding_dim", 0)) or split.shape[3]
    places = optional(arguments, 3)
    cosine, sine = (
        (part if places is None else part[places.array])[:, None]
        for part in (needed(node, arguments, 1).array, needed(node, arguments, 2).array)
    )
    if cosine.shape[-1] != turned // 2:
        raise UnsupportedModelError(f"Node {node.label} has angles for {cosine.shape[-1]} pairs of {turned} features.")
    head = split[..., :turned]
    together = bool(node.get("interleaved", 0))
    one, other = (head[..., 0::2], head[..., 1::2]) if together else np.split(head, 2, axis=-1)
    pair = (cosine * one - sine * other, sine * one + cosine * other)
    made = np.stack(pair, axis=-1).reshape(head.shape) if together else np.concatenate(pair, axis=-1)
    whole = np.concatenate([made, split[..., turned:]], axis=-1)
    if x.array.ndim == 3:
        whole = whole.transpose(0, 2, 1, 3).reshape(x.array.shape)
    return Value(whole, x.dtype)


OPERATORS = {
    "Attention": Operator(attention, Reach.LEAVES),
    "RotaryEmbedding": Operator(rotary_embedding, Reach.LEAVES),
}
