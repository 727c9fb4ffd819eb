"""The checks of the cold path: load, engine build, first inference and memory, each over several fresh workers.

The worst of the workers is judged, for that is what a user meets some day; all values are told. A maximum over three
says nothing of the fourth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_edgert.checks import REPEATS, Limit, limited
from pytest_edgert.harness import Finding, run_check
from pytest_edgert.records import Amount, CheckRecord, Verdict, worst
from pytest_edgert.sessions import EdgeSession

#: Fresh workers of each check. Two tell a first opening from a further one (a cache that the first has filled), three
#: whether the further ones agree; each costs the start of a worker.
WORKERS = 3


@dataclass(frozen=True, slots=True)
class _Opening:
    """What opening the artefact in one fresh worker took, in seconds; `cached` is the share of its file in memory."""

    cold_s: float
    build_s: float | None
    first_s: float
    import_s: float
    cached: float | None


def check_load(session: EdgeSession, limits: Mapping[str, Limit] | None = None) -> CheckRecord:
    """Judge the seconds until a fresh process has the artefact open, of its engine's build, and of its first inference.

    Args:
        session: The cell.
        limits: Seconds by "cold", "build" and "first".
    """
    return run_check("load", session, lambda: _find_load(session, limits or {}))


def _find_load(session: EdgeSession, limits: Mapping[str, Limit]) -> Finding:
    with session.pool.alone(f"load of {session.title}"):
        seen = [_open_once(session) for _ in range(WORKERS)]
    builds = [one.build_s for one in seen if one.build_s is not None]
    amounts = [_largest("cold", [one.cold_s for one in seen], limits)]
    amounts += [_largest("build", builds, limits)] if builds else []
    amounts.append(_largest("first", [one.first_s for one in seen], limits))
    judged = worst([amount.verdict for amount in amounts])
    amounts.append(Amount("import", max(one.import_s for one in seen), "s"))
    notes = (
        _all_of("cold", [one.cold_s for one in seen]),
        *((_all_of("build", builds),) if builds else ()),
        _all_of("first", [one.first_s for one in seen]),
        _cache_told([one.cached for one in seen]),
    )
    if limits.get("build") is not None and not builds:
        told = f"{session.target.runtime} opens in one step here: nothing tells a build from the rest of loading."
        if judged is not Verdict.FAIL:
            remedy = "Hold load.cold to a limit instead of load.build."
            return Finding(Verdict.INCONCLUSIVE, told, remedy, amounts=tuple(amounts), notes=notes)
        notes = (*notes, told)
    reason = f"The slowest of {WORKERS} fresh processes, each of which opened it once and inferred once."
    return Finding(judged, reason, amounts=tuple(amounts), notes=notes)


def _open_once(session: EdgeSession) -> _Opening:
    with session.pool.private(session.plan) as private:
        opened = private.open()
        first_s = private.timed_infer(private.feeds())[1]
    return _Opening(opened.open_s, opened.build_s, first_s, opened.import_s, opened.cached)


def _cache_told(shares: Sequence[float | None]) -> str:
    """Return in words what "cold" was: the process always, the file as far as the kernel tells."""
    known = [share for share in shares if share is not None]
    if len(known) < len(shares):
        return "The process was fresh; whether the file lay in the page cache is not known here."
    told = ", ".join(f"{share:.0%}" for share in known)
    return f"The process was fresh; of the file, {told} lay in the page cache before each opening."


def check_memory(session: EdgeSession, limits: Mapping[str, Limit] | None = None) -> CheckRecord:
    """Judge the peak of resident memory that runtime and model add to a fresh process, and what they hold on the device.

    Args:
        session: The cell.
        limits: Bytes by "peak" and "device".
    """
    return run_check("memory", session, lambda: _find_memory(session, limits or {}))


def _find_memory(session: EdgeSession, limits: Mapping[str, Limit]) -> Finding:
    with session.pool.alone(f"memory of {session.title}"):
        seen = [_weigh_once(session) for _ in range(WORKERS)]
    added = [process - bare for bare, process, _ in seen]
    held = [device for _, _, device in seen if device is not None]
    amounts = [_largest("peak", added, limits, "bytes")]
    amounts += [_largest("device", held, limits, "bytes")] if held else []
    judged = worst([amount.verdict for amount in amounts])
    amounts.append(Amount("process", float(max(process for _, process, _ in seen)), "bytes"))
    notes = (_all_of("peak", added, "bytes"), *((_all_of("device", held, "bytes"),) if held else ()))
    if limits.get("device") is not None and not held:
        told = f"{session.target} does not tell the memory that it holds on its device."
        if judged is not Verdict.FAIL:
            remedy = "Hold memory.peak to a limit, or leave memory.device to the targets that tell it."
            return Finding(Verdict.INCONCLUSIVE, told, remedy, amounts=tuple(amounts), notes=notes)
        notes = (*notes, told)
    reason = (
        f"The largest of {WORKERS} fresh processes: peak resident memory over {REPEATS} inferences, less that of the "
        "same process before the runtime was loaded."
    )
    return Finding(judged, reason, amounts=tuple(amounts), notes=notes)


def _weigh_once(session: EdgeSession) -> tuple[int, int, int | None]:
    """Return the peak before the runtime was loaded, the peak after inferences, and what is held on the device."""
    with session.pool.private(session.plan) as private:
        bare = private.worker.peak_rss_bytes()
        opened = private.open()
        for _ in range(REPEATS):
            private.infer(private.feeds())
        return bare, private.worker.peak_rss_bytes(), private.worker.device_memory_bytes(opened.session_id)


def _largest(name: str, values: Sequence[float], limits: Mapping[str, Limit], unit: str = "s") -> Amount:
    return limited(Amount(name, float(max(values)), unit), limits.get(name))


def _all_of(name: str, values: Sequence[float], unit: str = "s") -> str:
    told = ", ".join(f"{value / 1e6:.4g} MB" if unit == "bytes" else f"{value * 1e3:.4g} ms" for value in values)
    return f"{name} of each fresh process: {told}"
