"""What one run of the harness knows: the device, where raw samples go, and how long a verdict may take."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_edgert import clock
from pytest_edgert.records import LatencyPlan, Plain

if TYPE_CHECKING:
    from pytest_edgert.verdicts.trust import Rules


def silent(text: str) -> None:
    """Show no progress."""


def no_conditions() -> Mapping[str, Plain]:
    """Read no conditions."""
    return {}


def always_ready() -> None:
    """Wait for nothing."""


@dataclass(frozen=True, slots=True)
class Run:
    """The setting of all checks of one run.

    Args:
        device: Id of the device's profile.
        facts: What the device says of itself.
        folder: Where raw samples go; see `make_run_folder`.
        seed: Seed of generated feeds.
        plan: How latency is measured; the budgets are each check's own.
        latency_workers: Fresh workers that must each give a latency verdict; 3 in acceptance.
        conditions: Reads load, temperature and clocks beside a measurement; null for "no sensor".
        progress: Takes one line of progress; "" ends it.
        ready: Returns when the profile's conditions hold; raises NotRunError when they do not in time.
        rules: What voids a measurement on this device; None for what holds on any.
        power_meters: References of the meters that energy is read from, "module:attribute".
        power_sensors: Sensors that make up the device, as its profile names them, "meter:place"; empty for a rule.
    """

    device: str
    folder: Path
    facts: Mapping[str, Plain] = field(default_factory=dict)
    seed: int = 0
    plan: LatencyPlan = field(default_factory=LatencyPlan)
    latency_workers: int = 1
    conditions: Callable[[], Mapping[str, Plain]] = no_conditions
    progress: Callable[[str], None] = silent
    ready: Callable[[], None] = always_ready
    rules: Rules | None = None
    power_meters: tuple[str, ...] = ()
    power_sensors: tuple[str, ...] = ()


def make_run_folder(root: Path) -> Path:
    """Make a folder of this run's own below ``root/.edgert/runs``, or in the temporary folder where that is read-only."""
    name = f"{clock.utc_now().replace(':', '').replace('+0000', 'Z')}-{os.getpid()}"
    try:
        folder = root / ".edgert" / "runs" / name
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix=f"edgert-{name}-"))
    return folder
