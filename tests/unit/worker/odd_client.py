"""A worker with the adapter `odd_runtime`, for tests here and in clients of their own process."""

from pathlib import Path

import numpy as np

from pytest_edgert.transports.local import TRANSPORT
from pytest_edgert.worker.client import Worker, WorkerSettings

ADAPTER = "odd_runtime:RUNTIME"
SETTINGS = WorkerSettings(environment={"PYTHONPATH": str(Path(__file__).parent)})


class Odd:
    """A worker with the adapter `odd_runtime`."""

    def __init__(self, settings=SETTINGS, transport=TRANSPORT):
        self.worker = Worker.start(transport, settings)

    def open(self, timeout_s=20.0, **options):
        return self.worker.open(ADAPTER, Path("model.odd"), "cpu", options, timeout_s=timeout_s).session_id

    def infer(self, timeout_s=20.0, **options):
        """Open a session with these options and run one inference in it."""
        return self.worker.infer(self.open(**options), {"x": np.arange(3.0)}, timeout_s=timeout_s)
