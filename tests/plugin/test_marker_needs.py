from __future__ import annotations

from collections.abc import Callable

import pytest

Write = Callable[..., None]


def run_marked(project: pytest.Pytester, mark: str) -> pytest.RunResult:
    project.makepyfile(f"import pytest\n@pytest.mark.{mark}\ndef test_it(): pass\n")
    return project.runpytest_inprocess("-rs")


def test_what_is_here_runs(project: pytest.Pytester) -> None:
    run_marked(project, "edge_accelerator('cuda', 'cpu')").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("edge_accelerator('cuda')", "*needs the accelerator cuda: *no NVIDIA GPU is here*"),
        ("edge_runtime('tensorrt')", "*needs the runtime tensorrt: no runtime of this version offers it*"),
        ("edge_device('jetson')", "*needs the device jetson; this is *Run it on jetson.*"),
    ],
)
def test_what_is_not_here_is_a_skip_with_reason(project: pytest.Pytester, mark: str, words: str) -> None:
    result = run_marked(project, mark)
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines([words])


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("edge_runtime('onnxruntim')", "*unknown runtime 'onnxruntim'*"),
        ("edge_accelerator('cpuu')", "*unknown accelerator 'cpuu'*"),
        ("edge_device()", "*edge_device takes names of devices*"),
    ],
)
def test_a_wrong_mark_fails_its_test(project: pytest.Pytester, mark: str, words: str) -> None:
    result = run_marked(project, mark)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([words])


def test_a_mark_picks_the_cells_it_asks_for(project: pytest.Pytester, write_models: Write) -> None:
    write_models("a.onnx", "b.fake")
    project.makepyfile(
        """
        import pytest
        @pytest.mark.edge_model("a.onnx", "b.fake")
        @pytest.mark.edge_runtime("onnxruntime")
        def test_it(edge_target): assert edge_target.runtime == "onnxruntime"
        """
    )
    project.runpytest_inprocess("--edge-target=onnxruntime", "--edge-target=fake").assert_outcomes(passed=1)
