"""Meters: one file for each kind of sensor, found by entry points, all reading below one `sysroot`."""
