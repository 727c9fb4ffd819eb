"""One artefact opened in LiteRT: its signature, inference from the initial state, and bound runs."""

from __future__ import annotations

import functools
import warnings
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pytest_edgert.contracts import BoundRun, Options
from pytest_edgert.errors import FeedsError, InferenceError, UnsupportedModelError
from pytest_edgert.records import Placement, Plain
from pytest_edgert.runtimes.litert_errors import inference_error, opening_error
from pytest_edgert.runtimes.litert_file import ModelFile, Port
from pytest_edgert.runtimes.litert_modules import import_interpreter
from pytest_edgert.runtimes.litert_placement import read_placement
from pytest_edgert.runtimes.litert_signature import INTEGERS, lengths_of, read_signature, with_output_shapes
from pytest_edgert.runtimes.options import bind_shapes, read_choice, read_count, read_dimensions, read_shapes
from pytest_edgert.tensors import Array, Feeds, Signature, fit_feeds

#: Our names of LiteRT's OpResolverType.
KERNELS = {"xnnpack": "AUTO", "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "reference": "BUILTIN_REF"}
#: Types of inputs and outputs that LiteRT exchanges as NumPy arrays, by all three modules.
_DTYPES = (*INTEGERS, "float16", "float32", "float64", "int64", "uint32", "uint64", "bool")


def make_session(artefact: Path, model: ModelFile, accelerator: str, options: Options) -> LiteRtSession:
    """Return a session of the artefact.

    Raises:
        ArtefactError: LiteRT finds the model unsound.
        UnsupportedModelError: An operator, a type or kept state is more than LiteRT offers.
        UsageError: A shape contradicts the model, or an option's value is unknown.
    """
    _check_ports(artefact, model)
    kernels = read_choice(options, "kernels", KERNELS, "xnnpack")
    threads = read_count(options, "threads") or 1
    opener = _Opener(artefact, KERNELS[kernels], threads, accelerator)
    interpreter = opener.open()
    signature = bind_shapes(read_signature(interpreter, model), read_shapes(options), read_dimensions(options))
    try:
        _resize(interpreter, model.inputs, [lengths_of(spec.shape) for spec in signature.inputs])
        interpreter.allocate_tensors()
    except Exception as error:
        raise opening_error(error, artefact, accelerator) from error
    signature = with_output_shapes(interpreter, model, signature)
    package = import_interpreter()[1]
    detail: dict[str, Plain] = {
        "module": package,
        "kernels": kernels,
        "threads": threads,
        "signature": model.signature,
    }
    return LiteRtSession(opener, interpreter, model, signature, read_placement(interpreter, detail))


class LiteRtSession:
    """An open artefact; made by `make_session`."""

    def __init__(
        self, opener: _Opener, interpreter: Any, model: ModelFile, signature: Signature, placement: Placement
    ) -> None:
        self.signature = signature
        self.placement = placement
        self._opener = opener
        self._interpreter = interpreter
        self._artefact = opener.artefact
        self._model = model
        self._bound: weakref.ref[_Run] | None = None

    def infer(self, feeds: Feeds) -> dict[str, Array]:
        """Return outputs by name, in the model's order; they belong to the caller.

        A bound run that is alive gets its feeds, and the outputs of its last run, back.
        """
        interpreter, bound = self._opened(), self._live_run()
        fitted = fit_feeds(self.signature, feeds)
        try:
            self._compute(interpreter, fitted)
            return _read_outputs(interpreter, self._model.outputs)
        finally:
            if bound is not None:
                self._compute(interpreter, bound.feeds)

    def bind(self, feeds: Feeds) -> BoundRun:
        """Return one inference on `feeds`, ready to run: they lie in the interpreter's own tensors.

        While an earlier bound run is alive, the new one gets an interpreter of its own.
        """
        interpreter = self._opened()
        fitted = fit_feeds(self.signature, feeds)
        if self._live_run() is not None:
            interpreter = self._opener.open()
            interpreter.allocate_tensors()
            return self._make_run(interpreter, fitted)
        run = self._make_run(interpreter, fitted)
        self._bound = weakref.ref(run)
        return run

    def close(self) -> None:
        """Let go of the interpreter."""
        self._interpreter = None

    def __enter__(self) -> LiteRtSession:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _opened(self) -> Any:
        if self._interpreter is None:
            raise InferenceError(f"The session of {self._artefact.name} is closed.", "Open it again.")
        return self._interpreter

    def _live_run(self) -> _Run | None:
        return None if self._bound is None else self._bound()

    def _make_run(self, interpreter: Any, feeds: dict[str, Array]) -> _Run:
        self._fill(interpreter, feeds)
        if self._model.has_variables:
            run = _Run(_run_from_start, interpreter.reset_all_variables, interpreter.invoke)
        else:
            run = _Run(interpreter.invoke)
        run.interpreter, run.ports, run.feeds = interpreter, self._model.outputs, feeds
        return run

    def _compute(self, interpreter: Any, feeds: dict[str, Array]) -> None:
        self._fill(interpreter, feeds)
        try:
            interpreter.reset_all_variables()
            interpreter.invoke()
        except Exception as error:
            raise inference_error(error, self._artefact, self.placement.accelerator) from error

    def _fill(self, interpreter: Any, feeds: dict[str, Array]) -> None:
        """Copy feeds into the input tensors, which get other lengths first where free dimensions have others now."""
        ports = self._model.inputs
        before = [tuple(map(int, found["shape"])) for found in interpreter.get_input_details()]
        shapes = [feeds[port.name].shape for port in ports]
        if before != shapes:
            self._reshape(interpreter, before, shapes)
        try:
            for port in ports:
                interpreter.set_tensor(port.index, feeds[port.name])
        except Exception as error:
            raise inference_error(error, self._artefact, self.placement.accelerator) from error

    def _reshape(self, interpreter: Any, before: list[tuple[int, ...]], shapes: list[tuple[int, ...]]) -> None:
        if any(0 in shape for shape in shapes):
            raise FeedsError(
                f"litert:{self.placement.accelerator} takes no empty array for a free dimension of "
                f"{self._artefact.name}: {shapes}; XNNPACK ends the process on some models.",
                "Feed at least one row.",
            )
        try:
            _resize(interpreter, self._model.inputs, shapes)
            interpreter.allocate_tensors()
        except Exception as error:
            _resize(interpreter, self._model.inputs, before)
            interpreter.allocate_tensors()
            raise inference_error(error, self._artefact, self.placement.accelerator) from error


class _Run(functools.partial[object]):
    """A run of an interpreter: `functools.partial` adds no Python frame to what is timed."""

    interpreter: Any
    ports: tuple[Port, ...]
    feeds: dict[str, Array]

    def outputs(self) -> dict[str, Array]:
        """Return copies of the last run's outputs."""
        return _read_outputs(self.interpreter, self.ports)


def _run_from_start(reset: Callable[[], object], invoke: Callable[[], object]) -> None:
    reset()
    invoke()


@dataclass(frozen=True, slots=True)
class _Opener:
    """Opens an artefact, the first time and again for further bound runs."""

    artefact: Path
    resolver: str
    threads: int
    accelerator: str

    def open(self) -> Any:
        module, package, _ = import_interpreter()
        try:
            with warnings.catch_warnings():
                if package == "tensorflow":  # it says on every opening that LiteRT has moved
                    warnings.simplefilter("ignore")
                return module.Interpreter(
                    str(self.artefact),
                    num_threads=self.threads,
                    experimental_op_resolver_type=getattr(module.OpResolverType, self.resolver),
                )
        except Exception as error:
            raise opening_error(error, self.artefact, self.accelerator) from error


def _check_ports(artefact: Path, model: ModelFile) -> None:
    for kind, ports in (("input", model.inputs), ("output", model.outputs)):
        for port in ports:
            if port.dtype not in _DTYPES:
                raise UnsupportedModelError(
                    f"{artefact.name}: {kind} {port.name!r} is {port.dtype}, which this adapter does not exchange.",
                    f"Export the model with another type of that {kind}.",
                )
    if model.assigns_variables:
        raise UnsupportedModelError(
            f"{artefact.name} keeps state in resource variables (ASSIGN_VARIABLE), which LiteRT cannot reset.",
            "Export it with its state as inputs and outputs.",
        )


def _resize(interpreter: Any, ports: Sequence[Port], shapes: Sequence[Sequence[int] | None]) -> None:
    details = {found["index"]: found for found in interpreter.get_input_details()}
    for port, shape in zip(ports, shapes, strict=True):
        if shape is not None and tuple(details[port.index]["shape"]) != tuple(shape):
            interpreter.resize_tensor_input(port.index, list(shape))


def _read_outputs(interpreter: Any, ports: Sequence[Port]) -> dict[str, Array]:
    return {port.name: _read_output(interpreter, port) for port in ports}


def _read_output(interpreter: Any, port: Port) -> Array:
    """Return a copy of an output; an empty one, which has no memory to copy from, is made here."""
    try:
        array: Array = interpreter.get_tensor(port.index)
    except ValueError:
        details = {found["index"]: found for found in interpreter.get_output_details()}
        shape = tuple(map(int, details[port.index]["shape"]))
        if 0 not in shape:
            raise
        return np.empty(shape, port.dtype)
    return array
