"""From options, marks and cells to what the harness needs: the pool, a session's plan, the budget that applies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_edgert.errors import ArtefactError
from pytest_edgert.locks import DeviceLock
from pytest_edgert.measuring import await_conditions, plan_on, power_of, rules_of
from pytest_edgert.plugin import state
from pytest_edgert.plugin.cells import CellPlan, opening_options
from pytest_edgert.plugin.markers import read_budgets
from pytest_edgert.records import Arrival, Budget, LatencyPlan, Plain
from pytest_edgert.reports.text import duration
from pytest_edgert.run import Run, make_run_folder
from pytest_edgert.sessions import Deadlines, SessionPlan, SessionPool
from pytest_edgert.verdicts.budgets import BudgetChoice

if TYPE_CHECKING:
    import pytest

    from pytest_edgert.devices.profile import Device
    from pytest_edgert.plugin.option_values import AskedArrival
    from pytest_edgert.plugin.settings import Settings

#: Fresh workers that must each give a latency verdict in acceptance.
ACCEPTANCE_WORKERS = 3
#: Time that the evidence of a latency verdict spans in acceptance, in seconds.
ACCEPTANCE_SPAN_S = 10.0
#: The one machine that the local transport reaches, whatever profile describes it.
LOCAL_LOCK = "this-machine"


def open_pool(config: pytest.Config, device: Device) -> SessionPool:
    """Return the pool of a run on this machine, with no worker started yet."""
    from pytest_edgert.runtimes.registry import adapter_references
    from pytest_edgert.transports.local import TRANSPORT

    settings = state.settings_of(config)
    return SessionPool(
        _run(config, device, settings),
        TRANSPORT,
        adapter_references(),
        DeviceLock(LOCAL_LOCK, settings.wait_s),
        Deadlines.of(settings.deadline_s),
    )


def _run(config: pytest.Config, device: Device, settings: Settings) -> Run:
    from pytest_edgert.plugin.progress import progress_printer

    progress = progress_printer(config)
    return Run(
        device.profile.id,
        make_run_folder(config.rootpath),
        device.facts,
        settings.seed,
        plan_on(device.profile, _latency_plan(settings)),
        ACCEPTANCE_WORKERS if settings.accept else 1,
        _conditions,
        progress,
        lambda: await_conditions(device.profile.conditions, _conditions, progress),
        rules_of(device.profile),
        *power_of(device.profile),
    )


def _latency_plan(settings: Settings) -> LatencyPlan:
    plan = LatencyPlan(
        fixed_n=settings.samples, seed=settings.seed, min_s=ACCEPTANCE_SPAN_S if settings.accept else 0.0
    )
    arrival, _ = choose_arrival(settings, None)
    plan = plan if arrival is None else replace(plan, arrival=arrival)
    return plan if settings.max_time_s is None else replace(plan, max_s=settings.max_time_s)


def _conditions() -> Mapping[str, Plain]:
    from pytest_edgert.devices.facts import conditions

    return conditions()


def session_plan(cell: CellPlan) -> SessionPlan:
    """Return what to open for a cell; raises what is wrong with it."""
    problem = cell.problem()
    if problem is not None:
        raise problem
    if cell.identity is None:
        raise ArtefactError(f"{cell.artefact} was not identified when the tests were collected.", "Collect it again.")
    return SessionPlan(
        cell.model,
        cell.identity,
        cell.target,
        tuple(sorted(opening_options(cell).items())),
        cell.agreement.samples,
        tuple(sorted(cell.agreement.outputs.get(cell.artefact.name, {}).items())),
    )


def choose_budget(mark: pytest.Mark | None, settings: Settings, gate: tuple[Budget, ...]) -> BudgetChoice:
    """Return the budget that applies and what it overrode.

    Args:
        mark: The test's own mark.
        settings: The command line and the ini file.
        gate: What the gate file asks on this device.
    """
    offered = [read_budgets(mark) if mark is not None else (), settings.budgets, gate, settings.ini_budgets]
    given = [budgets for budgets in offered if budgets]
    if not given:
        return BudgetChoice(())
    chosen, *overridden = given
    return BudgetChoice(chosen, tuple(f"overrides {_told(budgets)} from {budgets[0].source}" for budgets in overridden))


def choose_arrival(settings: Settings, gate: AskedArrival | None) -> tuple[Arrival | None, tuple[str, ...]]:
    """Return how requests arrive and what it overrode: command line > gate file > ini file; None leaves it closed."""
    from pytest_edgert.measure.arrival import arrival_text

    given = [asked for asked in (settings.arrival, gate, settings.ini_arrival) if asked is not None]
    if not given:
        return None, ()
    overridden = [asked for asked in given[1:] if asked.arrival != given[0].arrival]
    notes = tuple(f"overrides arrival {arrival_text(one.arrival)} from {one.source}" for one in overridden)
    return given[0].arrival, notes


def _told(budgets: tuple[Budget, ...]) -> str:
    return ", ".join(f"{budget.name} <= {duration(budget.limit_s)}" for budget in budgets)
