"""Records made by hand, and test files that leave them: no runtime is needed to test what follows from a verdict."""

from __future__ import annotations

from pytest_edgert.records import (
    Amount,
    Budget,
    BudgetVerdict,
    Cell,
    CheckRecord,
    Environment,
    Latency,
    Quantile,
    Verdict,
)

CELL = Cell("digits", "digits.onnx", "ab" * 32, "onnxruntime:cpu")


def latency_record(verdict: Verdict = Verdict.FAIL) -> CheckRecord:
    """Return a latency check over its budget of 5 ms, with every figure there."""
    quantile = Quantile(95.0, 7.123e-3, 6.9e-3, 7.3e-3)
    budget = Budget(95.0, 5e-3, "--latency-budget=5ms")
    latency = Latency(
        budgets=(BudgetVerdict(budget, verdict, quantile, exceedances=1200),),
        quantiles=(Quantile(50.0, 4e-3, 3.9e-3, 4.1e-3), quantile, Quantile(99.0, 9e-3, 8e-3, None)),
        n=1500,
        n_effective=750.0,
        tau=2.0,
        throughput_per_s=212.0,
        first_s=0.0213,
        warm_up_n=12,
        warm_up_s=1.0,
        span_s=7.2,
        stop_reason="the evidence was clear",
        samples_path="runs/1/latency-0001.safetensors",
        samples_sha256="cd" * 32,
    )
    return CheckRecord(
        "latency",
        CELL,
        verdict,
        "p95 is above 5 ms.",
        "Quantise the model or raise the budget.",
        latency=latency,
        notes=("overrides p95 <= 8 ms from digits.edge.toml",),
        environment=Environment("linux-x86_64", {"cpu_model": "test"}, "1.2.3", {"threads": 2}, "3.11.1", "0.1.0"),
        conditions={
            "before.temperature_c": 55.0,
            "before.governor": None,
            "temperature_c": 61.0,
            "governor": None,
            "load_1min": 2.0,
        },
        duration_s=8.5,
        started_utc="2026-01-02T03:04:05+00:00",
    )


def size_record(verdict: Verdict = Verdict.MEASURED, limit: float | None = None) -> CheckRecord:
    """Return a size check of 64,300 bytes."""
    amount = Amount("artefact", 64300.0, "bytes", limit, source="gate file" if limit else "")
    return CheckRecord("size", CELL, verdict, "The artefact has 64,300 bytes.", amounts=(amount,))
