"""Numerical agreement of two sets of outputs: matching, metrics, tolerances, verdicts; pure functions on arrays."""
