"""Imports point down the layers, parts do not import each other, and each third-party package has its place.

Every import counts: those inside functions and those under TYPE_CHECKING too. A new module of the package
must be put into a layer here; a new third-party package needs a line in `MAY_IMPORT`.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "pytest_edgert"

#: Top modules by layer, lowest first.
LAYERS = {
    "words": {
        "errors",
        "tensors",
        "records",
        "clock",
        "contracts",
        "codec",
        "units",
        "recording",
        "bench_records",
        "registered",
        "series",
    },
    "parts": {"devices", "runtimes", "measure", "verdicts", "agreement", "golden", "strategies"},
    "job": {"job"},
    "reach": {"worker", "transports"},
    "lab": {
        "sessions",
        "probing",
        "harness",
        "latencies",
        "throughputs",
        "energies",
        "cold_path",
        "samples_kept",
        "soaks",
        "measuring",
        "evidence",
        "locks",
        "run",
        "checks",
        "agreements",
        "tolerances",
        "baselines",
        "stored_runs",
        "panel",
        "voters",
        "quantizations",
        "quantization_doubts",
        "goldens",
        "assertions",
        "benchmarking",
    },
    "reports": {"reports"},
    "faces": {"plugin", "cli", "cli_bench", "cli_doctor"},
    "public": {"", "testing", "__main__"},
}
ORDER = list(LAYERS)
LAYER_OF = {module: layer for layer, modules in LAYERS.items() for module in modules}

WORKS_ON_ARRAYS = [
    f"{part}.*" for part in ("runtimes", "measure", "verdicts", "agreement", "golden", "strategies", "job", "worker")
]
#: tomllib came with Python 3.11; on 3.10 tomli stands in for it.
STDLIB = sys.stdlib_module_names | {"tomllib"}
#: Third-party packages: which modules (patterns below the package) may import them.
MAY_IMPORT = {
    "numpy": [
        "tensors",
        "series",
        *WORKS_ON_ARRAYS,
        "sessions",
        "harness",
        "latencies",
        "checks",
        "quantizations",
        "agreements",
        "baselines",
        "goldens",
        "assertions",
        "testing",
        "testing.*",
    ],
    "pytest": ["plugin", "plugin.*", "testing", "testing.*"],
    "xdist": ["plugin.*"],
    "pytest_benchmark": ["plugin.benchmark_entry"],
    "hypothesis": ["strategies", "strategies.*", "testing", "testing.*"],
    "tomli": ["devices.*", "plugin.*"],
    "filelock": ["locks"],
    "safetensors": ["measure.samples", "golden.*"],
    "ml_dtypes": ["tensors", "runtimes.*", "worker.packing", "measure.feeds", "golden.dtypes"],
    "onnx": ["runtimes.onnxruntime*", "runtimes.reference*"],
    "onnxruntime": ["runtimes.onnxruntime*"],
    "openvino": ["runtimes.openvino*"],
    "pynvml": ["devices.telemetry.nvml"],
}
#: Packages that may only be imported inside a function: starting pytest must not load them.
ONLY_INSIDE_FUNCTIONS = {
    "onnx",
    "onnxruntime",
    "openvino",
    "ml_dtypes",
    "xdist",
    "pytest_benchmark",
    "safetensors",
    "filelock",
    "pynvml",
}
#: Modules near the start of pytest that may use NumPy, but only inside a function.
STARTED = ["runtimes.registry"]


@dataclass(frozen=True)
class Import:
    """One import: who imports what, where, and whether it runs when the module is loaded."""

    importer: str
    imported: str
    line: int
    at_load: bool

    def __str__(self):
        return f"{PACKAGE}.{self.importer}:{self.line} imports {self.imported}".replace(f"{PACKAGE}.:", f"{PACKAGE}:")


def modules(root: Path) -> dict[str, Path]:
    """Return every module of the package by its name below the package; "" is the package itself."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root / PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(root: Path) -> Iterator[Import]:
    """Give every import of every module; a name imported from a package counts as its module if it is one."""
    known = modules(root)
    for importer, path in known.items():
        is_package = path.name == "__init__.py"
        yield from _imports_of(ast.parse(path.read_text(encoding="utf-8")), importer, known, is_package=is_package)


def _imports_of(tree: ast.Module, importer: str, known: dict[str, Path], *, is_package: bool) -> Iterator[Import]:
    for node, at_load in _statements(tree, at_load=True):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = list(_from_names(node, importer, known, is_package=is_package))
        for name in names:
            yield Import(importer, name, node.lineno, at_load)


def _statements(node: ast.AST, *, at_load: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, at_load
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for part in child.body:
                yield from _statements(ast.Module([part], []), at_load=False)
            for part in child.orelse:
                yield from _statements(ast.Module([part], []), at_load=at_load)
        else:
            inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from _statements(child, at_load=at_load and not inside)


def _from_names(node: ast.ImportFrom, importer: str, known: dict[str, Path], *, is_package: bool) -> Iterator[str]:
    base = node.module or ""
    if node.level:
        parts = [PACKAGE, *filter(None, importer.split("."))]
        parts = parts[: len(parts) - node.level + is_package]
        base = ".".join([*parts, *filter(None, [node.module])])
    for alias in node.names:
        full = f"{base}.{alias.name}"
        yield full if full.removeprefix(f"{PACKAGE}.") in known else base


def violations(root: Path) -> list[str]:
    """Return each broken rule in words."""
    return [trouble for one in imports(root) if (trouble := _trouble(one))] + [
        f"{PACKAGE}.{name} is in no layer: put {name.split('.')[0]!r} into LAYERS"
        for name in modules(root)
        if name.split(".")[0] not in LAYER_OF
    ]


def _trouble(one: Import) -> str:
    top = one.imported.split(".")[0]
    if top == PACKAGE:
        return _layer_trouble(one)
    if top in STDLIB:
        return ""
    return _third_party_trouble(one, top)


def _layer_trouble(one: Import) -> str:
    own, other = one.importer.split(".")[0], one.imported.removeprefix(PACKAGE).lstrip(".").split(".")[0]
    if own not in LAYER_OF or other not in LAYER_OF:
        return ""
    own_layer, other_layer = LAYER_OF[own], LAYER_OF[other]
    if own_layer == "faces" and other_layer == "public":
        return ""
    if ORDER.index(other_layer) > ORDER.index(own_layer):
        return f"{one}: {own_layer} may not import {other_layer}"
    if own_layer == other_layer == "parts" and own != other:
        return f"{one}: parts may not import each other"
    if own_layer == "reports" and other_layer not in {"words", "reports"}:
        return f"{one}: reports may import words only"
    return ""


def _third_party_trouble(one: Import, top: str) -> str:
    allowed = MAY_IMPORT.get(top)
    if allowed is None:
        return f"{one}: {top!r} has no line in MAY_IMPORT"
    if not _is_one_of(one.importer, allowed):
        return f"{one}: {top!r} belongs into {', '.join(allowed)}"
    started = top == "numpy" and _is_one_of(one.importer, STARTED)
    if one.at_load and (started or top in ONLY_INSIDE_FUNCTIONS):
        return f"{one}: {top!r} may be imported inside a function only"
    return ""


def _is_one_of(module: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(module, pattern) for pattern in patterns)


def test_the_package_keeps_its_layers():
    assert violations(ROOT) == []


@pytest.mark.slow
def test_every_module_is_looked_at():
    assert {"", "errors", "devices.profile", "cli"} <= set(modules(ROOT))
    assert len(list(imports(ROOT))) > 100


@pytest.fixture
def planted(tmp_path):
    def plant(**files):
        for name, text in files.items():
            path = tmp_path / PACKAGE / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            (path.parent / "__init__.py").touch()
        return violations(tmp_path)

    return plant


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("errors", "import pytest_edgert.harness", "words may not import lab"),
        ("devices__a", "from pytest_edgert.runtimes.b import x", "parts may not import each other"),
        ("devices__a", "from pytest_edgert import runtimes", "parts may not import each other"),
        ("devices__a", "from .. import runtimes", "parts may not import each other"),
        ("devices__a", "from ..job import x", "parts may not import job"),
        ("job__a", "def f():\n    from pytest_edgert.worker import x", "job may not import reach"),
        (
            "job__a",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pytest_edgert.cli import x",
            "job may not import faces",
        ),
        ("reports__a", "from pytest_edgert.harness import x", "reports may import words only"),
        ("harness", "from pytest_edgert.reports import x", "lab may not import reports"),
        ("harness", "from pytest_edgert import assert_latency", "lab may not import public"),
        ("harness", "import pytest", "'pytest' belongs into plugin"),
        ("plugin__a", "def f():\n    import numpy as np", "'numpy' belongs into"),
        ("runtimes__litert", "def f():\n    import onnx", "'onnx' belongs into runtimes.onnxruntime*"),
        ("runtimes__onnxruntime", "import onnxruntime", "may be imported inside a function only"),
        ("runtimes__onnxruntime", "class A:\n    from onnx import x", "may be imported inside a function only"),
        ("runtimes__a", "import requests", "'requests' has no line in MAY_IMPORT"),
        ("helpers", "", "is in no layer"),
    ],
)
def test_a_planted_violation_is_found(planted, file, text, said):
    found = planted(**{"runtimes__b": "", "job__b": "", "harness": "", file: text})
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("devices__a", "from pytest_edgert.devices.b import x\nfrom .b import y\nfrom . import b"),
        ("harness", "from pytest_edgert import errors\nimport os.path"),
        ("runtimes__onnxruntime", "def f():\n    import onnxruntime as ort\n    from onnx.helper import x"),
        ("plugin__a", "import pytest\nfrom pytest_edgert import assert_latency"),
        ("errors", "from __future__ import annotations"),
    ],
)
def test_what_is_allowed_is_not_complained_of(planted, file, text):
    assert planted(**{"devices__b": "", "errors": "", file: text}) == []
