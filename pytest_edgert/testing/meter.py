r"""The contract suite for authors of meters: subclass `MeterContract` and every rule becomes a test.

    from pytest_edgert.testing import MeterContract

    class TestMyMeter(MeterContract):
        reference = "my_package.meter:METER"
        tree = {"/sys/class/mine/mine0/temp": "45500\n"}

The tree is the smallest sysroot in which the meter finds its sensors. A meter of a vendor's library that reads no files
gets a stand-in for the library in a fixture, and overrides `vanish`. The rules are told in ``docs/telemetry.md``.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from pytest_edgert.contracts import Meter, MeterReader
from pytest_edgert.devices.telemetry.quantities import unit_of
from pytest_edgert.devices.telemetry.registry import load_meter
from pytest_edgert.records import PresenceState

#: Prints the top-level modules that loading a meter brings in and that are neither Python's nor ours nor its own.
_IMPORT_PROBE = """
import sys
before = set(sys.modules)
from pytest_edgert.devices.telemetry.registry import load_meter
load_meter(sys.argv[1])
tops = {name.partition(".")[0] for name in set(sys.modules) - before}
own = {"pytest_edgert", sys.argv[1].partition(":")[0].partition(".")[0]}
print(*sorted(tops - own - set(sys.stdlib_module_names)))
"""

#: What a file of a device was seen to hold, or might, where a number is due.
_NONSENSE = (
    b"",
    b"\n",
    b"N/A\n",
    b"<unknown>\n",
    b"Reading failed\n",
    b"nan\n",
    b"inf\n",
    b"-\n",
    b"0x1f\n",
    b"1e3\n",
    b"12 34\n",
    b"\xff\xfe\x00\n",
    b"9" * 300 + b"\n",
    b"-99999999999\n",
)

Readings = Mapping[str, "float | None"]


class MeterContract:
    """What every meter keeps to. Set `reference` and `tree`.

    Attributes:
        reference: The meter as ``module:attribute``, as in its entry point.
        tree: Text by path of the files of a sysroot in which the meter finds at least one usable sensor.
    """

    reference: ClassVar[str]
    tree: ClassVar[Mapping[str, str]]

    @pytest.fixture
    def meter(self) -> Meter:
        """The meter under test."""
        return load_meter(self.reference)

    @pytest.fixture
    def sysroot(self, tmp_path: Path) -> Path:
        """The tree, written."""
        for path, text in self.tree.items():
            _write(tmp_path / path.lstrip("/"), text.encode())
        return tmp_path

    @pytest.fixture
    def reader(self, meter: Meter, sysroot: Path) -> Iterator[MeterReader]:
        """The sensors of the tree, open."""
        found = meter.open(sysroot)
        yield found
        found.close()

    def vanish(self, sysroot: Path) -> None:
        """Take every sensor away; a meter that reads no files overrides it."""
        for path in self.tree:
            (sysroot / path.lstrip("/")).unlink()

    # What is told

    def test_loading_brings_no_vendor(self) -> None:
        """Every worker loads every meter, also where the vendor's library is missing or crashes."""
        command = [sys.executable, "-c", _IMPORT_PROBE, self.reference]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert not done.stdout.split(), f"loading the meter imports {done.stdout.split()}"

    def test_the_name_is_a_word(self, meter: Meter) -> None:
        """Profiles name sensors as "meter:sensor"."""
        assert meter.name
        assert meter.name == meter.name.lower()
        assert not set(meter.name) & set(": /."), meter.name

    def test_sensors_are_named_by_quantity_unit_and_place(self, meter: Meter, sysroot: Path) -> None:
        """Once each, and the unit is known, so that a reading can be judged without knowing the meter."""
        names = [one.name for one in meter.sensors(sysroot) if one.name != "*"]
        assert len(set(names)) == len(names), f"told twice: {sorted(names)}"
        assert not [name for name in names if unit_of(name) is None], f"of no known unit: {names}"

    def test_a_sensor_of_the_tree_is_usable(self, meter: Meter, sysroot: Path) -> None:
        """Otherwise the other rules would prove nothing."""
        assert any(one.state is PresenceState.USABLE for one in meter.sensors(sysroot))

    def test_what_is_missing_has_a_reason(self, meter: Meter, sysroot: Path, tmp_path: Path) -> None:
        """Unusable or absent is never said without why."""
        told = [*meter.sensors(sysroot), *meter.sensors(tmp_path / "nowhere")]
        assert not [one.name for one in told if one.state is not PresenceState.USABLE and not one.reason]

    # Readings

    def test_usable_sensors_are_read_as_numbers_of_their_unit(self, meter: Meter, sysroot: Path) -> None:
        """A usable sensor gives a number, inside what its unit allows."""
        usable = {one.name for one in meter.sensors(sysroot) if one.state is PresenceState.USABLE}
        readings = _read_once(meter, sysroot)
        assert not [name for name in usable if readings.get(name) is None], f"no number: {readings}"
        _check(readings)

    def test_nothing_is_read_that_was_not_told(self, meter: Meter, sysroot: Path) -> None:
        """Doctor and a measurement see the same sensors."""
        assert set(_read_once(meter, sysroot)) <= {one.name for one in meter.sensors(sysroot)}

    def test_the_same_sensors_are_read_every_time(self, reader: MeterReader) -> None:
        """A sensor without a number stays in the reading, as None."""
        assert list(reader.read()) == list(reader.read())

    # Absent, never zero

    @pytest.mark.parametrize("name", ["empty", "missing", "a-file"])
    def test_no_sensor_is_absent_and_never_zero(self, meter: Meter, tmp_path: Path, name: str) -> None:
        """Where nothing is, nothing is read, and why is told; nothing is raised."""
        root = tmp_path / name
        if name == "empty":
            root.mkdir()
        if name == "a-file":
            root.write_text("no folder", encoding="ascii")
        told = meter.sensors(root)
        assert told, "nothing is told, not even why"
        assert not [one.name for one in told if one.state is PresenceState.USABLE]
        assert not [value for value in _read_once(meter, root).values() if value is not None]

    def test_sensors_that_vanish_are_none(self, reader: MeterReader, sysroot: Path) -> None:
        """From one reading to the next all of them go: none is kept, none becomes 0."""
        before = reader.read()
        self.vanish(sysroot)
        after = reader.read()
        assert list(after) == list(before)
        assert set(after.values()) <= {None}, f"invented: {after}"

    def test_each_file_may_vanish_by_itself(self, meter: Meter, sysroot: Path) -> None:
        """The others are read on, none of them changed."""
        for path in self._files(sysroot):
            content = path.read_bytes()
            self._spoil(meter, sysroot, path, None, f"without {path}")
            _write(path, content)

    # Nonsense

    def test_a_file_that_holds_nonsense_gives_no_number(self, meter: Meter, sysroot: Path) -> None:
        """Text, nothing, bytes that are no text, numbers that cannot be: the reading is the old one or None."""
        for path in self._files(sysroot):
            content = path.read_bytes()
            for nonsense in _NONSENSE:
                self._spoil(meter, sysroot, path, nonsense, f"{path} with {nonsense[:20]!r}")
                _write(path, content)

    def test_a_file_cut_at_any_byte_gives_a_plausible_number_or_none(self, meter: Meter, sysroot: Path) -> None:
        """Nothing is raised, and what is read is inside what its unit allows."""
        for path in self._files(sysroot):
            content = path.read_bytes()
            reader = meter.open(sysroot)
            for length in range(len(content)):
                _write(path, content[:length])
                _check(reader.read())
                _check(_read_once(meter, sysroot))
                meter.sensors(sysroot)
            reader.close()
            _write(path, content)

    def test_a_folder_in_place_of_a_file_gives_no_number(self, meter: Meter, sysroot: Path) -> None:
        """What cannot be read is None."""
        for path in self._files(sysroot):
            content = path.read_bytes()
            reader = meter.open(sysroot)
            before = reader.read()
            path.unlink()
            path.mkdir()
            _same_or_none(before, reader.read(), f"{path} as a folder")
            _check(_read_once(meter, sysroot))
            meter.sensors(sysroot)
            reader.close()
            path.rmdir()
            _write(path, content)

    # Life cycle

    def test_closing_twice_is_harmless(self, meter: Meter, sysroot: Path) -> None:
        """And a closed reader reads nothing, without an error."""
        reader = meter.open(sysroot)
        reader.read()
        reader.close()
        reader.close()
        assert set(reader.read().values()) <= {None}

    def test_two_readers_do_not_disturb_each_other(self, meter: Meter, sysroot: Path) -> None:
        """Closing one leaves the other reading."""
        first, second = meter.open(sysroot), meter.open(sysroot)
        before = second.read()
        first.close()
        after = second.read()
        second.close()
        assert {name for name, value in after.items() if value is not None} == {
            name for name, value in before.items() if value is not None
        }

    def _files(self, sysroot: Path) -> list[Path]:
        return [sysroot / path.lstrip("/") for path in self.tree]

    def _spoil(self, meter: Meter, sysroot: Path, path: Path, content: bytes | None, what: str) -> None:
        """Read before and after a file is replaced, by an open reader and by a new one."""
        reader = meter.open(sysroot)
        before = reader.read()
        if content is None:
            path.unlink()
        else:
            _write(path, content)
        _same_or_none(before, reader.read(), what)
        reader.close()
        _check(_read_once(meter, sysroot))
        meter.sensors(sysroot)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _read_once(meter: Meter, sysroot: Path) -> Readings:
    reader = meter.open(sysroot)
    try:
        return reader.read()
    finally:
        reader.close()


def _check(readings: Readings) -> None:
    for name, value in readings.items():
        unit = unit_of(name)
        assert unit is not None, f"{name} is of no known unit"
        if value is not None:
            assert math.isfinite(value), f"{name} is {value}"
            assert unit.lowest <= value <= unit.highest, f"{name} is {value}, outside what its unit allows"


def _same_or_none(before: Readings, after: Readings, what: str) -> None:
    assert list(after) == list(before), f"{what}: other sensors are read"
    changed = {name: value for name, value in after.items() if value not in {None, before[name]}}
    assert not changed, f"{what}: invented {changed} where {before} was read"
