from __future__ import annotations

import pytest

from pytest_edgert.plugin.option_values import Inconclusive
from pytest_edgert.plugin.settings import DEFAULT_SEED
from pytest_edgert.plugin.state import settings_of


@pytest.mark.parametrize(
    "argument",
    [
        "--edge-samples=0",
        "--edge-samples=many",
        "--edge-seed=-1",
        "--edge-seed=1.5",
        "--edge-max-time=60",
        "--edge-max-time=-1s",
        "--edge-wait=soon",
        "--edge-deadline=0s",
        "--edge-inconclusive=pass",
    ],
)
def test_a_wrong_value_names_its_option(project: pytest.Pytester, argument: str) -> None:
    result = project.runpytest_inprocess(argument)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {argument.partition('=')[0]}: *"])


def test_right_values_are_read(project: pytest.Pytester) -> None:
    settings = settings_of(
        project.parseconfigure(
            "--edge-samples=200", "--edge-seed=7", "--edge-max-time=90s", "--edge-wait=10m", "--edge-inconclusive=xfail"
        )
    )
    assert (settings.samples, settings.seed, settings.max_time_s, settings.wait_s) == (200, 7, 90.0, 600.0)
    assert settings.inconclusive is Inconclusive.XFAIL


def test_the_seed_is_fixed_by_default(project: pytest.Pytester) -> None:
    assert settings_of(project.parseconfigure()).seed == DEFAULT_SEED
