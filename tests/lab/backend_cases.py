"""The node tests that the package `onnx` brings, run through sessions in workers: what each runtime answers to each."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from pytest_edgert.contracts import parse_target
from pytest_edgert.errors import (
    EdgertError,
    UnsupportedModelError,
    WorkerError,
    WorkerHungError,
)
from pytest_edgert.runtimes.artefact import identify
from pytest_edgert.runtimes.registry import runtimes
from pytest_edgert.sessions import SessionPlan, SessionPool

#: What is run: float32 where the CPU could do less, so that a row does not depend on whether it has bfloat16.
TARGETS = ("onnxruntime:cpu", "openvino:cpu+f32", "reference:cpu")
#: Outcomes that the table of disagreements lists.
DISAGREEMENTS = ("differs", "fails", "crashes", "hangs")


@dataclass(frozen=True)
class Outcome:
    """What a target did with a case.

    Args:
        kind: "agrees", "skipped", or one of `DISAGREEMENTS`.
        what: The reason of a skip, the figures of a difference, the words of a failure.
    """

    kind: str
    what: str = ""


def node_cases() -> list[Any]:
    """Return every node test of the package, with its model, its data and its tolerances."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cases divide by zero on purpose
        return list(collect_testcases(None))


def run_cases(pool: SessionPool, cases: Iterable[Any], target: str, folder: Path) -> Iterator[tuple[str, Outcome]]:
    """Yield the name and the outcome of each case; sessions share the pool's worker of the target."""
    for case in cases:
        yield case.name, run_case(pool, case, target, folder)


def run_case(pool: SessionPool, case: Any, target: str, folder: Path) -> Outcome:
    """Return what a target does with one case."""
    reason = not_judged(case)
    if reason:
        return Outcome("skipped", reason)
    path = folder / f"{case.name}.onnx"
    onnx.save(case.model, path)
    asked = parse_target(target)
    options = {"threads": 1, **runtimes()[asked.runtime].info.variants.get(asked.variant, {})}
    session = pool.session(SessionPlan(case.name, identify(path), asked, tuple(sorted(options.items()))))
    try:
        return _answer(session, case)
    except WorkerHungError as error:
        return Outcome("hangs", error.message)
    except WorkerError as error:
        return Outcome("crashes", error.message)
    except UnsupportedModelError as error:
        return Outcome("skipped", error.message)
    except EdgertError as error:
        return Outcome("fails", error.message)
    finally:
        session.close()
        path.unlink()


def _answer(session: Any, case: Any) -> Outcome:
    taken = {spec.name for spec in session.signature.inputs}  # a runtime may drop an input that it does not read
    fed, names = ([value.name for value in values] for values in (case.model.graph.input, case.model.graph.output))
    for inputs, outputs in case.data_sets:
        feeds = {name: np.asarray(as_array(value)) for name, value in zip(fed, inputs, strict=True) if name in taken}
        found = session.infer(feeds)
        for name, wanted in zip(names, map(as_array, outputs), strict=True):
            trouble = difference(found.get(name), np.asarray(wanted), case.rtol, case.atol)
            if trouble:
                return Outcome("differs", f"{name}: {trouble}")
    return Outcome("agrees")


def difference(found: np.ndarray | None, wanted: np.ndarray, rtol: float, atol: float) -> str:
    """Return how an output differs from the one wanted beyond the case's own tolerance, empty where it does not."""
    if found is None:
        return "missing"
    if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
        return f"{found.dtype}{list(found.shape)} for {wanted.dtype}{list(wanted.shape)}"
    if wanted.dtype.kind in "biu":
        off = found != wanted
    else:
        wide = np.complex128 if wanted.dtype.kind == "c" else np.float64
        one, other = found.astype(wide), wanted.astype(wide)
        with np.errstate(all="ignore"):
            off = ~np.isclose(one, other, rtol=rtol, atol=atol, equal_nan=True)
    if not off.any():
        return ""
    at = tuple(int(index) for index in np.argwhere(off)[0])
    return f"{found[at]} for {wanted[at]} at {list(at)}, {int(off.sum())} of {off.size} elements"


def not_judged(case: Any) -> str:
    """Return why no target is asked, empty where they are: the harness takes tensors of numbers, and chance has no oracle."""
    for value in (*case.model.graph.input, *case.model.graph.output):
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type":
            return f"{kind.removesuffix('_type')} inputs or outputs: the harness takes tensors"
        if value.type.tensor_type.elem_type == onnx.TensorProto.STRING:
            return "text: the harness takes tensors of numbers"
    drops = case.name.startswith("test_training_dropout") and "zero_ratio" not in case.name
    chance = any(node.op_type == "Bernoulli" or node.op_type.startswith("Random") for node in case.model.graph.node)
    return "depends on chance: there is no right answer" if drops or chance else ""


def as_array(value: Any) -> Any:
    """Return data of a case as an array."""
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def tally(outcomes: Mapping[str, Outcome]) -> dict[str, int]:
    """Return how many cases ended in each way."""
    counts: dict[str, int] = {}
    for outcome in outcomes.values():
        counts[outcome.kind] = counts.get(outcome.kind, 0) + 1
    return counts
