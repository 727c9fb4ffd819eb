"""The checks of a cell beside latency: signature, placement, size, determinism.

Each takes an `EdgeSession` and its limits and returns the record of one verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_edgert.harness import Finding, run_check
from pytest_edgert.records import Amount, CheckRecord, Evidence, Verdict
from pytest_edgert.sessions import EdgeSession

if TYPE_CHECKING:
    from pytest_edgert.tensors import Array, Signature, TensorSpec

#: Inferences after which peak memory is read, and that must give equal bits in each of two fresh workers.
REPEATS = 3

#: A limit and who set it; None where there is no limit.
Limit = tuple[float, str] | None


def check_signature(session: EdgeSession) -> CheckRecord:
    """Judge whether one inference gives exactly the outputs that the artefact declares: names, types, shapes."""
    return run_check("signature", session, lambda: _find_signature(session))


def _find_signature(session: EdgeSession) -> Finding:
    signature = session.signature
    wrong = contradictions(signature, session.infer(session.feeds()))
    told = f"{_specs_text(signature.inputs)} → {_specs_text(signature.outputs)}"
    if wrong:
        return Finding(Verdict.FAIL, f"{'; '.join(wrong)}.", "The declared signature is not what the runtime gives.")
    return Finding(Verdict.PASS, f"One inference gave what is declared: {told}.")


def contradictions(signature: Signature, outputs: Mapping[str, Array]) -> list[str]:
    """Return in words where outputs differ from the signature that declares them; empty when nowhere."""
    wrong = [f"output {name!r} is not declared" for name in outputs if name not in {o.name for o in signature.outputs}]
    for spec in signature.outputs:
        if spec.name not in outputs:
            wrong.append(f"output {spec.name!r} is missing")
            continue
        found = outputs[spec.name]
        if found.dtype.name != spec.dtype and not (spec.dtype == "string" and found.dtype.kind in "OUST"):
            wrong.append(f"output {spec.name!r} is declared {spec.dtype}, came as {found.dtype.name}")
        if not _shape_fits(spec, found.shape):
            wrong.append(f"output {spec.name!r} is declared {_shape_text(spec)}, came as {found.shape}")
    return wrong


def _shape_fits(spec: TensorSpec, shape: tuple[int, ...]) -> bool:
    return len(spec.shape) == len(shape) and all(
        not isinstance(declared, int) or declared == found for declared, found in zip(spec.shape, shape, strict=True)
    )


def _specs_text(specs: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"{spec.name} {spec.dtype}{_shape_text(spec)}" for spec in specs)


def _shape_text(spec: TensorSpec) -> str:
    return "[" + ", ".join("?" if length is None else str(length) for length in spec.shape) + "]"


def check_placement(session: EdgeSession, share: Limit = None) -> CheckRecord:
    """Judge the share of nodes (0 to 1) that run on the accelerator that was asked for."""
    return run_check("placement", session, lambda: _find_placement(session, share))


def _find_placement(session: EdgeSession, limit: Limit) -> Finding:
    placement = session.placement
    how = f"({placement.evidence.value})"
    if placement.share is None or placement.evidence in (Evidence.REQUESTED, Evidence.UNKNOWN):
        reason = f"The runtime does not tell what ran on {placement.accelerator} {how}."
        if limit is None:
            return Finding(Verdict.MEASURED, reason, placement=placement)
        return Finding(
            Verdict.INCONCLUSIVE,
            reason,
            "A version of the runtime that tells its placement is needed.",
            placement=placement,
        )
    amount = limited(Amount("accelerator", placement.share, "share", at_least=True), limit)
    total = sum(placement.nodes.values())
    reason = f"{total - len(placement.elsewhere)} of {total} nodes on {placement.accelerator} {how}."
    if placement.elsewhere:
        reason += f" Elsewhere: {', '.join(placement.elsewhere[:5])}{' …' if len(placement.elsewhere) > 5 else ''}."
    return Finding(amount.verdict, reason, amounts=(amount,), placement=placement)


def check_size(session: EdgeSession, artefact: Limit = None) -> CheckRecord:
    """Judge the bytes of the artefact as it is deployed."""

    def find() -> Finding:
        size = session.plan.artefact.size_bytes
        amount = limited(Amount("artefact", float(size), "bytes"), artefact)
        return Finding(amount.verdict, f"The artefact has {size:,} bytes.", amounts=(amount,))

    return run_check("size", session, find)


def check_determinism(session: EdgeSession) -> CheckRecord:
    """Judge whether the same feeds give the same bits, again in one process and in another fresh one."""
    return run_check("determinism", session, lambda: _find_determinism(session))


def _find_determinism(session: EdgeSession) -> Finding:
    seen: list[dict[str, bytes]] = []
    for _ in range(2):
        with session.pool.private(session.plan) as private:
            feeds = private.feeds()
            seen += [_bits(private.infer(feeds)) for _ in range(REPEATS)]
    runs = f"{REPEATS} inferences in each of 2 fresh processes"
    for turn, bits in enumerate(seen[1:], start=2):
        differing = [name for name in seen[0] if bits.get(name) != seen[0][name]]
        if differing or bits.keys() != seen[0].keys():
            where = f"inference {(turn - 1) % REPEATS + 1} in process {(turn - 1) // REPEATS + 1}"
            return Finding(
                Verdict.FAIL,
                f"Output {', '.join(map(repr, differing))} of {where} differs in its bits from the first one ({runs}).",
                "Fix the thread count with --edge-option=TARGET.threads=1, or find the state or random node in the model.",
            )
    return Finding(Verdict.PASS, f"Equal bits in {runs}.")


def _bits(outputs: Mapping[str, Array]) -> dict[str, bytes]:
    return {name: f"{array.dtype}{array.shape}".encode() + _content(array) for name, array in outputs.items()}


def _content(array: Array) -> bytes:
    return repr(array.tolist()).encode() if array.dtype.kind in "OUST" else array.tobytes()


def limited(amount: Amount, limit: Limit) -> Amount:
    """Return an amount with a limit, when there is one."""
    return amount if limit is None else replace(amount, limit=limit[0], source=limit[1])
