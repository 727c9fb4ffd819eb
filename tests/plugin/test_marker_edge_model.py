from __future__ import annotations

from collections.abc import Callable

import pytest

Collect = Callable[..., list[str]]
Write = Callable[..., None]


def test_each_cell_is_a_parameter(collect: Collect, write_models: Write, project: pytest.Pytester) -> None:
    write_models("a.onnx", "b.onnx")
    project.makepyfile(
        test_net="""
        import pytest
        pytestmark = pytest.mark.edge_model("a.onnx", "b.onnx")
        def test_it(edge_session): pass
        """
    )
    cells = ("a.onnx-onnxruntime:cpu", "b.onnx-onnxruntime:cpu")
    assert collect() == [f"test_net.py::test_it[{cell}]" for cell in cells]


def test_two_marks_in_one_module_are_two_sessions(project: pytest.Pytester, write_models: Write) -> None:
    write_models("a.onnx", "b.onnx")
    project.makepyfile(
        """
        import pytest

        @pytest.mark.edge_model("a.onnx")
        def test_a(edge_session): assert edge_session.artefact.name == "a.onnx"

        @pytest.mark.edge_model("b.onnx")
        class TestB:
            def test_b(self, edge_session): assert edge_session.artefact.name == "b.onnx"
        """
    )
    project.runpytest_inprocess().assert_outcomes(passed=2)


def test_artefacts_of_one_name_keep_unique_ids(collect: Collect, write_models: Write, project: pytest.Pytester) -> None:
    write_models("x/net.onnx", "y/net.onnx")
    project.makepyfile(
        test_net="""
        import pytest
        @pytest.mark.edge_model("x/net.onnx", "y/net.onnx")
        def test_it(edge_target): pass
        """
    )
    cells = ("x/net.onnx-onnxruntime:cpu", "y/net.onnx-onnxruntime:cpu")
    assert collect() == [f"test_net.py::test_it[{cell}]" for cell in cells]
    assert collect(f"test_net.py::test_it[{cells[1]}]") == [f"test_net.py::test_it[{cells[1]}]"]


def test_paths_are_relative_to_the_test(collect: Collect, write_models: Write, project: pytest.Pytester) -> None:
    write_models("deep/net.onnx")
    project.path.joinpath("deep/test_net.py").write_text(
        "import pytest\n@pytest.mark.edge_model('net.onnx')\ndef test_it(edge_target): pass\n"
    )
    assert collect() == ["deep/test_net.py::test_it[net.onnx-onnxruntime:cpu]"]


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("", "test_it uses a session or target and has no model."),
        ("@pytest.mark.edge_model()", "edge_model names no artefact.*"),
        ("@pytest.mark.edge_model(5)", "edge_model takes paths*"),
        ("@pytest.mark.edge_model('absent.onnx')", "*absent.onnx does not exist.*"),
        ("@pytest.mark.edge_model('a.onnx', referense='b')", "edge_model has no argument 'referense'."),
        ("@pytest.mark.edge_model('a.onnx', reference=3)", "edge_model(reference=) takes text*"),
        ("@pytest.mark.edge_model('a.onnx', reference='a.onnx @ onxruntime')", "*unknown runtime 'onxruntime'*"),
        ("@pytest.mark.edge_model('a.onnx', inputs={'x': 'big'})", "*'big' is not a shape.*"),
    ],
)
def test_a_wrong_mark_fails_its_test(project: pytest.Pytester, write_models: Write, mark: str, words: str) -> None:
    write_models("a.onnx")
    project.makepyfile(f"import pytest\n{mark}\ndef test_it(edge_session): pass\ndef test_other(): pass\n")
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([f"FAIL: {words}"])
