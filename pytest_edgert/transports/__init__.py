"""How to reach a device: one file per way."""
