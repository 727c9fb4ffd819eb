"""Starting pytest with the plugin loads no array library, no property tests, no runtime and no lock."""

import os
import subprocess
import sys

HEAVY = {
    "numpy",
    "hypothesis",
    "onnxruntime",
    "onnx",
    "safetensors",
    "filelock",
    "ml_dtypes",
    "openvino",
    "ai_edge_litert",
    "pynvml",
}

#: All of ours that a run without a model may load: each costs every user of pytest a millisecond or so.
TABLES = {
    "pytest_edgert",
    *(f"pytest_edgert.plugin{name}" for name in ("", ".mark_table", ".options", ".ledger", ".fixtures")),
}

# The plugin is named and others are not loaded: their imports are theirs.
START = """
import sys, pytest
status = pytest.main(["-p", "pytest_edgert.plugin", "--collect-only", "-q", "-p", "no:cacheprovider", *sys.argv[1:]])
print("LOADED", *sys.modules)
sys.exit(0 if status == pytest.ExitCode.NO_TESTS_COLLECTED else status)
"""


def loaded_by(folder, *arguments):
    """Return the modules that a fresh pytest with our plugin holds after collecting an empty folder."""
    ended = subprocess.run(
        [sys.executable, "-c", START, *arguments],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    line = next(line for line in ended.stdout.splitlines() if line.startswith("LOADED "))
    return set(line.split()[1:])


def test_starting_pytest_loads_nothing_heavy(tmp_path):
    loaded = loaded_by(tmp_path)
    assert "pytest_edgert.plugin" in loaded
    assert HEAVY.isdisjoint(loaded), sorted(HEAVY & loaded)


def test_a_latency_budget_alone_loads_nothing_heavy(tmp_path):
    assert HEAVY.isdisjoint(loaded_by(tmp_path, "--latency-budget=5ms"))


def test_the_check_would_see_a_heavy_import(tmp_path):
    (tmp_path / "conftest.py").write_text("import numpy\n")
    assert "numpy" in loaded_by(tmp_path)


def test_an_empty_folder_loads_only_the_tables_of_the_plugin(tmp_path):
    ours = {name for name in loaded_by(tmp_path) if name.split(".")[0] == "pytest_edgert"}
    assert ours - TABLES == set()
