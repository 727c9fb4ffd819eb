from __future__ import annotations

from collections.abc import Callable

import pytest

Collect = Callable[..., list[str]]
Write = Callable[..., None]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("onnxruntim", "unknown runtime 'onnxruntim'*Did you mean 'onnxruntime'?"),
        ("onnxruntime:cpuu", "onnxruntime has no accelerator 'cpuu'*Did you mean 'cpu'?"),
        ("onnxruntime:cpu+unoptimised", "*no variant 'unoptimised'*Did you mean 'unoptimized'?"),
        ("hailort:hailo", "not yet: the runtime hailort*"),
        ("a:b:c", "'a:b:c' is not a target*"),
    ],
)
def test_an_unknown_target_names_the_nearest_right_one(project: pytest.Pytester, text: str, words: str) -> None:
    result = project.runpytest_inprocess(f"--edge-target={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --edge-target: {words}"])


def test_restricts_the_cells(collect: Collect, write_models: Write) -> None:
    write_models("net.onnx")
    ids = collect("--edge-model=net.onnx", "--edge-target=onnxruntime:cpu+unoptimized", "-k", "size")
    assert ids == ["net.onnx::size[net.onnx-onnxruntime:cpu+unoptimized]"]


def test_a_runtime_alone_means_every_usable_accelerator(collect: Collect, write_models: Write) -> None:
    write_models("net.fake")
    ids = collect("--edge-model=net.fake", "--edge-target=fake", "-k", "size")
    assert ids == ["net.fake::size[net.fake-fake:cpu]"]


def test_auto_is_a_cell_when_it_is_named(collect: Collect, write_models: Write) -> None:
    write_models("net.onnx")
    ids = collect("--edge-model=net.onnx", "--edge-target=onnxruntime:auto", "-k", "size")
    assert ids == ["net.onnx::size[net.onnx-onnxruntime:auto]"]


def test_a_missing_target_fails_with_reason_and_remedy(project: pytest.Pytester, write_models: Write) -> None:
    write_models("net.onnx")
    result = project.runpytest_inprocess("--edge-model=net.onnx", "--edge-target=onnxruntime:cuda", "-k", "size")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAIL: onnxruntime:cuda is missing: no NVIDIA GPU is here.", "*Plug one in."])


def test_a_target_that_cannot_read_the_artefact_fails(project: pytest.Pytester, write_models: Write) -> None:
    write_models("net.onnx")
    result = project.runpytest_inprocess("--edge-model=net.onnx", "--edge-target=fake:cpu", "-k", "size")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAIL: *fake:cpu does not read .onnx files.", "*Runtimes that do: onnxruntime, *"])
