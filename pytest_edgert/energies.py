"""The check of energy: joules per inference, gross and net of the idle device, judged on blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_edgert.harness import Finding, doubted, run_check
from pytest_edgert.latencies import confirmed
from pytest_edgert.records import BlockPlan, BlockTest, CheckRecord, Plain, Verdict
from pytest_edgert.sessions import EdgeSession
from pytest_edgert.throughputs import block_plan, far_beyond, progress_line

if TYPE_CHECKING:
    from pytest_edgert.measure.energy import EnergySamples
    from pytest_edgert.verdicts.energy import EnergyBlocks

#: Time that the idle device is watched when nobody says, in seconds.
DEFAULT_IDLE_S = 5.0


def check_energy(
    session: EdgeSession, per_inference: tuple[float, str] | None = None, *, idle_s: float = DEFAULT_IDLE_S
) -> CheckRecord:
    """Judge the median of joules per inference over blocks, in a fresh worker with the device held alone.

    Gross is held to the limit, for that is what a battery or a power supply gives; net is told beside it.

    Args:
        session: The cell.
        per_inference: Joules at most, and who set the limit; None measures only.
        idle_s: Time that the idle device is watched first, at least.
    """
    return run_check("energy", session, lambda: _find_energy(session, per_inference, idle_s))


def _find_energy(session: EdgeSession, limit: tuple[float, str] | None, idle_s: float) -> Finding:
    run = session.pool.run
    plan = replace(
        block_plan(session),
        limit=limit and limit[0],
        idle_s=idle_s,
        meters=run.power_meters,
        sensors=run.power_sensors,
    )
    with session.pool.alone(f"energy of {session.title}"):
        before = run.conditions()
        with session.pool.private(session.plan) as private:
            found = private.worker.measure_energy(
                private.open().session_id,
                private.feeds(),
                plan,
                progress=lambda fields: run.progress(progress_line(session, "energy", fields)),
                idle_timeout_s=session.pool.deadlines.infer_s,
            )
        run.progress("")
    conditions = {**{f"before.{k}": v for k, v in before.items()}, **run.conditions()}
    finding = replace(_judged(found, plan, limit[1] if limit else ""), conditions=conditions)
    by_load = not (finding.blocks and far_beyond(finding.blocks[0]))
    return doubted(finding, found.series, found.window_ns, run.rules, by_load=by_load)


def _judged(found: EnergySamples, plan: BlockPlan, source: str) -> Finding:
    """Return what the readings say, computed again from them."""
    from pytest_edgert.job.energy import energy_limit, sources_of
    from pytest_edgert.verdicts.blocks import BlockLimit, judge_blocks
    from pytest_edgert.verdicts.energy import energy_blocks

    notes = tuple(f"{name}: {trouble}" for name, trouble in found.troubles.items())
    sources = sources_of(plan, found.series.names)
    if sources.problem:
        return Finding(Verdict.INCONCLUSIVE, sources.problem, sources.remedy, notes=notes)
    blocks = energy_blocks(found.series, sources.names, found.idle, found.edges, found.counts)
    if blocks.problem:
        return Finding(Verdict.INCONCLUSIVE, f"The sensors prove nothing. {blocks.problem}", _BROKEN, notes=notes)
    detail = _detail(found, blocks, sources.names)
    limit = replace(energy_limit(plan), source=source)
    gross = judge_blocks("energy_gross", "J", blocks.gross_j, limit, block_s=found.block_s, detail=detail)
    net = judge_blocks("energy_net", "J", blocks.net_j, BlockLimit(), block_s=found.block_s)
    verdict, reason, remedy = confirmed(found.stop_reason, gross.verdict, *_explained(gross, found.stop_reason))
    return Finding(verdict, reason, remedy, blocks=(gross, net), notes=notes)


_BROKEN = "`edgert doctor` shows what the sensors say; name sound ones in the profile: [telemetry] power."


def _detail(found: EnergySamples, blocks: EnergyBlocks, sources: tuple[str, ...]) -> dict[str, Plain]:
    return {
        "sensors": ", ".join(sources),
        "power_w": blocks.power_w,
        "idle_power_w": blocks.idle_w,
        "sensor_period_s": found.period_s,
        "inferences": int(found.counts.sum()),
    }


def _explained(judged: BlockTest, stop_reason: str) -> tuple[str, str]:
    """Return the reason and the remedy of a verdict on energy."""
    told = f"The median of {len(judged.values)} blocks, gross of what the idle device takes,"
    if judged.verdict is Verdict.PASS:
        return f"{told} is not above the limit.", ""
    if judged.verdict is Verdict.FAIL:
        return (
            f"{told} is above the limit.",
            "Use a smaller model, a lower clock or another accelerator, or raise the limit.",
        )
    if judged.verdict is Verdict.MEASURED:
        return f"{told} has no limit.", ""
    return (
        f"{told} is too close to the limit, or too unsteady, to call; stopped because {stop_reason}.",
        "Allow more time (--edge-max-time), let nothing else run on the device, or move the limit.",
    )
