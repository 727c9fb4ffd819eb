from __future__ import annotations

from dataclasses import replace

from hand_made import CELL, latency_record, size_record

from pytest_edgert.records import Cell, Verdict
from pytest_edgert.reports import terminal
from pytest_edgert.reports.items import ItemOutcome, Outcome


def lines(records: list, items: list[ItemOutcome] | None = None, width: int = 100) -> list[str]:
    return [line.text for line in terminal.summary_lines(records, items or [], width)]


def skipped(name: str, reason: str = "No GPU.", remedy: str = "Plug one in.") -> ItemOutcome:
    return ItemOutcome(name, Outcome.SKIPPED, check="latency", cell=CELL, reason=reason, remedy=remedy)


def test_the_matrix_has_a_row_per_check_with_verdict_and_figure() -> None:
    assert lines([size_record(), latency_record()]) == [
        "digits:",
        "           digits.onnx",
        "           onnxruntime:cpu",
        "  size     MEASURED artefact 64.3 kB",
        "  latency  FAIL p95 7.12 ms [6.9 ms, 7.3 ms]",
        "budget: overrides p95 <= 8 ms from digits.edge.toml",
    ]


def test_a_recorded_golden_is_said_with_its_path() -> None:
    recorded = replace(size_record(), check="golden", reason="Recorded goldens/x.golden.json: There was no golden.")
    assert lines([recorded])[-1] == (
        "golden: Recorded goldens/x.golden.json: There was no golden. Look at it before it is committed."
    )


def test_cells_stand_side_by_side_where_there_is_room_and_below_where_there_is_none() -> None:
    other = replace(size_record(), cell=Cell("digits", "digits.ort", "", "onnxruntime:cpu"))
    assert any("digits.onnx" in line and "digits.ort" in line for line in lines([size_record(), other], width=100))
    assert not any("digits.onnx" in line and "digits.ort" in line for line in lines([size_record(), other], width=40))


def test_each_model_has_a_table_of_its_own() -> None:
    other = replace(size_record(), cell=Cell("faces", "faces.onnx", "", "onnxruntime:cpu"))
    assert [line for line in lines([size_record(), other]) if line.endswith(":")] == ["digits:", "faces:"]


def test_a_check_done_twice_shows_the_worse_verdict_and_how_often() -> None:
    assert "  size     FAIL ×2 artefact 64.3 kB, limit 60 kB" in [
        line.replace("  size  ", "  size     ", 1) for line in lines([size_record(Verdict.FAIL, 6e4), size_record()])
    ]


def test_a_skipped_cell_is_in_the_matrix() -> None:
    assert "  latency  skipped" in lines([], [skipped("a")])


def test_a_check_with_nothing_to_judge_is_not_called_skipped() -> None:
    item = replace(skipped("a", "digits.onnx is not quantised.", ""), applies=False)
    assert lines([], [item])[3:] == [
        "  latency  not applicable",
        "not applicable 1: digits.onnx is not quantised.",
        "hardware tests: ran 0 / skipped 0 / not applicable 1",
    ]


def test_skips_are_grouped_by_reason_and_remedy() -> None:
    told = lines([], [skipped("a"), skipped("b"), skipped("c", "No NPU.", "")])
    assert [line for line in told if "skipped " in line or "remedy" in line] == [
        "skipped 2: No GPU.",
        "    remedy: Plug one in.",
        "skipped 1: No NPU.",
        "hardware tests: ran 0 / skipped 3 (No GPU.; No NPU.)",
    ]


def test_what_did_not_run_is_named_and_the_rest_counted() -> None:
    items = [ItemOutcome(f"t{n}", Outcome.NOTRUN, Verdict.NOTRUN, reason="interrupted") for n in range(7)]
    told = lines([], items)
    assert told[0] == "NOTRUN 7: interrupted"
    assert told[1:7] == ["    t0", "    t1", "    t2", "    t3", "    t4", "    and 2 more"]


def test_a_swallowed_verdict_is_told() -> None:
    record = replace(latency_record(), nodeid="a")
    told = lines([record], [ItemOutcome("a", Outcome.PASSED)])
    assert any(line.startswith("passed although a check ended FAIL: latency") for line in told)


def test_nothing_is_said_of_a_run_without_anything() -> None:
    assert lines([]) == []


def test_the_header_names_device_runtimes_threads_and_seed() -> None:
    told = terminal.header_lines(
        device="linux",
        facts={"cpu_model": "Some CPU", "governor": None},
        runtimes={"onnxruntime": "1.2.3"},
        threads=2,
        seed=7,
        gate_files=["a.edge.toml"],
    )
    assert told == [
        "edgert: device linux (cpu_model Some CPU)",
        "edgert: runtimes onnxruntime 1.2.3; threads 2; seed 7",
        "edgert: gate file a.edge.toml",
    ]


def test_the_header_says_when_no_runtime_is_installed() -> None:
    told = terminal.header_lines(device="linux", facts={}, runtimes={}, threads=None, seed=0)
    assert told[1] == "edgert: runtimes none installed; threads by the runtime; seed 0"
