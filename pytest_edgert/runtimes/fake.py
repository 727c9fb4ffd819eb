"""The fake runtime: the shortest correct adapter, to read as an example and to test everything else with.

It computes ``output = input * scale + bias`` for what a small JSON file says, on `cpu` or on an `npu`
that the file declares, and on request misbehaves as real runtimes do (`fake_faults`)::

    {"inputs":  [{"name": "x", "dtype": "float32", "shape": ["batch", 4]}],
     "outputs": [{"name": "y", "of": "x", "scale": 2.0, "bias": 1.0}],
     "accelerators": ["cpu", "npu"],
     "faults":  {"latency_s": 0.001}}

NumPy is imported when a file is opened, for the plugin reads `RUNTIME.info` at the start of pytest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_edgert import clock
from pytest_edgert.contracts import SHARED_OPTIONS, Options, Runtime, RuntimeInfo
from pytest_edgert.errors import ArtefactError, PlacementError, TargetMissingError, UnsupportedModelError, UsageError
from pytest_edgert.records import Evidence, Placement, Presence, PresenceState
from pytest_edgert.runtimes.fake_faults import OPTIONS, Faults, read_faults
from pytest_edgert.runtimes.options import (
    bind_shapes,
    check_names,
    nearest,
    read_count,
    read_dimensions,
    read_flag,
    read_shapes,
)

#: What a run that computes nothing takes, in seconds: even a fault leaves the others room.
_IDLE_RUN_S = 1e-4

if TYPE_CHECKING:
    from pytest_edgert.contracts import BoundRun
    from pytest_edgert.tensors import Array, Feeds, Signature, TensorSpec


class FakeRuntime:
    """The engine: what can be told without an artefact, and opening one."""

    info = RuntimeInfo(
        name="fake",
        modules=(),
        distributions=(),
        suffixes=(".fake",),
        accelerators=("npu", "cpu"),
        variants={"doubled": {"factor": 2}},
        options={**SHARED_OPTIONS, "factor": "multiplies every output; a whole number", **OPTIONS},
        enumerated=False,
    )

    def version(self) -> str:
        """Return the version of the arithmetic; it changes when outputs do."""
        return "1"

    def accelerators(self) -> Sequence[Presence]:
        """Return both as usable; an artefact that does not declare the `npu` is refused when it is opened."""
        return tuple(Presence(name, PresenceState.USABLE) for name in self.info.accelerators)

    def accepts(self, artefact: Path) -> bool:
        """Return whether the suffix is ``.fake``."""
        return artefact.suffix.lower() in self.info.suffixes

    def open(self, artefact: Path, accelerator: str, options: Options) -> FakeSession:
        """Open a ``.fake`` file; see `contracts.Runtime.open`."""
        return self.read(artefact, accelerator, options)()

    def read(self, artefact: Path, accelerator: str, options: Options) -> Callable[[], FakeSession]:
        """Read a ``.fake`` file; what is returned takes the time that building an engine takes."""
        check_names(self.info, options)
        model = _read_model(artefact)
        _check_accelerator(accelerator, model)
        faults = read_faults(model.get("faults", {}), options)
        faults.at_load()
        signature = bind_shapes(_read_signature(artefact, model), read_shapes(options), read_dimensions(options))
        placement = _place(accelerator, model, falls_back=faults.falls_back)
        if placement.elsewhere and not read_flag(options, "allow_fallback"):
            raise PlacementError(
                f"{artefact.name} was asked onto {accelerator}; elsewhere: {', '.join(placement.elsewhere)}.",
                "Accept that with the option allow_fallback=true (--edge-option=TARGET.allow_fallback=true).",
            )
        factor, held = read_count(options, "factor") or 1, model.get("device_memory_bytes")

        def build() -> FakeSession:
            clock.sleep_s(faults.build_s)
            return FakeSession(signature, placement, model["outputs"], factor, faults, held)

        return build


class FakeSession:
    """One ``.fake`` file, ready to infer."""

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        signature: Signature,
        placement: Placement,
        outputs: Sequence[Any],
        factor: int,
        faults: Faults,
        held_bytes: int | None = None,
    ) -> None:
        self.signature = signature
        self.placement = placement
        self._outputs = outputs
        self._factor = factor
        self._faults = faults
        self._bound = 0
        self._held_bytes = held_bytes

    def infer(self, feeds: Feeds) -> dict[str, Array]:
        """Return ``input * scale + bias`` for every output."""
        from pytest_edgert.tensors import fit_feeds

        return self._compute(fit_feeds(self.signature, feeds))

    def bind(self, feeds: Feeds) -> BoundRun:
        """Return a callable that runs on `feeds` again and again."""
        from pytest_edgert.tensors import fit_feeds

        self._bound += 1
        if self._bound > 1 and self._faults.name == "idles":
            return _IdleRun(self, {})
        return _FakeRun(self, fit_feeds(self.signature, feeds))

    def device_memory_bytes(self) -> int | None:
        """Return what the artefact says that it holds on the `npu`."""
        return self._held_bytes if self.placement.accelerator == "npu" else None

    def close(self) -> None:
        """Free nothing: there is nothing to free."""

    def __enter__(self) -> FakeSession:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _compute(self, feeds: dict[str, Array]) -> dict[str, Array]:
        self._faults.before_inference(feeds)
        outputs = {
            spec.name: _affine(feeds, rule, self._factor, spec.dtype)
            for spec, rule in zip(self.signature.outputs, self._outputs, strict=True)
        }
        return self._faults.after_inference(outputs)


class _FakeRun:
    """Feeds bound to a session; see `contracts.BoundRun`."""

    def __init__(self, session: FakeSession, feeds: dict[str, Array]) -> None:
        self._session = session
        self._feeds = feeds
        self._last: dict[str, Array] = {}

    def __call__(self) -> None:
        self._last = self._session._compute(self._feeds)  # noqa: SLF001 - one file, one subject

    def outputs(self) -> dict[str, Array]:
        return {name: array.copy() for name, array in self._last.items()}


class _IdleRun(_FakeRun):
    """A run that computes nothing, as the fault `idles` asks."""

    def __call__(self) -> None:
        clock.sleep_s(_IDLE_RUN_S)


def _affine(feeds: Mapping[str, Array], rule: Mapping[str, Any], factor: int, dtype: str) -> Array:
    import numpy as np

    value = feeds[rule["of"]].astype(np.float64) * rule.get("scale", 1.0) + rule.get("bias", 0.0)
    return np.asarray(value * factor).astype(dtype)


def _read_model(artefact: Path) -> dict[str, Any]:
    try:
        model = json.loads(artefact.read_text(encoding="utf-8"))
        names = {entry["name"] for entry in model["inputs"]}
        sound = all(rule["of"] in names and rule["name"] for rule in model["outputs"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtefactError(f"{artefact} is not a .fake model: {type(error).__name__}: {error}.") from error
    if not sound:
        raise ArtefactError(f"{artefact} has an output of an input that is not there.", nearest("", sorted(names)))
    found: dict[str, Any] = model
    return found


def _read_signature(artefact: Path, model: Mapping[str, Any]) -> Signature:
    from pytest_edgert.tensors import Signature

    for rule in model["outputs"]:
        if rule.get("operator", "Affine") != "Affine":
            raise UnsupportedModelError(f"{artefact.name} needs the operator {rule['operator']!r}, which fake lacks.")
    inputs = {entry["name"]: _read_spec(entry) for entry in model["inputs"]}
    outputs = tuple(
        _read_spec({"dtype": inputs[rule["of"]].dtype, "shape": inputs[rule["of"]].shape, **rule})
        for rule in model["outputs"]
    )
    return Signature(tuple(inputs.values()), outputs)


def _read_spec(entry: Mapping[str, Any]) -> TensorSpec:
    from pytest_edgert.tensors import Quantization, TensorSpec

    found = entry.get("quantization")
    quantization = found and Quantization(tuple(found["scale"]), tuple(found["zero_point"]), found.get("axis"))
    return TensorSpec(entry["name"], entry.get("dtype", "float32"), tuple(entry["shape"]), quantization or None)


def _check_accelerator(accelerator: str, model: Mapping[str, Any]) -> None:
    if accelerator not in RUNTIME.info.accelerators:
        raise UsageError(f"fake has no accelerator {accelerator!r}.", nearest(accelerator, RUNTIME.info.accelerators))
    if accelerator not in model.get("accelerators", ("cpu",)):
        raise TargetMissingError(
            f"fake:{accelerator} is not there: this artefact does not declare it.",
            f'Write "accelerators": ["{accelerator}"] into it.',
        )


def _place(accelerator: str, model: Mapping[str, Any], *, falls_back: bool) -> Placement:
    names = [rule["name"] for rule in model["outputs"]]
    if not falls_back or accelerator == "cpu":
        return Placement(accelerator, Evidence.TRACED, {accelerator: len(names)})
    elsewhere = tuple(f"{name} (Affine) on cpu" for name in names)
    return Placement(accelerator, Evidence.TRACED, {accelerator: 0, "cpu": len(names)}, elsewhere)


RUNTIME: Runtime = FakeRuntime()
