"""Where profiles lie, which of them a name means, and the device under test."""

import re
from pathlib import Path

import pytest

from pytest_edgert.devices import profile as profiles
from pytest_edgert.devices.facts import read_facts
from pytest_edgert.errors import DeviceError, UsageError

BOARD = 'schema = 1\nid = "{id}"\ntitle = "Board {id}"\n{rest}'


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "boards"
    place.mkdir()
    return place


def write(folder, name, rest="", file=""):
    path = folder / f"{file or name}.toml"
    path.write_text(BOARD.format(id=name, rest=rest))
    return path


def test_the_built_in_folder_is_beside_the_package_in_a_checkout():
    repository = Path(__file__).resolve().parents[3]
    assert profiles.built_in_folder() in {repository / "device_profiles", repository / "pytest_edgert/device_profiles"}


def test_every_built_in_profile_is_sound():
    built_in = profiles.load_profiles()
    assert "linux-generic" in built_in
    assert all(profile.title and profile.path.is_file() for profile in built_in.values())


def test_a_given_folder_comes_before_the_built_in_ones(folder):
    path = write(folder, "linux-generic", 'aliases = ["mine"]')
    assert profiles.find_profile("linux-generic", [folder]).path == path
    assert next(iter(profiles.load_profiles([folder]))) == "linux-generic"


def test_of_two_given_folders_the_first_wins(folder, tmp_path):
    second = tmp_path / "second"
    second.mkdir()
    first_path, _ = write(folder, "board"), write(second, "board")
    assert profiles.load_profiles([folder, second])["board"].path == first_path


def test_a_folder_given_twice_is_read_once(folder):
    write(folder, "board")
    assert "board" in profiles.load_profiles([folder, folder])


def test_the_rootdirs_folder_counts_only_when_it_is_there(tmp_path):
    given = tmp_path / "given"
    assert profiles.profile_folders([given], tmp_path) == [given]
    (tmp_path / "device_profiles").mkdir()
    assert profiles.profile_folders([given], tmp_path) == [given, tmp_path / "device_profiles"]


def test_an_entry_point_brings_a_package_of_profiles(tmp_path, monkeypatch):
    package = tmp_path / "site" / "lab_boards"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    path = write(package, "lab-board")
    distribution = tmp_path / "site" / "lab_boards-1.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-boards\nVersion: 1\n")
    (distribution / "entry_points.txt").write_text("[pytest_edgert.profiles]\nlab = lab_boards\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert profiles.find_profile("lab-board").path == path


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(DeviceError, match=re.escape(f"Profile folder {tmp_path / 'none'} does not exist")):
        profiles.load_profiles([tmp_path / "none"])


def test_an_alias_means_its_profile(folder):
    path = write(folder, "jetson-orin-nano", 'aliases = ["jetson"]')
    assert profiles.find_profile("jetson", [folder]).path == path


def test_a_path_means_the_profile_in_that_file(folder):
    path = write(folder, "board")
    assert profiles.find_profile(str(path)).id == "board"


def test_a_missing_path_is_an_error(folder):
    with pytest.raises(DeviceError, match=r"none\.toml does not exist"):
        profiles.find_profile(str(folder / "none.toml"))


def test_an_unknown_name_gives_the_nearest_one_and_the_list():
    with pytest.raises(DeviceError, match=r"Unknown device 'linux-genric'.*'linux-generic'.*edgert profiles list"):
        profiles.find_profile("linux-genric")


def test_an_alias_of_two_profiles_is_an_error_naming_both_files(folder):
    one, two = write(folder, "one", 'aliases = ["pi"]'), write(folder, "two", 'aliases = ["pi"]')
    with pytest.raises(DeviceError, match=re.escape(f"'pi': {one} and {two}")):
        profiles.load_profiles([folder])


def test_an_alias_may_not_be_anothers_id(folder):
    path = write(folder, "one", 'aliases = ["linux-generic"]')
    with pytest.raises(DeviceError, match=re.escape(f"'linux-generic': {path} and ")):
        profiles.load_profiles([folder])


def test_an_id_twice_in_one_folder_is_an_error_naming_both_files(folder):
    one, two = write(folder, "board", file="a"), write(folder, "board", file="b")
    with pytest.raises(DeviceError, match=re.escape(f"{one} and {two}")):
        profiles.load_profiles([folder])


@pytest.mark.parametrize("name", ["auto", "a/b", "", "-x"])
def test_an_id_that_cannot_be_typed_is_refused(folder, name):
    write(folder, name, file="x")
    with pytest.raises(UsageError, match="key 'id'"):
        profiles.load_profiles([folder])


@pytest.mark.parametrize("alias", ["auto", "a b"])
def test_an_alias_that_cannot_be_typed_is_refused(folder, alias):
    write(folder, "board", f'aliases = ["{alias}"]')
    with pytest.raises(UsageError, match="cannot be an alias"):
        profiles.load_profiles([folder])


def test_a_file_that_is_no_toml_is_named(folder):
    (folder / "bad.toml").write_text("schema = = 1")
    with pytest.raises(UsageError, match=r"bad\.toml is not TOML: .*line 1"):
        profiles.load_profiles([folder])


def test_a_profile_extends_another_by_keys_and_keeps_its_own_aliases(folder):
    write(folder, "base", 'os = "linux"\naliases = ["b"]\n[measure]\nwarmup = 5\nmin_time = "2s"')
    write(folder, "child", 'extends = "base"\n[measure]\nwarmup = 9')
    child = profiles.find_profile("child", [folder])
    assert (child.os, child.aliases, child.title) == ("linux", (), "Board child")
    assert (child.measure.warmup, child.measure.min_time_s) == (9, 2.0)


def test_a_profile_given_by_path_extends_a_known_one(folder):
    path = write(folder, "child", 'extends = "linux-generic"')
    assert profiles.find_profile(str(path)).accelerator[0].name == "cpu"


def test_two_levels_of_extends_are_refused(folder):
    write(folder, "a")
    write(folder, "b", 'extends = "a"')
    write(folder, "c", 'extends = "b"')
    with pytest.raises(UsageError, match=r"'extends' names 'b' .*one level"):
        profiles.load_profiles([folder])


def test_an_unknown_base_gives_the_nearest_one(folder):
    write(folder, "child", 'extends = "linux-genric"')
    with pytest.raises(UsageError, match="Did you mean 'linux-generic'"):
        profiles.load_profiles([folder])


def test_auto_recognises_this_machine(tmp_path):
    device = profiles.find_device("auto")
    assert profiles.matches(device.profile, device.facts) == []


def test_a_named_device_that_this_machine_is_gives_its_profile_and_facts(folder):
    write(folder, "board", f'os = "{read_facts()["os"]}"')
    device = profiles.find_device("board", [folder])
    assert (device.profile.id, device.facts["os"]) == ("board", read_facts()["os"])


def test_a_device_named_and_absent_is_an_error_that_says_what_was_found(folder, tmp_path):
    write(folder, "jetson", '[match]\nfile."/proc/device-tree/model" = "*Jetson*"')
    model = tmp_path / "root/proc/device-tree/model"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"Raspberry Pi 5 Model B\0")
    with pytest.raises(DeviceError) as caught:
        profiles.find_device("jetson", [folder], tmp_path / "root")
    assert "this machine (Raspberry Pi 5 Model B) is not one" in caught.value.message
    assert "/proc/device-tree/model is 'Raspberry Pi 5 Model B', wanted '*Jetson*'" in caught.value.message
    assert "ssh or adb is not built yet" in caught.value.remedy
