"""Real models whose traps are known: what must be found, and what must not be called a fault.

The folder is EDGERT_CORPUS, by default ``../shared/corpus`` beside the repository; without it the tests skip.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pytest_edgert.agreement.match import MatchError
from pytest_edgert.agreements import compare_sessions
from pytest_edgert.panel import Panel, check_agreement
from pytest_edgert.records import Verdict
from pytest_edgert.sessions import EdgeSession

CORPUS = Path(os.environ.get("EDGERT_CORPUS", Path(__file__).parents[2] / "../shared/corpus")).resolve()
OpenSession = Callable[..., EdgeSession]

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not CORPUS.is_dir(), reason=f"needs a folder of real models: {CORPUS}; set EDGERT_CORPUS"),
]


def cat(size: int) -> np.ndarray:
    """A photograph of cats as (1, size, size, 3) uint8, one pixel picked for each."""
    data = (CORPUS / "coral_mobilenet_v1/cat.bmp").read_bytes()
    start, width, height = (int.from_bytes(data[at : at + 4], "little", signed=at > 10) for at in (10, 18, 22))
    row = (width * 3 + 3) // 4 * 4
    rows = np.frombuffer(data, np.uint8, row * abs(height), start).reshape(abs(height), row)[:, : width * 3]
    image = rows.reshape(abs(height), width, 3)[:: -1 if height > 0 else 1, :, ::-1]
    ys, xs = (np.arange(size) * length // size for length in (abs(height), width))
    return np.ascontiguousarray(image[ys][:, xs])[None]


def test_a_near_tie_of_two_cats_is_no_fault(open_session: OpenSession) -> None:
    path = CORPUS / "coral_mobilenet_v1/mobilenet_v1_0.25_128_quant.tflite"
    session, other = open_session(path, "litert:cpu"), open_session(path, "litert:cpu+builtin", threads=1)
    name = session.signature.inputs[0].name
    found = compare_sessions(session, other, [{name: cat(128)}])
    scores = np.sort(next(iter(other.infer({name: cat(128)}).values())).ravel())[::-1]
    print("best scores:", scores[:3].tolist(), "found:", found.outputs[0].figures)  # noqa: T201 - for the lab's log
    assert scores[0] - scores[1] <= 8, "the picture is no near tie here"
    assert "top1" not in found.outputs[0].broken


def test_openvino_low_precision_disagrees_on_keywords_and_the_others_do_not(open_session: OpenSession) -> None:
    path = CORPUS / "mlperf_kws/kws_ref_model.tflite"
    oracle = open_session(path, "reference:cpu")
    assert check_agreement(open_session(path, "litert:cpu"), Panel((oracle,))).verdict is Verdict.PASS
    record = check_agreement(open_session(path, "openvino:cpu"), Panel((oracle,)))
    assert record.verdict is Verdict.FAIL
    lsb = record.agreement[0].outputs[0].figures["lsb"]
    assert isinstance(lsb, float)
    assert lsb > 3


def test_the_keyword_model_names_its_outlier_and_the_cause_with_and_without_an_oracle(
    open_session: OpenSession,
) -> None:
    path = CORPUS / "mlperf_kws/kws_ref_model.tflite"
    targets = ("reference:cpu", "litert:cpu", "openvino:cpu", "openvino:cpu+f32", "openvino:cpu+nolpt")
    oracle, sound, wrong, *variants = (open_session(path, target) for target in targets)
    for panel in (Panel((oracle, sound, *variants)), Panel((sound, *variants))):
        record = check_agreement(wrong, panel)
        assert record.verdict is Verdict.FAIL
        assert record.vote is not None
        assert record.vote.outliers == ("openvino:cpu",)
        # With bf16 it is the precision; without VNNI it is low precision.
        assert record.vote.causes[-1] == "low_precision=false, precision=f32 (openvino:cpu+nolpt)"
    record = check_agreement(sound, Panel((wrong,), variants=tuple(variants)))
    assert record.verdict is Verdict.PASS
    assert "openvino:cpu is the outlier" in record.reason


def test_on_a_real_frame_all_agree_to_the_bit(open_session: OpenSession) -> None:
    path = CORPUS / "mlperf_kws/kws_ref_model.tflite"
    frame = np.load(CORPUS / "mlperf_kws/g_kws_inputs.npy").reshape(1, 49, 10, 1).astype(np.int8)
    oracle = open_session(path, "reference:cpu")
    for target in ("litert:cpu", "litert:cpu+builtin", "openvino:cpu"):
        session = open_session(path, target, threads=1)
        found = compare_sessions(session, oracle, [{session.signature.inputs[0].name: frame}])
        assert found.outputs[0].figures["lsb"] == 0, target


def test_a_file_called_float32_is_known_to_be_quantised(open_session: OpenSession) -> None:
    path = CORPUS / "mlperf_kws/kws_ref_model_float32.tflite"
    assert open_session(path, "litert:cpu").signature.quantized
    assert not open_session(CORPUS / "mlperf_vww/vww_96_float.tflite", "litert:cpu").signature.quantized


def test_outputs_of_one_shape_are_not_matched_by_position(open_session: OpenSession) -> None:
    batch = {"dimension.batch": 1}
    onnx = open_session(CORPUS / "basic_pitch/nmp.onnx", "onnxruntime:cpu", **batch)
    tflite = open_session(CORPUS / "basic_pitch/nmp.tflite", "litert:cpu")
    with pytest.raises(MatchError, match="cannot be told apart"):
        compare_sessions(tflite, onnx)
    assert {spec.name for spec in tflite.signature.outputs} == {"note", "onset", "contour"}
    own = [spec.name for spec in onnx.signature.outputs if spec.shape[-1] == 88]
    verdicts = {}
    for note, onset in (own, own[::-1]):
        contour = next(spec.name for spec in onnx.signature.outputs if spec.name not in own)
        mapped = open_session(
            CORPUS / "basic_pitch/nmp.tflite",
            "litert:cpu",
            outputs={"note": note, "onset": onset, "contour": contour},
        )
        verdicts[note] = compare_sessions(mapped, onnx).verdict
    assert sorted(verdict.value for verdict in verdicts.values()) == ["FAIL", "PASS"]


def test_a_class_index_and_class_scores_are_another_model(open_session: OpenSession) -> None:
    index = open_session(CORPUS / "hand_gesture/keypoint_classifier.onnx", "onnxruntime:cpu", **{"dimension.batch": 1})
    scores = open_session(CORPUS / "hand_gesture/keypoint_classifier.tflite", "litert:cpu")
    record = check_agreement(scores, Panel((), (index,)))
    assert record.verdict is Verdict.FAIL
    assert "another model" in record.reason


def test_a_reset_state_makes_the_order_of_digits_not_matter(open_session: OpenSession) -> None:
    session = open_session(CORPUS / "tflm_mnist_lstm/trained_lstm.tflite", "litert:cpu")
    name = session.signature.inputs[0].name
    draw = np.random.default_rng(0)
    images = [draw.random((1, 28, 28), np.float32) for _ in range(4)]
    alone = [next(iter(session.infer({name: image}).values())) for image in images]
    again = [next(iter(session.infer({name: image}).values())) for image in images[::-1]][::-1]
    for one, other in zip(alone, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_variants_that_end_up_in_the_same_kernels_are_no_second_opinion(open_session: OpenSession) -> None:
    path = CORPUS / "ovms_dummy/dummy.xml"
    session, variant = open_session(path, "openvino:cpu+f32"), open_session(path, "openvino:cpu+nolpt")
    record = check_agreement(session, Panel((variant,)))
    assert record.verdict is Verdict.INCONCLUSIVE
    assert "the same kernels" in record.notes[0]
