"""The marks of the published interface, as pytest learns them.

Read at every start of pytest, so nothing is imported here; `markers` reads their arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

#: Signature and meaning of each mark, as ``pytest --markers`` shows them.
MARKERS: tuple[tuple[str, str], ...] = (
    ("edge_model(*artefacts, reference=None, inputs=None)", "the model under test, as files beside the test"),
    ("edge_runtime(*names)", "needs one of these runtimes, else it is skipped"),
    ("edge_accelerator(*names)", "needs one of these accelerators, else it is skipped"),
    ("edge_device(*names)", "needs one of these devices, else it is skipped"),
    ("latency_budget(limits)", "budget of this test, such as 'p99=5ms, p50=2ms'"),
    (
        "edge_tolerance(rtol=, atol=, lsb=, ulp=, sqnr=, nan=, indices=, reason=)",
        "tolerance of this test; a looser one needs a reason",
    ),
    ("edge_options(**options)", "options of targets for this test, such as **{'onnxruntime:cpu': {'threads': 4}}"),
)
#: Marks that say what a test needs, by the word for the thing.
NEEDS = {"edge_runtime": "runtime", "edge_accelerator": "accelerator", "edge_device": "device"}


def add_markers(config: pytest.Config) -> None:
    """Register the marks, so that ``--strict-markers`` knows them."""
    for signature, meaning in MARKERS:
        config.addinivalue_line("markers", f"{signature}: {meaning}")
