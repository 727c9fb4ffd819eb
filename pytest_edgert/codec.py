"""Records into JSON and back, and the JSON Schema that says what the JSON is; all from the dataclasses.

Works on frozen dataclasses of plain values: str, int, float, bool, None, Enum, tuple of one type,
Mapping of str, dataclass, and unions of these with None. Floats that JSON lacks (NaN, inf) become null.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_JSON_TYPES: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def encode(value: Any) -> Any:
    """Return the JSON form of a record or of any value inside one."""
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or type(value) in (str, int, float, bool):
        return value
    raise TypeError(f"a record holds plain values only, got {type(value).__name__}")


def decode(kind: type[T], data: Any) -> T:
    """Return the value of type `kind` that `encode` flattened; raises TypeError, KeyError or ValueError on other data."""
    result: T = _decode(kind, data)
    return result


def _decode(kind: Any, data: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if data is None:
            return None
        return _decode_union([a for a in arguments if a is not type(None)], data)
    if origin is tuple:
        return tuple(_decode(arguments[0], item) for item in data)
    if origin is not None and issubclass(origin, Mapping):
        return {key: _decode(arguments[1], item) for key, item in data.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_record(kind, data)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    if kind is float and type(data) is int:
        return float(data)
    if kind is float and data is None:
        return math.nan
    if type(data) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(data).__name__}")
    return data


def _decode_union(kinds: list[Any], data: Any) -> Any:
    if len(kinds) == 1:
        return _decode(kinds[0], data)
    if type(data) in kinds:
        return data
    raise TypeError(f"expected one of {kinds}, got {type(data).__name__}")


def _decode_record(kind: Any, data: Any) -> Any:
    hints = _hints(kind)
    unknown = set(data) - set(hints)
    if unknown:
        raise KeyError(f"{kind.__name__} has no field {sorted(unknown)}")
    return kind(**{name: _decode(hints[name], item) for name, item in data.items()})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind)}


def json_schema(kind: type[Any], title: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a record class."""
    definitions: dict[str, Any] = {}
    body = _schema(kind, definitions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **body, "$defs": definitions}


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(a, definitions) for a in arguments]}
    if origin is tuple:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    if dataclasses.is_dataclass(kind):
        return _record_schema(kind, definitions)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    if kind is float:
        return {"type": ["number", "null"]}
    return {"type": _JSON_TYPES[kind]}


def _record_schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    name = kind.__name__
    if name not in definitions:
        definitions[name] = {}
        definitions[name].update(
            type="object",
            description=(kind.__doc__ or "").split("\n")[0],
            properties={field: _schema(hint, definitions) for field, hint in _hints(kind).items()},
            required=[f.name for f in dataclasses.fields(kind)],
            additionalProperties=False,
        )
    return {"$ref": f"#/$defs/{name}"}
