"""Every ONNX model of a folder of real models through the gate: opened, or refused with a true reason.

The folder is EDGERT_CORPUS, by default ``../shared/corpus`` beside the repository; without it the tests skip.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_edgert.records import Verdict
from pytest_edgert.reports.json_report import Document, read_document

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("EDGERT_CORPUS", ROOT / "../shared/corpus")).resolve()
MODELS = sorted(CORPUS.rglob("*.onnx"))

#: Shapes of inputs that have more free dimensions than the batch, as the models' own pages give them.
SHAPES = {
    "silero_vad.onnx": {"input": "1x512", "state": "2x1x128"},
    "silero_vad_op18_ifless.onnx": {"input": "1x512", "state": "2x1x128"},
}
#: Models that take no arbitrary feeds, and what the gate says of each: this one wants a sample rate of 8000 or 16000.
REFUSES_FEEDS = {"silero_vad.onnx": "onnxruntime:cpu failed an inference of {path}: InvalidArgument: "}
BATCH = ("--edge-option=onnxruntime:cpu.dimension.batch=1",)

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not MODELS, reason=f"needs a folder of real models: no .onnx in {CORPUS}; set EDGERT_CORPUS"),
]


def run_gate(path: Path, folder: Path, *arguments: str) -> tuple[Document, str]:
    shapes = [f"--edge-shape={name}={shape}" for name, shape in SHAPES.get(path.name, {}).items()]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={folder}", f"--edge-model={path}"]
    result = subprocess.run(
        [*command, "--edge-target=onnxruntime:cpu", *BATCH, "--edge-json=edgert.json", *shapes, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return read_document((folder / "edgert.json").read_text(encoding="utf-8")), result.stdout


@pytest.mark.parametrize("path", MODELS, ids=lambda path: str(path.relative_to(CORPUS)))
def test_a_real_model_is_judged_by_every_check(path: Path, tmp_path: Path) -> None:
    document, output = run_gate(path, tmp_path, "-k", "not agreement", "--latency-budget=10s")
    verdicts = {item.check: item.verdict for item in document.items if item.applies}
    if path.name in REFUSES_FEEDS:
        opened = {check for check, verdict in verdicts.items() if verdict is not Verdict.FAIL}
        assert opened == {"placement", "size"}
        reasons = [record.reason for record in document.records if record.verdict is Verdict.FAIL]
        assert reasons
        assert all(REFUSES_FEEDS[path.name].format(path=path) in reason for reason in reasons)
        return
    assert set(verdicts.values()) == {Verdict.PASS, Verdict.MEASURED}, output
    assert {"signature", "placement", "size", "load", "memory", "determinism", "latency"} <= verdicts.keys()
