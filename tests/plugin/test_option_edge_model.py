from __future__ import annotations

from collections.abc import Callable

import pytest

Collect = Callable[..., list[str]]
Write = Callable[..., None]

CELL = "[mobilenet.onnx-onnxruntime:cpu]"


def test_collects_every_check_of_every_cell(collect: Collect, write_models: Write) -> None:
    write_models("mobilenet.onnx")
    ids = collect("--edge-model=mobilenet.onnx")
    assert f"mobilenet.onnx::latency{CELL}" in ids
    assert f"mobilenet.onnx::signature{CELL}" in ids


def test_without_a_path_only_the_gate_runs(collect: Collect, write_models: Write, project: pytest.Pytester) -> None:
    write_models("mobilenet.onnx")
    project.makepyfile("def test_own(): pass")
    assert all(i.startswith("mobilenet.onnx::") for i in collect("--edge-model=mobilenet.onnx"))


def test_with_a_path_both_run(collect: Collect, write_models: Write, project: pytest.Pytester) -> None:
    write_models("mobilenet.onnx")
    own = project.makepyfile("def test_own(): pass").name
    assert {i.partition("::")[0] for i in collect(own, "--edge-model=mobilenet.onnx")} == {"mobilenet.onnx", own}


def test_the_id_of_one_cell_selects_it_alone(collect: Collect, write_models: Write) -> None:
    write_models("mobilenet.onnx")
    one = f"mobilenet.onnx::latency{CELL}"
    assert collect("--edge-model=mobilenet.onnx", one) == [one]


def test_a_model_outside_the_rootdir_has_an_id_that_can_be_typed(
    collect: Collect, project: pytest.Pytester, write_models: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_models("far/mobilenet.onnx")
    inner = project.mkdir("inner")
    (inner / "pytest.ini").write_text("[pytest]")
    (project.path / "conftest.py").rename(inner / "conftest.py")
    monkeypatch.chdir(inner)
    one = f"../far/mobilenet.onnx::size{CELL}"
    assert one in collect("--edge-model=../far/mobilenet.onnx", "--rootdir=.", ".")


def test_a_model_in_a_folder_that_is_not_recursed_is_still_collected(collect: Collect, write_models: Write) -> None:
    write_models("build/mobilenet.onnx")
    assert f"build/mobilenet.onnx::size{CELL}" in collect(".", "--edge-model=build/mobilenet.onnx")


def test_two_artefacts_of_one_stem_are_one_model(project: pytest.Pytester, write_models: Write) -> None:
    write_models("mobilenet.onnx", "mobilenet.ort")
    result = project.runpytest_inprocess("--collect-only", "--edge-model=mobilenet.onnx", "--edge-model=mobilenet.ort")
    result.stdout.no_fnmatch_line("*to compare them*")
    for name in ("mobilenet.onnx", "mobilenet.ort"):
        result.stdout.fnmatch_lines([f"*latency?{name}-onnxruntime:cpu*"])


def test_two_stems_say_how_to_compare_them(project: pytest.Pytester, write_models: Write) -> None:
    write_models("a.onnx", "b.onnx")
    result = project.runpytest_inprocess("--collect-only", "--edge-model=a.onnx", "--edge-model=b.onnx")
    result.stdout.fnmatch_lines(
        ["*two models; to compare them write --edge-model=NAME=a.onnx --edge-model=NAME=b.onnx"]
    )


def test_a_broken_artefact_is_one_error_and_the_others_still_run(
    collect: Collect, write_models: Write, project: pytest.Pytester
) -> None:
    write_models("mobilenet.onnx", "notes.txt")
    project.path.joinpath("empty.onnx").touch()
    project.path.joinpath("page.onnx").write_text("<html>moved</html>")
    project.mkdir("folder.onnx")
    names = ("absent.onnx", "empty.onnx", "page.onnx", "folder.onnx", "notes.txt")
    ids = collect(*(f"--edge-model={name}" for name in (*names, "mobilenet.onnx")))
    assert {i for i in ids if "::artefact" in i} == {f"{name}::artefact[{name}]" for name in names}
    assert f"mobilenet.onnx::latency{CELL}" in ids


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.onnx", "absent.onnx does not exist"),
        ("empty.onnx", "empty.onnx is empty"),
        ("page.onnx", "page.onnx is a web page"),
        ("folder.onnx", "folder.onnx is a folder"),
        ("net.hef", "not yet: the runtime hailort"),
        ("notes.txt", "has the suffix '.txt', which no runtime reads"),
    ],
)
def test_a_broken_artefact_fails_with_its_name(
    project: pytest.Pytester, write_models: Write, name: str, words: str
) -> None:
    write_models("notes.txt", "net.hef")
    project.path.joinpath("empty.onnx").touch()
    project.path.joinpath("page.onnx").write_text("<html>moved</html>")
    project.mkdir("folder.onnx")
    result = project.runpytest_inprocess(f"--edge-model={name}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1)
    assert words in result.stdout.str()


def test_a_bracket_in_the_path_is_refused(project: pytest.Pytester, write_models: Write) -> None:
    write_models("net[1].onnx")
    result = project.runpytest_inprocess("--edge-model=net[1].onnx")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --edge-model=net*holds '?'*Rename or move the file."])


def test_a_separate_value_that_pytest_takes_for_the_rootdir_is_refused(
    project: pytest.Pytester, write_models: Write
) -> None:
    write_models("far/mobilenet.onnx")
    result = project.runpytest_inprocess("--edge-model", "far/mobilenet.onnx")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --edge-model far/mobilenet.onnx: *Write --edge-model=far/mobilenet.onnx"])


def test_only_a_named_runtime_reads_a_fake_model(project: pytest.Pytester, write_models: Write) -> None:
    write_models("net.fake")
    result = project.runpytest_inprocess("--edge-model=net.fake")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*Add --edge-target=fake.*"])


def test_no_installed_runtime_names_the_extras(
    project: pytest.Pytester, write_models: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_edgert.runtimes import registry

    monkeypatch.setattr(registry, "is_installed", lambda info: not info.modules)
    write_models("mobilenet.onnx")
    result = project.runpytest_inprocess("--edge-model=mobilenet.onnx")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['*pip install "pytest-edgert[[]cpu[]]"*'])


def test_importmode_importlib_and_no_cache_change_nothing(collect: Collect, write_models: Write) -> None:
    write_models("mobilenet.onnx")
    assert f"mobilenet.onnx::size{CELL}" in collect("--edge-model=mobilenet.onnx", "--import-mode=importlib")


def test_k_selects_a_check(collect: Collect, write_models: Write) -> None:
    write_models("mobilenet.onnx")
    assert collect("--edge-model=mobilenet.onnx", "-k", "size") == [f"mobilenet.onnx::size{CELL}"]


def test_quantization_is_collected_of_every_cell(collect: Collect, write_models: Write) -> None:
    write_models("mobilenet.onnx")
    assert collect("--edge-model=mobilenet.onnx", "-k", "quantization") == [f"mobilenet.onnx::quantization{CELL}"]


def test_no_selection_hides_a_model_that_is_missing(project: pytest.Pytester, write_models: Write) -> None:
    write_models("net.onnx")
    result = project.runpytest_inprocess(
        "--edge-model=net.onnx", "--edge-model=typo.onnx", "-k", "nothing_of_this_name"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1, deselected=10)
    result.stdout.fnmatch_lines(["*typo.onnx does not exist*"])


def test_two_artefacts_of_one_gate_file_are_one_model(project: pytest.Pytester, write_models: Write) -> None:
    write_models("a.onnx", "b.onnx")
    project.path.joinpath("net.edge.toml").write_text('artefacts = ["a.onnx", "b.onnx"]')
    result = project.runpytest_inprocess("--collect-only", "--edge-model=a.onnx", "--edge-model=b.onnx")
    result.stdout.no_fnmatch_line("*to compare them*")
    result.stdout.fnmatch_lines(["*b.onnx is judged by net.edge.toml"])
