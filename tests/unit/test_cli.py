"""The command `edgert`: what it prints and the status it ends with."""

import shutil
from pathlib import Path

import pytest

from pytest_edgert import cli

BOARD = 'schema = 1\nid = "{id}"\ntitle = "Board"\n{rest}'


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
    assert "unknown key 'alias'. Did you mean 'aliases'?" in " ".join(capsys.readouterr().err.split())


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
