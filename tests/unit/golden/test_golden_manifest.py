from __future__ import annotations

import math

import jsonschema
import pytest
from golden_samples import make_golden

from pytest_edgert.codec import encode, json_schema
from pytest_edgert.golden.manifest import Headroom, Manifest


@pytest.mark.parametrize(
    ("observed", "limit", "share", "low"),
    [(0.0, 1.0, 1.0, False), (0.9, 1.0, 0.1, True), (2.0, 1.0, -1.0, True), (0.0, 0.0, 1.0, False), (1, 0.0, -1, True)],
)
def test_headroom_is_the_share_of_the_limit_that_is_left(
    observed: float, limit: float, share: float, low: bool
) -> None:
    headroom = Headroom("y", "lsb", observed, limit)
    assert headroom.share == pytest.approx(share)
    assert headroom.is_low is low


def test_headroom_that_is_unknown_is_low() -> None:
    assert Headroom("y", "lsb", math.nan, 1.0).is_low


def test_a_manifest_fits_the_schema_made_from_its_classes() -> None:
    jsonschema.validate(encode(make_golden().manifest), json_schema(Manifest, "golden"))
