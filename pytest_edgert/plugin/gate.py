"""The built-in gate as pytest collects it: a module of checks over the cells of a model file or a gate file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_edgert.contracts import Options, Target
from pytest_edgert.errors import EdgertError, UsageError
from pytest_edgert.plugin import state
from pytest_edgert.plugin.cells import CellPlan, failing, plan_cells
from pytest_edgert.plugin.gate_agreement import AgreementKeys, read_reference
from pytest_edgert.plugin.gate_blocks import BLOCK_LIMITS, asked
from pytest_edgert.plugin.gate_file import SUFFIX, GateFile, Limits, read_gate_file
from pytest_edgert.plugin.gate_soak import is_asked
from pytest_edgert.plugin.markers import read_model, read_need, read_options
from pytest_edgert.plugin.models import Model, comparison_hint, find_gate_file, labels

_SEEN = pytest.StashKey[set[Path]]()


class Gate(pytest.Module):
    """The checks of `gate_checks` over one model file of ``--edge-model`` or one gate file."""

    model: Model | None = None
    _cells: list[CellPlan] | None = None

    def _getobj(self) -> ModuleType:
        from pytest_edgert.plugin import gate_checks

        return gate_checks

    def funcnamefilter(self, name: str) -> bool:
        """Return whether a name of `gate_checks` is a check; some are only where they are asked for."""
        if name == "baseline" and state.settings_of(self.config).comparison is None:
            return False
        if name == "golden":
            from pytest_edgert.plugin.golden_store import gate_has_golden

            return gate_has_golden(self.config, self.path, self.cells)
        if name in BLOCK_LIMITS:
            return any(asked(cell.limits, name) for cell in self.cells)
        if name == "sustained":
            return is_asked(self.cells, state.settings_of(self.config))
        return getattr(self.obj, name) in self.obj.CHECKS

    def classnamefilter(self, name: str) -> bool:  # noqa: ARG002 - the signature is pytest's
        """Return that no class is collected."""
        return False

    @property
    def cells(self) -> list[CellPlan]:
        """The cells that have a target, missing or not. Raises UsageError for a wrong gate file."""
        return [cell for cell in self.all_cells() if cell.target.runtime]

    def all_cells(self) -> list[CellPlan]:
        """Return one or more cells for each artefact. Raises UsageError for a wrong gate file."""
        if self._cells is None:
            if self.model is None:
                gate = read_gate_file(self.path)
                self._cells = cells_of(self.config, gate.name, gate.artefacts, gate)
            else:
                gates = find_gate_file(self.path)
                alike = {a: labels(self.model.artefacts)[a] for a in self.model.artefacts if a == self.path}
                siblings = gates.artefacts if gates else self.model.artefacts
                self._cells = cells_of(
                    self.config, self.model.name, (self.path,), gates, names=alike, siblings=siblings
                )
        return self._cells

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """Give one failing item for each artefact that cannot be one, and every check of the others."""
        try:
            cells = self.all_cells()
        except EdgertError as error:
            raise self.CollectError(str(error)) from error
        broken = [cell for cell in cells if not cell.target.runtime]
        items = [ArtefactProblem.from_parent(self, name=f"artefact[{cell.id}]", cell=cell) for cell in broken]
        return [*items, *(super().collect() if len(broken) < len(cells) else ())]


class ArtefactProblem(pytest.Item):
    """The one item of an artefact that has no cell: it fails with what is wrong and what to do."""

    def __init__(self, *, cell: CellPlan, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.cell = cell

    def runtest(self) -> None:
        """Raise what is wrong with the artefact."""
        error = self.cell.problem()
        if error is not None:
            raise error

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the message alone: a traceback of ours tells nothing of the artefact."""
        return str(excinfo.value) if isinstance(excinfo.value, EdgertError) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str], None, str]:
        """Return file and name for reports."""
        return self.path, None, self.name


def cells_of(
    config: pytest.Config,
    model: str,
    artefacts: Sequence[Path],
    gate: GateFile | None,
    *,
    names: dict[Path, str] | None = None,
    shapes: dict[str, tuple[int, ...]] | None = None,
    option_tables: Sequence[Mapping[str, Options]] = (),
    siblings: Sequence[Path] = (),
    agreement: AgreementKeys | None = None,
) -> list[CellPlan]:
    """Return the cells of a model.

    Args:
        config: The run.
        model: The model's name.
        artefacts: Its artefacts, absolute.
        gate: The gate file that applies.
        names: Short names of artefacts; made from the artefacts when left out.
        shapes: Shapes that a mark gives.
        option_tables: Options that marks give, the weakest first.
        siblings: All artefacts of the model in order; `artefacts` when left out.
        agreement: What a mark says of agreement; the gate file's when left out.
    """
    around = state.surroundings_of(config)
    settings = around.settings
    limits = _limits(config, gate)
    names = names or labels(artefacts)
    tables = [*([gate.options] if gate else []), settings.options, *option_tables]
    cells = []
    for artefact in dict.fromkeys(artefacts):
        frame = CellPlan(
            model,
            artefact,
            Target(""),
            label=names[artefact],
            shapes={**(gate.shapes if gate else {}), **(shapes or {}), **settings.shapes},
            dimensions=gate.dimensions if gate else {},
            gate=gate,
            budgets=limits.budgets,
            limits=limits.amounts,
            siblings=tuple(siblings or artefacts),
            arrival=limits.arrival,
            sustained=limits.sustained,
            agreement=agreement or (gate.agreement if gate else AgreementKeys()),
        )
        cells += plan_cells(frame, around, tables)
    return cells


def _limits(config: pytest.Config, gate: GateFile | None) -> Limits:
    if gate is None:
        return Limits()
    return gate.limits_on(state.device_of(config).profile.names) if gate.device_limits else gate.limits


def collect_file(path: Path, parent: pytest.Collector) -> Gate | None:
    """Return the gate of a gate file or of an artefact that ``--edge-model`` names; None for any other file."""
    if path.name.endswith(SUFFIX):
        return make_gate(path, parent, None)
    models = parent.config.stash.get(state.MODELS, ())
    model = next((model for model in models if path in model.artefacts), None)
    return None if model is None else make_gate(path, parent, model)


def make_gate(path: Path, parent: pytest.Collector, model: Model | None) -> Gate:
    """Return the gate over a path; outside the rootdir its id is the relative path, which can be typed again."""
    keywords = {}
    if not path.is_relative_to(parent.config.rootpath):
        keywords["nodeid"] = Path(os.path.relpath(path, parent.config.rootpath)).as_posix()
    gate: Gate = Gate.from_parent(parent, path=path, **keywords)  # type: ignore[arg-type, unused-ignore]
    gate.model = model
    return gate


def put_into_arguments(config: pytest.Config) -> None:
    """Make pytest collect the artefacts of ``--edge-model``: only them when no path is given, else both.

    A file that is no artefact stays out, for pytest would collect a ``.py`` or ``.txt`` of its own; `missing_gates`
    adds its error.
    """
    from pytest_edgert.runtimes.artefact import known_suffixes

    suffixes = known_suffixes()
    given_paths = config.args_source is pytest.Config.ArgsSource.ARGS
    arguments = list(config.args) if given_paths else []
    named = {_path_of(config, argument) for argument in arguments}
    for model in state.models_of(config):
        arguments += [
            str(path)
            for path in model.artefacts
            if path.suffix.lower() in suffixes and path.exists() and path not in named
        ]
    config.args = arguments


def missing_gates(session: pytest.Session, items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
    """Give the items of gates that no path led to: the artefact is missing, or lies in a folder that is not recursed.

    A model that was asked for never drops out of a run in silence.
    """
    collected = {item.path for item in items}
    selected = {_path_of(session.config, argument) for argument in session.config.args if "::" in argument}
    for model in state.models_of(session.config):
        for path in model.artefacts:
            if path not in collected | selected and path not in session.stash.setdefault(_SEEN, set()):
                session.stash[_SEEN].add(path)
                yield from session.genitems(make_gate(path, session, model))


def _path_of(config: pytest.Config, argument: str) -> Path:
    """Return the file that a path or id on the command line lies in."""
    return Path(os.path.normpath(config.invocation_params.dir / argument.partition("[")[0].split("::")[0]))


def refuse_unused_baseline(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Raise pytest's usage error where ``--edge-baseline`` is typed and no gate is there to compare anything."""
    typed = getattr(config.option, "edge_baseline", None)
    if typed is not None and items and all(item.getparent(Gate) is None for item in items):
        raise pytest.UsageError(
            f"--edge-baseline={typed}: no gate is collected, so nothing would be compared. "
            "Add --edge-model=PATH or a gate file, or leave it out."
        )


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give a test that uses `edge_target` one parameter per cell, which carries everything the cell is made of."""
    gate = metafunc.definition.getparent(Gate)
    if gate is not None:
        cells = gate.cells
    else:
        try:
            cells = _marked_cells(metafunc.definition)
        except EdgertError as error:
            nothing = CellPlan("", metafunc.definition.path, Target(""), label="no-model")
            cells = [failing(nothing, error)]
    metafunc.parametrize("edge_target", cells, ids=[cell.id for cell in cells], indirect=True, scope="module")


def _marked_cells(test: pytest.Item) -> list[CellPlan]:
    mark = test.get_closest_marker("edge_model")
    if mark is None:
        raise UsageError(
            f"{test.name} uses a session or target and has no model.",
            'Mark it: pytestmark = pytest.mark.edge_model("mobilenet.onnx")',
        )
    model = read_model(mark)
    artefacts = [Path(os.path.normpath(test.path.parent / path)) for path in model.artefacts]
    for artefact in artefacts:
        if "[" in artefact.name:
            raise UsageError(f"{artefact} holds '[', at which pytest splits the ids of tests.", "Rename the file.")
    cells = cells_of(
        test.config,
        artefacts[0].stem,
        artefacts,
        None,
        shapes=dict(model.inputs),
        option_tables=read_options(test.iter_markers("edge_options")),
        agreement=_marked_agreement(model.reference, test.path.parent),
    )
    return _needed(cells, test) or cells


def _marked_agreement(reference: str | None, folder: Path) -> AgreementKeys:
    if reference is None:
        return AgreementKeys()
    return AgreementKeys(reference=read_reference(reference, folder, "edge_model(reference=)"))


def _needed(cells: list[CellPlan], test: pytest.Item) -> list[CellPlan]:
    """Return the cells that the test's ``edge_runtime`` and ``edge_accelerator`` marks ask for."""
    for kind in ("runtime", "accelerator"):
        for mark in test.iter_markers(f"edge_{kind}"):
            names = read_need(mark).names
            cells = [cell for cell in cells if getattr(cell, kind) in names]
    return cells


def header_lines(config: pytest.Config) -> list[str]:
    """Return what the header says of the models: how to compare two, and which gate files are used."""
    from pytest_edgert.plugin.baseline_option import comparison_text

    models = state.models_of(config)
    gates = {gate.path for model in models for artefact in model.artefacts if (gate := _gate_or_none(artefact))}
    hint = "" if len(gates) == 1 else comparison_hint(models)
    lines = [f"edgert: {hint}"] if hint else []
    comparison = state.settings_of(config).comparison
    if comparison is not None:
        lines.append(f"edgert: {comparison_text(comparison)}")
    for artefact in (artefact for model in models for artefact in model.artefacts):
        gate = _gate_or_none(artefact)
        if gate is not None:
            lines.append(f"edgert: {artefact.name} is judged by {os.path.relpath(gate.path, config.rootpath)}")
    return lines


def _gate_or_none(artefact: Path) -> GateFile | None:
    """Return the gate file of an artefact; a wrong one is said by the gate itself, where it stops the collection."""
    try:
        return find_gate_file(artefact)
    except EdgertError:
        return None
