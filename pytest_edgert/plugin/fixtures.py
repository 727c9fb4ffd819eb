"""The fixtures of the published interface. Importing this file imports neither NumPy nor the harness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_edgert.baselines import Comparison
    from pytest_edgert.devices.profile import Device
    from pytest_edgert.goldens import EdgeGolden
    from pytest_edgert.panel import Panel
    from pytest_edgert.plugin.cells import CellPlan
    from pytest_edgert.sessions import EdgeSession, SessionPool
    from pytest_edgert.soaks import SoakAsk
    from pytest_edgert.tensors import Array
    from pytest_edgert.verdicts.budgets import BudgetChoice

_POOL = pytest.StashKey["SessionPool"]()


def leave_device(config: pytest.Config) -> None:
    """Let timed work of other processes have the device, if sessions of this process hold it."""
    if _POOL in config.stash:
        config.stash[_POOL].lock.release()


@pytest.fixture(scope="session")
def edge_device(pytestconfig: pytest.Config) -> Device:
    """The device under test: its profile and what it says of itself."""
    from pytest_edgert.plugin import state

    return state.device_of(pytestconfig)


@pytest.fixture(scope="session")
def _edge_pool(pytestconfig: pytest.Config, edge_device: Device) -> Iterator[SessionPool]:
    """All sessions of this process; every worker ends with the run."""
    from pytest_edgert.plugin.setting import open_pool

    pool = pytestconfig.stash[_POOL] = open_pool(pytestconfig, edge_device)
    try:
        yield pool
    finally:
        del pytestconfig.stash[_POOL]
        pool.close()


@pytest.fixture(scope="module")
def edge_target(request: pytest.FixtureRequest) -> CellPlan:
    """The cell: an artefact of the model on a target (`.artefact`, `.runtime`, `.accelerator`, `.variant`)."""
    cell: CellPlan = request.param
    return cell


@pytest.fixture(scope="module")
def edge_session(edge_target: CellPlan, _edge_pool: SessionPool) -> EdgeSession:
    """The cell's artefact opened on its target, in a worker, when it is first used."""
    from pytest_edgert.plugin.setting import session_plan

    return _edge_pool.session(session_plan(edge_target))


@pytest.fixture(scope="module")
def edge_feeds(edge_session: EdgeSession) -> dict[str, Array]:
    """Seeded default feeds for the model's inputs; the seed is in the header."""
    return edge_session.feeds()


@pytest.fixture(scope="module")
def _edge_panel(edge_target: CellPlan, _edge_pool: SessionPool, pytestconfig: pytest.Config) -> Panel:
    """Who may be asked about the cell."""
    from pytest_edgert.plugin.panels import panel_of

    return panel_of(pytestconfig, edge_target, _edge_pool)


@pytest.fixture(scope="module")
def edge_reference(edge_session: EdgeSession, _edge_panel: Panel) -> EdgeSession:
    """The reference session: the gate file's or mark's, else the oracle, else an independent one; never the same."""
    from pytest_edgert.panel import reference_session

    return reference_session(edge_session, _edge_panel)


@pytest.fixture
def edge_golden(request: pytest.FixtureRequest, edge_target: CellPlan) -> EdgeGolden:
    """The golden of this test and artefact; `edge_golden.check(edge_session)`."""
    from pytest_edgert.plugin.golden_store import golden_of_test

    return golden_of_test(request.node, edge_target)


@pytest.fixture
def _edge_comparison(pytestconfig: pytest.Config) -> Comparison:
    """What ``--edge-baseline`` compares with; only then is it asked for."""
    from pytest_edgert.errors import UsageError
    from pytest_edgert.plugin import state

    comparison = state.settings_of(pytestconfig).comparison
    if comparison is None:
        raise UsageError("No baseline was given.", "Give one with --edge-baseline=PATH.")
    return comparison


@pytest.fixture
def latency_budget(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> BudgetChoice:
    """The budget that applies: marker > ``--latency-budget`` > gate file > ini; says what it overrode."""
    from pytest_edgert.plugin import state
    from pytest_edgert.plugin.needs import cell_of
    from pytest_edgert.plugin.setting import choose_arrival, choose_budget

    cell = cell_of(request.node)
    mark = request.node.get_closest_marker("latency_budget")
    settings = state.settings_of(pytestconfig)
    choice = choose_budget(mark, settings, cell.budgets if cell is not None else ())
    arrival, notes = choose_arrival(settings, cell.arrival if cell is not None else None)
    return replace(choice, arrival=arrival, notes=choice.notes + notes)


@pytest.fixture
def _edge_soak(request: pytest.FixtureRequest, pytestconfig: pytest.Config, latency_budget: BudgetChoice) -> SoakAsk:
    """What a soak of the cell is asked: the option's length, else the gate file's, and its limits."""
    from pytest_edgert.plugin import state
    from pytest_edgert.plugin.gate_soak import soak_ask
    from pytest_edgert.plugin.needs import cell_of

    return soak_ask(cell_of(request.node), state.settings_of(pytestconfig), latency_budget)
