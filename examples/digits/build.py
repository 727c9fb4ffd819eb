"""Makes every file of the digits example: ``python examples/digits/build.py [--out DIR]``.

Same weights, same bytes; the weights are trained anew from a fixed seed each time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from digits_data import load
from export_coreml import export_package
from export_onnx import export_float, export_int8
from export_openvino import export_ir
from export_tflite import export_float as export_float_tflite
from export_tflite import export_int8 as export_int8_tflite
from quantize import calibrate, quantize_layers
from train import train

#: Suffixes of the files that are made.
SUFFIXES = (".onnx", ".tflite", ".xml", ".bin", ".mlmodel", ".npz")


def build(out: Path) -> None:
    """Train, then write the models and the held-out digits into `out`."""
    training, held_out = load()
    weights = train(training)
    grids = calibrate(weights, training.images)
    export_float(weights, out / "digits.onnx")
    integers = quantize_layers(weights, grids)
    export_int8(integers, grids, out / "digits_int8.onnx")
    export_float_tflite(weights, out / "digits.tflite")
    export_int8_tflite(integers, grids, out / "digits_int8.tflite")
    export_ir(out / "digits.onnx", out / "digits.xml")
    export_ir(out / "digits_int8.onnx", out / "digits_int8.xml")
    export_package(weights, out / "digits.mlpackage")
    np.savez_compressed(out / "labels.npz", image=held_out.images, labels=held_out.labels)


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description="Train the digits network and write every artefact of it.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder that takes the files")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    build(out)
    for path in sorted(path for path in out.rglob("*") if path.suffix in SUFFIXES):
        print(f"{path}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
