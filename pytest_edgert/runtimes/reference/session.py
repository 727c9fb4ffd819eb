"""A graph of the oracle as a session: feeds in, outputs of the declared types out, the trust as its placement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pytest_edgert.errors import EdgertError, InferenceError
from pytest_edgert.records import Evidence, Placement, Plain, TensorHealth
from pytest_edgert.runtimes.reference.inspecting import channel_axes, folds_activations
from pytest_edgert.runtimes.reference.nodes import Trust
from pytest_edgert.runtimes.reference.roundings import Tallies
from pytest_edgert.runtimes.reference.values import Value, given
from pytest_edgert.runtimes.reference.watching import watched_by
from pytest_edgert.tensors import Array, Feeds, Signature, fit_feeds

#: Evaluates a graph: values of the inputs by name -> values of the outputs in order.
Program = Callable[[dict[str, Value]], Sequence[Value]]


class ReferenceSession:
    """One artefact, ready to be evaluated; `signature` and `placement` as `contracts.Session` has them."""

    def __init__(self, artefact: Path, signature: Signature, placement: Placement, program: Program) -> None:
        self.signature = signature
        self.placement = placement
        self._artefact = artefact
        self._program: Program | None = program

    def infer(self, feeds: Feeds) -> dict[str, Array]:
        """Return outputs by name, each rounded once to its declared type."""
        if self._program is None:
            raise InferenceError(f"The session of {self._artefact.name} is closed.", "Open it again.")
        inputs = {name: given(array) for name, array in fit_feeds(self.signature, feeds).items()}
        try:
            with np.errstate(all="ignore"):
                made = self._program(inputs)
                specs = zip(self.signature.outputs, made, strict=True)
                return {spec.name: np.array(value.array, spec.dtype, order="C") for spec, value in specs}
        except (EdgertError, MemoryError):
            raise
        except Exception as error:
            raise InferenceError(
                f"The reference cannot evaluate {self._artefact.name} on these feeds: {type(error).__name__}: {error}.",
                "Check the shapes of the feeds against the model.",
            ) from error

    def watch_quantization(self, feeds: Sequence[Feeds], report: Callable[[int], None]) -> tuple[TensorHealth, ...]:
        """Return what rounding onto each grid did on these feeds; see `contracts.WatchesQuantization`."""
        tallies = Tallies(channel_axes(self._artefact), folds=folds_activations(self._artefact))
        with watched_by(tallies.add):
            for turn, one in enumerate(feeds, start=1):
                self.infer(one)
                report(turn)
        return tallies.health()

    def close(self) -> None:
        """Let go of the weights."""
        self._program = None

    def __enter__(self) -> ReferenceSession:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def placement_of(
    trust: Sequence[tuple[str, Trust]], rounding: str, facts: Mapping[str, Plain] | None = None
) -> Placement:
    """Return where nodes ran, which is here, and how far each is to be trusted.

    Args:
        trust: Operator and trust of every node.
        rounding: How ties are rounded.
        facts: What the graph tells of itself, see `facts`.
    """
    counts = Counter(one for _, one in trust)
    by_trust: Mapping[Trust, list[str]] = {
        one: sorted({operator for operator, found in trust if found is one}) for one in Trust
    }
    words = "; ".join(f"{one.value}: {', '.join(names)}" for one, names in by_trust.items() if names)
    detail: dict[str, Plain] = {
        "exact": counts[Trust.EXACT],
        "float64": counts[Trust.FLOAT64],
        "onnx_reference": counts[Trust.ONNX],
        "trust": words,
        "rounding": rounding,
        **(facts or {}),
    }
    return Placement("cpu", Evidence.TRACED, {"cpu": len(trust)}, detail=detail)
