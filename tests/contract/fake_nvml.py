"""A stand-in for the module pynvml: the names and units of nvidia-ml-py 13, one or more GPUs that a test can change."""

import os
import sys
from types import SimpleNamespace

NOT_SUPPORTED, GPU_IS_LOST, UNINITIALIZED, FUNCTION_NOT_FOUND, LIBRARY_NOT_FOUND = 3, 15, 1, 13, 12


class NVMLError(Exception):
    def __init__(self, value):
        super().__init__(value)
        self.value = value

    def __str__(self):
        return {3: "Not Supported", 15: "GPU is lost", 12: "NVML Shared Library Not Found"}.get(self.value, "Other")


class FakeNvml(SimpleNamespace):
    """One module; `answers` holds by function what each GPU answers, and an int `error` in place of an answer."""

    def __init__(self, gpus=1):
        super().__init__()
        self.answers = {
            "nvmlDeviceGetTemperatureV": lambda sensor: 54,
            "nvmlDeviceGetClockInfo": lambda domain: {1: 1410, 2: 2619}[domain],
            "nvmlDeviceGetMaxClockInfo": lambda domain: {1: 1980, 2: 2619}[domain],
            "nvmlDeviceGetPowerUsage": lambda: 71234,
            "nvmlDeviceGetTotalEnergyConsumption": lambda: 5_000_500,
            "nvmlDeviceGetCurrentClocksEventReasons": lambda: 0x1,
            "nvmlDeviceGetComputeRunningProcesses": lambda: [
                SimpleNamespace(pid=1, usedGpuMemory=10**9),
                SimpleNamespace(pid=os.getpid(), usedGpuMemory=512 * 2**20),
            ],
        }
        self.gpus, self.opened, self.start_error, self.lost = gpus, 0, None, False
        self.NVMLError = NVMLError
        self.NVML_TEMPERATURE_GPU, self.NVML_CLOCK_SM, self.NVML_CLOCK_MEM = 0, 1, 2
        self.NVML_ERROR_GPU_IS_LOST, self.NVML_ERROR_UNINITIALIZED = GPU_IS_LOST, UNINITIALIZED
        self.nvmlInit, self.nvmlShutdown = self._init, self._shutdown
        self.nvmlDeviceGetCount = lambda: self.gpus
        self.nvmlDeviceGetHandleByIndex = lambda index: index
        for name in self.answers:
            setattr(self, name, self._function(name))

    def _function(self, name):
        def call(handle, *arguments):
            if not self.opened:
                raise NVMLError(UNINITIALIZED)
            if self.lost:
                raise NVMLError(GPU_IS_LOST)
            found = self.answers[name](*arguments)
            if isinstance(found, NVMLError):
                raise found
            return found

        return call

    def _init(self):
        if self.start_error is not None:
            raise NVMLError(self.start_error)
        self.opened += 1

    def _shutdown(self):
        if not self.opened:
            raise NVMLError(UNINITIALIZED)
        self.opened -= 1


def install(monkeypatch, **arguments):
    """Put a stand-in in the place of pynvml and return it."""
    found = FakeNvml(**arguments)
    monkeypatch.setitem(sys.modules, "pynvml", found)
    return found
