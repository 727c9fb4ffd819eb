"""A meter for the worker's tests: one sensor that reads, one that does not."""

import os
import signal

from pytest_edgert.records import Presence, PresenceState


class Meter:
    name = "odd"

    def sensors(self, sysroot):
        return [
            Presence("temperature_c.odd", PresenceState.USABLE),
            Presence("power_w.odd", PresenceState.UNUSABLE, "root only", "Run as root."),
        ]

    def open(self, sysroot):
        return self

    def read(self):
        return {"temperature_c.odd": 40.5, "power_w.odd": None}

    def close(self):
        pass


METER = Meter()


class Crashing(Meter):
    name = "crashing"

    def sensors(self, sysroot):
        os.kill(os.getpid(), signal.SIGSEGV)


CRASHING = Crashing()
