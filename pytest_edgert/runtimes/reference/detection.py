"""NonMaxSuppression; https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html."""

from __future__ import annotations

import numpy as np

from pytest_edgert.runtimes.reference.nodes import Arguments, Node, Operator, Reach, needed, optional
from pytest_edgert.runtimes.reference.values import Value
from pytest_edgert.tensors import Array


def non_max_suppression(node: Node, arguments: Arguments) -> Value:
    """NonMaxSuppression: (batch, class, box) of the boxes kept, best score first, equal scores by the lower index.

    A box is dropped when it overlaps a kept one by more than the threshold; it counts only with a score above the other.
    """
    boxes, scores = needed(node, arguments, 0).array, needed(node, arguments, 1).array
    most = int(_number(arguments, 2, 0))
    overlap, least = _number(arguments, 3, 0.0), _number(arguments, 4, -np.inf)
    corners = _corners(boxes, centred=bool(node.get("center_point_box", 0)))
    found = [
        (batch, label, box)
        for batch in range(scores.shape[0])
        for label in range(scores.shape[1])
        for box in _kept(corners[batch], scores[batch, label], most, overlap, least)
    ]
    return Value(np.asarray(found, np.int64).reshape(-1, 3), "int64")


def _number(arguments: Arguments, index: int, default: float) -> float:
    value = optional(arguments, index)
    return default if value is None or not value.array.size else float(value.array.reshape(-1)[0])


def _corners(boxes: Array, *, centred: bool) -> Array:
    """Return boxes (batch, boxes, 4) as two corners, the lower one first."""
    if centred:
        half = boxes[..., 2:] / 2
        return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], axis=-1)
    one, other = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([np.minimum(one, other), np.maximum(one, other)], axis=-1)


def _kept(corners: Array, scores: Array, most: int, overlap: float, least: float) -> list[int]:
    kept: list[int] = []
    order = np.argsort(-scores, kind="stable")
    for box in order[scores[order] > least]:
        if len(kept) >= most:
            break
        if not kept or float(_overlaps(corners[box], corners[kept]).max()) <= overlap:
            kept.append(int(box))
    return kept


def _overlaps(box: Array, others: Array) -> Array:
    """Return intersection over union of a box with each of others, 0 where a box has no area."""
    sides = np.clip(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0, None)
    shared = sides.prod(axis=-1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=-1) - shared
    return np.asarray(np.where((shared > 0) & (union > 0), shared / np.where(union > 0, union, 1), 0.0))


OPERATORS = {"NonMaxSuppression": Operator(non_max_suppression, Reach.LEAVES)}
