"""What a whole run planned and what came of it: fills from reports, ends the run, feeds summary and JSON.

One ledger lives in the process that prints: the only one, or the controller of pytest-xdist. Until the end
it keeps what reports carry as text, so that runs without a test of ours pay nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_edgert.records import CheckRecord
    from pytest_edgert.reports.items import ItemOutcome, Outcome

#: Outcome of a report whose test pytest-rerunfailures runs again: the record of the last attempt tells of all.
RERUN = "rerun"
LEDGER = pytest.StashKey["Ledger"]()


class Ledger:
    """Collects the items on cells and their records; a plugin whose methods are hooks."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.reasons: tuple[str, ...] = ()
        self._planned: dict[str, ItemOutcome] = {}
        self._reported: dict[str, ItemOutcome] = {}
        self._records: list[CheckRecord] = []
        config.stash[LEDGER] = self

    @property
    def records(self) -> Sequence[CheckRecord]:
        """The records so far, in the order of their reports."""
        return self._records

    @property
    def items(self) -> list[ItemOutcome]:
        """What became of every item on a cell, as reported."""
        return list(self._reported.values())

    def not_run(self, reason: str) -> list[ItemOutcome]:
        """Return the items that were planned and got no report of how they ended."""
        from pytest_edgert.records import Verdict

        return [
            replace(item, verdict=Verdict.NOTRUN, reason=reason)
            for nodeid, item in self._planned.items()
            if nodeid not in self._reported
        ]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Plan the items that this process will run."""
        if looks_only(self.config):
            return
        from pytest_edgert.plugin.items import describe, is_cell_item

        self.plan(describe(item) for item in session.items if is_cell_item(item))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:  # noqa: ARG002 - the hook's
        """Plan the items that workers will run."""
        if looks_only(self.config):
            return
        from pytest_edgert.plugin.items import describe_id, is_cell_id

        self.plan(describe_id(nodeid) for nodeid in ids if is_cell_id(nodeid))

    def plan(self, items: Iterable[ItemOutcome]) -> None:
        """Expect a report of each item."""
        self._planned.update({item.nodeid: item for item in items})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a report carries."""
        from pytest_edgert.plugin import outcomes, recorder
        from pytest_edgert.plugin.items import describe_id, item_of

        if report.outcome == RERUN:
            return
        self._records += recorder.records_of(report)
        item = describe_id(report.nodeid) if outcomes.crashed(report) else item_of(report)
        if item is not None and (report.when != "setup" or not report.passed):
            self._settle(item, report)

    def _settle(self, item: ItemOutcome, report: pytest.TestReport) -> None:
        """Keep how an item ended; a teardown that went well changes nothing."""
        from pytest_edgert.plugin import outcomes
        from pytest_edgert.records import Verdict

        if report.when == "teardown" and report.passed:
            return
        outcome = outcome_of(report)
        if outcomes.crashed(report):
            self._reported[item.nodeid] = replace(
                item, outcome=outcome, verdict=Verdict.INFRA, reason=str(report.longrepr)
            )
            return
        word = getattr(report, outcomes.ATTRIBUTE, None)
        verdict = None if word is None else Verdict(word)
        reason = item.reason if report.skipped else _first_line(report)
        self._reported[item.nodeid] = replace(item, outcome=outcome, verdict=verdict, reason=reason)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Decide the exit status and write the JSON document."""
        if looks_only(self.config):
            return
        from pytest_edgert.plugin import summary

        summary.end_run(self, session, int(exitstatus))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Print the matrix, the skips and why the exit status is what it is."""
        if looks_only(self.config):
            return
        from pytest_edgert.plugin import summary

        summary.print_summary(self, terminalreporter, int(exitstatus))


def looks_only(config: pytest.Config) -> bool:
    """Return whether this run only looks at tests and runs none."""
    option = config.option
    return bool(option.collectonly or getattr(option, "setuponly", False) or getattr(option, "setupplan", False))


def outcome_of(report: pytest.TestReport) -> Outcome:
    """Return how pytest counts a report."""
    from pytest_edgert.plugin import outcomes
    from pytest_edgert.reports.items import Outcome

    if hasattr(report, "wasxfail"):
        return Outcome.XPASSED if report.passed else Outcome.XFAILED
    if not report.failed:
        return Outcome(report.outcome)
    status = outcomes.status_of(report)
    if status is None:
        return Outcome.FAILED if report.when == "call" else Outcome.ERROR
    return Outcome.ERROR if status[0] == "error" else Outcome.FAILED


def _first_line(report: pytest.TestReport) -> str:
    return str(report.longreprtext).strip().partition("\n")[0] if report.failed else ""
