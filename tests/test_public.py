"""The public names: each resolves and is documented, and loading the package loads nothing heavy."""

import importlib
import inspect
import subprocess
import sys

import pytest

import pytest_edgert

HEAVY = {"numpy", "hypothesis", "onnx", "onnxruntime", "safetensors", "filelock", "pytest"}
NAMES = sorted(pytest_edgert._PUBLIC)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_what_its_module_defines(name):
    module = importlib.import_module(pytest_edgert._PUBLIC[name])
    assert getattr(pytest_edgert, name) is getattr(module, name)
    assert getattr(module, name).__module__ == module.__name__


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_documented(name):
    assert inspect.getdoc(getattr(pytest_edgert, name))


def test_all_and_dir_tell_the_same_names():
    assert sorted(pytest_edgert.__all__) == NAMES
    assert set(NAMES) <= set(dir(pytest_edgert))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'assert_latenzy'"):
        pytest_edgert.assert_latenzy  # noqa: B018 - the access is the test


def test_loading_the_package_loads_nothing_heavy():
    code = "import sys, pytest_edgert; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "pytest_edgert" in loaded
    assert HEAVY.isdisjoint(loaded)
