"""Whether what sensors said beside a measurement lets its figure stand: signs in sentences, each with a remedy.

Pure functions of a series of readings and the rules of the device's profile. A sign *voids* where the figure is not
that of the device as it was meant to be measured; otherwise it is told beside the verdict, whatever that is. A FAIL
that a busy host may have caused is voided, a PASS in spite of it is not: a disturbance makes latency longer. It does not
make every inference longer, so a FAIL that the fastest tenth of the samples shares is nobody else's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pytest_edgert.records import Doubt, Plain, Verdict
from pytest_edgert.series import Series
from pytest_edgert.tensors import Array

#: A clock that fell below this share of its highest reading has changed.
_CLOCK_SHARE = 0.9
#: A rise in temperature that is told, in kelvin.
_RISE_K = 10.0
#: CPUs that others used on average, and seconds in each that this process's threads together waited for one: told …
_OTHERS_TOLD, _WAITED_TOLD = 0.25, 0.01
#: … and that void a FAIL, for it may be the host's.
_OTHERS_VOID, _WAITED_VOID = 0.5, 0.05
#: Share of the machine's time that a hypervisor gave to other guests: told, and voiding a FAIL.
_STOLEN_TOLD, _STOLEN_VOID = 0.02, 0.10
#: Share of samples that a busy host leaves alone.
_FASTEST = 0.1
#: Cooling devices that work by making a processor slower; a fan that turns is no throttling.
_SLOWING = ("processor", "cpufreq", "devfreq", "powerclamp", "cpuidle")


@dataclass(frozen=True, slots=True)
class Rules:
    """What voids a measurement on this device, from its profile; the defaults hold for any.

    Args:
        temp_max_c: Highest temperature allowed by sensor, in degrees Celsius.
        throttle_events: Events allowed by cumulative counter; 0 for counters that are not named.
        governor: The governor that makes figures comparable.
    """

    temp_max_c: Mapping[str, float] = field(default_factory=dict)
    throttle_events: Mapping[str, int] = field(default_factory=dict)
    governor: str = "performance"


def distrusted(
    series: Series,
    window_ns: tuple[int, int],
    verdict: Verdict,
    rules: Rules | None = None,
    *,
    peak: bool = True,
    by_load: bool = True,
) -> tuple[Doubt, ...]:
    """Return every sign against a figure that was measured in a window, those that void it first.

    Args:
        series: What sensors said, on the clock of the window.
        window_ns: First start and last end of the counted samples.
        verdict: What the samples say.
        rules: The profile's; the defaults when left out.
        peak: Whether the figure stands for the device unthrottled; in a soak throttling is what is looked for.
        by_load: Whether work of others could have caused a FAIL: not where even undisturbed inferences break the limit.
    """
    rules = Rules() if rules is None else rules
    seen = within(series, window_ns)
    found = [*_throttled(seen, rules), *_hot(seen, rules)] if peak else []
    found += [*_clocks(seen), *_warmer(seen), *_busy(seen, voidable=verdict is Verdict.FAIL and by_load)]
    return tuple(sorted(found, key=lambda doubt: not doubt.voids))


def within(series: Series, window_ns: tuple[int, int]) -> Series:
    """Return the readings from the last one before a window to the first one after it."""
    if not len(series.times_ns):
        return series
    first = max(0, int(np.searchsorted(series.times_ns, window_ns[0], side="right")) - 1)
    last = min(len(series.times_ns), int(np.searchsorted(series.times_ns, window_ns[1], side="left")) + 1)
    return Series(series.names, series.times_ns[first:last], series.values[first:last])


def told_by_texts(conditions: Mapping[str, Plain], rules: Rules | None = None) -> tuple[Doubt, ...]:
    """Return the signs in readings that are words: the governor, where one is told."""
    rules = Rules() if rules is None else rules
    governor = conditions.get("governor")
    if governor in (None, "", rules.governor):
        return ()
    sentence = f"the CPU's governor is {governor}: clocks follow the load"
    return (Doubt("governor", sentence, f"Set it to {rules.governor} for figures that compare."),)


def first_value(durations_ns: Array) -> tuple[Doubt, ...]:
    """Return the sign of a first counted sample that is ten times the median and the longest of all: still warming up."""
    if len(durations_ns) < 2:
        return ()
    median = float(np.median(durations_ns))
    if durations_ns[0] < 10 * median or durations_ns[0] < durations_ns.max():
        return ()
    sentence = (
        f"the first counted sample took {durations_ns[0] / median:.0f} times the median: the warm-up was too short"
    )
    return (Doubt("first-value", sentence, "Warm up for longer: [measure] warmup in the profile."),)


def fastest_breaks(durations_ns: Array, limits_ns: Sequence[float]) -> bool:
    """Return whether even the fastest tenth of the samples lies above one of the limits: no load explains that."""
    if not len(durations_ns) or not limits_ns:
        return False
    return float(np.quantile(durations_ns, _FASTEST)) > min(limits_ns)


def slept(suspended_s: float) -> tuple[Doubt, ...]:
    """Return the sign of a machine that was suspended while it measured."""
    if suspended_s < 0.01:
        return ()
    sentence = f"the machine slept for {suspended_s:.3g} s in the middle of the measurement"
    return (Doubt("suspended", sentence, "Keep it awake, and measure again.", voids=True, passing=True),)


def voiding(doubts: tuple[Doubt, ...], verdict: Verdict) -> Doubt | None:
    """Return what makes a verdict INVALID, None where nothing does; a verdict that is none yet stays what it is."""
    if verdict not in {Verdict.PASS, Verdict.FAIL, Verdict.MEASURED}:
        return None
    return next((doubt for doubt in doubts if doubt.voids), None)


def _throttled(seen: Series, rules: Rules) -> Iterator[Doubt]:
    remedy = (
        "Cool the device, give it power enough, or choose a lower power mode; a soak (--edge-sustained) judges it hot."
    )
    for name in seen.quantity("throttled"):
        share = _share_above(seen.of(name), 0)
        if share > 0:
            sentence = f"{_place(name)} was throttled in {share:.0%} of the readings"
            yield Doubt("throttling", sentence, remedy, voids=True, passing=True)
    for name in seen.quantity("throttle_count"):
        events = _grown(seen.of(name))
        if events > rules.throttle_events.get(name, 0):
            sentence = f"{_place(name)} counted {events:.0f} throttle events"
            yield Doubt("throttling", sentence, remedy, voids=True, passing=True)
    for name in seen.quantity("cooling_state"):
        values = _known(seen.of(name))
        if any(word in name.lower() for word in _SLOWING) and len(values) and values.max() > values[0]:
            sentence = f"cooling device {_place(name)} went from step {values[0]:.0f} to {values.max():.0f}"
            yield Doubt("throttling", sentence, remedy, voids=True, passing=True)


def _hot(seen: Series, rules: Rules) -> Iterator[Doubt]:
    for name, limit_c in rules.temp_max_c.items():
        values = _known(seen.of(name))
        if len(values) and values.max() > limit_c:
            sentence = f"{_place(name)} reached {values.max():.3g} °C, above the {limit_c:g} °C of the profile"
            yield Doubt("temperature", sentence, "Cool the device and measure again.", voids=True, passing=True)


def _clocks(seen: Series) -> Iterator[Doubt]:
    for name in seen.quantity("frequency_hz"):
        values = _known(seen.of(name))
        if len(values) > 1 and values.min() < _CLOCK_SHARE * values.max():
            sentence = (
                f"the clock of {_place(name)} moved between {values.min() / 1e9:.3g} and {values.max() / 1e9:.3g} GHz"
            )
            yield Doubt(
                "frequency", sentence, "Fix the clocks: governor performance, no turbo, or the device's own tool."
            )


def _warmer(seen: Series) -> Iterator[Doubt]:
    for name in seen.quantity("temperature_c"):
        values = _known(seen.of(name))
        if len(values) > 1 and values[-1] - values[0] >= _RISE_K:
            sentence = f"{_place(name)} went from {values[0]:.3g} to {values[-1]:.3g} °C"
            yield Doubt("warming", sentence, "Judge it hot with --edge-sustained.")


def _busy(seen: Series, *, voidable: bool) -> Iterator[Doubt]:
    if len(seen.times_ns) < 2:
        return
    span_s = (int(seen.times_ns[-1]) - int(seen.times_ns[0])) / 1e9
    machine, own = _grown(seen.of("cpu_busy_s.machine")), _grown(seen.of("cpu_s.process"))
    others, waited = max(0.0, machine - own) / span_s, _grown(seen.of("run_delay_s.process")) / span_s
    stolen = _grown(seen.of("cpu_steal_s.machine")) / span_s
    if others >= _OTHERS_TOLD and waited >= _WAITED_TOLD:
        voids = voidable and others >= _OTHERS_VOID and waited >= _WAITED_VOID
        sentence = f"the host was busy: others used {others:.1f} CPUs, and threads of the runtime waited {waited:.2g} s of each second for one"
        yield Doubt("busy-host", sentence, "Stop what else runs there, and measure again.", voids=voids, passing=True)
    if stolen >= _STOLEN_TOLD:
        voids = voidable and stolen >= _STOLEN_VOID
        sentence = f"the hypervisor gave {stolen:.2g} CPUs of this machine's time to others"
        yield Doubt("stolen", sentence, "Measure on a machine of its own.", voids=voids, passing=True)


def _known(values: Array) -> Array:
    known: Array = values[np.isfinite(values)]
    return known


def _grown(values: Array) -> float:
    """Return how far a cumulative reading rose; 0 where it was not read twice, and never less."""
    known = _known(values)
    return max(0.0, float(known[-1] - known[0])) if len(known) > 1 else 0.0


def _share_above(values: Array, limit: float) -> float:
    known = _known(values)
    return float(np.mean(known > limit)) if len(known) else 0.0


def _place(name: str) -> str:
    return name.partition(".")[2] or name
