"""Options of a target, checked: unknown names refused with the nearest right one, values read.

Every adapter reads its options through here, so that one mistake gives one message everywhere.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_edgert.contracts import Options, OptionValue, RuntimeInfo
from pytest_edgert.errors import UsageError

if TYPE_CHECKING:
    from pytest_edgert.tensors import Dimension, Signature, TensorSpec

#: The name that also stands for every free first dimension.
BATCH = "batch"

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the known name nearest to `word`, else all known names."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(names)}."


def check_names(info: RuntimeInfo, options: Options) -> None:
    """Raise UsageError for an option that the runtime does not take.

    A name in `info.options` that ends in capitals stands for a family: ``shape.INPUT`` takes ``shape.image``.
    """
    families = tuple(name.partition(".")[0] + "." for name in info.options if name.rpartition(".")[2].isupper())
    for name in options:
        if name not in info.options and not (name.startswith(families) and name.partition(".")[2]):
            raise UsageError(f"{info.name} has no option {name!r}.", nearest(name, info.options))


def read_count(options: Options, name: str) -> int | None:
    """Return an option that is a whole number of at least 1, None when it is not set. Raises UsageError."""
    value = options.get(name)
    if value is None:
        return None
    text = str(value).strip()
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or int(text) < 1:
        raise UsageError(f"Option {name} must be a whole number of at least 1, got {value!r}.")
    return int(text)


def read_flag(options: Options, name: str) -> bool:
    """Return an option that is true or false, false when it is not set. Raises UsageError."""
    value = options.get(name, False)
    text = str(value).strip().lower()
    if text not in _TRUE + _FALSE:
        raise UsageError(f"Option {name} must be true or false, got {value!r}.")
    return text in _TRUE


def read_choice(options: Options, name: str, choices: Iterable[str], default: str) -> str:
    """Return an option that is one of `choices`. Raises UsageError with the nearest right one."""
    value, known = str(options.get(name, default)), list(choices)
    if value not in known:
        raise UsageError(f"Option {name} has no value {value!r}.", nearest(value, known))
    return value


def read_family(options: Options, family: str) -> dict[str, OptionValue]:
    """Return the options ``family.KEY`` as ``{KEY: value}``."""
    prefix = family + "."
    return {name[len(prefix) :]: value for name, value in options.items() if name.startswith(prefix)}


def read_shapes(options: Options) -> dict[str, tuple[int, ...]]:
    """Return the shapes that ``shape.INPUT`` options bind, by input; "" is a scalar's shape. Raises UsageError."""
    return {name: _read_shape(name, str(value)) for name, value in read_family(options, "shape").items()}


def _read_shape(name: str, text: str) -> tuple[int, ...]:
    lengths = [part.strip() for part in text.lower().split("x")] if text.strip() else []
    if not all(part.isascii() and part.isdigit() for part in lengths):
        raise UsageError(f"The shape of input {name!r} is {text!r}.", "Write lengths, such as 1x3x224x224.")
    return tuple(int(part) for part in lengths)


def read_dimensions(options: Options) -> dict[str, int]:
    """Return the lengths that `dimension.NAME` options bind, by name of the free dimension. Raises UsageError."""
    lengths = {}
    for name, value in read_family(options, "dimension").items():
        text = str(value).strip()
        if isinstance(value, bool) or not (text.isascii() and text.isdigit()):
            raise UsageError(f"The length of the free dimension {name!r} must be a whole number, got {value!r}.")
        lengths[name] = int(text)
    return lengths


def bound_symbols(
    inputs: Iterable[TensorSpec], shapes: Mapping[str, tuple[int, ...]], dimensions: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Return the lengths that `shapes` and `dimensions` give to named free dimensions.

    Args:
        inputs: The model's inputs.
        shapes: Shapes by input.
        dimensions: Lengths by name; `batch` is every free first dimension, whatever its name.

    Raises:
        UsageError: An input or dimension is unknown, a rank or a fixed length differs, or a name gets two lengths.
    """
    specs = {spec.name: spec for spec in inputs}
    symbols = _named_lengths(specs.values(), dimensions or {})
    for name, shape in shapes.items():
        if name not in specs:
            raise UsageError(f"A shape was given for {name!r}, which is no input.", nearest(name, specs))
        _check_shape(specs[name], shape)
        for dimension, length in zip(specs[name].shape, shape, strict=True):
            if isinstance(dimension, str) and symbols.setdefault(dimension, length) != length:
                raise UsageError(
                    f"The free dimension {dimension!r} of input {name!r} is bound to {length} and to {symbols[dimension]}.",
                    "Give it one length.",
                )
    return symbols


def _named_lengths(inputs: Iterable[TensorSpec], dimensions: Mapping[str, int]) -> dict[str, int]:
    shapes = [spec.shape for spec in inputs]
    free = {length for shape in shapes for length in shape if isinstance(length, str)}
    first = [shape[0] for shape in shapes if shape]
    symbols = {name: length for name, length in dimensions.items() if name in free}
    if BATCH in dimensions:
        symbols = {**{name: dimensions[BATCH] for name in first if isinstance(name, str)}, **symbols}
    for name, length in dimensions.items():
        is_first = name == BATCH and any(not isinstance(found, int) or found == length for found in first)
        if name not in free and not is_first:
            raise UsageError(f"The model has no free dimension {name!r}.", _free_names(shapes))
    return symbols


def _free_names(shapes: Iterable[tuple[Dimension, ...]]) -> str:
    free = [length for shape in shapes for length in shape if not isinstance(length, int)]
    names = sorted({length for length in free if isinstance(length, str)})
    if names:
        return f"Its free dimensions: {', '.join(names)}."
    if free:
        return "Its free dimensions have no names: give the whole shape of an input (shape.INPUT)."
    return "All its dimensions are fixed."


def _check_shape(spec: TensorSpec, shape: tuple[int, ...]) -> None:
    fits = len(shape) == len(spec.shape) and all(
        not isinstance(dimension, int) or dimension == length
        for dimension, length in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        own = "x".join("?" if length is None else str(length) for length in spec.shape) or "scalar"
        given = "x".join(map(str, shape)) or "scalar"
        raise UsageError(
            f"Input {spec.name!r} has the shape {own}; {given} contradicts it.", "Only free dimensions can be bound."
        )


def bind_shapes(
    signature: Signature, shapes: Mapping[str, tuple[int, ...]], dimensions: Mapping[str, int] | None = None
) -> Signature:
    """Return the signature with free dimensions bound, named ones in every input and output.

    Args:
        signature: Inputs and outputs as the model declares them.
        shapes: Shapes by input, as `read_shapes` gives them.
        dimensions: Lengths by name, as `read_dimensions` gives them; `batch` is every free first dimension of an input.

    Raises:
        UsageError: As `bound_symbols` says.
    """
    symbols = bound_symbols(signature.inputs, shapes, dimensions)
    batch = (dimensions or {}).get(BATCH)

    def bound(shape: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
        return tuple(symbols.get(length, length) if isinstance(length, str) else length for length in shape)

    def fed(shape: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
        nameless = bool(shape) and shape[0] is None and batch is not None
        return (batch, *bound(shape[1:])) if nameless else bound(shape)

    return replace(
        signature,
        inputs=tuple(replace(s, shape=shapes.get(s.name, fed(s.shape))) for s in signature.inputs),
        outputs=tuple(replace(s, shape=bound(s.shape)) for s in signature.outputs),
    )
