"""What pytest leaves alone in this repository: files that are built, and scripts that are no tests.

The kit for testing plugins is loaded by ``-p pytester`` in pyproject.toml, not here: a conftest that loads plugins
would stop a run that is started from another folder on a model of `examples/`.
"""

collect_ignore_glob = ["benchmarks/*", "build/*", "dist/*"]
