"""Whether an artefact is quantised, what its file says of the grids, and which axis holds a tensor's output channels."""

from __future__ import annotations

from pathlib import Path

from pytest_edgert.errors import ArtefactError
from pytest_edgert.records import QuantizationReading
from pytest_edgert.runtimes.onnxruntime_graph import is_quantized
from pytest_edgert.runtimes.reference.grids import ACTIVATION, FoundGrids, health_of, range_of


def read_quantization(artefact: Path) -> QuantizationReading:
    """Return what a file says of its grids.

    Args:
        artefact: An ``.onnx`` or ``.tflite`` file.

    Raises:
        ArtefactError: It is not a sound model.
        UnsupportedModelError: A tensor is of a type that cannot be read.
        TargetMissingError: The package that reads it is not installed.
    """
    if not _is_tflite(artefact) and is_quantized(artefact) is False:
        return QuantizationReading(quantized=False)
    try:
        found = _read(artefact)
        healths = tuple(health_of(grid) for grid in found.grids)
        ranges = {name: limits for name, grid in found.inputs.items() if (limits := range_of(grid)) is not None}
    except (ValueError, IndexError, KeyError, TypeError, OverflowError) as error:
        raise ArtefactError(
            f"The grids of {artefact} make no sense: {type(error).__name__}: {error}.", "Export or convert it again."
        ) from error
    return QuantizationReading(bool(found.grids or found.unread), healths, found.unread, ranges)


def channel_axes(artefact: Path) -> dict[str, int]:
    """Return the axis of output channels by the name of a computed tensor, where it is known."""
    return {
        grid.name: grid.channels
        for grid in _read(artefact).grids
        if grid.role == ACTIVATION and grid.channels is not None
    }


def folds_activations(artefact: Path) -> bool:
    """Return whether the format leaves Relu and Relu6 to the ends of a grid; ``.tflite`` names each."""
    return not _is_tflite(artefact)


def _is_tflite(artefact: Path) -> bool:
    return artefact.suffix.lower() == ".tflite"


def _read(artefact: Path) -> FoundGrids:
    if _is_tflite(artefact):
        from pytest_edgert.runtimes.reference import grids_tflite, tflite_model

        return grids_tflite.read_grids(tflite_model.read_model(artefact))
    from pytest_edgert.runtimes.reference import grids_onnx, onnx_model

    return grids_onnx.read_grids(onnx_model.read_model(artefact))
