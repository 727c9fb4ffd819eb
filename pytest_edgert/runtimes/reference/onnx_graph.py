"""An ONNX graph made ready to run: each node with its rule, its trust, and what is forgotten after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_edgert.errors import ArtefactError, UnsupportedModelError
from pytest_edgert.runtimes.reference import (
    attending,
    casting,
    detection,
    elementwise,
    functions,
    indexing,
    linear,
    moves,
    normalizing,
    pooling,
    quantized,
    recurrent,
    reductions,
    resampling,
    sampling,
    transposed,
)
from pytest_edgert.runtimes.reference.control import control
from pytest_edgert.runtimes.reference.nodes import Node, Operator, Rule, Trust
from pytest_edgert.runtimes.reference.onnx_fallback import fallback
from pytest_edgert.runtimes.reference.onnx_model import import_onnx
from pytest_edgert.runtimes.reference.trust import trust_of
from pytest_edgert.runtimes.reference.values import Value, given

#: Our rules by domain and operator.
OPERATORS: Mapping[tuple[str, str], Operator] = {
    **{
        ("", name): operator
        for table in (
            attending.OPERATORS,
            casting.OPERATORS,
            detection.OPERATORS,
            elementwise.OPERATORS,
            functions.OPERATORS,
            indexing.OPERATORS,
            normalizing.OPERATORS,
            resampling.OPERATORS,
            sampling.OPERATORS,
            transposed.OPERATORS,
            linear.OPERATORS,
            moves.OPERATORS,
            pooling.OPERATORS,
            recurrent.OPERATORS,
            reductions.OPERATORS,
            quantized.ONNX,
        )
        for name, operator in table.items()
    },
    **{("com.microsoft", name): operator for name, operator in quantized.MICROSOFT.items()},
}
#: Operators that hold graphs of their own.
CONTROL = {"If", "Loop", "Scan"}
#: Attributes by which operator sets before 7 broadcast; nothing since has them.
_OLD = {"broadcast", "consumed_inputs"}
Tensors = MutableMapping[str, Value]


@dataclass(frozen=True, slots=True)
class Step:
    """One node with its rule or the graphs that it runs; `forgets` are tensors that no later node reads."""

    node: Node
    rule: Rule | None
    bodies: Mapping[str, Graph]
    forgets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph or subgraph: its inputs, its constants, its steps in order, its outputs, and the trust in every node."""

    inputs: tuple[str, ...]
    constants: Mapping[str, Value]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    trust: tuple[tuple[str, Trust], ...]

    def run(self, tensors: Tensors) -> list[Value]:
        """Return the outputs.

        Args:
            tensors: Inputs, and for a subgraph everything around it; results are added.
        """
        tensors.update(self.constants)
        for step in self.steps:
            made = control(step.node, step.bodies, tensors) if step.bodies else _apply(step, tensors)
            tensors.update(zip(step.node.outputs, made, strict=False))
            for name in step.forgets:
                tensors.pop(name, None)
        return [tensors[name] for name in self.outputs]


def _apply(step: Step, tensors: Tensors) -> Sequence[Value]:
    if step.rule is None:
        raise UnsupportedModelError(f"The reference lacks the operator of node {step.node.label}.")
    made = step.rule(step.node, [tensors[name] if name else None for name in step.node.inputs])
    return made if isinstance(made, tuple) else (made,)


def build(artefact: Path, model: Any) -> Graph:
    """Return the main graph of a model, every operator known.

    Raises:
        UnsupportedModelError: Operators are missing; all are named.
        ArtefactError: A node reads a tensor that nothing before it makes: a cycle, or a cut graph.
    """
    builder = _Builder(artefact, {opset.domain: opset.version for opset in model.opset_import}, model.opset_import)
    graph = builder.graph(model.graph, frozenset())
    if builder.missing:
        raise UnsupportedModelError(
            f"{artefact.name} needs operators that the reference lacks: {', '.join(sorted(builder.missing))}.",
            "Compare runtimes with each other, without the reference.",
        )
    return graph


class _Builder:
    """Walks a model's graphs and collects what is missing."""

    def __init__(self, artefact: Path, versions: Mapping[str, int], opsets: Any) -> None:
        self._artefact = artefact
        self._versions = versions
        self._opsets = opsets
        self.missing: set[str] = set()

    def graph(self, proto: Any, around: frozenset[str]) -> Graph:
        constants = {tensor.name: self._constant(tensor) for tensor in proto.initializer}
        if proto.sparse_initializer:
            self.missing.add("sparse initializers")
        names = {value.name for value in proto.input} | set(constants)
        known = set(around) | names
        steps, judged = [], []
        for one in proto.node:
            self._check_inputs(one, known)
            step, operator = self._step(one, frozenset(known))
            known.update(one.output)
            steps.append(step)
            judged.append((step.node, operator))
        self._check_outputs(proto, known)
        outputs = tuple(value.name for value in proto.output)
        trust = [
            (node.operator, one)
            for (node, _), one in zip(judged, trust_of(judged, names if not around else constants), strict=True)
            if node.operator not in CONTROL
        ]
        trust += [pair for step in steps for body in step.bodies.values() for pair in body.trust]
        inputs = tuple(value.name for value in proto.input)
        return Graph(inputs, constants, _forgetting(steps, proto, {*outputs, *around}), outputs, tuple(trust))

    def _constant(self, tensor: Any) -> Value:
        onnx = import_onnx()
        try:
            return given(onnx.numpy_helper.to_array(tensor))
        except Exception as error:
            raise ArtefactError(
                f"{self._artefact} has an unreadable weight {tensor.name!r}: {type(error).__name__}: {error}.",
                "Export or download it again.",
            ) from error

    def _step(self, proto: Any, known: frozenset[str]) -> tuple[Step, Operator | None]:
        domain = "" if proto.domain == "ai.onnx" else proto.domain
        get = import_onnx().helper.get_attribute_value
        attributes = {attribute.name: get(attribute) for attribute in proto.attribute}
        node = Node(
            proto.op_type,
            proto.name,
            tuple(proto.input),
            tuple(proto.output),
            attributes,
            self._versions.get(domain, 1),
        )
        if not domain and proto.op_type in CONTROL:
            bodies = {name: body for name, body in attributes.items() if hasattr(body, "node")}
            return Step(node, None, {name: self.graph(body, known) for name, body in bodies.items()}), None
        operator = None if _is_training(proto) else OPERATORS.get((domain, proto.op_type))
        rule = operator.rule if operator and not _OLD & set(attributes) else None
        if operator is None:
            rule = fallback(proto, self._opsets)
        if rule is None:
            self.missing.add(f"{domain}.{proto.op_type}".lstrip("."))
        return Step(node, rule, {}), operator

    def _check_inputs(self, proto: Any, known: set[str]) -> None:
        for name in proto.input:
            if name and name not in known:
                raise ArtefactError(
                    f"{self._artefact} is not a sound graph: {proto.name or proto.op_type} reads {name!r}, which nothing "
                    "before it makes (a cycle, nodes out of order, or a part cut off).",
                    "Export it again.",
                )

    def _check_outputs(self, proto: Any, known: set[str]) -> None:
        for value in proto.output:
            if value.name not in known:
                raise ArtefactError(
                    f"{self._artefact} is not a sound graph: nothing makes its output {value.name!r}.",
                    "Export it again.",
                )


def _is_training(proto: Any) -> bool:
    """Return whether a node gives more than inference needs (masks, indices, running means): rules of ours do not."""
    rare = proto.op_type in {"BatchNormalization", "Dropout", "MaxPool"} and any(proto.output[1:])
    return rare or any(attribute.name == "training_mode" and attribute.i for attribute in proto.attribute)


def _forgetting(steps: list[Step], proto: Any, kept: set[str]) -> tuple[Step, ...]:
    """Return the steps with what each is the last to read."""
    last: dict[str, int] = {}
    for index, one in enumerate(proto.node):
        for name in (*_reads(one), *one.output):
            last[name] = index
    forgets: dict[int, list[str]] = {}
    for name, index in last.items():
        if name not in kept:
            forgets.setdefault(index, []).append(name)
    return tuple(
        Step(step.node, step.rule, step.bodies, tuple(forgets.get(index, ()))) for index, step in enumerate(steps)
    )


def _reads(proto: Any) -> Iterator[str]:
    """Yield the tensors that a node reads, those of its subgraphs too."""
    yield from proto.input
    for attribute in proto.attribute:
        yield from (value.name for value in attribute.g.output)
        for inner in attribute.g.node:
            yield from _reads(inner)
