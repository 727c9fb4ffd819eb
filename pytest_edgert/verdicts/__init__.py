"""The statistics: pure functions from samples to verdicts."""
