"""The recorder of one test item, and how its records travel on pytest's reports.

Records cross the processes of pytest-xdist as JSON text in one attribute of the report, `edgert_records`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextvars import Token
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_edgert.codec import decode, encode
from pytest_edgert.recording import RECORDER

if TYPE_CHECKING:
    from pytest_edgert.records import CheckRecord

#: Attribute of a report that holds the records of its phase as JSON text.
ATTRIBUTE = "edgert_records"

_RECORDER = pytest.StashKey["ItemRecorder"]()
_TOKEN = pytest.StashKey[Token[Any]]()


class ItemRecorder:
    """Collects the records of one test item between two of its reports."""

    def __init__(self, item: pytest.Item) -> None:
        self.nodeid = item.nodeid
        self._item = item
        self._records: list[CheckRecord] = []

    @property
    def attempt(self) -> int:
        """Which run of the same test this is, from 1: pytest-rerunfailures counts on the item."""
        return int(getattr(self._item, "execution_count", 1))

    def record(self, record: CheckRecord) -> None:
        """Keep a record, stamped with the item's id."""
        self._records.append(replace(record, nodeid=self.nodeid))

    def keep(self, record: CheckRecord) -> None:
        """Keep a record unless it was recorded already."""
        if replace(record, nodeid=self.nodeid) not in self._records:
            self.record(record)

    @property
    def records(self) -> tuple[CheckRecord, ...]:
        """What was recorded since the last report."""
        return tuple(self._records)

    def clear(self) -> None:
        """Forget what a report has taken."""
        self._records.clear()


def start_item(item: pytest.Item) -> None:
    """Let records go to `item` until `finish_item`."""
    item.stash[_RECORDER] = ItemRecorder(item)
    item.stash[_TOKEN] = RECORDER.set(item.stash[_RECORDER])


def finish_item(item: pytest.Item) -> None:
    """Let records go where they went before `start_item`."""
    RECORDER.reset(item.stash[_TOKEN])
    del item.stash[_RECORDER], item.stash[_TOKEN]


def recorder_of(item: pytest.Item) -> ItemRecorder:
    """Return the recorder of an item; one that nothing records to, outside `start_item` and `finish_item`."""
    return item.stash.get(_RECORDER, ItemRecorder(item))


def attach(report: pytest.TestReport, records: Sequence[CheckRecord]) -> None:
    """Put records on a report."""
    setattr(report, ATTRIBUTE, json.dumps(encode(records), allow_nan=False))


def records_of(report: pytest.TestReport) -> tuple[CheckRecord, ...]:
    """Return the records that a report carries."""
    from pytest_edgert.records import CheckRecord

    return tuple(decode(CheckRecord, one) for one in json.loads(getattr(report, ATTRIBUTE, "[]")))
