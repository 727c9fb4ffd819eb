"""Progress of what takes longer than a second, on a terminal only: never in a pipe, in CI or in an xdist worker."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from pytest_edgert import clock

if TYPE_CHECKING:
    import pytest

#: Silence before the first line of an activity, in nanoseconds.
QUIET_NS = 1_000_000_000
#: Shortest time between two lines, in nanoseconds.
EVERY_NS = 200_000_000


class Progress:
    """One line that is overwritten while an activity lasts; call it with text, and with "" at the end.

    Args:
        show: Writes one line over the last one; "" clears it.
        now_ns: The clock.
    """

    def __init__(self, show: Callable[[str], None], now_ns: Callable[[], int] = clock.monotonic_ns) -> None:
        self._show = show
        self._now_ns = now_ns
        self._started_ns: int | None = None
        self._shown_ns: int | None = None

    def __call__(self, text: str) -> None:
        """Take one line of progress; "" ends the activity."""
        if text:
            self.update(text)
        else:
            self.done()

    def update(self, text: str) -> None:
        """Show `text` once the activity has lasted over a second, a few times a second at most."""
        now = self._now_ns()
        if self._started_ns is None:
            self._started_ns = now
        waited = now - self._started_ns > QUIET_NS
        if waited and (self._shown_ns is None or now - self._shown_ns >= EVERY_NS):
            self._shown_ns = now
            self._show(text)

    def done(self) -> None:
        """End the activity and clear its line."""
        if self._shown_ns is not None:
            self._show("")
        self._started_ns = self._shown_ns = None


def progress_printer(config: pytest.Config) -> Callable[[str], None]:
    """Return what takes the progress of this run: a `Progress` on a terminal, else something that shows nothing."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    in_ci = bool(os.environ.get("CI") or os.environ.get("BUILD_NUMBER"))
    if reporter is None or in_ci or hasattr(config, "workerinput") or not reporter.isatty:
        return _show_nothing
    return Progress(lambda text: _rewrite(config, reporter, text))


def _show_nothing(text: str) -> None:
    """Drop a line of progress."""


def _rewrite(config: pytest.Config, reporter: pytest.TerminalReporter, text: str) -> None:
    """Write over the terminal's current line, past pytest's capture."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
        reporter.rewrite(text[: reporter._tw.fullwidth - 1], erase=True)  # noqa: SLF001 - as in pytest's own `rewrite`
        reporter.flush()
