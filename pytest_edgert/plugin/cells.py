"""Cells: each artefact on each target that is present and reads it, and a clear error where there is none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pytest_edgert.contracts import Options, RuntimeInfo, Target
from pytest_edgert.errors import ArtefactError, EdgertError, TargetMissingError, WorkerError, from_wire
from pytest_edgert.plugin.gate_agreement import AgreementKeys
from pytest_edgert.plugin.gate_file import GateFile, Limit
from pytest_edgert.plugin.gate_soak import SoakKeys
from pytest_edgert.plugin.models import identify_readable
from pytest_edgert.plugin.probes import LOST, ProbedRuntime, ProbeTable
from pytest_edgert.plugin.targets import AUTO, options_for
from pytest_edgert.records import Budget, PresenceState

if TYPE_CHECKING:
    from pytest_edgert.plugin.option_values import AskedArrival
    from pytest_edgert.plugin.settings import Settings
    from pytest_edgert.runtimes.artefact import Artefact


@dataclass(frozen=True, slots=True)
class CellPlan:
    """One cell as collected: what `edge_target` gives.

    Args:
        model: The model's name.
        artefact: The artefact, absolute.
        target: Where it shall run.
        identity: Hash and size of the artefact; None when there is no sound file.
        label: The artefact's short name in ids; its file name unless two are alike.
        options: What the user set: gate file, ini or command line, mark.
        variant_options: What the target's variant sets.
        shapes: Shapes by input.
        dimensions: Lengths of named free dimensions.
        threads: Threads of a CPU runtime when no option says otherwise.
        named: Whether the user named the target; False when it was found present.
        missing: Why the cell cannot run; empty when nothing is known against it.
        remedy: What to do about it.
        error: Name of the error class that `missing` comes as.
        gate: The gate file that applies.
        budgets: Limits on latency of the gate file, on this device.
        limits: Other limits of the gate file, on this device; see `gate_file.Limits`.
        siblings: The model's artefacts in order, absolute; the first is the reference unless one is named.
        agreement: What the gate file or mark says of agreement.
        arrival: How the gate file says that requests arrive, on this device.
        sustained: What the gate file asks of a soak, on this device.
    """

    model: str
    artefact: Path
    target: Target
    identity: Artefact | None = None
    label: str = ""
    options: Options = field(default_factory=dict, hash=False)
    variant_options: Options = field(default_factory=dict, hash=False)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)
    dimensions: Mapping[str, int] = field(default_factory=dict, hash=False)
    threads: int = 1
    named: bool = False
    missing: str = ""
    remedy: str = ""
    error: str = "TargetMissingError"
    gate: GateFile | None = field(default=None, hash=False)
    budgets: tuple[Budget, ...] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict, hash=False)
    siblings: tuple[Path, ...] = ()
    agreement: AgreementKeys = field(default_factory=AgreementKeys, hash=False)
    arrival: AskedArrival | None = None
    sustained: SoakKeys = field(default_factory=SoakKeys)

    @property
    def id(self) -> str:
        """What stands in the brackets of a test's id: ``mobilenet.onnx-onnxruntime:cpu``."""
        label, target = self.label or self.artefact.name, str(self.target)
        return f"{label}-{target}" if target else label

    @property
    def runtime(self) -> str:
        """The runtime's name."""
        return self.target.runtime

    @property
    def accelerator(self) -> str:
        """The accelerator's name."""
        return self.target.accelerator

    @property
    def variant(self) -> str:
        """The variant's name; empty when there is none."""
        return self.target.variant

    def problem(self) -> EdgertError | None:
        """Return the error that using this cell raises, None when nothing is known against it."""
        if not self.missing:
            return None
        return from_wire({"kind": self.error, "message": self.missing, "remedy": self.remedy})


Probe: TypeAlias = "Callable[[Sequence[str]], ProbeTable]"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the enumeration of cells knows.

    Args:
        settings: What the user asked for.
        infos: Registered runtimes by name.
        installed: Names of those whose modules are there.
        probe: Asks runtimes by name; asked only for what is needed.
        install: Runtime name to the command that installs it.
        threads: Cores of this device.
    """

    settings: Settings
    infos: Mapping[str, RuntimeInfo]
    installed: frozenset[str]
    probe: Probe
    install: Callable[[RuntimeInfo], str]
    threads: int

    def probed(self, name: str) -> ProbedRuntime:
        """Return what one installed runtime told."""
        return self.probe((name,)).runtimes.get(name, ProbedRuntime("", ()))


def core_count() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def plan_cells(
    frame: CellPlan, around: Surroundings, option_tables: Sequence[Mapping[str, Options]] = ()
) -> list[CellPlan]:
    """Return the cells of one artefact, never none.

    Args:
        frame: Everything that the artefact's cells have in common; its target is not read.
        around: What is asked for and what is there.
        option_tables: Options by target text, the weakest first.
    """
    suffixes = [suffix for info in around.infos.values() for suffix in info.suffixes]
    try:
        frame = replace(frame, identity=identify_readable(frame.artefact, suffixes))
    except EdgertError as error:
        return [failing(frame, error)]
    cells = list(dict.fromkeys(_asked(frame, around)))
    cells += [cell for cell in _required(frame, around) if cell.target not in {c.target for c in cells}]
    if not cells:
        return [failing(frame, _nothing_reads(frame.artefact, around))]
    return [with_options(cell, around, option_tables) for cell in cells]


def failing(frame: CellPlan, error: EdgertError, target: Target | None = None) -> CellPlan:
    """Return a cell that exists only to say what is wrong."""
    return replace(
        frame,
        target=target or Target(""),
        missing=error.message,
        remedy=error.remedy,
        error=type(error).__name__,
    )


def _asked(frame: CellPlan, around: Surroundings) -> Iterator[CellPlan]:
    if not around.settings.targets:
        yield from _present(frame, around)
        return
    refused = []
    for target in around.settings.targets:
        if reads(around.infos[target.runtime], frame.artefact):
            yield from _named(frame, target, around)
        else:
            refused.append(target)
    if len(refused) == len(around.settings.targets):
        names = " and ".join(map(str, refused))
        known = sorted(name for name, info in around.infos.items() if reads(info, frame.artefact))
        yield failing(
            replace(frame, named=True),
            TargetMissingError(
                f"{frame.artefact.name}: {names} does not read {frame.artefact.suffix} files.",
                f"Runtimes that do: {', '.join(known)}.",
            ),
            refused[0],
        )


def reads(info: RuntimeInfo, artefact: Path) -> bool:
    """Return whether a runtime reads files of this suffix."""
    return artefact.suffix.lower() in info.suffixes


def _present(frame: CellPlan, around: Surroundings) -> Iterator[CellPlan]:
    """Give one cell per usable accelerator of each installed runtime that reads the artefact."""
    for name, info in around.infos.items():
        if info.enumerated and name in around.installed and reads(info, frame.artefact):
            yield from _usable(frame, Target(name), around)


def _usable(frame: CellPlan, target: Target, around: Surroundings) -> Iterator[CellPlan]:
    for presence in around.probed(target.runtime).accelerators:
        if presence.state is PresenceState.USABLE:
            yield replace(frame, target=replace(target, accelerator=presence.name))
        elif presence.name == LOST:
            lost = f"{target.runtime} could not be asked what is usable here: {presence.reason}"
            yield failing(frame, WorkerError(lost, presence.remedy), target)


def _named(frame: CellPlan, target: Target, around: Surroundings) -> Iterator[CellPlan]:
    """Give the cells of a target that the user named: at least one, missing or not."""
    frame = replace(frame, named=True)
    error = missing_target(target, around)
    if error is not None:
        yield failing(frame, error, target)
    elif target.accelerator:
        yield replace(frame, target=target)
    else:
        yield from _usable(frame, target, around)


def missing_target(target: Target, around: Surroundings) -> TargetMissingError | None:
    """Return why a target is not usable here and how to get it; None when it is."""
    info = around.infos[target.runtime]
    if target.runtime not in around.installed:
        return TargetMissingError(
            f"{target} is missing: {target.runtime} is not installed.", f"Install it: {around.install(info)}"
        )
    found = around.probed(target.runtime).accelerators
    if any(p.state is PresenceState.USABLE and target.accelerator in ("", AUTO, p.name) for p in found):
        return None
    concerned = [p for p in found if target.accelerator in ("", AUTO, p.name) or p.name == LOST]
    reasons = "; ".join(f"{p.name}: {p.reason}" if not target.accelerator else p.reason for p in concerned)
    remedies = dict.fromkeys(p.remedy for p in concerned if p.remedy)
    return TargetMissingError(
        f"{target} is missing: {reasons or 'this ' + target.runtime + ' does not offer it'}.".replace("..", "."),
        " ".join(remedies) or f"Install a build of {target.runtime} that offers it.",
    )


def _required(frame: CellPlan, around: Surroundings) -> Iterator[CellPlan]:
    """Give a cell for every required target that is missing, or that is read and was not enumerated."""
    for target in dict.fromkeys((*around.settings.required_targets, *(frame.gate.require if frame.gate else ()))):
        error = missing_target(target, around)
        if error is not None:
            yield failing(replace(frame, named=True), error, target)
        elif target.accelerator and reads(around.infos[target.runtime], frame.artefact):
            yield replace(frame, target=target, named=True)


def _nothing_reads(artefact: Path, around: Surroundings) -> EdgertError:
    """Return the one message of a gate that no runtime can serve."""
    readers = [info for info in around.infos.values() if reads(info, artefact)]
    enumerated = [info for info in readers if info.enumerated]
    if not enumerated:
        names = " or ".join(f"--edge-target={info.name}" for info in readers)
        return ArtefactError(f"{artefact.name}: only runtimes that must be named read it.", f"Add {names}.")
    absent = [info for info in enumerated if info.name not in around.installed]
    if len(absent) == len(enumerated):
        names = ", ".join(info.name for info in absent)
        own = " or ".join(dict.fromkeys(around.install(info) for info in absent))
        return TargetMissingError(
            f"{artefact.name}: no runtime that reads {artefact.suffix} files is installed ({names}).",
            f'Install one: {own}; all CPU runtimes: pip install "pytest-edgert[cpu]"',
        )
    reasons = [error for info in enumerated if (error := missing_target(Target(info.name), around)) is not None]
    return TargetMissingError(
        f"{artefact.name}: no target that reads {artefact.suffix} files is usable here: "
        f"{' '.join(error.message for error in reasons)}",
        " ".join(dict.fromkeys(error.remedy for error in reasons)),
    )


def with_options(cell: CellPlan, around: Surroundings, tables: Iterable[Mapping[str, Options]]) -> CellPlan:
    """Return a cell with the options of its target, `tables` the weakest first."""
    if cell.missing:
        return cell
    info = around.infos[cell.target.runtime]
    return replace(
        cell,
        options=options_for(cell.target, tables),
        variant_options=info.variants.get(cell.target.variant, {}),
        threads=around.threads,
    )


def opening_options(cell: CellPlan) -> dict[str, str | int | float | bool]:
    """Return the options that a cell's session is opened with: defaults, then the variant's, then the user's."""
    from pytest_edgert.sessions import session_options

    options = session_options(cell.options, cell.variant_options, cell.shapes, cell.threads)
    return {**options, **{f"dimension.{name}": length for name, length in cell.dimensions.items()}}
