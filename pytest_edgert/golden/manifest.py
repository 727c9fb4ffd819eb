"""What a golden says of itself: the records of its manifest, schema version 1.

Everything that made the outputs is told, so that a difference can be put down to its cause: the model, the
inputs' own bytes, what computed the outputs, and the machine it ran on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_edgert.records import Placement, Plain
from pytest_edgert.tensors import Feeds, Quantization, Signature

#: Version of the manifest's form; raised when a field changes its meaning or goes away.
SCHEMA_VERSION = 1

#: Share of a limit that must be left before the headroom counts as low.
LOW_HEADROOM = 0.2


@dataclass(frozen=True, slots=True)
class TensorStats:
    """A summary for people and for reviews of a change; never compared.

    Args:
        min, max, mean, rms: Over the finite elements, in float64; of complex numbers over their magnitudes. NaN
            (null in JSON) where there is no finite element.
        nan_count, inf_count: Number of elements that are not finite.
    """

    min: float
    max: float
    mean: float
    rms: float
    nan_count: int = 0
    inf_count: int = 0


@dataclass(frozen=True, slots=True)
class TensorRecord:
    """One input or output as it was.

    Args:
        name: The tensor's name in the model.
        dtype: Logical NumPy dtype name ("float32", "bfloat16", "int4", …).
        shape: As realised; no free dimension.
        sha256: Of the stored bytes: C order, little-endian, the storage type of `golden.dtypes`.
        stats: Summary of the values.
        quantization: Affine parameters; None for a tensor that has none.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str
    stats: TensorStats
    quantization: Quantization | None = None


@dataclass(frozen=True, slots=True)
class GoldenModel:
    """The artefact the outputs belong to.

    Args:
        file: Its file name, without folders.
        sha256: Of its content.
        format: Its suffix without the dot: "onnx", "tflite", ….
        signature: Inputs and outputs with their quantisation, as the runtime told them.
        details: What else identifies it: opset or schema version, producer.
    """

    file: str
    sha256: str
    format: str
    signature: Signature
    details: Mapping[str, Plain] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GoldenInputs:
    """The inputs. The hashes say what they were; generator and seed only say how to make them again.

    Args:
        tensors: Every input as realised.
        generator: How they were made, such as "default_feeds" or a path of samples; empty when unknown.
        seed: Seed of the generator; None when it takes none.
        numpy_version: NumPy's version, whose generators may change.
        stored: Whether the payload holds them.
    """

    tensors: tuple[TensorRecord, ...]
    generator: str = ""
    seed: int | None = None
    numpy_version: str = ""
    stored: bool = False


@dataclass(frozen=True, slots=True)
class GoldenOracle:
    """What computed the outputs.

    Args:
        kind: ``runtime:NAME``, ``exact-int``, ``float64``, ``onnx-reference`` or ``imported``.
        version: Version of that runtime or oracle.
        placement: What ran where; None for an oracle without nodes.
        notes: How far it can be trusted, one sentence each.
    """

    kind: str
    version: str
    placement: Placement | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GoldenEnvironment:
    """The machine and the settings.

    Args:
        runtime, runtime_version: The engine.
        target: ``RUNTIME:ACCELERATOR[+VARIANT]``.
        options: Options the session was opened with.
        precision: Effective precision as observed ("f32", "bf16", …); empty when the runtime does not tell.
        cpu_features: Features that change arithmetic, sorted ("avx2", "avx512_vnni", "dotprod", …).
        device, os, architecture, python: Where it ran.
        variables: Environment variables that change arithmetic.
    """

    runtime: str
    runtime_version: str
    target: str
    options: Mapping[str, Plain] = field(default_factory=dict)
    precision: str = ""
    cpu_features: tuple[str, ...] = ()
    device: str = ""
    os: str = ""
    architecture: str = ""
    python: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Headroom:
    """How near one output came to its tolerance when it was recorded.

    Args:
        output: Name of the output.
        metric: The metric the tolerance limits ("lsb", "max_abs", …).
        observed: Its value, >= 0.
        limit: The tolerance, >= 0.
        reason: Why the tolerance is what it is.
    """

    output: str
    metric: str
    observed: float
    limit: float
    reason: str = ""

    @property
    def share(self) -> float:
        """Share of the tolerance that is left: 1 when nothing is used, 0 at the limit, below 0 beyond it."""
        if self.limit == 0:
            return 1.0 if self.observed == 0 else -1.0
        return 1 - self.observed / self.limit

    @property
    def is_low(self) -> bool:
        """Whether less than `LOW_HEADROOM` is left; a limit of zero that is kept is not low."""
        return not self.share >= LOW_HEADROOM


@dataclass(frozen=True, slots=True)
class GoldenAgreement:
    """The comparison that stood when the golden was recorded.

    Args:
        policy: Id of the tolerance policy.
        headroom: One per output and metric.
        exceptions: Known exceptions, each with its reason, a link and the day it ends.
    """

    policy: str
    headroom: tuple[Headroom, ...] = ()
    exceptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Payload:
    """The safetensors file beside the manifest; its name follows from the golden's name and this hash."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything a golden tells.

    Args:
        name: The golden's name, which its file names follow; see `golden.names`.
        test_nodeid: The test that recorded it.
        created_utc: ISO 8601.
        tool_version: Version of this package.
        reason: Why it was recorded, in the user's words or ours.
        model, inputs, oracle, environment, outputs: What made it.
        payload: Hash and size of the payload; filled in when the golden is written.
        preprocess: What was done to the samples: layout, colour order, mean, scale, resizing.
        agreement: The comparison at recording; None when nothing was compared.
    """

    name: str
    test_nodeid: str
    created_utc: str
    tool_version: str
    reason: str
    model: GoldenModel
    inputs: GoldenInputs
    oracle: GoldenOracle
    environment: GoldenEnvironment
    outputs: tuple[TensorRecord, ...]
    payload: Payload = Payload("", 0)
    preprocess: Mapping[str, Plain] = field(default_factory=dict)
    agreement: GoldenAgreement | None = None
    schema: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Golden:
    """A golden in memory.

    Args:
        manifest: What it says of itself.
        outputs: Arrays by name, of the dtypes and shapes of ``manifest.outputs``; read-only when read from disk.
        inputs: Arrays by name; None when they are not kept, only their hashes.
    """

    manifest: Manifest
    outputs: Feeds
    inputs: Feeds | None = None
