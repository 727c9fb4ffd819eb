"""ONNX Runtime's execution providers as accelerators, and the proof that one works here.

A provider in the build is no proof (CUDA builds run on machines without a driver), so each is made to
run a one-node model. `AzureExecutionProvider` calls a web service: it is not an accelerator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_edgert.errors import TargetMissingError, UsageError
from pytest_edgert.records import Presence, PresenceState
from pytest_edgert.runtimes.options import nearest


@dataclass(frozen=True, slots=True)
class Provider:
    """An execution provider: ONNX Runtime's name for it and how a build with it is got."""

    name: str
    remedy: str


_BUILD = "Build ONNX Runtime with it: https://onnxruntime.ai/docs/build/eps.html."
PROVIDERS: Mapping[str, Provider] = {
    "cpu": Provider("CPUExecutionProvider", 'pip install "pytest-edgert[onnx]"'),
    "cuda": Provider("CUDAExecutionProvider", "pip install onnxruntime-gpu, with an NVIDIA driver, CUDA and cuDNN."),
    "tensorrt": Provider("TensorrtExecutionProvider", "pip install onnxruntime-gpu, with TensorRT's libraries."),
    "tensorrt-rtx": Provider("NvTensorRTRTXExecutionProvider", _BUILD),
    "coreml": Provider("CoreMLExecutionProvider", "Run on macOS or iOS: its onnxruntime has Core ML."),
    "nnapi": Provider("NnapiExecutionProvider", "Run on Android with an Android build of ONNX Runtime."),
    "openvino": Provider("OpenVINOExecutionProvider", "pip install onnxruntime-openvino"),
    "qnn": Provider("QNNExecutionProvider", "pip install onnxruntime-qnn on a Qualcomm device."),
    "dml": Provider("DmlExecutionProvider", "pip install onnxruntime-directml on Windows."),
    "xnnpack": Provider("XnnpackExecutionProvider", _BUILD),
    "dnnl": Provider("DnnlExecutionProvider", _BUILD),
    "migraphx": Provider("MIGraphXExecutionProvider", "Install AMD's onnxruntime-migraphx with ROCm."),
    "rocm": Provider("ROCMExecutionProvider", "Install AMD's onnxruntime-rocm (up to 1.22) with ROCm."),
    "vitisai": Provider("VitisAIExecutionProvider", "Install AMD's Ryzen AI or Vitis AI build of ONNX Runtime."),
    "webgpu": Provider("WebGpuExecutionProvider", _BUILD),
    "cann": Provider("CANNExecutionProvider", "pip install onnxruntime-cann on a Huawei Ascend device."),
    "acl": Provider("ACLExecutionProvider", _BUILD),
    "armnn": Provider("ArmNNExecutionProvider", _BUILD),
    "rknpu": Provider("RknpuExecutionProvider", _BUILD),
    "vsinpu": Provider("VSINPUExecutionProvider", _BUILD),
}
#: What `auto` takes, best first.
AUTO_ORDER = ("cuda", "coreml", "nnapi", "openvino", "cpu")
ACCELERATORS = (*AUTO_ORDER, *(name for name in PROVIDERS if name not in AUTO_ORDER))

#: y = Conv(x, 1x1 kernel of 1.0), float32 (1, 1, 2, 2), opset 11, IR 6: the one operator that every provider
#: takes. Made once by onnx.helper.make_model(...).SerializeToString() of onnx 1.23.
PROBE_MODEL = (
    b'\x08\x06:c\n\x0f\n\x01x\n\x01w\x12\x01y"\x04Conv\x12\x01g*\x13\x08\x01\x08\x01\x08\x01\x08\x01\x10\x01B\x01wJ\x04'
    b"\x00\x00\x80?Z\x1b\n\x01x\x12\x16\n\x14\x08\x01\x12\x10\n\x02\x08\x01\n\x02\x08\x01\n\x02\x08\x02\n\x02\x08\x02b"
    b"\x1b\n\x01y\x12\x16\n\x14\x08\x01\x12\x10\n\x02\x08\x01\n\x02\x08\x01\n\x02\x08\x02\n\x02\x08\x02B\x04\n\x00\x10\x0b"
)


def import_onnxruntime() -> Any:
    """Return the module `onnxruntime`. Raises TargetMissingError with the reason when it cannot be imported."""
    try:
        import onnxruntime
    except ImportError as error:
        raise TargetMissingError(
            f"onnxruntime cannot be imported: {error}.", 'Install it: pip install "pytest-edgert[onnx]"'
        ) from error
    if not hasattr(onnxruntime, "InferenceSession"):
        raise TargetMissingError(
            f"onnxruntime at {getattr(onnxruntime, '__path__', '?')} is an empty package.",
            "Two distributions of it were mixed: uninstall all of them, then install one.",
        )
    return onnxruntime


def provider_of(accelerator: str) -> Provider:
    """Return the provider behind an accelerator's name. Raises UsageError with the nearest right name."""
    if accelerator not in PROVIDERS:
        raise UsageError(f"onnxruntime has no accelerator {accelerator!r}.", nearest(accelerator, (*PROVIDERS, "auto")))
    return PROVIDERS[accelerator]


def accelerator_of(provider: str) -> str:
    """Return the accelerator that a provider is, or the provider's own name when it is none."""
    return next((name for name, known in PROVIDERS.items() if known.name == provider), provider)


def presence(accelerator: str) -> Presence:
    """Return whether an accelerator works here: in this build, and able to run one node by itself."""
    provider = provider_of(accelerator)
    try:
        ort = import_onnxruntime()
    except TargetMissingError as error:
        return Presence(accelerator, PresenceState.ABSENT, error.message, error.remedy)
    if provider.name not in ort.get_available_providers():
        reason = f"this build of onnxruntime {ort.__version__} has no {provider.name}"
        return Presence(accelerator, PresenceState.ABSENT, reason, provider.remedy)
    reason = "" if accelerator == "cpu" else _refusal(ort, provider.name)
    if reason:
        return Presence(accelerator, PresenceState.UNUSABLE, reason, provider.remedy)
    return Presence(accelerator, PresenceState.USABLE)


def resolve(accelerator: str) -> str:
    """Return the accelerator meant: for `auto` the best one that works here.

    Raises:
        UsageError: There is no accelerator of this name.
        TargetMissingError: It is not in this build, or onnxruntime is not installed.
    """
    ort = import_onnxruntime()
    if accelerator == "auto":
        return next(name for name in AUTO_ORDER if name == "cpu" or presence(name).state is PresenceState.USABLE)
    provider = provider_of(accelerator)
    if provider.name not in ort.get_available_providers():
        raise TargetMissingError(
            f"onnxruntime:{accelerator} is not there: this build ({ort.__version__}) has no {provider.name}.",
            provider.remedy,
        )
    return accelerator


def _refusal(ort: Any, provider: str) -> str:
    """Return why a provider cannot run the probe alone, empty when it can."""
    import numpy as np

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    x = np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)
    try:
        session = ort.InferenceSession(PROBE_MODEL, options, providers=[provider], enable_fallback=0)
        if provider not in session.get_providers():
            return f"{provider} is in this build and does not start"
        agrees = bool(np.array_equal(session.run(None, {"x": x})[0], x))
    except Exception as error:  # noqa: BLE001 - whatever the vendor raises is the reason
        return f"{provider} is in this build and cannot run one convolution: {str(error).splitlines()[0]}"
    return "" if agrees else f"{provider} computes a 1x1 convolution wrongly"
