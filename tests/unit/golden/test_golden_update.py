from __future__ import annotations

import itertools
import re

import ml_dtypes
import numpy as np
import pytest
from golden_samples import make_golden

from pytest_edgert.contracts import Target
from pytest_edgert.errors import UsageError
from pytest_edgert.golden.update import (
    Existing,
    UpdateAction,
    UpdateMode,
    UpdatePlan,
    describe_change,
    name_to_write,
    plan_update,
    read_mode,
    runtime_changed,
)

BOOLS = (False, True)


def plan(
    mode: UpdateMode | None,
    existing: Existing = Existing.SOUND,
    *,
    differs: bool = False,
    model_changed: bool = False,
    runtime_changed: bool = False,
) -> UpdatePlan:
    return plan_update(mode, existing, differs=differs, model_changed=model_changed, runtime_changed=runtime_changed)


@pytest.mark.parametrize("existing", Existing)
def test_nothing_is_written_unless_asked_for(existing: Existing) -> None:
    for differs, model, runtime in itertools.product(BOOLS, repeat=3):
        done = plan(None, existing, differs=differs, model_changed=model, runtime_changed=runtime)
        assert done.action is not UpdateAction.WRITE


@pytest.mark.parametrize("existing", Existing)
def test_all_writes_always(existing: Existing) -> None:
    for differs, model, runtime in itertools.product(BOOLS, repeat=3):
        done = plan(UpdateMode.ALL, existing, differs=differs, model_changed=model, runtime_changed=runtime)
        assert done.action is UpdateAction.WRITE


@pytest.mark.parametrize(
    ("mode", "action"),
    [(None, UpdateAction.REFUSE), (UpdateMode.CHANGED, UpdateAction.REFUSE), (UpdateMode.NEW, UpdateAction.WRITE)],
)
def test_only_new_records_a_missing_golden(mode: UpdateMode | None, action: UpdateAction) -> None:
    done = plan(mode, Existing.MISSING)
    assert done.action is action
    assert (action is UpdateAction.WRITE) or "--edge-update-golden=new" in done.remedy


@pytest.mark.parametrize("mode", [None, UpdateMode.NEW, UpdateMode.CHANGED])
def test_a_damaged_golden_is_never_overwritten_in_passing(mode: UpdateMode | None) -> None:
    done = plan(mode, Existing.DAMAGED, differs=True, model_changed=True, runtime_changed=True)
    assert done.action is UpdateAction.REFUSE
    assert "--edge-update-golden=all" in done.remedy


def test_new_leaves_what_is_there_alone() -> None:
    assert plan(UpdateMode.NEW, differs=True, model_changed=True).action is UpdateAction.KEEP


@pytest.mark.parametrize(
    ("differs", "model_changed", "runtime_changed", "action"),
    [
        (False, False, False, UpdateAction.KEEP),
        (False, False, True, UpdateAction.KEEP),
        (False, True, False, UpdateAction.WRITE),
        (True, True, False, UpdateAction.WRITE),
        (True, False, True, UpdateAction.WRITE),
        (True, True, True, UpdateAction.WRITE),
        (True, False, False, UpdateAction.REFUSE),
    ],
)
def test_changed_writes_only_what_has_a_cause(
    differs: bool, model_changed: bool, runtime_changed: bool, action: UpdateAction
) -> None:
    done = plan(UpdateMode.CHANGED, differs=differs, model_changed=model_changed, runtime_changed=runtime_changed)
    assert done.action is action
    assert done.reason
    assert bool(done.remedy) == (action is UpdateAction.REFUSE)


def test_a_word_that_is_no_mode_is_refused() -> None:
    assert read_mode("changed") is UpdateMode.CHANGED
    with pytest.raises(UsageError, match="not one of new, changed, all"):
        read_mode("everything")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (np.float32([1, 2]), np.float32([1, 2]), "'y' is the same"),
        (np.int8([-128]), np.int8([127]), "max abs difference 255, 1 of 1 elements"),
        (np.float32([0.0]), np.float32([-0.0]), "equal values in other bits"),
        (np.float32([1, 2]), np.float32([1, np.nan]), r"1 of 2 elements \(1 with NaN or infinity on one side\)"),
        (np.float32([np.nan, 1]), np.float32([np.nan, 2]), "max abs difference 1, 1 of 2 elements.$"),
        (np.float32([np.inf]), np.float32([-np.inf]), "1 of 1 elements"),
        (np.zeros(2, np.float32), np.zeros((2, 1), np.float32), r"was float32\[2\], is float32\[2, 1\]"),
        (np.zeros((0,), np.float32), np.zeros((0,), np.float32), "the same"),
        (np.array([1], ml_dtypes.int4), np.array([-8], ml_dtypes.int4), "max abs difference 9"),
        (np.array([3 + 4j]), np.array([0j]), "max abs difference 5"),
        (np.array([True]), np.array([False]), "max abs difference 1"),
        (np.float64([1e308]), np.float64([-1e308]), "max abs difference inf"),
    ],
)
def test_a_change_is_told_in_numbers(old: np.ndarray, new: np.ndarray, said: str) -> None:
    text = describe_change({"y": old}, {"y": new})
    assert text.startswith("Old to new: 'y' ")
    assert re.search(said, text)


def test_outputs_added_and_gone_are_told() -> None:
    one = np.zeros(1)
    assert describe_change({"a": one}, {"b": one}) == "Old to new: 'a' is gone; 'b' is added."


@pytest.mark.parametrize(
    ("target", "version", "changed"),
    [
        (Target("onnxruntime", "cpu"), "1.20", False),
        (Target("onnxruntime", "cpu"), "1.21", True),
        (Target("litert", "cpu"), "2.0", False),
        (Target("onnxruntime", "cpu", "unoptimized"), "1.21", False),
    ],
)
def test_the_runtime_changed_when_the_same_target_has_another_version(
    target: Target, version: str, changed: bool
) -> None:
    assert runtime_changed(make_golden().manifest.environment, target, version) is changed


def test_the_first_golden_is_for_all_targets() -> None:
    assert name_to_write("digits", Target("litert", "cpu"), None) == "digits"


@pytest.mark.parametrize("name", ["digits", "digits@onnxruntime"])
def test_a_target_replaces_what_it_recorded_itself(name: str) -> None:
    present = make_golden(name).manifest
    assert name_to_write("digits", Target("onnxruntime", "cpu"), present) == name


def test_a_target_never_replaces_what_another_recorded() -> None:
    assert name_to_write("digits", Target("litert", "cpu"), make_golden().manifest) == "digits@litert-cpu"
