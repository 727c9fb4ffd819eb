"""Goldens: recorded outputs with the provenance of everything that made them, kept beside the tests."""
