"""Writes the digits network as a Core ML package; needs coremltools, which builds packages on Linux too.

The package holds float32 weights and computes in float32; int8 on Core ML is a compression of weights and no port
of the int8 network, so there is none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import coremltools
import numpy as np
from coremltools.converters.mil import Builder as builder  # noqa: N813 - coremltools writes programs with `mb`
from network import (
    INPUT_SHAPE,
    NETWORK,
    Convolution,
    Dense,
    Flatten,
    HardSwish,
    Layer,
    MaxPool,
    Softmax,
    Weights,
    tensor_shapes,
)


def export_package(weights: Weights, path: Path) -> None:
    """Write the float32 ``.mlpackage`` (a folder)."""

    @builder.program(input_specs=[builder.TensorSpec(shape=INPUT_SHAPE)], opset_version=coremltools.target.iOS15)  # type: ignore[untyped-decorator]  # coremltools is untyped
    def program(image: Any) -> Any:
        x = image
        for layer in NETWORK:
            x = _operation(layer, weights, x)
        return x

    model = coremltools.convert(
        program,
        convert_to="mlprogram",
        compute_precision=coremltools.precision.FLOAT32,
        minimum_deployment_target=coremltools.target.iOS15,
        skip_model_load=True,
    )
    model.save(str(path))


def _operation(layer: Layer, weights: Weights, x: Any) -> Any:
    """Return a layer's output in the program under construction."""
    name = layer.name
    match layer:
        case Convolution():
            weight, bias = weights[f"{name}/weight"], weights[f"{name}/bias"]
            pad = [layer.padding] * 4
            return builder.conv(
                x=x, weight=weight, bias=bias, pad_type="custom", pad=pad, groups=layer.groups, name=name
            )
        case HardSwish():
            gate = builder.sigmoid_hard(x=x, alpha=np.float32(1 / 6), beta=np.float32(0.5), name=f"{name}_gate")
            return builder.mul(x=x, y=gate, name=name)
        case MaxPool():
            sizes = [layer.size, layer.size]
            return builder.max_pool(x=x, kernel_sizes=sizes, strides=sizes, pad_type="valid", name=name)
        case Flatten():
            return builder.reshape(x=x, shape=tensor_shapes()[name], name=name)
        case Dense():
            return builder.linear(x=x, weight=weights[f"{name}/weight"], bias=weights[f"{name}/bias"], name=name)
        case Softmax():
            return builder.softmax(x=x, axis=-1, name=name)
