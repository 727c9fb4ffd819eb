"""What a user gets: the profiles from a wheel, an edit of a profile in an editable install, and a whole sdist."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: What a build reads; build outputs and caches stay behind.
SOURCES = ("pytest_edgert", "device_profiles", "README.md", "LICENSE", "pyproject.toml")
SHOW = """
from pytest_edgert.devices.profile import find_profile
found = find_profile("linux-generic")
print(found.path, found.title, sep="|")
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.version_info < (3, 11), reason="an empty environment would need tomli: run on Python 3.11"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Give a copy of the sources, so that a test may edit them."""
    place = tmp_path_factory.mktemp("project")
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, place / name)
    return place


def build(project, hook, place):
    """Build as pip does, by the backend's hook in a fresh process, and return the file."""
    code = f"import sys; from hatchling import build; print(build.{hook}(sys.argv[1]))"
    built = subprocess.run([sys.executable, "-c", code, place], cwd=project, capture_output=True, text=True, check=True)
    return place / built.stdout.split()[-1]


def install(wheel, place):
    """Install a wheel into an environment that holds nothing else, and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel]
    subprocess.run(pip, check=True)
    return python


def found_by(python, folder):
    """Return path and title of the generic profile as that Python finds it, run from `folder`."""
    # A PYTHONPATH of the run would win over what was installed; -E leaves it out.
    shown = subprocess.run([python, "-E", "-c", SHOW], cwd=folder, capture_output=True, text=True, check=True).stdout
    path, title = shown.strip().split("|")
    return Path(path), title


def test_a_wheel_brings_the_profiles(project, tmp_path):
    environment = tmp_path / "venv"
    path, _ = found_by(install(build(project, "build_wheel", tmp_path), environment), tmp_path)
    assert path.is_relative_to(environment)
    assert path.parts[-3:] == ("pytest_edgert", "device_profiles", "linux-generic.toml")


def test_a_wheel_brings_package_licence_and_nothing_of_ours_besides(project, tmp_path):
    names = zipfile.ZipFile(build(project, "build_wheel", tmp_path)).namelist()
    assert "pytest_edgert/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"pytest_edgert"}


def test_an_editable_install_sees_an_edit_of_a_profile(project, tmp_path):
    python = install(build(project, "build_editable", tmp_path), tmp_path / "venv")
    profile = project / "device_profiles" / "linux-generic.toml"
    text = profile.read_text()
    profile.write_text(text.replace('title   = "', 'title   = "Edited: '))
    path, title = found_by(python, tmp_path)
    profile.write_text(text)
    assert path == profile
    assert title.startswith("Edited: ")


def test_an_sdist_brings_what_a_build_needs_and_a_wheel_from_it_the_profiles(project, tmp_path):
    with tarfile.open(build(project, "build_sdist", tmp_path)) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    names = zipfile.ZipFile(build(unpacked, "build_wheel", tmp_path)).namelist()
    assert "pytest_edgert/device_profiles/linux-generic.toml" in names


def test_the_command_and_the_plugin_are_registered(project, tmp_path):
    names = zipfile.ZipFile(build(project, "build_wheel", tmp_path))
    (entry_points,) = (names.read(name).decode() for name in names.namelist() if name.endswith("entry_points.txt"))
    assert "edgert = pytest_edgert.cli:main" in entry_points
    assert "[pytest11]\nedgert = pytest_edgert.plugin" in entry_points
