"""Which output is which: by map, name, signature name, shape; never by position."""

import itertools

import numpy as np
import pytest

from pytest_edgert.agreement.layout import Fit, find_layout
from pytest_edgert.agreement.match import MatchError, Pair, Side, align, match
from pytest_edgert.tensors import Quantization, Signature, TensorSpec


def outputs(**shapes):
    return Signature((), tuple(TensorSpec(name, "float32", shape) for name, shape in shapes.items()))


def pair_up(left, right, mapping=None, **sides):
    return match(left, right, mapping=mapping, kind="outputs", **sides).pairs


def test_equal_names_win_over_the_order():
    left, right = outputs(a=(1, 4), b=(1, 4)), outputs(b=(1, 4), a=(1, 4))
    assert pair_up(left, right) == (Pair("a", "a", "name"), Pair("b", "b", "name"))


def test_a_map_wins_over_equal_names():
    left, right = outputs(a=(1, 4), b=(1, 4)), outputs(a=(1, 4), b=(1, 4))
    found = pair_up(left, right, {"a": "b", "b": "a"})
    assert found == (Pair("a", "b", "map"), Pair("b", "a", "map"))


def test_signature_names_pair_what_the_converter_renamed():
    left, right = outputs(Identity=(1, 4), Identity_1=(1, 4)), outputs(boxes=(1, 4), scores=(1, 4))
    side = Side("m.tflite", {"Identity": "scores", "Identity_1": "boxes"})
    found = pair_up(left, right, left_side=side)
    assert found == (Pair("Identity", "scores", "signature"), Pair("Identity_1", "boxes", "signature"))


def test_signature_names_of_both_sides_meet():
    found = pair_up(
        outputs(x0=(1, 4), x1=(1, 4)),
        outputs(y0=(1, 4), y1=(1, 4)),
        left_side=Side("l", {"x0": "p", "x1": "q"}),
        right_side=Side("r", {"y0": "q", "y1": "p"}),
    )
    assert [(pair.left, pair.right) for pair in found] == [("x0", "y1"), ("x1", "y0")]


def test_a_unique_shape_pairs_and_says_so():
    found = pair_up(outputs(Identity=(1, 4), Identity_1=(1, 10)), outputs(scores=(1, 10), boxes=(1, 4)))
    assert found == (Pair("Identity", "boxes", "shape"), Pair("Identity_1", "scores", "shape"))


def test_two_outputs_of_one_shape_are_never_paired_by_position():
    left, right = outputs(Identity=(1, 4), Identity_1=(1, 4)), outputs(boxes=(1, 4), scores=(1, 4))
    with pytest.raises(MatchError, match="cannot be told apart") as caught:
        pair_up(left, right, left_side=Side("det.tflite", {}), right_side=Side("det.onnx", {}))
    text = str(caught.value)
    assert "det.tflite: Identity float32[1, 4], Identity_1 float32[1, 4]" in text
    assert "det.onnx: boxes float32[1, 4], scores float32[1, 4]" in text
    assert 'outputs = { "det.tflite" = { Identity = "boxes", Identity_1 = "scores" } }' in text


def test_the_kind_of_values_tells_outputs_of_one_shape_apart():
    left = Signature((), (TensorSpec("a", "int64", (1, 4)), TensorSpec("b", "float32", (1, 4))))
    right = Signature((), (TensorSpec("p", "float32", (1, 4)), TensorSpec("q", "int64", (1, 4))))
    assert [(pair.left, pair.right) for pair in pair_up(left, right)] == [("a", "q"), ("b", "p")]


def test_a_quantised_output_may_be_a_float_one_and_a_bare_integer_may_not():
    quantized = Signature((), (TensorSpec("a", "int8", (1, 4), Quantization((0.1,), (0,))),))
    assert pair_up(quantized, outputs(p=(1, 4)))[0].how == "shape"
    with pytest.raises(MatchError):
        pair_up(Signature((), (TensorSpec("a", "int8", (1, 4)),)), outputs(p=(1, 4)))


def test_channels_last_is_found_and_undone():
    found = pair_up(outputs(a=(1, 5, 7, 3)), outputs(b=(1, 3, 5, 7)))[0]
    assert found == Pair("a", "b", "shape", (0, 2, 3, 1))
    right = np.arange(105).reshape(1, 3, 5, 7)
    assert np.array_equal(align(found, right, (1, 5, 7, 3)), right.transpose(0, 2, 3, 1))


def test_square_channels_last_is_taken_for_the_common_layout():
    found = pair_up(outputs(a=(1, 56, 56, 16)), outputs(b=(1, 16, 56, 56)))[0]
    assert found.permutation == (0, 2, 3, 1)


def test_a_layout_that_fits_in_two_ways_is_an_error_unless_names_decide():
    with pytest.raises(MatchError):
        pair_up(outputs(a=(1, 8, 8, 8)), outputs(b=(1, 8, 8, 8)))
    assert pair_up(outputs(a=(1, 8, 8, 8)), outputs(a=(1, 8, 8, 8))) == (Pair("a", "a", "name"),)


def test_equal_names_with_permuted_shapes_report_the_permutation():
    assert pair_up(outputs(a=(1, 5, 7, 3)), outputs(a=(1, 3, 5, 7)))[0].permutation == (0, 2, 3, 1)


def test_equal_names_whose_shapes_differ_are_another_model():
    with pytest.raises(MatchError, match="another model"):
        pair_up(outputs(a=(1, 10)), outputs(a=(1, 11)))


def test_axes_of_length_one_are_dropped_and_reported():
    found = pair_up(outputs(a=(1, 10)), outputs(b=(1, 10, 1, 1)))[0]
    assert found.squeezed
    assert align(found, np.zeros((1, 10, 1, 1)), (1, 10)).shape == (1, 10)
    assert "length 1" in str(found)


@pytest.mark.parametrize("swap", [False, True])
def test_an_output_without_a_counterpart_is_an_error(swap):
    sides = [outputs(a=(1, 4)), outputs(a=(1, 4), b=(1, 9))]
    with pytest.raises(MatchError, match="ends elsewhere"):
        pair_up(*(reversed(sides) if swap else sides))


def test_a_lone_renamed_output_of_another_shape_is_not_matched():
    with pytest.raises(MatchError, match="another model"):
        pair_up(outputs(x=(1, 4)), outputs(y=(1, 5)))


def test_the_map_may_leave_outputs_out_on_both_sides():
    found = match(outputs(a=(1, 4), b=(1, 9)), outputs(p=(1, 4), q=(1, 2)), mapping={"a": "p", "b": ""}, kind="outputs")
    assert (found.left_only, found.right_only) == (("b",), ("q",))
    assert [pair.left for pair in found.pairs] == ["a"]


def test_a_map_that_does_not_name_all_leaves_nothing_out():
    with pytest.raises(MatchError):
        pair_up(outputs(a=(1, 4), b=(1, 9)), outputs(p=(1, 4), b=(1, 9), q=(1, 2)), {"a": "p"})


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"nope": "p"}, "names \\['nope'\\]"),
        ({"a": "nope"}, "names \\['nope'\\]"),
        ({"a": "p", "b": "p"}, "gives \\['p'\\] to two"),
        ({"a": "q"}, "in no way"),
    ],
)
def test_a_wrong_map_is_refused(mapping, words):
    with pytest.raises(MatchError, match=words):
        pair_up(outputs(a=(1, 4), b=(1, 4)), outputs(p=(1, 4), q=(2, 9)), mapping)


def test_a_free_dimension_fits_a_bound_one():
    assert pair_up(outputs(a=("batch", 10)), outputs(b=(1, 10)))[0].how == "shape"


def test_inputs_are_matched_alike():
    left = Signature((TensorSpec("x", "float32", (1, 5, 7, 3)),), ())
    right = Signature((TensorSpec("in", "float32", (1, 3, 5, 7)),), ())
    assert match(left, right, mapping=None, kind="inputs").pairs[0].permutation == (0, 2, 3, 1)


@pytest.mark.parametrize("permutation", list(itertools.permutations(range(4))))
def test_every_permutation_of_distinct_lengths_is_found(permutation):
    right = (2, 3, 5, 7)
    found = find_layout(tuple(right[axis] for axis in permutation), right)
    assert (found.permutation or (0, 1, 2, 3)) == permutation


def test_a_permutation_that_only_moves_axes_of_one_is_one_way():
    assert find_layout((1, 9, 1, 4), (1, 1, 9, 4)).usable


def test_two_ways_by_a_rare_permutation_are_ambiguous():
    assert find_layout((3, 8, 8, 1), (8, 8, 1, 3)).fit is Fit.AMBIGUOUS


def test_more_axes_than_are_tried_fit_only_unchanged_or_as_a_common_layout():
    lengths = (2, 3, 4, 5, 6, 7, 8)
    assert find_layout(lengths, lengths).fit is Fit.SAME
    assert find_layout(lengths, tuple(reversed(lengths))).fit is Fit.NONE
