"""Signs and sensors beside a measurement, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hand_made import latency_record

from pytest_edgert.records import Doubt, Sensor, Verdict
from pytest_edgert.reports import beside_text, terminal, text

BUSY = Doubt("busy-host", "the host was busy: others used 1.2 CPUs", "Stop what else runs there.")
HOT = Doubt("throttling", "gpu0 was throttled", "Cool it.", voids=True)


@pytest.mark.parametrize(
    ("sensor", "words"),
    [
        (Sensor("temperature_c.cpu", 5, 55.0, 61.0, 52.0, 63.5), "temperature cpu 55 °C → 61 °C (52 °C … 63.5 °C)"),
        (Sensor("frequency_hz.policy0", 5, 2.4e9, 2.4e9, 2.4e9, 2.4e9), "frequency policy0 2.4 GHz"),
        (Sensor("energy_j.package-0", 5, 100.0, 112.5, 100.0, 112.5), "energy package-0 +12.5 J"),
        (Sensor("power_w.gpu0", 5, 4.0, 4.5, 4.0, 4.5), "power gpu0 4 W → 4.5 W (4 W … 4.5 W)"),
        (Sensor("throttle_count.cpu0", 2, 3.0, 5.0, 3.0, 5.0), "throttle_count.cpu0 +2"),
        (Sensor("temperature_c.gone", 0), "temperature_c.gone no reading"),
    ],
)
def test_a_sensor_is_told_by_how_it_moved(sensor: Sensor, words: str) -> None:
    assert beside_text.sensor_text(sensor) == words


def test_a_failure_names_each_sign_with_its_remedy_and_the_sensors() -> None:
    record = replace(
        latency_record(),
        doubts=(HOT, BUSY),
        sensors=(Sensor("load_1min.machine", 1, 0.5, 0.5, 0.5, 0.5), Sensor("x_c.y", 0)),
    )
    told = "\n".join(text.sentences(record))
    assert "  void: gpu0 was throttled. Cool it." in told
    assert "  beside: the host was busy: others used 1.2 CPUs. Stop what else runs there." in told
    assert "  sensors: load_1min.machine 0.5" in told
    assert "x_c.y" not in told


def test_many_sensors_are_counted_rather_than_listed() -> None:
    many = tuple(Sensor(f"temperature_c.z{i}", 1, 1.0, 1.0, 1.0, 1.0) for i in range(20))
    (line,) = beside_text.lines(replace(latency_record(), sensors=many))
    assert "z11" in line
    assert "z12" not in line
    assert line.endswith("and 8 more in the samples file")


def test_a_green_check_tells_its_signs_once_in_the_summary() -> None:
    green = replace(latency_record(Verdict.PASS), doubts=(BUSY,))
    lines = [line.text for line in terminal.summary_lines([green, green], [], 120)]
    assert [line for line in lines if line.startswith("beside:")] == [
        "beside: latency of digits.onnx on onnxruntime:cpu: the host was busy: others used 1.2 CPUs (and 1 more like it)."
    ]


def test_a_failing_check_tells_its_signs_where_it_failed_and_not_again() -> None:
    red = replace(latency_record(Verdict.FAIL), doubts=(BUSY,))
    assert list(beside_text.told([red])) == []


def test_what_was_timed_and_cut_off_is_told() -> None:
    record = latency_record()
    assert record.latency is not None
    told = "\n".join(text.sentences(replace(record, latency=replace(record.latency, inferences=9000, cut_n=400))))
    assert "n = 1,500 of 9,000 inferences" in told
    assert "of which 400 timed ones were cut off as a longer warm-up" in told
