"""The default tolerances as a table, each with its source, and the choice of a row for two outputs.

Numbers without a published source are marked as engineering defaults: they are to be calibrated on a model and
frozen with its goldens, and loosening one takes a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from pytest_edgert.agreement.tolerance import Tolerance
from pytest_edgert.errors import UsageError
from pytest_edgert.tensors import TensorSpec


class Question(str, Enum):
    """What an agreement check asks."""

    IMPLEMENTATION = "implementation"
    """Do two runtimes compute the same artefact alike?"""
    PORT = "port"
    """Is this artefact still the network of the reference artefact?"""


#: Accelerators with arithmetic of their own for quantised models.
NEURAL_UNITS = frozenset({"edgetpu", "hailo", "nnapi", "npu", "qnn", "ane"})

_TORCH = "torch.testing (pytest_torch/tolerances.py)"
_ORT = "ONNX Runtime onnxruntime/test/unittest_util/checkers.cc"
_NNAPI = "Android NNAPI VTS"
_WPT = "Web Platform Tests, webnn/resources/utils.js"
_OURS = "engineering default, not published: calibrate per model"

#: Unit roundoff of float64 over that of float32.
_FLOAT64_OVER_FLOAT32 = 2.0**-29
#: A mean error of a whole model, in steps: cutting off in place of rounding gives 0.5, an offset of one step gives 1.
_LEANING = 0.75

#: One row per kind of comparison. Rows named "operator …" are for one operator, the others for whole models.
POLICY: Mapping[str, Tolerance] = {
    "float64": Tolerance(
        rtol=1e-4 * _FLOAT64_OVER_FLOAT32,
        atol_rms=1e-5 * _FLOAT64_OVER_FLOAT32,
        sqnr_db=250.0,
        source=f"row 'float32' times 2^-29, the ratio of both unit roundoffs; {_OURS}",
        reason="float64 on both sides, orders of summation differ; 1e-7 of torch.testing lets float32 through",
    ),
    "float32": Tolerance(
        rtol=1e-4,
        atol_rms=1e-5,
        sqnr_db=80.0,
        source=f"{_ORT}, float 1e-4 and 1e-5; SQNR: {_OURS}",
        reason="float32 on both sides, orders of summation and fused operators differ",
    ),
    "tf32": Tolerance(
        rtol=2e-3,
        atol_rms=1e-3,
        sqnr_db=55.0,
        source=f"unit roundoff 2^-11 of TF32; SQNR: {_OURS}",
        reason="one side may multiply in TF32, the default of this accelerator for float32 models",
    ),
    "float16": Tolerance(
        rtol=1e-2,
        atol=5 * 2.0**-10,
        atol_rms=5 * 2.0**-10,
        sqnr_db=45.0,
        source=f"{_NNAPI} relaxed float (5·2^-10); {_ORT}, half 2.5e-3 and 1e-3; SQNR: {_OURS}",
        reason="one side stores or computes in float16",
    ),
    "bfloat16": Tolerance(
        rtol=2e-2,
        atol_rms=2e-2,
        sqnr_db=32.0,
        source=f"{_TORCH} 1.6e-2; {_ORT}, bfloat16 1e-2 and 2e-2; onnx reference tests 2^-6; SQNR: {_OURS}",
        reason="one side stores or computes in bfloat16",
    ),
    "quantized": Tolerance(
        lsb=3.0,
        over_one_share=0.01,
        bias_lsb=_LEANING,
        sqnr_db=35.0,
        top1=0.99,
        source=f"{_NNAPI}, quantised MobileNet within 3 steps; share, mean and SQNR: {_OURS}",
        reason="integer kernels round at each layer in their own way",
    ),
    "quantized, float output": Tolerance(
        sqnr_db=35.0,
        top1=0.99,
        source=f"row 'quantized' without steps; {_OURS}",
        reason="the model is quantised inside and its output is float: a step there is no step of the output",
    ),
    "quantized, neural unit": Tolerance(
        lsb=3.0,
        over_one_share=0.02,
        bias_lsb=_LEANING,
        source=_OURS,
        reason="an accelerator with integer arithmetic of its own; read it with its placement",
    ),
    "quantized against float": Tolerance(
        warn_sqnr_db=20.0,
        source="TensorFlow Lite quantization debugger (RMSE/scale, healthy 0.289); no gate: the task's accuracy decides",
        reason="what quantisation costs, not a fault of an implementation",
    ),
    "4-bit weights against float": Tolerance(
        warn_sqnr_db=12.0,
        source=f"no gate: the task's accuracy decides; {_OURS}",
        reason="what weights of 4 bits cost, not a fault of an implementation",
    ),
    "float-to-quantized tail": Tolerance(
        lsb=1.0,
        source="ONNX Runtime tests of its NNAPI, XNNPACK, DirectML and OpenVINO providers",
        reason="float arithmetic, then one rounding to a step",
    ),
    "integer": Tolerance(
        rtol=0.0, atol=0.0, source="exact by definition", reason="integers, indices and truth values are equal or not"
    ),
    "string": Tolerance(rtol=0.0, atol=0.0, source="exact by definition", reason="strings are equal or not"),
    "operator quantized": Tolerance(
        lsb=1.0,
        bias_lsb=0.05,
        source=f"{_NNAPI} 1 step; Web Platform Tests (WebNN) 1 step; bias: {_OURS}",
        reason="one integer operator against an exact oracle: ties may round either way",
    ),
    "operator quantized, ties open": Tolerance(
        lsb=1.0,
        bias_lsb=_LEANING,
        source=f"{_NNAPI} 1 step; mean: {_OURS}",
        reason="one integer operator against the exact oracle: where many results are ties, float32 may lean all one way",
    ),
    "operator quantized, data movement": Tolerance(
        lsb=0.0, source="exact by definition", reason="no arithmetic is done"
    ),
    "operator quantized, same rounding": Tolerance(
        lsb=0.0,
        source="XNNPACK equals float64 with ties to even on every int8 pair, measured",
        reason="both sides declare the same rounding",
    ),
    "operator float32, data movement": Tolerance(
        ulp=0.0, atol=2.0**-126, source="Web Platform Tests (WebNN), 0 ULP", reason="no arithmetic is done"
    ),
    "operator float32, choice": Tolerance(
        ulp=0.0,
        atol=2.0**-126,
        source=f"{_WPT}: relu, clamp, max, min 0 ULP",
        reason="each element is one of those given",
    ),
    "operator float32, one rounding": Tolerance(
        rtol=2.0**-23,
        ulp=1.0,
        atol=2.0**-126,
        source=f"{_WPT}: add, sub, mul, leakyRelu, prelu 1 ULP",
        reason="each element is one sum or one product",
    ),
}

#: Precision words of a runtime, as it tells them, and the row they lead to.
_PRECISIONS = {
    "f64": "float64",
    "float64": "float64",
    "fp64": "float64",
    "f32": "float32",
    "fp32": "float32",
    "float32": "float32",
    "tf32": "tf32",
    "f16": "float16",
    "fp16": "float16",
    "float16": "float16",
    "half": "float16",
    "bf16": "bfloat16",
    "bfloat16": "bfloat16",
}
#: From tight to wide: the wider of both sides holds.
_WIDTH = ("float64", "float32", "tf32", "float16", "bfloat16")
#: What float32 means on an accelerator that tells no precision.
_DEFAULT_PRECISION = {"cuda": "tf32", "tensorrt": "tf32", "ane": "float16", "coreml": "float16"}


def choose(
    spec_left: TensorSpec,
    spec_right: TensorSpec,
    accelerator_left: str,
    accelerator_right: str,
    question: Question | str,
    *,
    quantized_left: bool = False,
    quantized_right: bool = False,
    precision_left: str = "",
    precision_right: str = "",
) -> Tolerance:
    """Return the default tolerance of one output of whole models.

    Args:
        spec_left: The output under test.
        spec_right: The reference's output.
        accelerator_left: Where the left side ran ("cpu", "cuda", "edgetpu", …); empty counts as "cpu".
        accelerator_right: The same of the reference.
        question: Implementation (one artefact) or port (two artefacts of one network).
        quantized_left: Whether the artefact is quantised inside although this output may be float.
        quantized_right: The same of the reference.
        precision_left: Effective precision as the runtime tells it ("f16", "bf16", "tf32"); empty is unknown.
        precision_right: The same of the reference.

    Raises:
        UsageError: An unknown question.
    """
    try:
        asked = Question(question)
    except ValueError:
        raise UsageError(f"{question!r} is no question of agreement: 'implementation' or 'port'.") from None
    steps = (spec_left.quantization is not None, spec_right.quantization is not None)
    if "string" in (spec_left.dtype, spec_right.dtype):
        return POLICY["string"]
    if not all(_is_real(spec) for spec in (spec_left, spec_right)):
        return POLICY["integer"]
    inside = (quantized_left or steps[0], quantized_right or steps[1])
    if any(inside):
        # An implementation question is about one artefact: quantised for one side is quantised for both.
        same = asked is Question.IMPLEMENTATION or all(inside)
        return POLICY[_quantized_row(steps, {accelerator_left, accelerator_right}, same=same)]
    left = _precision(spec_left, accelerator_left, precision_left)
    right = _precision(spec_right, accelerator_right, precision_right)
    return POLICY[max(left, right, key=_WIDTH.index)]


def choose_operator(
    spec: TensorSpec, *, rounding_declared: bool, arithmetic: bool = True, ties_open: bool = False
) -> Tolerance:
    """Return the default tolerance of one operator's output against an exact oracle, fed with the same inputs.

    Args:
        spec: The output.
        rounding_declared: Whether both sides declare how ties round, and alike.
        arithmetic: False for operators that only move data.
        ties_open: Whether any number of results may be ties, so that their mean says nothing.
    """
    if spec.quantization is not None and not arithmetic:
        return POLICY["operator quantized, data movement"]
    if spec.quantization is not None and rounding_declared:
        return POLICY["operator quantized, same rounding"]
    if spec.quantization is not None:
        return POLICY["operator quantized, ties open" if ties_open else "operator quantized"]
    if not arithmetic and spec.dtype == "float32":
        return POLICY["operator float32, data movement"]
    return choose(spec, spec, "cpu", "cpu", Question.IMPLEMENTATION)


def _is_real(spec: TensorSpec) -> bool:
    return "float" in spec.dtype or spec.quantization is not None


def _quantized_row(steps: tuple[bool, bool], accelerators: set[str], *, same: bool) -> str:
    if not same:
        return "quantized against float"
    if not any(steps):
        return "quantized, float output"
    return "quantized, neural unit" if accelerators & NEURAL_UNITS else "quantized"


def _precision(spec: TensorSpec, accelerator: str, told: str) -> str:
    """Return the row of one side: the wider of the stored and the effective precision."""
    stored = spec.dtype if spec.dtype in _WIDTH else "float32"
    effective = _PRECISIONS.get(told.lower(), _DEFAULT_PRECISION.get(accelerator, stored))
    return max(stored, effective, key=_WIDTH.index)
