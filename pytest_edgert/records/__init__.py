"""What a check leaves behind: frozen values that survive JSON and xdist, and the one table of verdicts.

Raw samples do not lie in a record but in a file of the run folder; the record holds its path and hash.
Units end the names (`_s`, `_bytes`, `_c`); percentiles are in percent (99.0), shares between 0 and 1.
The published JSON Schema is made from these classes by `pytest_edgert.codec`.
"""

from __future__ import annotations

from pytest_edgert.records.blocks import BlockPlan, BlockTest, Segment, Soak
from pytest_edgert.records.check import (
    SCHEMA_VERSION,
    Agreement,
    Amount,
    Ballot,
    Cell,
    CheckRecord,
    Environment,
    OutputAgreement,
)
from pytest_edgert.records.latency import Arrival, Budget, BudgetVerdict, Latency, LatencyPlan, Pattern, Quantile
from pytest_edgert.records.placement import Evidence, Placement, Plain, Presence, PresenceState
from pytest_edgert.records.quantization import QuantizationReading, TensorHealth
from pytest_edgert.records.readings import Doubt, Sensor
from pytest_edgert.records.verdicts import SEVERITY, Verdict, worst

__all__ = [
    "SCHEMA_VERSION",
    "SEVERITY",
    "Agreement",
    "Amount",
    "Arrival",
    "Ballot",
    "BlockPlan",
    "BlockTest",
    "Budget",
    "BudgetVerdict",
    "Cell",
    "CheckRecord",
    "Doubt",
    "Environment",
    "Evidence",
    "Latency",
    "LatencyPlan",
    "OutputAgreement",
    "Pattern",
    "Placement",
    "Plain",
    "Presence",
    "PresenceState",
    "Quantile",
    "QuantizationReading",
    "Segment",
    "Sensor",
    "Soak",
    "TensorHealth",
    "Verdict",
    "worst",
]
