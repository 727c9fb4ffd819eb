"""The built-in gate: one function per check, ordinary tests on the public fixtures.

A `Gate` collects this module for a model file or a gate file; every function runs once for each cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_edgert import checks, cold_path
from pytest_edgert.assertions import assert_latency
from pytest_edgert.baselines import check_baseline
from pytest_edgert.energies import DEFAULT_IDLE_S, check_energy
from pytest_edgert.panel import check_agreement
from pytest_edgert.quantizations import check_quantization
from pytest_edgert.recording import settle
from pytest_edgert.soaks import check_soak
from pytest_edgert.throughputs import ThroughputWanted, check_throughput

if TYPE_CHECKING:
    from pytest_edgert.baselines import Comparison
    from pytest_edgert.goldens import EdgeGolden
    from pytest_edgert.panel import Panel
    from pytest_edgert.plugin.cells import CellPlan
    from pytest_edgert.sessions import EdgeSession
    from pytest_edgert.soaks import SoakAsk
    from pytest_edgert.verdicts.budgets import BudgetChoice


def signature(edge_session: EdgeSession) -> None:
    """One inference gives the outputs that the artefact declares."""
    settle(checks.check_signature(edge_session))


def placement(edge_session: EdgeSession, edge_target: CellPlan) -> None:
    """The nodes run on the accelerator that was asked for."""
    settle(checks.check_placement(edge_session, edge_target.limits.get("placement.accelerator")))


def size(edge_session: EdgeSession, edge_target: CellPlan) -> None:
    """The artefact is small enough."""
    settle(checks.check_size(edge_session, edge_target.limits.get("size.artefact")))


def load(edge_session: EdgeSession, edge_target: CellPlan) -> None:
    """A fresh process opens it and infers first in time."""
    settle(cold_path.check_load(edge_session, _limits_of(edge_target, "load")))


def memory(edge_session: EdgeSession, edge_target: CellPlan) -> None:
    """Runtime and model stay below the peak."""
    settle(cold_path.check_memory(edge_session, _limits_of(edge_target, "memory")))


def _limits_of(cell: CellPlan, section: str) -> dict[str, tuple[float, str]]:
    return {key.partition(".")[2]: limit for key, limit in cell.limits.items() if key.startswith(f"{section}.")}


def determinism(edge_session: EdgeSession) -> None:
    """The same feeds give the same bits."""
    settle(checks.check_determinism(edge_session))


def latency(edge_session: EdgeSession, latency_budget: BudgetChoice) -> None:
    """It is fast enough, with stated confidence."""
    assert_latency(edge_session, latency_budget)


def throughput(edge_session: EdgeSession, edge_target: CellPlan) -> None:
    """It does enough a second, with stated confidence."""
    limits = edge_target.limits
    batch, batch_source = limits.get("throughput.batch", (None, ""))
    wanted = ThroughputWanted(
        limits.get("throughput.at_least"),
        int(limits.get("throughput.streams", (1, ""))[0]),
        None if batch is None else int(batch),
        batch_source,
    )
    settle(check_throughput(edge_session, wanted))


def baseline(edge_session: EdgeSession, _edge_comparison: Comparison) -> None:
    """It is not slower than the baseline by more than the margin."""
    settle(check_baseline(edge_session, _edge_comparison))


def sustained(edge_session: EdgeSession, _edge_soak: SoakAsk) -> None:
    """It stays fast enough for minutes under load."""
    settle(check_soak(edge_session, _edge_soak))


def energy(edge_session: EdgeSession, edge_target: CellPlan) -> None:
    """An inference takes little enough, with stated confidence."""
    limits = edge_target.limits
    idle_s, _ = limits.get("energy.idle", (DEFAULT_IDLE_S, ""))
    settle(check_energy(edge_session, limits.get("energy.per_inference"), idle_s=idle_s))


def agreement(edge_session: EdgeSession, _edge_panel: Panel) -> None:
    """It computes what the artefact says, and what the reference artefact computes."""
    settle(check_agreement(edge_session, _edge_panel))


def quantization(edge_session: EdgeSession, edge_target: CellPlan, _edge_panel: Panel) -> None:
    """Its grids are sound and fit what lies on them."""
    settle(check_quantization(edge_session, _edge_panel, _limits_of(edge_target, "quantization")))


def golden(edge_session: EdgeSession, edge_golden: EdgeGolden) -> None:
    """It still computes what was recorded."""
    edge_golden.check(edge_session)


#: What a gate collects, in this order.
CHECKS = (
    signature,
    placement,
    size,
    load,
    memory,
    determinism,
    agreement,
    quantization,
    golden,
    latency,
    baseline,
    throughput,
    sustained,
    energy,
)
