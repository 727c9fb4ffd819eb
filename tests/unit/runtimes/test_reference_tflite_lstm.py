"""UNIDIRECTIONAL_SEQUENCE_LSTM: float against LiteRT, states rounded onto their grids, every inference from zero."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tflite_models
from tflite_models import Graph, Operator, Tensor, save

from pytest_edgert.errors import UnsupportedModelError
from pytest_edgert.runtimes.litert import RUNTIME as LITERT
from pytest_edgert.runtimes.reference import RUNTIME

FEATURES, UNITS, STEPS = 3, 4, 6
NAME = "UNIDIRECTIONAL_SEQUENCE_LSTM"
TANH, RELU = 4, 1


@pytest.fixture(autouse=True)
def more_operators(monkeypatch):
    monkeypatch.setitem(tflite_models.OPERATORS, NAME, (44, 71))


def lstm(
    path: Path, *, input_gate: bool = True, by_time: bool = False, clip: float = 0.0, activation: int = TANH
) -> Path:
    """Write an LSTM of seeded weights: inputs as the kernel orders them."""
    rng = np.random.default_rng(5)
    shape = (STEPS, 2, FEATURES) if by_time else (2, STEPS, FEATURES)
    tensors, places = [Tensor("x", shape)], [-1] * 24
    places[0] = 0

    def add(place: int, tensor: Tensor) -> None:
        places[place] = len(tensors)
        tensors.append(tensor)

    for gate in range(4):
        if gate == 0 and not input_gate:
            continue
        add(
            1 + gate,
            Tensor(f"w{gate}", (UNITS, FEATURES), values=rng.normal(size=(UNITS, FEATURES)).astype(np.float32)),
        )
        add(5 + gate, Tensor(f"r{gate}", (UNITS, UNITS), values=rng.normal(size=(UNITS, UNITS)).astype(np.float32)))
        add(12 + gate, Tensor(f"b{gate}", (UNITS,), values=rng.normal(size=UNITS).astype(np.float32)))
    add(18, Tensor("h", (2, UNITS), variable=True))
    add(19, Tensor("c", (2, UNITS), variable=True))
    tensors.append(Tensor("y", (*shape[:2], UNITS)))
    options = {
        0: ("b", activation),
        1: ("I", int(np.float32(clip).view(np.uint32))),
        2: ("I", 0),
        3: ("?", by_time),
    }
    operator = Operator(NAME, places, [len(tensors) - 1], options)
    return save(path, Graph(tensors, [operator], [0], [len(tensors) - 1]))


def feeds(*, by_time: bool = False) -> dict[str, np.ndarray]:
    shape = (STEPS, 2, FEATURES) if by_time else (2, STEPS, FEATURES)
    return {"x": np.random.default_rng(6).normal(size=shape).astype(np.float32)}


@pytest.mark.parametrize(
    "how",
    [{}, {"input_gate": False}, {"by_time": True}, {"clip": 0.4}],
    ids=["plain", "coupled", "time first", "clipped"],
)
def test_a_float_lstm_agrees_with_litert(how, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert to compare with")
    path, given = lstm(tmp_path / "lstm.tflite", **how), feeds(by_time=how.get("by_time", False))
    with RUNTIME.open(path, "cpu", {}) as session, LITERT.open(path, "cpu", {"kernels": "reference"}) as runtime:
        np.testing.assert_allclose(session.infer(given)["y"], runtime.infer(given)["y"], rtol=1e-5, atol=1e-6)


def test_every_inference_begins_with_states_of_zero(tmp_path):
    with RUNTIME.open(lstm(tmp_path / "lstm.tflite"), "cpu", {}) as session:
        np.testing.assert_array_equal(session.infer(feeds())["y"], session.infer(feeds())["y"])


def test_an_activation_but_tanh_is_refused_by_the_operator(tmp_path):
    path = lstm(tmp_path / "lstm.tflite", activation=RELU)
    with RUNTIME.open(path, "cpu", {}) as session, pytest.raises(UnsupportedModelError, match=NAME):
        session.infer(feeds())


def test_states_of_integers_lie_on_their_grids(tmp_path):
    # One unit, all weights zero, biases large: gates are 1, so that the cell counts up by tanh(0.5) = 0.46…, which its
    # grid of 1/4 rounds to 0.5 at each step; the hidden state is tanh of the rounded cell on a grid of 1/8.
    zero = np.zeros((1, 1), np.int8)
    big, half = np.array([100], np.int32), np.array([1], np.int32)
    tensors = [Tensor("x", (1, 3, 1), "int8", scale=[1.0], zero_point=[0])]
    places = [-1] * 24
    places[0] = 0
    for gate, bias in enumerate((big, big, half, big)):
        for place, name in ((1 + gate, "w"), (5 + gate, "r")):
            places[place] = len(tensors)
            tensors.append(Tensor(f"{name}{gate}", (1, 1), "int8", zero, [0.5], [0]))
        places[12 + gate] = len(tensors)
        tensors.append(Tensor(f"b{gate}", (1,), "int32", bias, [0.5], [0]))
    places[18], places[19] = len(tensors), len(tensors) + 1
    tensors += [
        Tensor("h", (1, 1), "int8", scale=[0.125], zero_point=[3], variable=True),
        Tensor("c", (1, 1), "int16", scale=[0.25], zero_point=[0], variable=True),
        Tensor("y", (1, 3, 1), "int8", scale=[0.125], zero_point=[3]),
    ]
    operator = Operator(NAME, places, [len(tensors) - 1], {0: ("b", TANH), 3: ("?", False)})
    path = save(tmp_path / "lstm.tflite", Graph(tensors, [operator], [0], [len(tensors) - 1]))
    with RUNTIME.open(path, "cpu", {}) as session:
        found = session.infer({"x": np.zeros((1, 3, 1), np.int8)})["y"].reshape(-1)
    wanted = np.rint(np.tanh([0.5, 1.0, 1.5]) / 0.125) + 3
    np.testing.assert_array_equal(found, wanted)
