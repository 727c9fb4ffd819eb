"""The arguments of our marks, checked, and what a test needs; loaded only when a test carries one (`mark_table`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_edgert.plugin.mark_table import NEEDS

if TYPE_CHECKING:
    import pytest

    from pytest_edgert.contracts import OptionValue
    from pytest_edgert.records import Budget
    from pytest_edgert.tolerances import ToleranceChange


@dataclass(frozen=True, slots=True)
class ModelMark:
    """The arguments of ``edge_model``.

    Args:
        artefacts: Paths as written, relative to the test file.
        reference: The reference as written; None when there is none.
        inputs: Shapes by input.
    """

    artefacts: tuple[str, ...]
    reference: str | None = None
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Need:
    """What a test needs: one of `names` of a kind ("runtime", "accelerator" or "device")."""

    kind: str
    names: tuple[str, ...]


def read_model(mark: pytest.Mark) -> ModelMark:
    """Return the arguments of an ``edge_model`` mark.

    Raises:
        UsageError: An argument is missing, unknown or of the wrong type.
        NotYetError: An argument asks for what is not built yet.
    """
    from pytest_edgert.errors import UsageError
    from pytest_edgert.plugin.targets import nearest

    remedy = 'Write e.g. @pytest.mark.edge_model("mobilenet.onnx").'
    if not mark.args:
        raise UsageError("edge_model names no artefact.", remedy)
    paths = tuple(str(a) if hasattr(a, "__fspath__") else a for a in mark.args)
    if not all(isinstance(path, str) and path for path in paths):
        raise UsageError(f"edge_model takes paths, got {mark.args!r}.", remedy)
    for name in mark.kwargs:
        if name not in ("reference", "inputs"):
            raise UsageError(f"edge_model has no argument {name!r}.", nearest(name, ("reference", "inputs")))
    reference = mark.kwargs.get("reference")
    if reference is not None and not isinstance(reference, str):
        raise UsageError(
            f"edge_model(reference=) takes text, got {reference!r}.", 'Write reference="net.onnx @ oracle".'
        )
    return ModelMark(paths, reference, _shapes(mark.kwargs.get("inputs") or {}))


def _shapes(inputs: object) -> dict[str, tuple[int, ...]]:
    from pytest_edgert.errors import UsageError
    from pytest_edgert.plugin.targets import read_shape

    if not isinstance(inputs, Mapping):
        raise UsageError(f"edge_model(inputs=) takes shapes by input, got {inputs!r}.", 'Write {"image": "1x3x8x8"}.')
    shapes = {}
    for name, shape in inputs.items():
        text = "x".join(map(str, shape)) if isinstance(shape, (tuple, list)) else str(shape)
        shapes[str(name)] = read_shape(text, f"edge_model(inputs=): input {name!r}")
    return shapes


def read_budgets(mark: pytest.Mark) -> tuple[Budget, ...]:
    """Return the limits of a ``latency_budget`` mark. Raises UsageError."""
    from pytest_edgert.errors import UsageError
    from pytest_edgert.verdicts.budgets import parse_budgets

    if len(mark.args) != 1 or not isinstance(mark.args[0], str) or mark.kwargs:
        raise UsageError(
            f"latency_budget takes one text, got {_arguments(mark)}.", 'Write @pytest.mark.latency_budget("p99=5ms").'
        )
    return parse_budgets(mark.args[0], "@latency_budget")


def read_tolerance(mark: pytest.Mark) -> ToleranceChange:
    """Return what an ``edge_tolerance`` mark asks. Raises UsageError."""
    from pytest_edgert.errors import UsageError
    from pytest_edgert.plugin.gate_agreement import read_changes, read_indices
    from pytest_edgert.tolerances import ToleranceChange

    if mark.args or not mark.kwargs:
        raise UsageError(f"edge_tolerance takes names and values, got {_arguments(mark)}.", "Write e.g. lsb=3.")
    changes, reason = read_changes(mark.kwargs, "edge_tolerance")
    return ToleranceChange(changes, reason, "@edge_tolerance", read_indices(mark.kwargs, "edge_tolerance"))


def read_options(marks: Iterable[pytest.Mark]) -> list[dict[str, dict[str, OptionValue]]]:
    """Return the options of ``edge_options`` marks, the weakest first. Raises UsageError.

    Args:
        marks: The marks as `iter_markers` gives them, the closest first.
    """
    return [_options(mark) for mark in marks][::-1]


def _options(mark: pytest.Mark) -> dict[str, dict[str, OptionValue]]:
    from pytest_edgert.errors import UsageError
    from pytest_edgert.plugin.targets import check_option

    tables: dict[str, dict[str, OptionValue]] = {}
    for target_text, table in mark.kwargs.items():
        if not isinstance(table, Mapping) or not all(isinstance(v, (str, int, float, bool)) for v in table.values()):
            raise UsageError(
                f"edge_options: {target_text!r} takes a dict of options, got {table!r}.",
                'Write @pytest.mark.edge_options(**{"onnxruntime:cpu": {"threads": 4}}).',
            )
        for key, value in table.items():
            target = check_option(target_text, str(key), "edge_options")
            tables.setdefault(str(target), {})[str(key)] = value
    if mark.args or not tables:
        raise UsageError(
            f"edge_options takes options by target, got {_arguments(mark)}.",
            'Write @pytest.mark.edge_options(**{"onnxruntime:cpu": {"threads": 4}}).',
        )
    return tables


def read_need(mark: pytest.Mark) -> Need:
    """Return what an ``edge_runtime``, ``edge_accelerator`` or ``edge_device`` mark asks for. Raises UsageError."""
    from pytest_edgert.errors import UsageError
    from pytest_edgert.plugin import not_yet, targets

    kind = NEEDS[mark.name]
    if not mark.args or mark.kwargs or not all(isinstance(name, str) for name in mark.args):
        raise UsageError(
            f"{mark.name} takes names of {kind}s, got {_arguments(mark)}.", f'Write @pytest.mark.{mark.name}("cpu").'
        )
    infos = targets.known_runtimes()
    known = {
        "runtime": {*infos, *not_yet.PLANNED_RUNTIMES},
        "accelerator": {*not_yet.ACCELERATORS, *(name for info in infos.values() for name in info.accelerators)},
        "device": set(mark.args),
    }[kind]
    for name in mark.args:
        if name not in known:
            raise UsageError(f"{mark.name}: unknown {kind} {name!r}.", targets.nearest(name, known))
    return Need(kind, mark.args)


def check_marks(item: pytest.Item) -> None:
    """Raise UsageError or NotYetError for a mark of ours on this test whose arguments are wrong or not built yet."""
    for mark in item.iter_markers():
        if mark.name == "edge_tolerance":
            read_tolerance(mark)
        elif mark.name == "latency_budget":
            read_budgets(mark)
        elif mark.name in NEEDS:
            read_need(mark)
        elif mark.name == "edge_options":
            read_options([mark])


def needs_of(item: pytest.Item) -> list[Need]:
    """Return what the marks of a test ask for, all of which must hold. Raises UsageError."""
    return [read_need(mark) for mark in item.iter_markers() if mark.name in NEEDS]


def _arguments(mark: pytest.Mark) -> str:
    given = [repr(argument) for argument in mark.args] + [f"{key}={value!r}" for key, value in mark.kwargs.items()]
    return f"({', '.join(given)})"
