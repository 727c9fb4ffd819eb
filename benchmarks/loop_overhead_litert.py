"""What our sampling loop adds to a measured latency, on real LiteRT sessions with bound buffers.

`loop_overhead.py` tells the method; here the models are fully connected layers, and the plain loop and the bare call
are those of an application: `Interpreter.invoke` of an interpreter that it opened itself, on the same feeds. The order
of the two openings changes from process to process. Run: ``python benchmarks/loop_overhead_litert.py [processes]``.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import flatbuffers  # type: ignore[import-untyped]  # it ships no types
import numpy as np
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema
from loop_overhead import BLOCK_S, ROUNDS, Run, bare_ns, interval, ours_ns, plain_ns

from pytest_edgert.measure.loop import runner
from pytest_edgert.runtimes.litert import RUNTIME

#: Rows, columns of the square layers, and how many in a row.
MODELS = {"tiny": (1, 16, 1), "small": (16, 64, 2), "middle": (128, 128, 8), "large": (256, 256, 4)}


def write_model(path: Path, rows: int, size: int, layers: int) -> None:
    """Write a model of `layers` fully connected layers with one (size, size) float32 matrix."""
    weight = np.random.default_rng(0).standard_normal((size, size)).astype(np.float32) / size**0.5
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(weight.tobytes(), np.uint8)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    graph = schema.SubGraphT()
    graph.tensors = [_tensor("w", [size, size], 1)] + [_tensor(f"x{i}", [rows, size], 0) for i in range(layers + 1)]
    graph.operators = [_operator([1 + i, 0, -1], 2 + i) for i in range(layers)]
    graph.inputs, graph.outputs = [1], [1 + layers]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT(), buffer]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())


def _tensor(name: str, shape: list[int], buffer: int) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name, shape, buffer
    return tensor


def _operator(inputs: list[int], output: int) -> schema.OperatorT:
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = inputs, [output]
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    return operator


def open_plainly(path: Path, feed: np.ndarray) -> Run:
    """Return `invoke` as an application has it."""
    interpreter = litert.Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], feed)
    invoke: Run = interpreter.invoke
    return invoke


def measure_models(*, ours_first: bool) -> dict[str, dict[str, list[float]]]:
    """Return, by model and loop, the figure of each block in nanoseconds: one process's share."""
    loops = {"ours": ours_ns, "plain": plain_ns, "bare": bare_ns}
    order = [*loops, *reversed(loops)]
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (rows, size, layers) in MODELS.items():
            path, feed = Path(folder) / f"{name}.tflite", np.ones((rows, size), np.float32)
            write_model(path, rows, size, layers)
            plain = None if ours_first else open_plainly(path, feed)
            with RUNTIME.open(path, "cpu", {"threads": 1}) as session:
                own = runner(session, {"x0": feed})
                plain = plain or open_plainly(path, feed)
                runs = {"ours": own, "plain": plain, "bare": plain}
                count = max(10, round(BLOCK_S * 1e9 / bare_ns(plain, 50)))
                found[name] = {loop: [] for loop in loops}
                for loop in order * ROUNDS:
                    found[name][loop].append(loops[loop](runs[loop], count))
    return found


def main(processes: int) -> None:
    """Run the processes one after another and print the table."""
    commands = [[sys.executable, __file__, "--one", str(number % 2)] for number in range(processes)]
    outputs = [subprocess.run(command, check=True, capture_output=True).stdout for command in commands]
    results = [json.loads(output) for output in outputs]
    print(f"{processes} processes, {2 * ROUNDS} blocks of {1000 * BLOCK_S:.0f} ms each; medians [95 % interval]")
    print("| model | plain loop, µs | ours / plain | ours - plain, µs | ours - bare call, µs |\n|---|---|---|---|---|")
    for name in MODELS:
        medians = [{loop: statistics.median(blocks) for loop, blocks in one[name].items()} for one in results]
        plain = statistics.median(m["plain"] for m in medians) / 1e3
        ratio = "{:.4f} [{:.4f}, {:.4f}]".format(*interval([m["ours"] / m["plain"] for m in medians]))
        added = "{:+.3f} [{:+.3f}, {:+.3f}]".format(*interval([(m["ours"] - m["plain"]) / 1e3 for m in medians]))
        over = "{:+.3f} [{:+.3f}, {:+.3f}]".format(*interval([(m["ours"] - m["bare"]) / 1e3 for m in medians]))
        print(f"| {name} | {plain:.1f} | {ratio} | {added} | {over} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure_models(ours_first=sys.argv[2] == "1")))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
