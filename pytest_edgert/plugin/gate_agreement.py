"""The keys of a gate file that agreement is judged by: reference, outputs, agreement, and the samples of inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_edgert.agreement.tolerance import WRITTEN
from pytest_edgert.errors import UsageError
from pytest_edgert.plugin import targets

if TYPE_CHECKING:
    from pytest_edgert.contracts import Target

#: The reference that is computed exactly from the reference artefact.
ORACLE = "oracle"
#: Keys beside the tolerances in a table of them.
_BESIDE = ("reason", "indices")
#: Keys of a gate file's agreement that hold tolerances of one question, or of single outputs.
_QUESTIONS, _OUTPUTS = ("implementation", "port"), "outputs"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a port is compared with.

    Args:
        artefact: The reference artefact, absolute; None for the first of the model.
        target: Where it runs; None for the exact oracle, else the most trusted runtime.
        text: As written.
    """

    artefact: Path | None = None
    target: Target | None = None
    text: str = ""

    @property
    def oracle(self) -> bool:
        """Whether the exact oracle was named."""
        return self.text.rpartition("@")[2].strip() == ORACLE


@dataclass(frozen=True, slots=True)
class AgreementPart:
    """What a gate file says of one question or one output; empty is all of them.

    Args:
        changes: Changes of the default tolerance by field.
        reason: Why, where it becomes looser.
        source: Who says so.
        output: The output's name.
        question: "implementation" or "port".
    """

    changes: Mapping[str, float | str]
    reason: str
    source: str
    output: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True)
class AgreementKeys:
    """What a gate file or a mark says of agreement.

    Args:
        reference: The reference; None for the first artefact of the model.
        outputs: By artefact file name, its own output names to the reference's.
        changes: Changes of the default tolerance by field.
        reason: Why, where it becomes looser.
        source: Who says so: "mobilenet.edge.toml:12".
        indices: Names of index outputs to names of the scores that they point into.
        parts: What is said of single questions and outputs, the weakest first.
        samples: Files of recorded samples.
    """

    reference: Reference | None = None
    outputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    changes: Mapping[str, float | str] = field(default_factory=dict)
    reason: str = ""
    source: str = ""
    samples: tuple[Path, ...] = ()
    indices: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[AgreementPart, ...] = ()


class Places(Protocol):
    """Says where in a file a key stands."""

    @property
    def path(self) -> Path:
        """The file."""

    def where(self, keys: tuple[str, ...]) -> str:
        """Return file, line and key for an error."""

    def source(self, keys: tuple[str, ...]) -> str:
        """Return file name and line of who set a limit."""


def read_agreement_keys(table: Mapping[str, Any], places: Places) -> AgreementKeys:
    """Return what the top level of a gate file says of agreement. Raises UsageError with file, line and key."""
    agreement = table.get("agreement", {})
    changes, reason = _changes(agreement, places)
    return AgreementKeys(
        _reference(table["reference"], places) if "reference" in table else None,
        _outputs(table.get("outputs", {}), places),
        changes,
        reason,
        places.source(("agreement",)),
        _samples(table.get("inputs", {}), places),
        read_indices(agreement, places.where(("agreement",))),
        tuple(_parts(agreement, places)),
    )


def read_reference(text: str, folder: Path, where: str) -> Reference:
    """Return a reference written as ``FILE``, ``FILE @ TARGET`` or ``oracle``. Raises UsageError."""
    if text.strip() == ORACLE:
        return Reference(text=text)
    name, at, target = (part.strip() for part in text.partition("@"))
    if not name or (at and not target):
        raise UsageError(f"{where}: {text!r} is no reference.", 'Write "model.onnx @ onnxruntime:cpu", or "oracle".')
    if target == ORACLE:
        return Reference(folder / name, None, text)
    return Reference(folder / name, targets.read_target(target, where) if target else None, text)


def read_changes(table: Mapping[str, Any], where: str) -> tuple[dict[str, float | str], str]:
    """Return changes of a tolerance by field, and the reason given. Raises UsageError for an unknown key or value."""
    changes: dict[str, float | str] = {}
    for key, value in table.items():
        if key in _BESIDE:
            continue
        if key not in WRITTEN:
            raise UsageError(f"{where}: {key!r} is no tolerance.", targets.nearest(key, (*WRITTEN, *_BESIDE)))
        changes[WRITTEN[key]] = _value(key, value, where)
    reason = table.get("reason", "")
    if not isinstance(reason, str):
        raise UsageError(f"{where}: reason is {reason!r}, wanted a sentence.")
    return changes, reason


def read_indices(table: Mapping[str, Any], where: str) -> dict[str, str]:
    """Return the index outputs of a table of tolerances, each with its scores. Raises UsageError for anything else."""
    names = table.get("indices", {})
    if not isinstance(names, Mapping) or not all(isinstance(name, str) for pair in names.items() for name in pair):
        raise UsageError(
            f"{where}: indices is {names!r}, wanted names of outputs.", 'Write indices = { labels = "scores" }.'
        )
    return dict(names)


def _value(key: str, value: object, where: str) -> float | str:
    if key == "nan" and isinstance(value, str):
        return value
    if key == "sqnr" and isinstance(value, str):
        number = value.removesuffix("dB").strip()
        try:
            return float(number)
        except ValueError:
            raise UsageError(f"{where}: sqnr is {value!r}, wanted decibels.", 'Write "35dB".') from None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(f"{where}: {key} is {value!r}, wanted a number.", f"Write {key} = 1.")
    return float(value)


def _changes(table: object, places: Places) -> tuple[dict[str, float | str], str]:
    if not isinstance(table, Mapping):
        raise UsageError(
            f"{places.where(('agreement',))} is {table!r}, wanted a table.", "Write agreement = { lsb = 3 }."
        )
    scopes = (*_QUESTIONS, _OUTPUTS)
    for key in table:
        if key not in (*WRITTEN, *_BESIDE, *scopes):
            raise UsageError(
                f"{places.where(('agreement', key))} is no tolerance.",
                targets.nearest(key, (*WRITTEN, *_BESIDE, *scopes)),
            )
    own = {key: value for key, value in table.items() if key not in scopes}
    return read_changes(own, places.where(("agreement",)))


def _parts(table: Mapping[str, Any], places: Places) -> Iterator[AgreementPart]:
    """Yield what a gate file says of single outputs, then of each question, then of each output in it."""
    yield from _output_parts(table, ("agreement",), "", places)
    for question in _QUESTIONS:
        if question in table:
            keys = ("agreement", question)
            own = _table(table[question], keys, places)
            yield _part({key: value for key, value in own.items() if key != _OUTPUTS}, keys, places, question=question)
            yield from _output_parts(own, keys, question, places)


def _output_parts(
    table: Mapping[str, Any], parents: tuple[str, ...], question: str, places: Places
) -> Iterator[AgreementPart]:
    for name, own in _table(table.get(_OUTPUTS, {}), (*parents, _OUTPUTS), places).items():
        keys = (*parents, _OUTPUTS, name)
        yield _part(_table(own, keys, places), keys, places, output=name, question=question)


def _part(
    table: Mapping[str, Any], keys: tuple[str, ...], places: Places, *, output: str = "", question: str = ""
) -> AgreementPart:
    if "indices" in table:
        raise UsageError(f"{places.where((*keys, 'indices'))} stands in agreement itself, for all questions.")
    changes, reason = read_changes(table, places.where(keys))
    return AgreementPart(changes, reason, places.source(keys), output, question)


def _table(value: object, keys: tuple[str, ...], places: Places) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{places.where(keys)} is {value!r}, wanted a table.", f"Write {keys[-1]} = {{ … }}.")
    return value


def _reference(text: object, places: Places) -> Reference:
    where = places.where(("reference",))
    if not isinstance(text, str):
        raise UsageError(f"{where} is {text!r}, wanted text.", 'Write "model.onnx @ onnxruntime:cpu", or "oracle".')
    return read_reference(text, places.path.parent.absolute(), where)


def _outputs(table: object, places: Places) -> dict[str, dict[str, str]]:
    remedy = 'Write outputs = { "model.tflite" = { Identity = "probabilities" } }.'
    if not isinstance(table, Mapping):
        raise UsageError(f"{places.where(('outputs',))} is {table!r}, wanted a table by artefact.", remedy)
    for artefact, names in table.items():
        where = places.where(("outputs", artefact))
        if not isinstance(names, Mapping) or not all(isinstance(name, str) for name in names.values()):
            raise UsageError(f"{where} is {names!r}, wanted own names with the reference's.", remedy)
    return {artefact: dict(names) for artefact, names in table.items()}


def _samples(inputs: object, places: Places) -> tuple[Path, ...]:
    pattern = inputs.get("samples") if isinstance(inputs, Mapping) else None
    if pattern is None:
        return ()
    where = places.where(("inputs", "samples"))
    if not isinstance(pattern, str) or not pattern:
        raise UsageError(f"{where} is {pattern!r}, wanted a path.", 'Write samples = "samples/*.npz".')
    folder = places.path.parent.absolute()
    found = tuple(sorted(folder.glob(pattern)))
    if not found:
        raise UsageError(f"{where}: no file matches {pattern!r} in {folder}.", "Correct the path.")
    return found
