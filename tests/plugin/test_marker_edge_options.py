from __future__ import annotations

from collections.abc import Callable

import pytest

Write = Callable[..., None]


def test_a_mark_is_stronger_than_the_command_line(project: pytest.Pytester, write_models: Write) -> None:
    write_models("net.onnx")
    project.makepyfile(
        """
        import pytest
        @pytest.mark.edge_model("net.onnx")
        @pytest.mark.edge_options(**{"onnxruntime:cpu": {"threads": 3}})
        def test_it(edge_target): assert edge_target.options == {"threads": 3, "optimization": "basic"}
        """
    )
    result = project.runpytest_inprocess(
        "--edge-option=onnxruntime:cpu.threads=1", "--edge-option=onnxruntime.optimization=basic"
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "edge_options takes options by target*"),
        ("onnxruntime=4", "edge_options: 'onnxruntime' takes a dict of options*"),
        ("onnxruntime={'thread': 4}", "*has no option 'thread'*"),
        ("onnxruntim={'threads': 4}", "*unknown runtime 'onnxruntim'*"),
    ],
)
def test_a_wrong_mark_fails_its_test(project: pytest.Pytester, arguments: str, words: str) -> None:
    project.makepyfile(f"import pytest\n@pytest.mark.edge_options({arguments})\ndef test_it(): pass\n")
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"FAIL: *{words}"])
