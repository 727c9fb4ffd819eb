from __future__ import annotations

from collections.abc import Callable

import pytest

Collect = Callable[..., list[str]]
Write = Callable[..., None]

GATE = 'artefacts = ["net.onnx"]\n'


def write_gate(project: pytest.Pytester, text: str) -> None:
    project.path.joinpath("net.edge.toml").write_text(text, encoding="utf-8")


def test_is_collected_wherever_it_lies(collect: Collect, project: pytest.Pytester, write_models: Write) -> None:
    write_models("deep/net.onnx")
    project.path.joinpath("deep/net.edge.toml").write_text(GATE)
    one = "deep/net.edge.toml::latency[net.onnx-onnxruntime:cpu]"
    assert one in collect()
    assert collect(one) == [one]


def test_every_artefact_has_cells(collect: Collect, project: pytest.Pytester, write_models: Write) -> None:
    write_models("net.onnx", "net_int8.onnx")
    write_gate(project, 'artefacts = ["net.onnx", "net_int8.onnx"]')
    cells = ("net.onnx-onnxruntime:cpu", "net_int8.onnx-onnxruntime:cpu")
    assert collect("-k", "size") == [f"net.edge.toml::size[{cell}]" for cell in cells]


def test_a_missing_artefact_is_one_error_beside_the_others(
    collect: Collect, project: pytest.Pytester, write_models: Write
) -> None:
    write_models("net.onnx")
    write_gate(project, 'artefacts = ["net.onnx", "absent.onnx"]')
    ids = collect("-k", "artefact or size")
    assert sorted(ids) == ["net.edge.toml::artefact[absent.onnx]", "net.edge.toml::size[net.onnx-onnxruntime:cpu]"]


def test_a_missing_required_target_fails(project: pytest.Pytester, write_models: Write) -> None:
    write_models("net.onnx")
    write_gate(project, GATE + 'require = ["onnxruntime:cuda"]')
    result = project.runpytest_inprocess("-k", "size and cuda")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAIL: onnxruntime:cuda is missing: *"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GATE + "\nlatancy = {}", "*net.edge.toml:3: 'latancy' is no key of a gate file.*Did you mean 'latency'?"),
        (GATE + "size = {artefact = }", "*net.edge.toml: is not TOML: *line 2*"),
        (GATE + "accuracy = {}", "*net.edge.toml:2: 'accuracy': not yet: *"),
    ],
)
def test_a_wrong_file_is_a_collection_error_that_names_the_line(
    project: pytest.Pytester, write_models: Write, text: str, words: str
) -> None:
    write_models("net.onnx")
    write_gate(project, text)
    result = project.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([words])


def test_a_gate_file_that_lists_the_artefact_is_used_and_said(project: pytest.Pytester, write_models: Write) -> None:
    write_models("net.onnx")
    write_gate(project, GATE + 'require = ["onnxruntime:cuda"]')
    result = project.runpytest_inprocess("--edge-model=net.onnx", "--collect-only", "-k", "size")
    result.stdout.fnmatch_lines(
        [
            "edgert: net.onnx is judged by net.edge.toml",
            "*size?net.onnx-onnxruntime:cpu*",
            "*size?net.onnx-onnxruntime:cuda*",
        ]
    )
