"""What people read of tests on blocks."""

from __future__ import annotations

from dataclasses import replace

from hand_made import CELL

from pytest_edgert.records import BlockTest, CheckRecord, Verdict
from pytest_edgert.reports import block_text, text

RATIO = BlockTest("baseline", "ratio", (0.97, 0.98, 0.99), Verdict.PASS, 0.98, 0.9612, 1.01, limit=1.05)
FLOOR = BlockTest("throughput", "1/s", (200.0, 212.0), Verdict.FAIL, 212.0, None, 215.0, limit=250.0, at_least=True)
ENERGY = BlockTest("energy_net", "J", (0.0125,), Verdict.MEASURED, 0.0125)


def test_a_ratio_is_told_without_its_name() -> None:
    assert block_text.block(RATIO) == "ratio 0.98 [0.9612, 1.01], limit 1.05"


def test_a_floor_is_told_as_one_and_an_open_end_as_unknown() -> None:
    assert block_text.block(FLOOR) == "throughput 212 /s [?, 215 /s], at least 250 /s"


def test_a_figure_without_a_limit_has_its_unit() -> None:
    assert block_text.block(ENERGY) == "energy net 12.5 mJ [?, ?]"


def test_a_test_without_blocks_is_told() -> None:
    assert block_text.block(replace(RATIO, values=(), median=None, low=None, high=None)) == "ratio ? [?, ?], limit 1.05"


def test_the_figure_of_a_check_is_that_of_the_test_which_decided() -> None:
    record = CheckRecord("throughput", CELL, Verdict.FAIL, "too few.", blocks=(ENERGY, FLOOR))
    assert text.figure(record) == block_text.block(FLOOR)


def test_sentences_tell_source_verdict_number_and_length_of_blocks_and_how() -> None:
    found = replace(RATIO, source="--edge-margin=5%", tau=1.25, block_s=0.03, detail={"how": "interleaved", "seed": 0})
    told = list(text.sentences(CheckRecord("baseline", CELL, Verdict.PASS, "fine.", blocks=(found,))))
    assert told[1:4] == [
        "  ratio 0.98 [0.9612, 1.01], limit 1.05 (from --edge-margin=5%): PASS",
        "    3 blocks of 30 ms, autocorrelation time 1.25 blocks",
        "    how interleaved, seed 0",
    ]
