from __future__ import annotations

import pytest

from pytest_edgert.plugin.state import settings_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("threads=4", "'threads=4' is not TARGET.KEY=VALUE*"),
        ("onnxruntime:cpu.thread=4", "onnxruntime has no option 'thread'*Did you mean 'threads'?"),
        ("onnxruntim.threads=4", "unknown runtime 'onnxruntim'*"),
    ],
)
def test_a_wrong_option_names_the_nearest_right_one(project: pytest.Pytester, text: str, words: str) -> None:
    result = project.runpytest_inprocess(f"--edge-option={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --edge-option: {words}"])


def test_values_are_typed_and_targets_kept_apart(project: pytest.Pytester) -> None:
    config = project.parseconfigure(
        "--edge-option=onnxruntime:cpu.threads=4",
        "--edge-option=onnxruntime.allow_fallback=true",
        "--edge-option=onnxruntime.config.session.set_denormal_as_zero=1",
    )
    assert settings_of(config).options == {
        "onnxruntime:cpu": {"threads": 4},
        "onnxruntime": {"allow_fallback": True, "config.session.set_denormal_as_zero": 1},
    }
