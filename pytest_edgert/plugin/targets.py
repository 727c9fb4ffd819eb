"""Targets, options of targets and shapes as people write them, checked against the runtimes that exist."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from pytest_edgert.contracts import SHARED_OPTIONS, OptionValue, RuntimeInfo, Target, parse_target
from pytest_edgert.errors import UsageError
from pytest_edgert.plugin.not_yet import PLANNED_RUNTIMES, refuse

#: An accelerator that stands for "the best one present"; only used when named.
AUTO = "auto"

_OPTION = re.compile(r"(?P<target>[^.=]+)\.(?P<key>[^=]+)=(?P<value>.*)", re.DOTALL)
_SHAPE = re.compile(r"\d+(?:[xX]\d+)*")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the known name nearest to `word`, else all known names."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(names)}."


def known_runtimes() -> dict[str, RuntimeInfo]:
    """Return what is known of every registered runtime, by name; no vendor module is imported."""
    from pytest_edgert.runtimes.registry import runtimes

    return {name: runtime.info for name, runtime in runtimes().items()}


def read_target(text: str, source: str) -> Target:
    """Return a target whose runtime, accelerator and variant exist.

    Raises:
        UsageError: One of them is unknown; names the nearest right one.
    """
    try:
        target = parse_target(text)
    except UsageError as error:
        raise UsageError(f"{source}: {error.message}", error.remedy) from None
    known = known_runtimes()
    if target.runtime not in known and target.runtime in PLANNED_RUNTIMES:
        raise refuse(f"the runtime {target.runtime}", source)
    if target.runtime not in known:
        raise UsageError(f"{source}: unknown runtime {target.runtime!r} in {text!r}.", nearest(target.runtime, known))
    info = known[target.runtime]
    if target.accelerator and target.accelerator not in (*info.accelerators, AUTO):
        raise UsageError(
            f"{source}: {info.name} has no accelerator {target.accelerator!r}.",
            nearest(target.accelerator, info.accelerators),
        )
    if target.variant and target.variant not in info.variants:
        remedy = nearest(target.variant, info.variants) if info.variants else f"{info.name} has no variants."
        raise UsageError(f"{source}: {info.name} has no variant {target.variant!r}.", remedy)
    return target


def read_options(texts: Iterable[str], source: str) -> dict[str, dict[str, OptionValue]]:
    """Return ``TARGET.KEY=VALUE`` texts as options by target. Raises UsageError for a form, target or key unknown."""
    options: dict[str, dict[str, OptionValue]] = {}
    for text in texts:
        found = _OPTION.fullmatch(text)
        if found is None:
            raise UsageError(
                f"{source}: {text!r} is not TARGET.KEY=VALUE.", "Write e.g. --edge-option=onnxruntime:cpu.threads=4."
            )
        target = check_option(found["target"], found["key"], source)
        options.setdefault(str(target), {})[found["key"]] = read_value(found["value"])
    return options


def check_option(target_text: str, key: str, source: str) -> Target:
    """Return the target of an option; raises UsageError when the target or its option is unknown."""
    target = read_target(target_text, source)
    names = {**SHARED_OPTIONS, **known_runtimes()[target.runtime].options}
    if not any(_names_option(name, key) for name in names):
        raise UsageError(f"{source}: {target.runtime} has no option {key!r}.", nearest(key, names))
    return target


def _names_option(name: str, key: str) -> bool:
    """Return whether a declared name is the key; a last part in capitals stands for any text ("shape.INPUT")."""
    family, dot, last = name.rpartition(".")
    if dot and last.isupper():
        return key.startswith(f"{family}.") and len(key) > len(family) + 1
    return name == key


def read_value(text: str) -> OptionValue:
    """Return an option's value: true, false, a whole number, a number, else the text itself."""
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?", text):
        return float(text)
    return text


def read_shapes(texts: Iterable[str], source: str) -> dict[str, tuple[int, ...]]:
    """Return ``INPUT=1x3x224x224`` texts as shapes by input. Raises UsageError."""
    shapes: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, equals, shape = text.rpartition("=")
        if not equals or not name:
            raise UsageError(f"{source}: {text!r} is not INPUT=SHAPE.", "Write e.g. --edge-shape=image=1x3x224x224.")
        shapes[name] = read_shape(shape, f"{source}: input {name!r}")
    return shapes


def read_shape(text: str, what: str) -> tuple[int, ...]:
    """Return a shape such as ``1x3x224x224``. Raises UsageError."""
    if _SHAPE.fullmatch(text.strip()) is None:
        raise UsageError(f"{what}: {text!r} is not a shape.", "Write whole lengths, such as 1x3x224x224.")
    return tuple(int(length) for length in re.split("[xX]", text.strip()))


def options_for(target: Target, tables: Iterable[Mapping[str, Mapping[str, OptionValue]]]) -> dict[str, OptionValue]:
    """Return the options that apply to a target.

    Args:
        target: The target.
        tables: Options by target text, the weakest table first. In one table the more exact target wins:
            ``litert`` < ``litert:cpu`` < ``litert:cpu+builtin``.
    """
    texts = (target.runtime, str(Target(target.runtime, target.accelerator)), str(target))
    merged: dict[str, OptionValue] = {}
    for table in tables:
        for text in dict.fromkeys(texts):
            merged.update(table.get(text, {}))
    return merged
