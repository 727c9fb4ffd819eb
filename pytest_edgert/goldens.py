"""Goldens of sessions: recorded when asked, and compared with what a session computes on the same inputs now."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from pytest_edgert import clock
from pytest_edgert.agreement.compare import compare_outputs
from pytest_edgert.agreement.explain.evidence import Context
from pytest_edgert.agreement.match import match
from pytest_edgert.agreement.telling import told
from pytest_edgert.errors import ArtefactError, GoldenMissingError
from pytest_edgert.golden.describe import check_inputs, describe_tensors
from pytest_edgert.golden.manifest import (
    Golden,
    GoldenEnvironment,
    GoldenInputs,
    GoldenModel,
    GoldenOracle,
    Manifest,
)
from pytest_edgert.golden.store import GoldenStore, check_model
from pytest_edgert.golden.update import (
    Existing,
    UpdateAction,
    UpdateMode,
    UpdatePlan,
    describe_change,
    name_to_write,
    plan_update,
    runtime_changed,
)
from pytest_edgert.harness import Finding, run_check
from pytest_edgert.recording import settle
from pytest_edgert.records import Agreement, CheckRecord, Verdict
from pytest_edgert.sessions import EdgeSession
from pytest_edgert.tolerances import index_outputs, tolerances

if TYPE_CHECKING:
    from pytest_edgert.tensors import Array, Feeds

#: Inputs up to this size lie in the golden itself; larger ones are made again and checked by their hash.
STORED_INPUT_BYTES = 2**20
#: What the comparison with a golden is called in records.
GOLDEN = "golden"


@dataclass(frozen=True, slots=True)
class EdgeGolden:
    """The golden of one test and artefact: what the `edge_golden` fixture gives.

    Args:
        store: Where it lies.
        name: Its name, without platform variant.
        mode: What ``--edge-update-golden`` asks for; None records nothing.
        nodeid: The test that checks it.
    """

    store: GoldenStore
    name: str
    mode: UpdateMode | None = None
    nodeid: str = ""

    def check(self, session: EdgeSession) -> CheckRecord:
        """Compare a session with the golden, or record the golden when that was asked for.

        Returns:
            The record: PASS when the outputs agree, MEASURED when the golden was recorded.

        Raises:
            VerdictError: The outputs differ, or there is no sound golden; the error has the record.
        """
        return settle(check_golden(session, self))


def check_golden(session: EdgeSession, golden: EdgeGolden) -> CheckRecord:
    """Judge a session against its golden and record the verdict."""
    return run_check(GOLDEN, session, lambda: _find(session, golden))


def _find(session: EdgeSession, golden: EdgeGolden) -> Finding:
    session.open()
    present, problem = _read(session, golden)
    if present is None or problem is not None:
        return _without_comparison(session, golden, present, problem)
    feeds = _feeds(session, golden, present)
    agreement = _compare(session, present, session.infer(feeds))
    plan = _plan(session, golden, present, differs=not agreement.verdict.green)
    if plan.action is UpdateAction.WRITE:
        return _record(session, golden, present, plan.reason)
    remedy = plan.remedy if plan.action is UpdateAction.REFUSE else _remedy(present)
    note = golden.store.find(golden.name, session.target).note
    return Finding(
        agreement.verdict,
        agreement.reason,
        "" if agreement.verdict.green else remedy,
        agreements=(agreement,),
        notes=(note,) * bool(note),
    )


def _without_comparison(
    session: EdgeSession, golden: EdgeGolden, present: Golden | None, problem: ArtefactError | None
) -> Finding:
    """Record where there is nothing sound of this model to compare with, or raise why there is not."""
    plan = _plan(session, golden, present, differs=True, problem=problem)
    if plan.action is UpdateAction.WRITE:
        return _record(session, golden, present, plan.reason)
    raise problem if problem is not None else GoldenMissingError(plan.reason, plan.remedy)


def _plan(
    session: EdgeSession,
    golden: EdgeGolden,
    present: Golden | None,
    *,
    differs: bool,
    problem: ArtefactError | None = None,
) -> UpdatePlan:
    if present is None:
        missing = isinstance(problem, GoldenMissingError)
        state = Existing.MISSING if missing else Existing.DAMAGED
        return plan_update(golden.mode, state, differs=False, model_changed=False, runtime_changed=False)
    return plan_update(
        golden.mode,
        Existing.SOUND,
        differs=differs,
        model_changed=problem is not None,
        runtime_changed=runtime_changed(present.manifest.environment, session.target, session.runtime_version),
    )


def _read(session: EdgeSession, golden: EdgeGolden) -> tuple[Golden | None, ArtefactError | None]:
    """Return the golden that is there, and why it is not to be compared with as it is."""
    try:
        found = golden.store.read(golden.name, session.target)
    except ArtefactError as error:
        return None, error
    try:
        check_model(found.manifest, session.plan.artefact.sha256, str(golden.store.path(found.manifest.name)))
    except ArtefactError as error:
        return found, error
    return found, None


def _feeds(session: EdgeSession, golden: EdgeGolden, present: Golden) -> Feeds:
    """Return the inputs that the golden was recorded with; raises ArtefactError when they cannot be made again."""
    if present.inputs is not None:
        return present.inputs
    feeds = session.feed_sets()[0]
    if golden.mode is not UpdateMode.ALL:
        check_inputs(present.manifest.inputs, feeds)
    return feeds


def _compare(session: EdgeSession, present: Golden, outputs: Mapping[str, Array]) -> Agreement:
    manifest = present.manifest
    signature = manifest.model.signature
    matching = match(session.signature, signature, mapping=None, kind="outputs")
    placement = manifest.oracle.placement or session.placement
    allowed = tolerances(session, signature, placement, matching, GOLDEN)
    compared = compare_outputs(
        outputs,
        present.outputs,
        matching,
        allowed,
        left_specs={spec.name: spec for spec in session.signature.outputs},
        right_specs={spec.name: spec for spec in signature.outputs},
        indices=index_outputs(session, signature, placement, matching),
        context=Context(quantized=bool(session.signature.quantized)),
    )
    recorded = f"the golden of {manifest.created_utc[:10]} by {manifest.environment.target}"
    return told(compared, GOLDEN, recorded, 1)


def _remedy(present: Golden) -> str:
    made = present.manifest.environment
    return (
        f"It was recorded with {made.runtime} {made.runtime_version} on {made.device}; where the new outputs are right,"
        " record them: pytest … --edge-update-golden=changed (or all)."
    )


def _record(session: EdgeSession, golden: EdgeGolden, present: Golden | None, why: str) -> Finding:
    """Write the golden of what the session computes now; a recording is a figure, never a PASS."""
    feeds = session.feed_sets()[0]
    outputs = session.infer(feeds)
    same_inputs = present is not None and _made_of(present, feeds)
    name = name_to_write(golden.name, session.target, None if present is None else present.manifest)
    stored = sum(array.nbytes for array in feeds.values()) <= STORED_INPUT_BYTES
    manifest = _manifest(session, feeds, outputs)
    manifest = replace(
        manifest, name=name, test_nodeid=golden.nodeid, reason=why, inputs=replace(manifest.inputs, stored=stored)
    )
    path = golden.store.write(Golden(manifest, outputs, dict(feeds) if stored else None))
    change = f" {describe_change(present.outputs, outputs)}" if present is not None and same_inputs else ""
    return Finding(
        Verdict.MEASURED, f"Recorded {path}: {why}{change}", notes=(f"recorded from {session.title}; look at it",)
    )


def _made_of(present: Golden, feeds: Feeds) -> bool:
    """Return whether a golden was recorded with these very inputs: only then old and new outputs are compared."""
    try:
        check_inputs(present.manifest.inputs, feeds)
    except ArtefactError:
        return False
    return True


def _manifest(session: EdgeSession, feeds: Feeds, outputs: Mapping[str, Array]) -> Manifest:
    """Return the manifest of what a session computed, without a name."""
    plan, run = session.plan, session.pool.run
    samples = plan.samples[0].name if plan.samples else ""
    return Manifest(
        "",
        "",
        clock.utc_now(),
        version("pytest-edgert"),
        "",
        GoldenModel(plan.artefact.path.name, plan.artefact.sha256, plan.artefact.suffix[1:], session.signature),
        GoldenInputs(
            describe_tensors(feeds, session.signature.inputs),
            samples or "default_feeds",
            None if samples else run.seed,
            np.__version__,
        ),
        GoldenOracle(f"runtime:{session.target.runtime}", session.runtime_version, session.placement),
        GoldenEnvironment(
            session.target.runtime,
            session.runtime_version,
            str(session.target),
            dict(plan.options),
            str(session.placement.detail.get("precision") or ""),
            tuple(str(run.facts.get("cpu_features") or "").split()),
            run.device,
            platform.system(),
            platform.machine(),
            platform.python_version(),
            dict(plan.environment),
        ),
        describe_tensors(outputs, session.signature.outputs),
    )
