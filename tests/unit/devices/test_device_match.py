"""Rules over files and facts, each against a small folder that stands for the root of a device."""

from pathlib import Path

import pytest

from pytest_edgert.devices.match import matches, recognise
from pytest_edgert.devices.schema import read_profile
from pytest_edgert.errors import DeviceError

LINUX = {"os": "linux", "arch": "aarch64"}


def profile(name="board", folder="profiles", **tables):
    return read_profile({"schema": 1, "id": name, "title": name, **tables}, Path(folder) / f"{name}.toml")


def by_id(*profiles):
    return {p.id: p for p in profiles}


@pytest.fixture
def root(tmp_path):
    def write(path, content=b""):
        target = tmp_path / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    write("/proc/device-tree/model", b"NVIDIA Jetson Orin Nano Developer Kit\0")
    write("/proc/device-tree/compatible", b"nvidia,p3768\0nvidia,tegra234\0")
    write("/dev/b")
    write("/sys/bus/pci/devices/0000:01:00.0/vendor", b"0x1E60\n")
    write("/sys/bus/pci/devices/0000:01:00.0/device", b"0x2864\n")
    return tmp_path


@pytest.mark.parametrize(
    "match",
    [
        {"file": {"/proc/device-tree/model": "*Jetson Orin Nano*"}},
        {"file": {"/proc/device-tree/model": "NVIDIA * Kit"}},
        {"file": {"/proc/device-tree/compatible": "*nvidia,tegra234"}},
        {"any_file": ["/dev/a", "/dev/b"]},
        {"pci": ["1e60:2864"]},
        {},
    ],
)
def test_a_rule_that_holds_leaves_nothing_to_say(root, match):
    assert matches(profile(match=match), LINUX, root) == []


@pytest.mark.parametrize(
    ("match", "said"),
    [
        ({"file": {"/proc/nothing": "*Jetson*"}}, "/proc/nothing is absent, wanted '*Jetson*'"),
        (
            {"file": {"/proc/device-tree/model": "Raspberry*"}},
            "/proc/device-tree/model is 'NVIDIA Jetson Orin Nano Developer Kit', wanted 'Raspberry*'",
        ),
        ({"file": {"/proc/device-tree": "*"}}, "/proc/device-tree is unreadable (Is a directory), wanted '*'"),
        ({"any_file": ["/dev/x", "/dev/y"]}, "none of /dev/x, /dev/y is there"),
        ({"pci": ["1ac1:089a"]}, "no PCI device 1ac1:089a is there"),
        (
            {"prop": {"ro.soc.model": "SM8650*"}},
            "property ro.soc.model cannot be read, wanted 'SM8650*' (Android devices are not reached yet)",
        ),
    ],
)
def test_a_rule_that_does_not_hold_is_said_in_words(root, match, said):
    assert matches(profile(match=match), LINUX, root) == [said]


def test_every_rule_that_does_not_hold_is_said(root):
    board = profile(os="android", arch="x86_64", match={"any_file": ["/dev/x"]})
    assert matches(board, LINUX, root) == [
        "os is linux, wanted android",
        "arch is aarch64, wanted x86_64",
        "none of /dev/x is there",
    ]


def test_the_profile_with_more_rules_is_recognised(root):
    generic = profile("generic", os="linux")
    board = profile("board", os="linux", match={"any_file": ["/dev/b"]})
    model = profile("model", match={"any_file": ["/dev/b"], "pci": ["1e60:2864"]})
    assert recognise(by_id(generic, board, model), LINUX, root) is model
    assert recognise(by_id(model, board, generic), LINUX, root) is model


def test_a_generic_profile_falls_out_last(root):
    generic = profile("generic", os="linux", arch="aarch64")
    other = profile("other", match={"any_file": ["/dev/x"]})
    assert recognise(by_id(other, generic), LINUX, root) is generic


def test_two_equal_profiles_of_one_folder_are_ambiguous(root):
    with pytest.raises(DeviceError, match=r"equally well: profiles/one\.toml, profiles/two\.toml"):
        recognise(by_id(profile("one", os="linux"), profile("two", os="linux")), LINUX, root)


def test_of_two_equal_profiles_the_earlier_folder_wins(root):
    mine, built_in = profile("mine", folder="mine", os="linux"), profile("generic", os="linux")
    assert recognise(by_id(mine, built_in), LINUX, root) is mine


def test_no_match_at_all_says_every_reason(root):
    with pytest.raises(DeviceError, match=r"one: os is linux, wanted darwin"):
        recognise(by_id(profile("one", os="darwin")), LINUX, root)


def test_no_profiles_at_all_is_said(root):
    with pytest.raises(DeviceError, match="there are no profiles"):
        recognise({}, LINUX, root)
