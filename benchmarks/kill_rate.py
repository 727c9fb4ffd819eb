"""How many planted faults the default tolerances see, and how often they alarm on a right output: as a table.

The faults are those of ``tests/faults``: rows of known divergences, each drawn anew several times. A row is in the
unseen half when a hash of its id says so; the policy is tuned on the seen half only. An alarm is a verdict
other than PASS and MEASURED, or an error of ours. Beside it stand the comparators of Polygraphy and of torch.testing with
their own defaults, where they are installed; both are given the raw arrays, for they know no quantisation parameters.

Run: ``python benchmarks/kill_rate.py [--draws 20] [--half seen|unseen|both] [--missed]``.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pytest_edgert.agreement.compare import compare_outputs
from pytest_edgert.agreement.match import Matching, Pair
from pytest_edgert.agreement.outcome import Comparison
from pytest_edgert.agreement.policy import POLICY, Question, choose, choose_operator
from pytest_edgert.agreement.tolerance import Tolerance
from pytest_edgert.errors import EdgertError
from pytest_edgert.records import Verdict
from pytest_edgert.tensors import TensorSpec

CORPUS_FOLDER = Path(__file__).resolve().parents[1] / "tests" / "faults"
OURS, AS_MODELS = "pytest-edgert", "pytest-edgert, operators taken for models"
#: The least share of planted faults of the unseen half to be seen, and the most alarms on right outputs.
LEAST_KILLED, MOST_ALARMS = 0.95, 0


def corpus() -> tuple[Any, ...]:
    """Return the rows of the corpus; its modules lie beside its tests and import each other by name."""
    sys.path.insert(0, str(CORPUS_FOLDER))
    try:
        rows: tuple[Any, ...] = importlib.import_module("fault_corpus").CORPUS
    finally:
        sys.path.remove(str(CORPUS_FOLDER))
    return rows


# The judges: each says whether it alarms on a case.


def tolerance_of(case: Any) -> Tolerance:
    """Return the default tolerance of a case: what the gate would choose for whole models, a row for one operator."""
    spec = _spec(case, case.output)
    if case.scope.value != "model":
        return choose_operator(spec, rounding_declared="declared" in case.scope.value)
    return choose(
        spec,
        _spec(case, case.exact),
        case.accelerator,
        "cpu",
        Question.IMPLEMENTATION,
        quantized_left=case.inside,
        quantized_right=case.inside,
        precision_left=case.precision,
    )


def _spec(case: Any, array: Any) -> TensorSpec:
    return TensorSpec("y", array.dtype.name, array.shape, case.quantization)


def whole_model_tolerance_of(case: Any) -> Tolerance:
    """Return the default tolerance of a case as if nobody knew that it is one operator: what the gate does today."""
    return tolerance_of(replace(case, scope=type(case.scope)("model")))


def compared(case: Any, tolerance: Tolerance) -> Comparison:
    """Return the comparison of a case within a tolerance."""
    left, right = {"y": case.output}, {"y": case.exact}
    pairs = [Pair("y", "y", "name")]
    indices = None
    tolerances = {"y": tolerance}
    if case.scores is not None:
        left["scores"], right["scores"] = case.scores, case.scores.copy()
        pairs.append(Pair("scores", "scores", "name"))
        tolerances["scores"] = POLICY["float32"]
        indices = {"y": "scores"}
    return compare_outputs(
        left,
        right,
        Matching("outputs", tuple(pairs)),
        tolerances,
        left_specs={"y": _spec(case, case.output)},
        right_specs={"y": _spec(case, case.exact)},
        indices=indices,
    )


def alarms(case: Any, choice: Callable[[Any], Tolerance] = tolerance_of) -> bool:
    """Return whether the default policy fails the output, finds nothing to compare, or refuses."""
    try:
        return compared(case, choice(case)).verdict not in {Verdict.PASS, Verdict.MEASURED}
    except EdgertError:
        return True


def _polygraphy() -> Callable[[Any], bool]:
    comparator = importlib.import_module("polygraphy.comparator")
    logger = importlib.import_module("polygraphy.logger")
    logger.G_LOGGER.module_severity = logger.G_LOGGER.CRITICAL
    # Fails where anything is beyond 1e-5 absolute and 1e-5 relative, element by element.
    judge = comparator.SimpleCompareFunc()

    def alarmed(case: Any) -> bool:
        sides = [comparator.IterationResult({"y": array}) for array in (case.output, case.exact)]
        try:
            return not all(bool(found) for found in judge(*sides).values())
        except Exception:  # noqa: BLE001 - whatever it raises is an alarm of its own
            return True

    return alarmed


def _torch() -> Callable[[Any], bool]:
    torch = importlib.import_module("torch")

    def alarmed(case: Any) -> bool:
        try:
            torch.testing.assert_close(*(torch.from_numpy(np.asarray(side)) for side in (case.output, case.exact)))
        except AssertionError:
            return True
        return False

    return alarmed


#: Default (rtol, atol) of torch.testing.assert_close by dtype, from its documentation; integers are exact.
TORCH_DEFAULTS: Mapping[str, tuple[float, float]] = {
    "float16": (1e-3, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
}


def numpy_with_torch_defaults(case: Any) -> bool:
    """Return whether `numpy.testing.assert_allclose` with the default tolerances of torch.testing alarms."""
    rtol, atol = TORCH_DEFAULTS.get(case.exact.dtype.name, (0.0, 0.0))
    try:
        np.testing.assert_allclose(case.output, case.exact, rtol=rtol, atol=atol, equal_nan=False)
    except AssertionError:
        return True
    return False


def judges() -> dict[str, Callable[[Any], bool]]:
    """Return every comparator that is installed, by the name in the table."""
    found: dict[str, Callable[[Any], bool]] = {
        OURS: alarms,
        AS_MODELS: partial(alarms, choice=whole_model_tolerance_of),
    }
    if importlib.util.find_spec("polygraphy"):
        found["Polygraphy"] = _polygraphy()
    if importlib.util.find_spec("torch"):
        found["torch.testing"] = _torch()
    else:
        found["numpy.testing, torch's defaults"] = numpy_with_torch_defaults
    return found


# Counting.


@dataclass(frozen=True, slots=True)
class Score:
    """What one comparator made of some cases: planted faults and those seen, right outputs and those alarmed on."""

    faults: int = 0
    seen: int = 0
    twins: int = 0
    alarms: int = 0

    def __add__(self, other: Score) -> Score:
        """Return the sum of both counts."""
        return Score(
            self.faults + other.faults, self.seen + other.seen, self.twins + other.twins, self.alarms + other.alarms
        )

    @property
    def rate(self) -> float:
        """Share of the planted faults that were seen."""
        return self.seen / self.faults if self.faults else 1.0


def scored(rows: Iterable[Any], judge: Callable[[Any], bool], draws: int) -> dict[tuple[str, str, bool], Score]:
    """Return the score of each kind of case by (row, name of the case, whether it is a fault)."""
    scores: dict[tuple[str, str, bool], Score] = defaultdict(Score)
    for row in rows:
        for case in row.cases(draws):
            alarmed = int(judge(case))
            score = Score(1, alarmed) if case.faulty else Score(0, 0, 1, alarmed)
            scores[row.id, _kind(case), case.faulty] += score
    return dict(scores)


def _kind(case: Any) -> str:
    """Return the name of a case without the figures that a draw puts into it."""
    return " ".join("…" if any(c.isdigit() for c in word) and "." in word else word for word in case.name.split())


def total(scores: Mapping[tuple[str, str, bool], Score], ids: Iterable[str]) -> Score:
    """Return the sum over some rows."""
    wanted = set(ids)
    return sum((score for (row, _, _), score in scores.items() if row in wanted), Score())


def halves(rows: Iterable[Any]) -> dict[str, list[Any]]:
    """Return the rows that plant something, by half."""
    planted = [row for row in rows if row.draw is not None]
    return {"seen": [row for row in planted if not row.unseen], "unseen": [row for row in planted if row.unseen]}


# Telling.


def _table(parts: Mapping[str, list[Any]], found: Mapping[str, dict[tuple[str, str, bool], Score]]) -> None:
    print("| comparator | half | rows | planted faults seen | alarms on right outputs |")
    print("|---|---|---|---|---|")
    for name, scores in found.items():
        for half, rows in parts.items():
            score = total(scores, [row.id for row in rows])
            print(
                f"| {name} | {half} | {len(rows)} | {score.seen} of {score.faults} ({100 * score.rate:.1f} %)"
                f" | {score.alarms} of {score.twins} |"
            )


def _by_row(parts: Mapping[str, list[Any]], found: Mapping[str, dict[tuple[str, str, bool], Score]]) -> None:
    names = list(found)
    print(f"\n| row | half | about | {' | '.join(names)} |")
    print(f"|---|---|---|{'---|' * len(names)}")
    for half, rows in parts.items():
        for row in rows:
            sums = [total(found[name], [row.id]) for name in names]
            told = [f"{s.seen}/{s.faults}, {s.alarms}/{s.twins}" for s in sums]
            print(f"| {row.id} | {half} | {row.about} | {' | '.join(told)} |")


def _missed(scores: Mapping[tuple[str, str, bool], Score]) -> None:
    print("\nMissed or alarmed on by our defaults:")
    for (row, name, faulty), score in scores.items():
        if score.seen < score.faults or score.alarms:
            what = f"{score.seen} of {score.faults} seen" if faulty else f"{score.alarms} of {score.twins} alarms"
            print(f"- {row} {name}: {what}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--half", choices=("seen", "unseen", "both"), default="both")
    parser.add_argument("--rows", action="store_true", help="a table of every row too")
    parser.add_argument("--missed", action="store_true", help="list what our defaults missed or alarmed on")
    asked = parser.parse_args()
    parts = {half: rows for half, rows in halves(corpus()).items() if asked.half in (half, "both")}
    everything = [row for rows in parts.values() for row in rows]
    found = {name: scored(everything, judge, asked.draws) for name, judge in judges().items()}
    _table(parts, found)
    if asked.rows:
        _by_row(parts, found)
    if asked.missed:
        _missed(found[OURS])
    if "unseen" not in parts:
        return 0
    ours = total(found[OURS], [row.id for row in parts["unseen"]])
    return 0 if ours.rate >= LEAST_KILLED and ours.alarms <= MOST_ALARMS else 1


if __name__ == "__main__":
    sys.exit(main())
