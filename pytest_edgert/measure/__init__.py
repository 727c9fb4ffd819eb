"""Taking samples: warm-up, the timed loop, default feeds."""
