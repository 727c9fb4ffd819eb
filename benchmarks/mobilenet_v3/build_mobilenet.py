"""Makes MobileNet-v3 Large as four files: ``python benchmarks/mobilenet_v3/build_mobilenet.py [--out DIR]``."""

from __future__ import annotations

import argparse
from pathlib import Path

import mobilenet_to_onnx
import mobilenet_to_tflite
from mobilenet_arithmetic import CALIBRATION_IMAGES, activations, make_weights, seeded_images
from mobilenet_integers import make_grids, quantize
from mobilenet_layers import multiply_adds, parameter_count

#: The files and what each holds.
FLOAT_ONNX, INT8_ONNX = "mobilenet_v3.onnx", "mobilenet_v3_int8.onnx"
FLOAT_TFLITE, INT8_TFLITE = "mobilenet_v3.tflite", "mobilenet_v3_int8.tflite"


def build(out: Path) -> list[Path]:
    """Write the four models into `out` and return their paths."""
    images = seeded_images(CALIBRATION_IMAGES)
    weights = make_weights(images)
    grids = make_grids(activations(weights, images))
    integers = quantize(weights, grids)
    mobilenet_to_onnx.write_float(weights, out / FLOAT_ONNX)
    mobilenet_to_onnx.write_int8(integers, grids, out / INT8_ONNX)
    mobilenet_to_tflite.write_float(weights, out / FLOAT_TFLITE)
    mobilenet_to_tflite.write_int8(integers, grids, out / INT8_TFLITE)
    return [out / name for name in (FLOAT_ONNX, INT8_ONNX, FLOAT_TFLITE, INT8_TFLITE)]


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description="Write MobileNet-v3 Large, float32 and int8, as ONNX and .tflite.")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "models", help="folder that takes the files"
    )
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    print(f"{parameter_count():,} parameters, {multiply_adds():,} multiply-adds")
    for path in build(out):
        print(f"{path}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
