"""The comparison with the runtimes' own tools reads them right, and tells a slowdown of 5 % from none."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
MODULES = ("paired_ratios", "rival_tools", "bare_loops", "side_by_side")

#: As OpenVINO 2026.4.1 and LiteRT 2.3.0 printed them for the demo model, 2026-11-24.
BENCHMARK_APP = """\
[ INFO ]   NUM_STREAMS: 1
[Step 10/11] Measuring performance (Start inference synchronously, limits: 5000 iterations)
[ INFO ] First inference took 1.46 ms
[Step 11/11] Dumping statistics report
[ INFO ] Execution Devices:['CPU']
[ INFO ] Count:            5000 iterations
[ INFO ] Duration:         170.30 ms
[ INFO ] Latency:
[ INFO ]    Median:        16.84 us
[ INFO ]    Average:       20.29 us
[ INFO ]    Min:           16.21 us
[ INFO ]    Max:           218.54 us
[ INFO ] Throughput:   29360.54 FPS
"""
LITERT_BENCHMARK = """\
========================================
 BENCHMARK RESULTS
========================================
Model initialization:  3.29 ms
Warmup (first):        0.07 ms
Warmup (avg):          0.01 ms (100 runs)
Inference (avg):       0.02 ms (5000 runs)
Inference (min):       0.01 ms
Inference (max):       0.13 ms
Inference (median):    0.01 ms
Inference (std):       0.00 ms
Fully accelerated:     True
========================================
"""


@pytest.fixture(scope="module")
def benchmarks():
    """Give the modules of the comparison by name; they lie in a folder of scripts, not in a package."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(str(FOLDER))
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def ratios(benchmarks):
    return benchmarks["paired_ratios"]


@pytest.fixture(scope="module")
def tools(benchmarks):
    return benchmarks["rival_tools"]


def blocks(ratios, slowdown, rounds=9):
    """Return block ratios of two contestants with 1 % of noise over a drift that both share."""
    draw = np.random.default_rng(5)
    found = []
    for _ in range(rounds):
        drift = 100 * (1 + 0.1 * np.arange(4)) * draw.lognormal(0, 0.01, 4)
        found.append(ratios.block_ratio([slowdown * drift[0], slowdown * drift[3]], [drift[1], drift[2]]))
    return found


def test_equal_contestants_are_met_in_spite_of_drift(ratios):
    assert ratios.median_ratio(blocks(ratios, 1.0)).shows(0.03) == "met"


@pytest.mark.parametrize("slowdown", [1.05, 0.95])
def test_a_planted_difference_of_5_percent_is_not_met(ratios, slowdown):
    found = ratios.median_ratio(blocks(ratios, slowdown))
    assert found.low < slowdown < found.high
    assert found.shows(0.03) == "not met"


def test_an_interval_across_the_bound_shows_nothing(ratios):
    assert ratios.median_ratio(blocks(ratios, 1.03)).shows(0.03) == "not shown (interval)"


def test_too_few_blocks_show_nothing(ratios):
    assert ratios.median_ratio(blocks(ratios, 1.0, rounds=4)).shows(0.03) == "not shown (4 blocks)"


def test_a_block_goes_there_and_back(ratios):
    assert ratios.mirrored(["a", "b", "c"]) == ["a", "b", "c", "c", "b", "a"]


def test_microseconds_of_benchmark_app_are_read(tools):
    found = tools.read_benchmark_app(BENCHMARK_APP)
    assert found == pytest.approx({"median_ns": 16_840, "mean_ns": 20_290, "n": 5000, "wall_ns": 34_060})


def test_milliseconds_of_benchmark_app_are_read(tools):
    slow = BENCHMARK_APP.replace("16.84 us", "16.84 ms")
    assert tools.read_benchmark_app(slow)["median_ns"] == pytest.approx(16_840_000)


def test_benchmark_app_without_a_median_is_an_error(tools):
    with pytest.raises(tools.ToolError, match="no Median"):
        tools.read_benchmark_app(BENCHMARK_APP.replace("Median", "Something"))


def test_what_litert_benchmark_prints_is_read(tools):
    found = tools.read_litert_benchmark(LITERT_BENCHMARK)
    assert found == pytest.approx({"median_ns": 10_000, "mean_ns": 20_000, "n": 5000})


@pytest.mark.parametrize(("median_ns", "n", "agrees"), [(9_300, 5000, True), (16_000, 5000, False), (9_300, 50, False)])
def test_unrounded_figures_must_be_those_that_litert_benchmark_printed(tools, median_ns, n, agrees):
    found = {"median_ns": median_ns, "n": n}
    if agrees:
        tools.check_printed(LITERT_BENCHMARK, found)
    else:
        with pytest.raises(tools.ToolError, match="printed"):
            tools.check_printed(LITERT_BENCHMARK, found)


def test_output_without_json_is_an_error(tools):
    with pytest.raises(tools.ToolError, match="no JSON"):
        tools.last_json("it crashed\n")


def job(tools, folder, artefact, feed):
    np.save(folder / "feed.npy", feed)
    return tools.Job(artefact, 1, 200, 3, {"image": folder / "feed.npy"}, {"image": feed.shape}, {}, str(feed.dtype))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runtime", "file"), [("openvino", "digits.xml"), ("litert", "digits.tflite"), ("onnxruntime", "digits.onnx")]
)
def test_every_contestant_times_the_inferences_it_was_asked_for(benchmarks, tools, tmp_path, runtime, file):
    side = benchmarks["side_by_side"]
    artefact = FOLDER.parent / "examples" / "digits" / file
    image = np.zeros((1, 8, 8, 1) if runtime == "litert" else (1, 1, 8, 8), np.float32)
    row = side.Row(runtime, file, job(tools, tmp_path, artefact, image))
    side.measure_block(row, tmp_path)
    assert row.problems == {}
    assert set(row.seen) == {"ours", *side.RIVALS[runtime]}
    assert {one["n"] for name, seen in row.seen.items() for one in seen if name != "ours"} == {200}
    # A slow head is cut off, and as many more inferences taken.
    assert all(200 <= one["n"] < 400 for one in row.seen["ours"])
    assert all(one["median_ns"] > 0 for seen in row.seen.values() for one in seen)


@pytest.mark.slow
def test_a_tool_that_fails_leaves_its_reason_in_the_table(benchmarks, tools, tmp_path):
    side = benchmarks["side_by_side"]
    artefact = FOLDER.parent / "examples" / "digits" / "digits.xml"
    row = side.Row("openvino", "digits.xml", job(tools, tmp_path, artefact, np.zeros((1, 7), np.float32)))
    side.measure_block(row, tmp_path)
    assert "benchmark_app" in row.problems
    assert any("benchmark_app |" in line and "not measured" in line for line in side.lines([row]))


def test_streams_and_threads_go_to_benchmark_app_beside_the_hint(tools, tmp_path):
    command = tools.benchmark_app_command(
        job(tools, tmp_path, Path("m.xml"), np.zeros((1, 2), np.int8)), Path("c.json")
    )
    text = " ".join(command)
    assert "-api sync -hint latency -load_config c.json -niter 200 -shape image[1,2] -ip i8" in text
    assert json.dumps(tools.openvino_config(2)) == '{"CPU": {"NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": "2"}}'
