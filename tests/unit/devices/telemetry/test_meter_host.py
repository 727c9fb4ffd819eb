"""The host's own figures: on this machine, and on trees of /proc (forms: proc(5), sched-stats.rst)."""

import os
import threading
from pathlib import Path

import pytest

from pytest_edgert.devices.telemetry import host
from pytest_edgert.records import PresenceState

STAT = "cpu  1000 20 300 90000 50 6 7 80 5 5\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
TICKS = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def machine(tmp_path):
    def write(tree):
        for path, text in tree.items():
            target = tmp_path / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return tmp_path

    return write


def threads(**counters):
    """Return the files of threads by number: nanoseconds waited, and preemptions."""
    tree = {}
    for number, (waited, preempted) in counters.items():
        folder = f"/proc/self/task/{number.removeprefix('t')}"
        tree[f"{folder}/schedstat"] = f"1000 {waited} 5\n"
        tree[f"{folder}/status"] = f"Name:\ta\nnonvoluntary_ctxt_switches:\t{preempted}\n"
    return tree


def test_this_machine_tells_all_of_it():
    told = {one.name: one.state for one in host.METER.sensors(Path("/"))}
    assert told == dict.fromkeys(
        (
            "load_1min",
            "cpu_busy_s.machine",
            "cpu_steal_s.machine",
            "cpu_s.process",
            "run_delay_s.process",
            "preempted_count.process",
            "rss_bytes.process",
        ),
        PresenceState.USABLE,
    )


def test_the_resident_set_of_this_process_is_told_in_bytes():
    reader = host.METER.open(Path("/"))
    before = reader.read()["rss_bytes.process"]
    ballast = bytearray(b"x" * 64 * 2**20)
    after = reader.read()["rss_bytes.process"]
    assert 48 * 2**20 < after - before < 80 * 2**20
    assert ballast


def test_processor_time_of_this_process_grows_with_its_work():
    reader = host.METER.open(Path("/"))
    before, started = reader.read(), sum(os.times()[:2])
    while sum(os.times()[:2]) - started < 0.1:
        pass
    after = reader.read()
    assert after["cpu_s.process"] - before["cpu_s.process"] == pytest.approx(0.1, abs=0.05)
    assert after["cpu_busy_s.machine"] > before["cpu_busy_s.machine"]


def test_waiting_and_preemptions_of_a_thread_that_ended_are_kept():
    reader = host.METER.open(Path("/"))
    told = [reader.read()]
    go_on = threading.Event()
    worker = threading.Thread(target=go_on.wait)
    worker.start()
    told.append(reader.read())
    go_on.set()
    worker.join()
    told.append(reader.read())
    for name in ("run_delay_s.process", "preempted_count.process"):
        values = [reading[name] for reading in told]
        assert values == sorted(values)
    assert reader.troubles() == {}


def test_busy_is_all_but_idle_waiting_and_stolen_time(machine):
    readings = host.METER.open(machine({"/proc/stat": STAT})).read()
    assert readings == {"cpu_busy_s.machine": (1000 + 20 + 300 + 6 + 7) / TICKS, "cpu_steal_s.machine": 80 / TICKS}


def test_a_process_whose_name_looks_like_figures_is_read_right(machine):
    fields = " ".join(str(number) for number in range(1, 50))
    root = machine({"/proc/self/stat": f"42 (9 9) R 9 (9) R {fields}\n"})
    # utime and stime are the fields 14 and 15 of proc(5); the state is the third, and stands before the 1.
    assert host.METER.open(root).read() == {"cpu_s.process": (11 + 12) / TICKS}


def test_threads_are_summed_and_one_that_ends_takes_nothing_away(machine):
    root = machine(threads(t1=(2_000_000_000, 3), t2=(1_000_000_000, 1)))
    reader = host.METER.open(root)
    assert reader.read() == {"run_delay_s.process": 3.0, "preempted_count.process": 4.0}
    for file in ("schedstat", "status"):
        (root / "proc/self/task/2" / file).unlink()
    (root / "proc/self/task/2").rmdir()
    machine(threads(t1=(2_500_000_000, 4)))
    assert reader.read() == {"run_delay_s.process": 3.5, "preempted_count.process": 5.0}


def test_a_new_thread_of_an_old_number_counts_from_its_own_zero(machine):
    reader = host.METER.open(machine(threads(t1=(2_000_000_000, 3), t2=(1_000_000_000, 9))))
    reader.read()
    machine(threads(t2=(500_000_000, 2)))
    assert reader.read() == {"run_delay_s.process": 3.5, "preempted_count.process": 14.0}


def test_a_thread_that_cannot_be_read_for_a_moment_is_not_counted_twice(machine):
    root = machine(threads(t1=(1_000_000_000, 3), t2=(1_000_000_000, 1)))
    reader = host.METER.open(root)
    reader.read()
    machine({"/proc/self/task/2/schedstat": ""})
    assert reader.read()["run_delay_s.process"] == 2.0
    machine(threads(t2=(1_250_000_000, 1)))
    assert reader.read()["run_delay_s.process"] == 2.25


def test_a_kernel_that_does_not_account_waiting_tells_none(machine):
    root = machine({**threads(t1=(0, 3)), "/proc/self/task/1/schedstat": "0 0 0\n"})
    assert host.METER.open(root).read() == {"run_delay_s.process": None, "preempted_count.process": 3.0}


def test_a_machine_whose_time_goes_back_is_none_and_told(machine):
    reader = host.METER.open(machine({"/proc/stat": STAT}))
    reader.read()
    machine({"/proc/stat": STAT.replace("1000", "100")})
    assert reader.read()["cpu_busy_s.machine"] is None
    assert list(reader.troubles()) == ["cpu_busy_s.machine"]


@pytest.mark.parametrize("text", ["nan 0 0", "1e3 0 0", "-1.0 0 0", "", "0.5"])
def test_a_load_that_is_none_is_none(machine, text):
    root = machine({"/proc/loadavg": text})
    assert host.METER.open(root).read() == {"load_1min": None}
    assert [one.state for one in host.METER.sensors(root)] == [PresenceState.UNUSABLE]
