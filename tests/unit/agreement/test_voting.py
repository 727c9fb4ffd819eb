"""Who is called wrong, in every constellation of those who agree."""

from itertools import combinations

import pytest

from pytest_edgert.agreement.voting import Vote, Voter
from pytest_edgert.records import Verdict

ORACLE = Voter("reference:cpu", "reference")
A, B, C, D = (Voter(f"{name}:cpu", name) for name in "abcd")
A_PLAIN = Voter("a:cpu+plain", "a", "fused=false")
B_PLAIN = Voter("b:cpu+plain", "b", "fused=false")
BORROWED = "onnx-reference: Resize"


def agreeing(*groups, silent=()):
    """Return who agrees with whom: members of one group, and nobody else."""

    def agree(one, other):
        if one in silent or other in silent:
            return None
        return any(one in group and other in group for group in groups)

    return agree


def vote(agree, others, oracle=None, inexact="", variants=()):
    return Vote(A, others, agree, oracle, inexact, variants).ruling()


def test_an_exact_oracle_overrules_any_number_of_runtimes_that_agree():
    ruling = vote(agreeing({A, B, C}), [B, C], ORACLE)
    assert ruling.verdict is Verdict.FAIL
    assert ruling.outliers == ("a:cpu", "b:cpu", "c:cpu")
    assert ruling.sentences == ("b:cpu and c:cpu agree with a:cpu and are wrong too.",)


def test_an_oracle_that_borrows_operators_stands_alone_and_the_question_stays_open():
    ruling = vote(agreeing({A, B}), [B], ORACLE, BORROWED)
    assert ruling.verdict is Verdict.INCONCLUSIVE
    assert ruling.outliers == ()
    assert "Ambiguous: a:cpu and b:cpu agree and the oracle stands alone" in ruling.sentences[0]
    assert BORROWED in ruling.sentences[0]


@pytest.mark.parametrize(
    ("agree", "others", "variants"),
    [
        (agreeing({A, B}, {ORACLE, C}), [B, C], ()),
        (agreeing({A, B}, {ORACLE, A_PLAIN}), [B], (A_PLAIN,)),
        (agreeing({A, B}, {ORACLE, B_PLAIN}), [B], (B_PLAIN,)),
        (agreeing(), [B], ()),
        (agreeing(), [], ()),
    ],
)
def test_with_anybody_at_its_side_or_nobody_against_it_such_an_oracle_is_believed(agree, others, variants):
    assert vote(agree, others, ORACLE, BORROWED, variants).verdict is Verdict.FAIL


def test_who_agrees_with_the_oracle_is_told():
    ruling = vote(agreeing({ORACLE, B, C}), [B, C], ORACLE)
    assert (ruling.verdict, ruling.outliers) == (Verdict.FAIL, ("a:cpu",))
    assert ruling.sentences == ("b:cpu and c:cpu agree with the oracle.",)


def test_the_variant_that_agrees_names_the_cause():
    other = Voter("a:cpu+slow", "a", "threads=1")
    ruling = vote(agreeing({ORACLE, B, A_PLAIN}), [B], ORACLE, variants=(A_PLAIN, other, B_PLAIN))
    assert ruling.causes == ("fused=false (a:cpu+plain)",)
    assert ruling.sentences[-1] == "With fused=false (a:cpu+plain) it agrees."


def test_who_differs_from_one_that_the_oracle_confirms_is_the_outlier():
    ruling = vote(agreeing({A, ORACLE}), [B], ORACLE)
    assert (ruling.verdict, ruling.outliers) == (Verdict.PASS, ("b:cpu",))
    assert ruling.sentences == ("b:cpu is the outlier, against the oracle too.",)


def test_one_that_is_near_enough_to_the_oracle_is_no_outlier():
    def agree(one, other):
        return {one, other} != {A, B}

    assert vote(agree, [B], ORACLE).outliers == ()


@pytest.mark.parametrize(
    ("groups", "others", "verdict", "outliers"),
    [
        ([{A, B}], [B, C], Verdict.PASS, ("c:cpu",)),
        ([{B, C}], [B, C], Verdict.FAIL, ("a:cpu",)),
        ([{A, B}, {C, D}], [B, C, D], Verdict.INCONCLUSIVE, ()),
        ([{A, B, C}], [B, C, D], Verdict.PASS, ("d:cpu",)),
        ([{A, B, C}], [B, C], Verdict.PASS, ()),
        ([{B, C, D}], [B, C, D], Verdict.FAIL, ("a:cpu",)),
        ([], [B, C], Verdict.FAIL, ()),
    ],
)
def test_without_an_oracle_the_larger_number_that_agrees_is_right(groups, others, verdict, outliers):
    ruling = vote(agreeing(*groups), others)
    assert (ruling.verdict, ruling.outliers) == (verdict, outliers)


def test_opponents_that_could_not_be_compared_are_outvoted_by_nobody():
    together = agreeing({A, B})

    def agree(one, other):
        return None if {one, other} == {C, D} else together(one, other)

    ruling = vote(agree, [B, C, D])
    assert (ruling.verdict, ruling.outliers) == (Verdict.INCONCLUSIVE, ())
    assert "could not be found out" in ruling.sentences[0]


def test_a_silent_oracle_leaves_it_to_the_others():
    assert vote(agreeing({B, C}, silent={ORACLE}), [B, C], ORACLE).outliers == ("a:cpu",)


@pytest.mark.parametrize(
    ("groups", "verdict", "outliers"),
    [
        ([{A_PLAIN, B}], Verdict.FAIL, ("a:cpu",)),
        ([{A, B_PLAIN}], Verdict.PASS, ("b:cpu",)),
        ([{A_PLAIN, B}, {A, B_PLAIN}], Verdict.FAIL, ()),
        ([], Verdict.FAIL, ()),
    ],
)
def test_variants_break_the_tie_of_two(groups, verdict, outliers):
    ruling = vote(agreeing(*groups), [B], variants=(A_PLAIN, B_PLAIN))
    assert (ruling.verdict, ruling.outliers) == (verdict, outliers)


def test_the_outlier_of_two_has_its_cause_named():
    ruling = vote(agreeing({A, B_PLAIN}), [B], variants=(B_PLAIN,))
    assert ruling.sentences == ("b:cpu is the outlier: with fused=false (b:cpu+plain) it agrees with a:cpu.",)


def test_no_constellation_passes_what_the_oracle_refutes_or_names_it_wrong_beside_it():
    voters = [A, B, C, ORACLE, A_PLAIN, B_PLAIN]
    pairs = list(combinations(voters, 2))
    for number in range(0, 1 << len(pairs), 7):  # every seventh of 32,768
        together = {frozenset(pair) for bit, pair in enumerate(pairs) if number >> bit & 1}
        ruling = vote(agreeing(*together), [B, C], ORACLE, BORROWED, [A_PLAIN, B_PLAIN])
        right = frozenset((A, ORACLE)) in together
        assert (ruling.verdict is Verdict.PASS) == right
        assert ("a:cpu" in ruling.outliers) == (ruling.verdict is Verdict.FAIL)
        assert ORACLE.name not in ruling.outliers
