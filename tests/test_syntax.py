"""Every file of ours is in the syntax of the oldest Python that we serve."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OLDEST = (3, 10)
FILES = [
    path
    for folder in ("pytest_edgert", "tests", "examples", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_in_the_syntax_of_the_oldest_python(path):
    ast.parse(path.read_text(encoding="utf-8"), feature_version=OLDEST)


def test_the_check_would_see_newer_syntax():
    with pytest.raises(SyntaxError):
        ast.parse("try:\n    pass\nexcept* OSError:\n    pass\n", feature_version=OLDEST)


def test_there_are_files():
    assert len(FILES) > 20
