"""An ONNX graph made ready to run: each node with its rule, its trust, and what is forgotten after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_edgert.errors import ArtefactError, UnsupportedModelError
from pytest_edgert.runtimes.reference import elementwise, linear, moves, pooling, quantized, recurrent, reductions
from pytest_edgert.runtimes.reference.nodes import Node, Operator, Rule, Trust, needed
from pytest_edgert.runtimes.reference.onnx_fallback import fallback
from pytest_edgert.runtimes.reference.onnx_model import import_onnx
from pytest_edgert.runtimes.reference.trust import trust_of
from pytest_edgert.runtimes.reference.values import Value, given

#: Our rules by domain and operator.
OPERATORS: Mapping[tuple[str, str], Operator] = {
    **{
        ("", name): operator
        for table in (
            elementwise.OPERATORS,
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
#: Attributes by which operator sets before 7 broadcast; nothing since has them.
_OLD = {"broadcast", "consumed_inputs"}
Tensors = MutableMapping[str, Value]


@dataclass(frozen=True, slots=True)
class Step:
    """One node with its rule or, for If, its two branches; `forgets` are tensors that no later node reads."""

    node: Node
    rule: Rule | None
    branches: Mapping[str, Graph]
    forgets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph or subgraph: its constants, its steps in order, its outputs, and the trust in every node."""

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
            made = _branch(step, tensors) if step.rule is None else _apply(step.node, step.rule, tensors)
            tensors.update(zip(step.node.outputs, made, strict=False))
            for name in step.forgets:
                tensors.pop(name, None)
        return [tensors[name] for name in self.outputs]


def _apply(node: Node, rule: Rule, tensors: Tensors) -> tuple[Value, ...]:
    made = rule(node, [tensors[name] if name else None for name in node.inputs])
    return made if isinstance(made, tuple) else (made,)


def _branch(step: Step, tensors: Tensors) -> list[Value]:
    condition = needed(step.node, [tensors[name] for name in step.node.inputs], 0)
    chosen = step.branches["then_branch" if bool(condition.array.reshape(-1)[0]) else "else_branch"]
    return chosen.run(dict(tensors))


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
            for (node, _), one in zip(judged, trust_of(judged, names), strict=True)
            if node.operator != "If"
        ]
        trust += [pair for step in steps for branch in step.branches.values() for pair in branch.trust]
        return Graph(constants, _forgetting(steps, proto, {*outputs, *around}), outputs, tuple(trust))

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
        if (domain, proto.op_type) == ("", "If"):
            return Step(node, None, {name: self.graph(body, known) for name, body in attributes.items()}), None
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
        Step(step.node, step.rule, step.branches, tuple(forgets.get(index, ()))) for index, step in enumerate(steps)
    )


def _reads(proto: Any) -> Iterator[str]:
    """Yield the tensors that a node reads, those of its subgraphs too."""
    yield from proto.input
    for attribute in proto.attribute:
        yield from (value.name for value in attribute.g.output)
        for inner in attribute.g.node:
            yield from _reads(inner)
