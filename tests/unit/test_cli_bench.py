"""``edgert bench``: the command line read, the exit status, and one real table in every format."""

import csv
import json
from pathlib import Path

import jsonschema
import pytest

from pytest_edgert import cli
from pytest_edgert.bench_records import BenchTable
from pytest_edgert.cli_bench import own_words
from pytest_edgert.codec import json_schema

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits.onnx"
ORT = "--target=onnxruntime:cpu"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def bench(capsys, *arguments):
    status = cli.main(["bench", *map(str, arguments)])
    shown = capsys.readouterr()
    return status, shown.out, " ".join(shown.err.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seconds=0"], "--seconds: '0' is not a number of seconds above 0"),
        (["--seconds=nan"], "--seconds: 'nan' is not a number of seconds"),
        (["--seconds=fast"], "--seconds: 'fast' is not a number of seconds"),
        (["--threads=0"], "--threads: '0' is not a whole number from 1"),
        (["--threads=two"], "--threads: 'two' is not a whole number from 1"),
        (["--seed=-1"], "--seed: '-1' is not a whole number from 0"),
        (["--wait=5"], "--wait: '5' has no unit."),
        (
            ["--target=onnxruntim"],
            "--target: unknown runtime 'onnxruntim' in 'onnxruntim'. Did you mean 'onnxruntime'?",
        ),
        (["--target=onnxruntime:cpux"], "--target: onnxruntime has no accelerator 'cpux'. Did you mean 'cpu'?"),
        (["--option=x"], "--option: 'x' is not TARGET.KEY=VALUE. Write e.g. --option="),
        (["--option=onnxruntime:cpu.optimisation=all"], "Did you mean 'optimization'?"),
        (["--option=onnxruntime:cpu.threads=4"], "has the same number of threads. Write --threads=4"),
        (["--profiles=nowhere"], "--profiles: nowhere is not a folder. Name a folder of device profiles"),
        (["--shape=1x3"], "--shape: '1x3' is not INPUT=SHAPE. Write e.g. --shape=image="),
    ],
)
def test_a_wrong_value_ends_with_status_2_and_one_error(capsys, arguments, said):
    status, out, err = bench(capsys, DIGITS, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("edgert: ")
    assert said in err


def test_an_empty_model_ends_with_status_2(capsys):
    assert bench(capsys, "")[::2] == (2, "edgert: MODEL: the path is empty. Write edgert bench MODEL.onnx.")


def test_messages_of_the_gate_name_the_options_of_this_command():
    assert own_words("Add --edge-target=fake, not --edge-accept.") == "Add --target=fake, not --edge-accept."


def test_a_missing_file_is_a_row_with_its_reason_and_status_1(capsys):
    status, out, _ = bench(capsys, "absent.onnx", "--format=json")
    (row,) = json.loads(out)["rows"]
    assert status == 1
    assert "absent.onnx" in row["reason"]
    assert row["latency"] is None


def test_a_file_that_is_no_model_is_a_row_with_its_reason_and_status_1(capsys, tmp_path):
    (tmp_path / "notes.onnx").write_text("these are notes")
    status, out, _ = bench(capsys, "notes.onnx", ORT)
    assert status == 1
    assert "notes.onnx on no target: " in out


@pytest.mark.slow
def test_a_target_that_is_missing_is_a_row_beside_the_measured_one(capsys):
    status, out, err = bench(
        capsys, DIGITS, ORT, "--target=onnxruntime:tensorrt", "--format=csv", "--seconds=0.1", "--threads=1"
    )
    measured, missing = csv.DictReader(out.splitlines())
    assert (status, err) == (1, "")
    assert float(measured["p50_s"]) > 0
    assert (missing["target"], missing["p50_s"]) == ("onnxruntime:tensorrt", "")
    assert "onnxruntime:tensorrt is missing" in missing["reason"]
    assert missing["remedy"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json"])
def test_a_real_comparison_is_written_in_every_format(capsys, form):
    status, out, err = bench(
        capsys, DIGITS, DIGITS, ORT, "--seconds=0.2", "--threads=1", "--seed=5", f"--format={form}"
    )
    assert (status, err) == (0, "")
    assert out.count("digits.onnx") == 1
    assert "onnxruntime:cpu" in out
    if form == "json":
        told = json.loads(out)
        jsonschema.validate(told, json_schema(BenchTable, "edgert bench"))
        assert (told["threads"], told["seed"], told["rows"][0]["options"]["threads"]) == (1, 5, 1)
        assert Path(told["rows"][0]["latency"]["samples_path"]).is_file()


@pytest.mark.slow
def test_every_installed_runtime_that_reads_the_file_gets_a_row_without_being_named(capsys):
    status, out, _ = bench(capsys, DIGITS, "--seconds=0.1", "--format=csv")
    targets = [row["target"] for row in csv.DictReader(out.splitlines())]
    assert status == 0
    assert "onnxruntime:cpu" in targets
    assert not any("+" in target or target.startswith(("fake", "reference")) for target in targets)
