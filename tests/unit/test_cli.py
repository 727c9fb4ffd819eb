"""The command `edgert`: what it prints and the status it ends with."""

import json
import shutil
from pathlib import Path

import pytest

from pytest_edgert import cli
from pytest_edgert.records import Presence, PresenceState

BOARD = 'schema = 1\nid = "{id}"\ntitle = "Board"\n{rest}'
CPU = Presence("cpu", PresenceState.USABLE)
CUDA = Presence("cuda", PresenceState.ABSENT, "this build has no CUDA provider.", "pip install onnxruntime-gpu")


def state(name="engine", accelerators=(CPU,), **changes):
    values = {"installed": True, "version": "1.2", "remedy": "", "enumerated": True, **changes}
    return cli.RuntimeState(name=name, accelerators=accelerators, **values)


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
            "frequency_max_hz": None,
            "cores_quota": None,
        },
        "conditions": {"frequency_hz": 1_500_000_000, "temperature_c.cpu-thermal": 45.53, "load_1min": 0.5},
        "profile": "linux-generic",
        "profile_path": "/p/linux-generic.toml",
        "profile_reason": "os is linux",
        "others": {"jetson": ("arch is x86_64, wanted aarch64",)},
    }
    return cli.Diagnosis(**{**values, **changes}, runtimes=runtimes)


def text(*runtimes, **changes):
    return "\n".join(cli._diagnosis_lines(diagnosis(*runtimes, **changes)))


def squeezed(shown):
    return " ".join(shown.split())


@pytest.mark.parametrize(
    "said",
    [
        "memory 8.00 GiB",
        "frequency 1.50 GHz",
        "temperature cpu-thermal 45.53 °C",
        "frequency max unknown: nothing here tells",
        "cores quota none is set",
        "load 1min 0.5",
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


def test_profiles_list_names_each_profile_with_aliases_and_file(tmp_path, capsys):
    path = tmp_path / "board.toml"
    path.write_text(BOARD.format(id="board", rest='aliases = ["b1", "b2"]'))
    assert cli.main(["profiles", "list", f"--profiles={tmp_path}"]) == 0
    shown = capsys.readouterr().out
    assert f"board (also b1, b2)\n    Board\n    {path}\n" in shown
    assert "linux-generic (also linux)" in shown


def test_profiles_of_the_current_folder_are_listed(tmp_path, capsys, monkeypatch):
    (tmp_path / "device_profiles").mkdir()
    (tmp_path / "device_profiles/mine.toml").write_text(BOARD.format(id="mine", rest=""))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["profiles"]) == 0
    assert capsys.readouterr().out.startswith("mine\n")


def test_a_malformed_profile_ends_with_status_1_and_names_the_file(tmp_path, capsys):
    (tmp_path / "bad.toml").write_text(BOARD.format(id="bad", rest="alias = 1"))
    assert cli.main(["profiles", "list", f"--profiles={tmp_path}"]) == 1
    assert "unknown key 'alias'. Did you mean 'aliases'?" in squeezed(capsys.readouterr().err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["golden", "prune"],
        ["profiles", "show", "linux"],
        ["profiles", "check"],
        ["doctor", "--device=pi"],
    ],
)
def test_what_is_not_built_is_refused_with_status_2(arguments, capsys):
    assert cli.main(arguments) == 2
    assert "is not built yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [[], ["docter"], ["bench"], ["bench", "a.onnx", "--format=xml"], ["doctor", "--jsn"], ["profiles", "lst"]],
)
def test_a_wrong_command_line_ends_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: edgert" in capsys.readouterr().err


def test_doctor_tells_json_of_this_machine(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    onnxruntime = next(runtime for runtime in told["runtimes"] if runtime["name"] == "onnxruntime")
    assert {"name": "cpu", "state": "usable", "reason": "", "remedy": ""} in onnxruntime["accelerators"]
    assert told["profile"] == "linux-generic"
    assert told["facts"]["os"] == "linux"


def test_doctor_tells_why_each_missing_accelerator_is_missing(capsys):
    cli.main(["doctor", "--json"])
    runtimes = json.loads(capsys.readouterr().out)["runtimes"]
    missing = [one for runtime in runtimes for one in runtime["accelerators"] if one["state"] != "usable"]
    assert missing
    assert all(one["reason"] and one["remedy"] for one in missing)


def test_goldens_below_a_folder_are_listed_with_their_problems(tmp_path, capsys):
    example = Path(__file__).parents[2] / "examples" / "digits" / "goldens"
    shutil.copytree(example, tmp_path / "deep" / "goldens")
    assert cli.main(["golden", "list", str(tmp_path)]) == 0
    assert "gate--digits--digits.onnx" in capsys.readouterr().out
    next((tmp_path / "deep" / "goldens").glob("*.safetensors")).unlink()
    assert cli.main(["golden", "list", str(tmp_path)]) == 1
    assert "PROBLEM" in capsys.readouterr().out


def test_a_folder_of_goldens_that_is_not_there_is_named(tmp_path, capsys):
    assert cli.main(["golden", "list", str(tmp_path / "nowhere")]) == 1
    assert "nowhere is not a folder" in capsys.readouterr().err
