"""Which output of one artefact is which output of another: by a map, names, signature names, shapes; never by position.

Converters rename, reorder and change the layout, and two outputs often share a shape: matched by position, the
wrong tensors are compared and may pass. What cannot be told is an error that shows the map to write.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_edgert.agreement.layout import Fit, Layout, find_layout, fit_named
from pytest_edgert.errors import UsageError
from pytest_edgert.tensors import Array, Signature, TensorSpec

Kind = Literal["inputs", "outputs"]
How = Literal["map", "name", "signature", "shape"]


class MatchError(UsageError):
    """Inputs or outputs of two artefacts that cannot be told apart or have no counterpart."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One tensor of the left artefact and its counterpart.

    Args:
        left: The name on the left side, the one under test.
        right: The name on the right side, the reference.
        how: What paired them.
        permutation: Axes that bring the right tensor into the left layout (``right.transpose(permutation)``);
            None where the axes agree.
        squeezed: Whether the shapes differ by axes of length 1, which are dropped or added.
    """

    left: str
    right: str
    how: How
    permutation: tuple[int, ...] | None = None
    squeezed: bool = False

    def __str__(self) -> str:
        changed = f", axes {self.permutation}" if self.permutation else ", axes of length 1 dropped" * self.squeezed
        return f"{self.left} = {self.right} (by {self.how}{changed})"


@dataclass(frozen=True, slots=True)
class Matching:
    """All pairs of one kind, in the left order; `left_only` and `right_only` were left out by the map."""

    kind: Kind
    pairs: tuple[Pair, ...]
    left_only: tuple[str, ...] = ()
    right_only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """How one artefact is called, and the names its signature gives to its tensors.

    Args:
        name: What messages call it: the artefact's file name.
        aliases: Signature name (a SignatureDef's, or from metadata) by tensor name.
    """

    name: str
    aliases: Mapping[str, str]


LEFT, RIGHT = Side("left", {}), Side("right", {})


def match(
    left: Signature,
    right: Signature,
    *,
    mapping: Mapping[str, str] | None,
    kind: Kind,
    left_side: Side = LEFT,
    right_side: Side = RIGHT,
) -> Matching:
    """Return the pairs of two signatures: map > equal names > signature names > unique shape and dtype class.

    Args:
        left: The artefact under test.
        right: The reference artefact.
        mapping: Left name to right name, as a gate file writes it. An empty right name leaves a left tensor out;
            a map that names every left tensor may leave right ones out. None is no map.
        kind: "inputs" or "outputs".
        left_side: Name and signature names of the left artefact.
        right_side: The same of the reference.

    Raises:
        MatchError: A tensor without a counterpart, two candidates, a layout that fits in two ways, shapes that
            cannot become one another, or a map with an unknown or repeated name.
    """
    table = _Table(kind, (_specs(left, kind), _specs(right, kind)), (left_side, right_side))
    table.pair_mapped(mapping or {})
    table.pair_named()
    table.pair_aliased()
    table.pair_shaped()
    return table.finish(mapping or {})


def align(pair: Pair, right: Array, left_shape: Sequence[int]) -> Array:
    """Return the right tensor in the left layout, as a view where NumPy can make one.

    Args:
        pair: How both were matched.
        right: The right tensor.
        left_shape: The shape of the left tensor, needed where axes of length 1 are added.
    """
    if pair.permutation is not None:
        return right.transpose(pair.permutation)
    if pair.squeezed and right.ndim != len(left_shape):
        return right.reshape(left_shape)
    return right


def _specs(signature: Signature, kind: Kind) -> dict[str, TensorSpec]:
    return {spec.name: spec for spec in (signature.inputs if kind == "inputs" else signature.outputs)}


class _Table:
    """What is paired so far and what is left; lives for one call of `match`."""

    def __init__(
        self,
        kind: Kind,
        specs: tuple[dict[str, TensorSpec], dict[str, TensorSpec]],
        sides: tuple[Side, Side],
    ) -> None:
        self._kind: Kind = kind
        self._left, self._right = specs
        self._sides = sides
        self._pairs: dict[str, Pair] = {}
        self._left_only: list[str] = []

    def pair_mapped(self, mapping: Mapping[str, str]) -> None:
        """Pair what the map says."""
        self._check_map(mapping)
        for name, target in mapping.items():
            if target:
                self._pair_named(name, target, "map")
            else:
                self._left_only.append(name)

    def _check_map(self, mapping: Mapping[str, str]) -> None:
        targets = [target for target in mapping.values() if target]
        unknown = [name for name in mapping if name not in self._left]
        unknown += [name for name in targets if name not in self._right]
        if unknown:
            raise self._error(f"The map of {self._kind} names {unknown}, which neither artefact has there.")
        repeated = sorted({name for name in targets if targets.count(name) > 1})
        if repeated:
            raise self._error(f"The map of {self._kind} gives {repeated} to two tensors.")

    def pair_named(self) -> None:
        """Pair what has one name on both sides."""
        free = set(self._free_right())
        for name in self._free_left():
            if name in free:
                self._pair_named(name, name, "name")

    def pair_aliased(self) -> None:
        """Pair what has one signature name on both sides, or a signature name that is a name on the other."""
        left, right = (self._called(side) for side in (0, 1))
        for name in self._free_left():
            targets = {other for other, names in right.items() if names & left[name]}
            rivals = {other for other, names in left.items() for target in targets if names & right[target]}
            if len(targets) == 1 and len(rivals) == 1:
                self._pair_named(name, targets.pop(), "signature")

    def _called(self, side: int) -> dict[str, set[str]]:
        free = self._free_right() if side else self._free_left()
        return {name: {name, self._sides[side].aliases.get(name, name)} for name in free}

    def pair_shaped(self) -> None:
        """Pair what has one possible counterpart by shape and dtype class, seen from both sides."""
        left, right = self._free_left(), self._free_right()
        layouts = {(one, other): self._layout(one, other) for one in left for other in right}
        for (one, other), layout in layouts.items():
            rivals = sum(
                candidate.fit is not Fit.NONE for key, candidate in layouts.items() if key[0] == one or key[1] == other
            )
            if layout.usable and rivals == 1:
                self._add(one, other, "shape", layout)

    def _layout(self, left: str, right: str) -> Layout:
        one, other = self._left[left], self._right[right]
        if dtype_class(one) != dtype_class(other):
            return Layout(Fit.NONE)
        return find_layout(one.shape, other.shape)

    def _pair_named(self, left: str, right: str, how: How) -> None:
        layout = fit_named(self._left[left].shape, self._right[right].shape)
        if not layout.usable:
            ways = "in more than one way" if layout.fit is Fit.AMBIGUOUS else "in no way"
            raise self._error(
                f"{left!r} {list(self._left[left].shape)} is {right!r} {list(self._right[right].shape)} by {how},"
                f" but one shape becomes the other {ways}: another layout or another model."
            )
        self._add(left, right, how, layout)

    def _add(self, left: str, right: str, how: How, layout: Layout) -> None:
        self._pairs[left] = Pair(left, right, how, layout.permutation, layout.fit is Fit.SQUEEZED)

    def _free_left(self) -> list[str]:
        return [name for name in self._left if name not in self._pairs and name not in self._left_only]

    def _free_right(self) -> list[str]:
        taken = {pair.right for pair in self._pairs.values()}
        return [name for name in self._right if name not in taken]

    def finish(self, mapping: Mapping[str, str]) -> Matching:
        """Return the pairs, or raise MatchError when something has no counterpart."""
        left, right = self._free_left(), self._free_right()
        complete = all(name in mapping for name in self._left)
        if left or (right and not complete):
            raise self._error(self._unmatched(left, right))
        pairs = tuple(self._pairs[name] for name in self._left if name in self._pairs)
        return Matching(self._kind, pairs, tuple(self._left_only), tuple(right))

    def _unmatched(self, left: list[str], right: list[str]) -> str:
        possible = any(self._layout(one, other).fit is not Fit.NONE for one in left for other in right)
        if possible:
            return f"The {self._kind} {left} and {right} cannot be told apart by name or shape."
        return (
            f"The {self._kind} {left} of {self._sides[0].name} and {right} of {self._sides[1].name} have no counterpart:"
            " one artefact ends elsewhere (decoding cut off, a threshold built in) or is another model."
        )

    def _error(self, message: str) -> MatchError:
        sides = zip(self._sides, (self._left, self._right), strict=True)
        signatures = "".join(f"\n  {side.name}: {_signature_text(specs.values())}" for side, specs in sides)
        return MatchError(message + signatures, "\nWrite in the gate file: " + self._map_text())

    def _map_text(self) -> str:
        """Return the map to write, with a possible counterpart filled in where there is one."""
        free = self._free_right() or list(self._right)
        entries = []
        for name in self._free_left() or list(self._left):
            fitting = [other for other in free if self._layout(name, other).fit is not Fit.NONE] or free or [""]
            entries.append(f"{_key(name)} = {json.dumps(fitting[0])}")
            free = [other for other in free if other != fitting[0]]
        return f"{self._kind} = {{ {json.dumps(self._sides[0].name)} = {{ {', '.join(entries)} }} }}"


def dtype_class(spec: TensorSpec) -> str:
    """Return what kind of values a tensor holds: "real" (floats, quantised integers), "integer" or "string"."""
    if "float" in spec.dtype or spec.quantization is not None:
        return "real"
    return "string" if spec.dtype == "string" else "integer"


def _signature_text(specs: Iterable[TensorSpec]) -> str:
    return ", ".join(f"{s.name} {s.dtype}{list(s.shape)}" for s in specs)


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else json.dumps(name)
