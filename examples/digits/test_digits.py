"""The digits classifier under test, as its author would write it: fast enough, and still right in int8."""

from pathlib import Path

import numpy as np
import pytest

from pytest_edgert import assert_agreement, assert_latency

pytestmark = pytest.mark.edge_model("digits.onnx", "digits_int8.onnx")

#: Share of the held-out digits that each artefact must read right.
LEAST_ACCURACY = {"digits.onnx": 0.97, "digits_int8.onnx": 0.96}


@pytest.fixture(scope="module")
def held_out():
    """Give the labelled digits that training never saw."""
    with np.load(Path(__file__).with_name("labels.npz")) as digits:
        return digits["image"], digits["labels"]


def test_signature(edge_session):
    signature = edge_session.signature
    assert [(tensor.name, tensor.shape, tensor.dtype) for tensor in signature.inputs] == [
        ("image", (1, 1, 8, 8), "float32")
    ]
    assert [(tensor.name, tensor.shape, tensor.dtype) for tensor in signature.outputs] == [
        ("probabilities", (1, 10), "float32")
    ]


@pytest.mark.latency_budget("p95=5ms")
def test_latency(edge_session, latency_budget):
    assert_latency(edge_session, latency_budget)


def test_it_agrees_with_the_float_model(edge_session, edge_reference, held_out):
    images, _ = held_out
    for image in images[:4]:
        assert_agreement(edge_session, edge_reference, {"image": image[None]})


def test_golden(edge_session, edge_golden):
    edge_golden.check(edge_session)


def test_held_out_digits_are_read_right(edge_session, edge_target, held_out):
    images, labels = held_out
    read = [edge_session.infer({"image": image[None]})["probabilities"].argmax() for image in images]
    assert np.mean(read == labels) >= LEAST_ACCURACY[edge_target.artefact.name]


def test_probabilities_sum_to_one(edge_session, held_out):
    images, _ = held_out
    probabilities = edge_session.infer({"image": images[:1]})["probabilities"]
    assert probabilities.sum() == pytest.approx(1, abs=10 / 256)  # ten values, each within one step of the int8 grid
