"""The pytest plugin: every hook in one place, each handing over to the module that does the work.

pytest loads this at every start, so only tables are imported here; the rest is imported when a model, a mark or
a gate file is really there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgert.plugin import fixtures, mark_table, options
from pytest_edgert.plugin.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_MARKS = frozenset(signature.partition("(")[0] for signature, _ in mark_table.MARKERS)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register options and ini keys."""
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register marks; check the options and put models into the arguments, in every process, when any is given."""
    mark_table.add_markers(config)
    # Now, not when first needed: fixtures of a plugin that comes after the conftest files would win over theirs.
    config.pluginmanager.register(fixtures, "edgert-fixtures")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Ledger(config), "edgert-ledger")
    if not options.any_given(config):
        return
    from pytest_edgert.errors import EdgertError
    from pytest_edgert.plugin import gate, state, summary

    try:
        if state.settings_of(config).models:
            gate.put_into_arguments(config)
        if not hasattr(config, "workerinput"):
            summary.check_start(config)
    except EdgertError as error:
        raise state.usage_error(error) from error


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand what the runtimes told to an xdist worker."""
    if options.any_given(node.config):
        from pytest_edgert.plugin import state

        node.workerinput[state.WORKER_INPUT] = state.probe_for_workers(node.config)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what the run is on, how to compare two models and which gate files are used."""
    if not options.any_given(config):
        return []
    from pytest_edgert.plugin import gate, summary

    return [*summary.header(config), *gate.header_lines(config)]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a gate file, and a model file that ``--edge-model`` names."""
    if not file_path.name.endswith(".edge.toml") and not options.value_of(parent.config, "edge_model"):
        return None
    from pytest_edgert.plugin import gate

    return gate.collect_file(file_path, parent)


@pytest.hookimpl(tryfirst=True)
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a model that is a folder and that ``--edge-model`` names."""
    if not options.value_of(parent.config, "edge_model"):
        return None
    from pytest_edgert.plugin import gate

    return gate.collect_file(path, parent)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    """Add the gates of models that no path led to; no selection drops an artefact that cannot be one."""
    problems: list[pytest.Item] = []
    if options.value_of(config, "edge_model"):
        from pytest_edgert.plugin import gate

        items.extend(gate.missing_gates(session, items))
        problems = [item for item in items if isinstance(item, gate.ArtefactProblem)]
    if config.option.edge_baseline is not None and not hasattr(config, "workerinput"):
        from pytest_edgert.plugin import gate

        gate.refuse_unused_baseline(config, items)
    if not any("edge_target" in getattr(item, "fixturenames", ()) for item in items):
        yield
    else:
        from pytest_edgert.plugin import benchmark_entry

        with benchmark_entry.named_as_benchmarks(config, items):
            yield
    items.extend(item for item in problems if item not in items)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that uses `edge_target` its cells."""
    if "edge_target" in metafunc.fixturenames:
        from pytest_edgert.plugin import gate

        gate.parametrize(metafunc)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let the records of checks go to the running test, and leave the device to others after it."""
    from pytest_edgert.plugin import recorder

    recorder.start_item(item)
    try:
        return (yield)
    finally:
        recorder.finish_item(item)
        fixtures.leave_device(item.config)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Stop a test whose marks or cell are wrong; skip it when it needs what is not here.

    Innermost of the wrappers: pytest's own, logging's for one, must have set up what their teardown takes down.
    """
    __tracebackhide__ = True
    from pytest_edgert.plugin import outcomes

    with outcomes.translated(item):
        used = getattr(item, "fixturenames", ())
        if "edge_target" in used or any(mark.name in _MARKS for mark in item.iter_markers()):
            from pytest_edgert.plugin import needs

            needs.check_before_run(item)
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Skip or xfail a running test where its error and the settings say so."""
    __tracebackhide__ = True
    from pytest_edgert.plugin import outcomes

    with outcomes.translated(item):
        if "edge_target" not in getattr(item, "fixturenames", ()):
            return (yield)
        from pytest_edgert.plugin import benchmark_entry, panels

        with panels.tolerance_of(item), benchmark_entry.entered(item):
            return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put records, verdict and readable sentences on the report."""
    from pytest_edgert.plugin import outcomes

    report = yield
    outcomes.complete_report(item, call, report)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport | pytest.CollectReport) -> tuple[str, str, str] | None:
    """Say the word of a verdict."""
    from pytest_edgert.plugin import outcomes

    return outcomes.status_of(report)
