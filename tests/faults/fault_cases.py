"""What a row of the fault corpus is: a kind of divergence seen between runtimes, planted anew at each draw.

A row draws *cases*. A case has the exact result, the output of some implementation, and whether that implementation is
faulty or is another right one (a *twin*: another order of summation, another rounding where none is declared, a
fused operator). A comparator must alarm on every faulty case and on no twin.

The rows are divergences that were seen or reported (``python benchmarks/kill_rate.py --rows`` lists them); the first letter of
an id says what it is about: Q quantisation, N not finite, I integers, F float precision, S structure and meaning, E environment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from pytest_edgert.tensors import Quantization

Array = npt.NDArray[Any]
Rng = np.random.Generator


class Scope(str, Enum):
    """What the two outputs are of."""

    MODEL = "model"
    OPERATOR = "operator"
    """One operator against an exact result; ties may round either way."""
    DECLARED = "operator, rounding declared"
    """One operator against an exact result, and both declare how ties round."""


@dataclass(frozen=True)
class Model:
    """A tiny ONNX model that means the exact result, and its feeds."""

    proto: onnx.ModelProto
    feeds: Mapping[str, Array]


@dataclass(frozen=True)
class Case:
    """One output beside its exact result.

    Args:
        name: What was done, in a few words.
        exact: The right result, by exact integers or float64, stored in the output's type.
        output: What the implementation gave.
        faulty: Whether it must alarm; else it must not.
        scope: What is known of the comparison.
        quantization: Declared parameters of both sides.
        inside: Whether the model is quantised inside although this output is float.
        accelerator, precision: Where the output came from, and the precision its runtime tells.
        scores: The scores that an output of indices points into.
        model: A model that means `exact`, where one is tiny enough.
    """

    name: str
    exact: Array
    output: Array
    faulty: bool
    scope: Scope = Scope.MODEL
    quantization: Quantization | None = None
    inside: bool = False
    accelerator: str = "cpu"
    precision: str = ""
    scores: Array | None = None
    model: Model | None = None


@dataclass(frozen=True)
class Row:
    """One row of the catalogue: `draw` plants it anew, or `elsewhere` says who sees it, for no comparator can."""

    id: str
    about: str
    draw: Callable[[Rng], Sequence[Case]] | None = None
    elsewhere: str = ""

    @property
    def unseen(self) -> bool:
        """Whether the row is left out while the policy is tuned: chosen by a hash of its id alone."""
        return bool(hashlib.sha256(self.id.encode()).digest()[0] & 1)

    def cases(self, draws: int) -> list[Case]:
        """Return the cases of that many draws; the seed is the row's own and the draw's number."""
        if self.draw is None:
            return []
        own = int.from_bytes(hashlib.sha256(self.id.encode()).digest()[:4], "big")
        return [case for n in range(draws) for case in self.draw(np.random.default_rng((own, n)))]


@dataclass
class Rows:
    """Rows as they are declared, by decorating the function that draws them."""

    rows: list[Row] = field(default_factory=list)

    def row(self, row_id: str, about: str) -> Callable[[Callable[[Rng], Sequence[Case]]], None]:
        def declare(draw: Callable[[Rng], Sequence[Case]]) -> None:
            self.rows.append(Row(row_id, about, draw))

        return declare

    def elsewhere(self, row_id: str, about: str, who: str) -> None:
        self.rows.append(Row(row_id, about, None, who))


def one_operator(
    operator: str,
    feeds: Mapping[str, Array],
    constants: Mapping[str, Array] | None = None,
    output: Array | None = None,
    **attributes: object,
) -> Model:
    """Return a model of one operator whose inputs are the feeds, then the constants."""
    names = [*feeds, *(constants or {})]
    return graph([(operator, names, "y", attributes)], feeds, constants, output)


def graph(
    nodes: Sequence[tuple[str, Sequence[str], str, Mapping[str, object]]],
    feeds: Mapping[str, Array],
    constants: Mapping[str, Array] | None = None,
    output: Array | None = None,
) -> Model:
    """Return a model of (operator, inputs, output, attributes) nodes; the graph's output is "y"."""
    dtype = np.dtype(np.float32) if output is None else output.dtype
    shape = None if output is None else output.shape
    made = helper.make_graph(
        [helper.make_node(op, list(ins), [out], **dict(more)) for op, ins, out, more in nodes],
        "fault",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in feeds.items()],
        [helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(dtype), shape)],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in (constants or {}).items()],
    )
    proto = helper.make_model(made, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    return Model(proto, feeds)
