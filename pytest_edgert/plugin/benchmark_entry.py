"""Each latency test is an entry of pytest-benchmark too: its table, JSON, saved runs and comparisons read our samples.

pytest-benchmark times a function in its own loop; we have timed in the worker, so only the figures are handed over, by
the parts of its fixture that it fills itself (`_make_stats`, `_mode`, as in 5.3.1). Nothing here runs unless that plugin
is loaded, and none of its hooks is implemented.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgert.plugin import recorder
from pytest_edgert.records import CheckRecord, Latency, Plain

if TYPE_CHECKING:
    from pytest_edgert.tensors import Array

#: Name under which pytest-benchmark registers its session, and that of its fixture.
SESSION = "pytest-benchmark"
FIXTURE = "benchmark"
#: Samples handed over at most: pytest-benchmark keeps each as a Python float and writes each as a line of JSON.
MOST_SAMPLES = 100_000


@contextmanager
def named_as_benchmarks(config: pytest.Config, items: Sequence[pytest.Item]) -> Iterator[None]:
    """Let pytest-benchmark, which selects tests by the name of its fixture, see our latency tests as its own.

    ``--benchmark-only`` skips and ``--benchmark-skip`` takes what has the name while the items are looked through. It
    is taken away after that: pytest would else make the fixture for tests that end before anything is measured.
    """
    lists: dict[int, list[str]] = {}
    if config.pluginmanager.has_plugin(SESSION):
        for item in items:
            names = getattr(item, "fixturenames", [])
            # One list may serve all cells of a test function.
            if is_latency_test(item) and FIXTURE not in names:
                lists[id(names)] = names
                names.append(FIXTURE)
    try:
        yield
    finally:
        for names in lists.values():
            names.remove(FIXTURE)


def is_latency_test(item: pytest.Item) -> bool:
    """Return whether a test on a cell is known to measure latency before it runs: it uses or is marked `latency_budget`."""
    names = getattr(item, "fixturenames", ())
    marked = any(mark.name == "latency_budget" for mark in item.own_markers)
    return "edge_target" in names and (marked or "latency_budget" in names)


@contextmanager
def entered(item: pytest.Item) -> Iterator[None]:
    """Enter what the test inside measures into pytest-benchmark; a test that uses its fixture itself is left alone.

    What stands in the way of that (a samples file that is gone, a version that does not fit this pytest) is a warning.
    """
    raised = True
    try:
        yield
        raised = False
    finally:
        measured = [record for record in recorder.recorder_of(item).records if record.latency is not None]
        if measured and _takes_entries(item):
            try:
                _enter(item, measured, raised=raised)
            except Exception as error:  # noqa: BLE001 - whatever their fixture raises, the test has its verdict
                item.warn(pytest.PytestWarning(f"No entry in pytest-benchmark: {type(error).__name__}: {error}"))


def _takes_entries(item: pytest.Item) -> bool:
    session: Any = item.config.pluginmanager.get_plugin(SESSION)
    return session is not None and not (session.disabled or session.skip) and FIXTURE not in item.fixturenames  # type: ignore[attr-defined]


def _enter(item: pytest.Item, measured: Sequence[CheckRecord], *, raised: bool) -> None:
    """Fill one entry for each measurement of a test.

    What pytest-benchmark finds with an error is shown and not saved: another verdict than PASS or MEASURED, and a test
    that failed by itself, make no baseline.
    """
    from pytest_benchmark.fixture import BenchmarkFixture

    from pytest_edgert.measure.samples import read_samples

    # The request is an attribute of the item that pytest documents only as an argument of fixtures.
    fixture = item._request.getfixturevalue(FIXTURE)  # type: ignore[attr-defined]  # noqa: SLF001
    if not isinstance(fixture, BenchmarkFixture):
        return  # A project's own fixture of that name, which owes us nothing.
    benchmark: Any = fixture  # Its methods are untyped.
    benchmark._mode = "pytest-edgert"  # noqa: SLF001 - else it warns of a fixture that was not used
    benchmark.has_error = raised or not all(record.verdict.green for record in measured)
    benchmark.params = _plain_params(item)
    for turn, record in enumerate(measured, start=1):
        if record.latency is None or not record.latency.samples_path:
            continue
        samples = read_samples(Path(record.latency.samples_path))
        stats = benchmark._make_stats(1)  # noqa: SLF001 - its own way to add an entry
        if turn > 1:
            stats.name, stats.fullname = f"{stats.name} #{turn}", f"{stats.fullname} #{turn}"
        # A head that was cut off as warm-up is in the file and not in the verdict.
        fed = _thinned(samples.durations_ns[record.latency.cut_n :])
        stats.extra_info = {**benchmark.extra_info, **_extra_info(record, len(fed))}
        for seconds in fed:
            stats.update(seconds)


def _thinned(durations_ns: Array) -> list[float]:
    """Return durations in seconds in order: all, or where there are more than `MOST_SAMPLES` every second, third, …."""
    step = -(-len(durations_ns) // MOST_SAMPLES)
    return [float(seconds) for seconds in durations_ns[:: max(1, step)] / 1e9]


def _plain_params(item: pytest.Item) -> dict[str, Plain] | None:
    """Return the test's parameters as JSON can hold them, the cell by its id."""
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return None
    return {
        name: value if isinstance(value, (str, int, float, bool, type(None))) else getattr(value, "id", str(value))
        for name, value in callspec.params.items()
    }


def _extra_info(record: CheckRecord, fed: int) -> dict[str, Plain]:
    """Return what pytest-benchmark has no column for: verdict, percentiles of all samples in seconds, conditions."""
    cell, made, latency = record.cell, record.environment, record.latency
    told: dict[str, Plain] = {
        "verdict": record.verdict.value,
        "reason": record.reason,
        "artefact": cell.artefact,
        "artefact_sha256": cell.artefact_sha256,
        "target": cell.target,
    }
    if made is not None:
        told.update(device=made.device, runtime_version=made.runtime_version, tool_version=made.tool_version)
    if latency is not None:
        told.update(_figures(latency), samples_fed=fed)
    return told


def _figures(latency: Latency) -> dict[str, Plain]:
    told: dict[str, Plain] = {
        "samples": latency.n,
        "inferences": latency.inferences,
        "samples_effective": round(latency.n_effective, 1),
        "samples_path": latency.samples_path,
    }
    for found in latency.quantiles:
        name = f"p{found.percentile:g}"
        told.update({f"{name}_s": found.value_s, f"{name}_low_s": found.low_s, f"{name}_high_s": found.high_s})
    for decided in latency.budgets:
        told[f"{decided.budget.name}_limit_s"] = decided.budget.limit_s
    return told
