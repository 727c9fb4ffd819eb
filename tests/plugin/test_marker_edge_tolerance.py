from __future__ import annotations

import pytest


def test_it_is_refused_as_not_yet_built(project: pytest.Pytester) -> None:
    project.makepyfile("import pytest\n@pytest.mark.edge_tolerance(rtol=1e-3)\ndef test_it(): pass\n")
    result = project.runpytest_inprocess("--strict-markers")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAIL: *not yet: the mark edge_tolerance*"])
