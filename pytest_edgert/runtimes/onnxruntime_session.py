"""One artefact opened in ONNX Runtime: its signature, where its nodes went, and inference."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pytest_edgert.contracts import BoundRun, Options
from pytest_edgert.errors import InferenceError, PlacementError, UnsupportedModelError
from pytest_edgert.records import Evidence, Placement
from pytest_edgert.runtimes.onnxruntime_errors import inference_error
from pytest_edgert.runtimes.onnxruntime_graph import input_symbols, is_quantized, read_quantization
from pytest_edgert.runtimes.onnxruntime_providers import accelerator_of, import_onnxruntime, provider_of
from pytest_edgert.runtimes.options import bind_shapes, read_choice, read_count, read_dimensions, read_flag, read_shapes
from pytest_edgert.tensors import Array, Dimension, Feeds, Quantization, Signature, TensorSpec, fit_feeds

#: ONNX Runtime's type names and NumPy's. Its Python interface has no arrays of bfloat16, float8 and 4-bit types.
_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(bool)": "bool",
    "tensor(string)": "string",
}
_QUANTIZED = ("int8", "uint8", "int16", "uint16")


def make_session(session: Any, artefact: Path, accelerator: str, options: Options) -> OnnxSession:
    """Return our session around ONNX Runtime's, its placement checked.

    Raises:
        UnsupportedModelError: An input or output is no tensor that NumPy can hold.
        PlacementError: Nodes went elsewhere and `allow_fallback` is not set.
        UsageError: A shape contradicts the model.
    """
    signature = _bound(_read_signature(session, artefact), artefact, options)
    placement = _read_placement(session, accelerator, options)
    if placement.elsewhere and not read_flag(options, "allow_fallback"):
        shown = ", ".join(placement.elsewhere[:5]) + (", …" if len(placement.elsewhere) > 5 else "")
        raise PlacementError(
            f"{artefact.name} was asked onto {accelerator}; {len(placement.elsewhere)} of "
            f"{sum(placement.nodes.values())} nodes went elsewhere: {shown}.",
            "Accept that with the option allow_fallback=true (--edge-option=TARGET.allow_fallback=true), or change the model.",
        )
    return OnnxSession(session, artefact, signature, placement)


def tells_assignment() -> bool:
    """Return whether this onnxruntime tells which node went to which provider."""
    return hasattr(import_onnxruntime().InferenceSession, "get_provider_graph_assignment_info")


class OnnxSession:
    """An open artefact; made by `make_session`."""

    def __init__(self, session: Any, artefact: Path, signature: Signature, placement: Placement) -> None:
        self.signature = signature
        self.placement = placement
        self._session = session
        self._artefact = artefact
        self._outputs = [spec.name for spec in signature.outputs]
        self._passed = {spec.name for spec in signature.inputs}.intersection(self._outputs)

    def infer(self, feeds: Feeds) -> dict[str, Array]:
        """Return outputs by name, in the model's order; they belong to the caller."""
        session = self._opened()
        fitted = _with_text(self.signature, fit_feeds(self.signature, feeds))
        try:
            arrays = session.run(self._outputs, fitted)
        except MemoryError:
            raise
        except Exception as error:
            raise inference_error(error, self._artefact, self.placement.accelerator) from error
        outputs = dict(zip(self._outputs, arrays, strict=True))
        for name in self._passed:  # up to 1.24 such an output is the memory of the feed
            outputs[name] = np.array(outputs[name])
        return outputs

    def bind(self, feeds: Feeds) -> BoundRun:
        """Return one inference on `feeds`, ready to run.

        On the CPU, tensors are bound where they lie (IOBinding). Elsewhere, and for text, each run takes its feeds
        from host memory, as an application does: IOBinding would copy them to the device once, untimed.
        """
        session = self._opened()
        fitted = _with_text(self.signature, fit_feeds(self.signature, feeds))
        specs = self.signature.inputs + self.signature.outputs
        if self.placement.accelerator != "cpu" or any(spec.dtype == "string" for spec in specs):
            return _FedRun(session, self._outputs, fitted)
        try:
            return _bind(session, self.signature, fitted)
        except Exception as error:
            raise inference_error(error, self._artefact, self.placement.accelerator) from error

    def close(self) -> None:
        """Let go of the runtime's session."""
        self._session = None

    def __enter__(self) -> OnnxSession:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _opened(self) -> Any:
        if self._session is None:
            raise InferenceError(f"The session of {self._artefact.name} is closed.", "Open it again.")
        return self._session


class _IoRun(functools.partial[object]):
    """A run of a session on an IOBinding: `functools.partial` adds no Python frame to what is timed."""

    names: list[str]
    binding: Any
    keeps: tuple[object, ...]

    def outputs(self) -> dict[str, Array]:
        """Return copies of the last run's outputs."""
        arrays = self.binding.copy_outputs_to_cpu()
        return {name: np.array(array) for name, array in zip(self.names, arrays, strict=True)}


class _FedRun:
    """A run of a session that takes its feeds from host memory each time."""

    def __init__(self, session: Any, names: list[str], feeds: dict[str, Array]) -> None:
        self._run = functools.partial(session.run, names, feeds)
        self._names = names
        self._last: list[Array] = []

    def __call__(self) -> object:
        self._last = self._run()
        return self._last

    def outputs(self) -> dict[str, Array]:
        """Return copies of the last run's outputs."""
        return {name: np.array(array) for name, array in zip(self._names, self._last, strict=True)}


def _bind(session: Any, signature: Signature, feeds: dict[str, Array]) -> _IoRun:
    binding = session.io_binding()
    kept: list[Array] = list(feeds.values())
    for name, array in feeds.items():
        binding.bind_cpu_input(name, array)
    for spec in signature.outputs:
        lengths = [length for length in spec.shape if isinstance(length, int)]
        if len(lengths) < len(spec.shape) or 0 in lengths:
            binding.bind_output(spec.name)
            continue
        buffer = np.empty(lengths, spec.dtype)
        kept.append(buffer)
        binding.bind_output(spec.name, "cpu", 0, buffer.dtype.type, lengths, buffer.ctypes.data)
    run = _IoRun(session.run_with_iobinding, binding)
    run.names, run.binding, run.keeps = [spec.name for spec in signature.outputs], binding, tuple(kept)
    return run


def _with_text(signature: Signature, feeds: dict[str, Array]) -> dict[str, Array]:
    """Return feeds with every text tensor as an array of `str`: from bytes ONNX Runtime reads past the end."""
    for spec in signature.inputs:
        if spec.dtype == "string":
            array = feeds[spec.name]
            text = [item.decode() if isinstance(item, bytes) else str(item) for item in array.reshape(-1).tolist()]
            feeds[spec.name] = np.array(text, dtype=object).reshape(array.shape)
    return feeds


def _read_signature(session: Any, artefact: Path) -> Signature:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    for kind, items in (("Input", inputs), ("Output", outputs)):
        for item in items:
            if item.type not in _DTYPES:
                raise UnsupportedModelError(
                    f"{kind} {item.name!r} of {artefact.name} is {item.type}, which onnxruntime does not exchange as "
                    "a NumPy array.",
                    "Convert it to a plain tensor in the exported graph.",
                )
    wanted = {item.name for item in (*inputs, *outputs) if _DTYPES[item.type] in _QUANTIZED}
    readable = artefact.suffix.lower() == ".onnx"
    quantization = read_quantization(artefact, wanted) if readable and wanted else {}
    return Signature(
        tuple(_read_spec(item, quantization) for item in inputs),
        tuple(_read_spec(item, quantization) for item in outputs),
        is_quantized(artefact) if readable else None,
    )


def _bound(signature: Signature, artefact: Path, options: Options) -> Signature:
    """Return the signature with free dimensions bound.

    Named ones are bound by their names in the file: a session that was opened with lengths for them tells only the
    lengths.
    """
    shapes, dimensions = read_shapes(options), read_dimensions(options)
    if dimensions and artefact.suffix.lower() == ".onnx":
        declared = input_symbols(artefact)
        inputs = tuple(replace(spec, shape=_named(spec, declared.get(spec.name, ()))) for spec in signature.inputs)
        signature = replace(signature, inputs=inputs)
    return bind_shapes(signature, shapes, dimensions)


def _named(spec: TensorSpec, declared: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
    if len(declared) != len(spec.shape):
        return spec.shape
    return tuple(name if isinstance(name, str) else told for name, told in zip(declared, spec.shape, strict=True))


def _read_spec(item: Any, quantization: Mapping[str, Quantization]) -> TensorSpec:
    shape = tuple(length if isinstance(length, int) and length >= 0 else _symbol(length) for length in item.shape or ())
    return TensorSpec(item.name, _DTYPES[item.type], shape, quantization.get(item.name))


def _symbol(length: object) -> str | None:
    return length if isinstance(length, str) and length else None


def _read_placement(session: Any, accelerator: str, options: Options) -> Placement:
    detail = {
        "optimization": read_choice(options, "optimization", ("all", "extended", "basic", "disabled"), "all"),
        "threads": read_count(options, "threads"),
    }
    if not tells_assignment():
        # The CPU alone, or a refusal of everything else, was asked for and accepted; less is only a request.
        planned = accelerator == "cpu" or not read_flag(options, "allow_fallback")
        return Placement(accelerator, Evidence.PLANNED if planned else Evidence.REQUESTED, detail=detail)
    own = provider_of(accelerator).name
    nodes: Counter[str] = Counter({accelerator: 0})
    elsewhere = []
    for subgraph in session.get_provider_graph_assignment_info():
        for node in subgraph.get_nodes():
            nodes[accelerator_of(subgraph.ep_name)] += 1
            if subgraph.ep_name != own:
                elsewhere.append(f"{node.name} ({node.op_type}) on {subgraph.ep_name}".strip())
    return Placement(accelerator, Evidence.TRACED, dict(nodes), tuple(elsewhere), detail)
