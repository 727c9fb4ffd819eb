"""What `edgert doctor` prints, and the status it ends with."""

import json

import pytest

from pytest_edgert import cli, cli_doctor
from pytest_edgert.job.watch import MeterState
from pytest_edgert.records import Presence, PresenceState

CPU = Presence("cpu", PresenceState.USABLE)
CUDA = Presence("cuda", PresenceState.ABSENT, "this build has no CUDA provider.", "pip install onnxruntime-gpu")
USABLE = PresenceState.USABLE
ZONES = MeterState(
    "a:METER",
    "thermal",
    (
        Presence("temperature_c.cpu-thermal", USABLE),
        Presence("temperature_c.gpu-thermal", PresenceState.UNUSABLE, "it sleeps", "Wake it."),
        Presence("temperature_c.npu-thermal", USABLE),
    ),
    {"temperature_c.cpu-thermal": 45.53, "temperature_c.npu-thermal": None},
)
ENERGY = MeterState("b:METER", "rapl", (Presence("energy_j.package-0", USABLE),), {"energy_j.package-0": 12.5})
FIGURES = {
    "load_1min": 0.5,
    "rss_bytes.process": 30.0 * 2**20,
    "device_memory_bytes.gpu0": 2.0 * 2**30,
    "throttled.gpu0.hw_slowdown": 1.0,
}
HOST = MeterState("c:METER", "host", tuple(Presence(name, USABLE) for name in FIGURES), FIGURES)
BROKEN = MeterState("odd.meter:METER", reason="It cannot be loaded.")
NO_GPU = MeterState("d:METER", "nvml", (Presence("*", PresenceState.ABSENT, "no driver", "Nothing to do."),))


def state(name="engine", accelerators=(CPU,), **changes):
    values = {"installed": True, "version": "1.2", "remedy": "", "enumerated": True, **changes}
    return cli_doctor.RuntimeState(name=name, accelerators=accelerators, **values)


def diagnosis(*runtimes, **changes):
    values = {
        "schema": 1,
        "tool_version": "0.1.0",
        "python": "3.11.2",
        "facts": {
            "os": "linux",
            "memory_bytes": 8 * 2**30,
            "virtualised": True,
            "governor": None,
            "frequency_hz": 1_500_000_000,
            "frequency_max_hz": None,
            "cores_quota": None,
        },
        "meters": (ZONES, ENERGY, HOST, BROKEN, NO_GPU),
        "missing": {"thermal:tj-thermal": "no temperature sensor is called 'tj-thermal' here"},
        "profile": "linux-generic",
        "profile_path": "/p/linux-generic.toml",
        "profile_reason": "os is linux",
        "others": {"jetson": ("arch is x86_64, wanted aarch64",)},
    }
    return cli_doctor.Diagnosis(**{**values, **changes}, runtimes=runtimes)


def text(*runtimes, **changes):
    return "\n".join(cli_doctor._diagnosis_lines(diagnosis(*runtimes, **changes)))


def squeezed(shown):
    return " ".join(shown.split())


@pytest.mark.parametrize(
    "said",
    [
        "memory 8.00 GiB",
        "frequency 1.50 GHz",
        "thermal temperature_c.cpu-thermal 45.53 °C",
        "temperature_c.gpu-thermal unusable: it sleeps -> Wake it.",
        "temperature_c.npu-thermal no number just now",
        "rapl energy_j.package-0 12.50 J",
        "host load_1min 0.5",
        "rss_bytes.process 30.0 MiB",
        "device_memory_bytes.gpu0 2.00 GiB",
        "throttled.gpu0.hw_slowdown 1",
        "odd.meter:METER: cannot be asked It cannot be loaded.",
        "nvml absent: no driver -> Nothing to do.",
        "missing The profile names thermal:tj-thermal: no temperature sensor is called 'tj-thermal' here.",
        "frequency max unknown: nothing here tells",
        "cores quota none is set",
        "virtualised yes",
        "governor unknown: nothing here tells",
        "profile linux-generic (/p/linux-generic.toml)",
        "not jetson: arch is x86_64, wanted aarch64",
    ],
)
def test_the_diagnosis_shows_readings_as_people_write_them(said):
    assert said in squeezed(text(state()))


def test_a_missing_accelerator_comes_with_reason_and_remedy():
    shown = squeezed(text(state(accelerators=(CPU, CUDA))))
    assert "cuda absent: this build has no CUDA provider. -> pip install onnxruntime-gpu" in shown


def test_a_missing_runtime_comes_with_its_remedy():
    missing = state("other", (), installed=False, version="", remedy='pip install "pytest-edgert[other]"')
    assert 'other: not installed -> pip install "pytest-edgert[other]"' in squeezed(text(state(), missing))


def test_a_runtime_that_is_never_enumerated_says_so():
    assert "engine 1.2, used only when named" in text(state(enumerated=False))


def test_nothing_usable_is_said():
    assert "No runtime is usable here" in text(state(accelerators=(CUDA,)), state("fake", enumerated=False))
    assert "No runtime is usable here" not in text(state())


def test_a_machine_is_sound_with_a_profile_and_a_runtime_that_need_not_be_named():
    assert diagnosis(state(accelerators=(CUDA, CPU))).sound
    assert not diagnosis(state(), profile="").sound
    assert not diagnosis(state(accelerators=(CUDA,)), state("fake", enumerated=False)).sound
    assert not diagnosis().sound


def test_no_matching_profile_is_said_with_the_reason():
    assert "profile none: nothing matches" in squeezed(text(profile="", profile_reason="nothing matches"))


def test_no_line_is_wider_than_100_columns():
    long = Presence("npu", PresenceState.UNUSABLE, "a reason of many words " * 12, "a remedy of many words " * 12)
    assert max(map(len, text(state(accelerators=(long,))).splitlines())) <= 100


@pytest.mark.slow
def test_doctor_tells_json_of_this_machine(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    onnxruntime = next(runtime for runtime in told["runtimes"] if runtime["name"] == "onnxruntime")
    assert {"name": "cpu", "state": "usable", "reason": "", "remedy": ""} in onnxruntime["accelerators"]
    assert told["profile"] == "linux-generic"
    assert told["facts"]["os"] == "linux"


@pytest.mark.slow
def test_doctor_tells_why_each_missing_accelerator_is_missing(capsys):
    cli.main(["doctor", "--json"])
    runtimes = json.loads(capsys.readouterr().out)["runtimes"]
    missing = [one for runtime in runtimes for one in runtime["accelerators"] if one["state"] != "usable"]
    assert missing
    assert all(one["reason"] and one["remedy"] for one in missing)


@pytest.mark.slow
def test_doctor_reads_the_sensors_of_this_machine_in_a_worker(capsys):
    cli.main(["doctor", "--json"])
    meters = {meter["name"]: meter for meter in json.loads(capsys.readouterr().out)["meters"]}
    assert list(meters) == ["cooling", "cpufreq", "host", "hwmon", "nvml", "rapl", "thermal"]
    assert meters["host"]["readings"]["load_1min"] >= 0
    told = [one for meter in meters.values() for one in meter["sensors"]]
    assert not [one for one in told if one["state"] != "usable" and not one["reason"]]
    assert not [meter["name"] for meter in meters.values() if meter["reason"]]
