from __future__ import annotations

from collections.abc import Callable

import pytest

Collect = Callable[..., list[str]]
Write = Callable[..., None]


def test_a_missing_target_fails_beside_the_cells_that_are_there(project: pytest.Pytester, write_models: Write) -> None:
    write_models("net.onnx")
    result = project.runpytest_inprocess(
        "--edge-model=net.onnx", "--edge-require=onnxruntime:cuda", "-k", "size and cuda"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*onnxruntime:cuda is missing: no NVIDIA GPU is here.*"])


def test_a_present_target_adds_nothing(collect: Collect, write_models: Write) -> None:
    write_models("net.onnx")
    ids = collect("--edge-model=net.onnx", "--edge-require=onnxruntime:cpu", "-k", "size")
    assert ids == ["net.onnx::size[net.onnx-onnxruntime:cpu]"]


def test_an_unknown_name_is_refused(project: pytest.Pytester) -> None:
    result = project.runpytest_inprocess("--edge-require=raspbery-pi")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --edge-require: Unknown device 'raspbery-pi'*"])


def test_a_target_of_a_planned_runtime_is_not_taken_for_a_device(project: pytest.Pytester, write_models: Write) -> None:
    write_models("net.onnx")
    result = project.runpytest_inprocess("--edge-model=net.onnx", "--edge-require=tensorrt:gpu")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--edge-require: not yet: the runtime tensorrt*"])


def test_a_run_without_any_model_fails_too_when_a_required_target_is_missing(project: pytest.Pytester) -> None:
    project.makepyfile("def test_plain(): pass")
    result = project.runpytest_inprocess("--edge-require=onnxruntime:cuda")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*required: onnxruntime:cuda is missing: no NVIDIA GPU is here.*"])
    assert project.runpytest_inprocess("--edge-require=onnxruntime:cpu").ret == 0
