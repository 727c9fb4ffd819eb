"""The sentences of explanations, by name, filled with their figures."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_edgert.agreement.explain.explanation import Explanation

SENTENCES: Mapping[str, str] = {
    "rail": "{n} elements stand at {rail:.6g}{end}, where the reference goes on to {furthest:.6g}: the output saturates",
    "pairs_known": "int16 saturation of pairs of products (VPMADDUBSW): summing the same integers so gives the output; 7-bit"
    " weights, or session.x64quantprecision=1 of ONNX Runtime, avoid it",
    "pairs": "{n} wrong elements fall short of the reference ({share:.0%} of the squared error), as with int8 kernels whose pairs"
    " of products saturate at int16 (VPMADDUBSW on CPUs without VNNI); 7-bit weights, or"
    " session.x64quantprecision=1 of ONNX Runtime, avoid it",
    "wrap_modulus": "all {n} differences are multiples of 2^{bits}: one side wraps at {bits} bits",
    "wrap_output": "{n} elements of the output lie far inside where the reference stands at the end of its type: the"
    " output wraps where it should saturate",
    "wrap_reference": "{n} elements of the output stand at the end of their type where the reference lies far inside:"
    " the output saturates where the reference wraps",
    "wrap_sum": "{n} elements, the largest of the reference, are off by one constant ({constant:.6g}) that turns their sign:"
    " an accumulator wraps",
    "rounding": "{n} of {total} elements differ, by one step, {pattern}: {mode}",
    "double_rounding": "{n} of {total} elements differ, by one step away from zero, on even and odd steps alike: rounded twice,"
    " as gemmlowp's fixed-point multiplier does",
    "flush": "{n} elements of the reference below {least:.4g} are 0 in the output: subnormals are flushed to zero",
    "grid_reference": "the reference takes {values} values, {step:.4g} apart, and the output {finer} between them: a rounding of the"
    " reference is left out",
    "grid_output": "the output takes {values} values, {step:.4g} apart, and the reference {finer} between them: the output is rounded"
    " once more",
    "constant": "all {n} elements of the output are {value:.6g}",
    "dead_entries": "only entry {entries} of the {length} along axis {axis} is wrong, and is {value:.6g} throughout: it is not computed",
    "few_entries": "only entry {entries} of the {length} along axis {axis} is wrong",
    "scale": "the output is {factor:.6g} times the reference: that explains {share:.1%} of the error; look at its scale",
    "offset": "the output is the reference {offset:+.6g}{steps}: that explains {share:.1%} of the error; look at its zero point"
    " or bias",
    "scale_and_offset": "the output is {factor:.6g} times the reference {offset:+.6g}: that explains {share:.1%} of the error; look at"
    " its scale and zero point",
    "channel_scales": "along axis {axis} each entry has a factor of its own (entry {worst}: {factor:.4g}): that explains"
    " {share:.1%} of the error; look at the scales by channel",
    "not_dequantised": "the {side} holds whole numbers, {factor:.6g} times the other side {offset:+.6g}: its dequantisation is missing",
    "layout": "the output is the reference with axes {permutation}: that explains {share:.1%} of the error; a layout is exchanged",
    "reread": "the output is the reference {how}: that explains {share:.1%} of the error; a layout is exchanged",
    "order": "along axis {axis} the output has the reference's entries in the order {order}: that explains {share:.1%} of the error{known}",
    "shift": "along axis {axis} the output lies {by:+.3g} elements from the reference: that explains {share:.1%} of the error; look at"
    " padding, coordinates of a resize or the first index",
    "stretch": "the output lies elsewhere along {moved} elements from end to end: that explains {share:.1%} of the error; look at the"
    " coordinates of a resize",
    "one_row": "all {rows} rows of the output are that of the first input: the batch is computed for one row",
    "first_row": "the first row agrees and the other {others} are all {value:.6g}: only one row of the batch is computed",
    "state": "the first of {feeds} inferences agrees and all later ones do not: state is kept between inferences",
    "stored": "every value of the output is one of {precision}, and those of the reference are not: it is stored in {precision}",
    "computed": "the error is noise without a sign, {relative:.2g} of the reference (root mean square), {roundings:.1f} roundings of"
    " {precision}: computed in {precision}",
    "nan_dropped": "{n} elements are NaN in the reference and {value} in the output: NaN is dropped",
    "nan_made": "{n} elements are NaN in the output only: a 0·NaN, an infinity minus an infinity, or 0/0 inside",
    "overflow_float16": "{n} elements are infinite where the reference is beyond 65504: float16 overflows",
    "infinity_made": "{n} elements are infinite in the output only: an overflow or a division by zero inside",
    "infinity_sign": "{n} infinities have the other sign: a division by negative zero, or an overflow that went the other way",
    "infinity_dropped": "{n} elements are infinite in the reference only: the output clips or replaces infinities",
    "cut_output": "{function} of the output is the reference ({share:.1%} of the error): the graph is cut before it",
    "cut_reference": "the output is {function} of the reference ({share:.1%} of the error): the graph goes on after the reference's end",
    "unrelated": "the output does not follow the reference (correlation {correlation:.2f}): {cause}",
    "drift": "the error is spread over {share:.0%} of the elements and the output follows the reference (correlation"
    " {correlation:.4f}): {cause}",
}


def sentence(explanation: Explanation) -> str:
    """Return an explanation in words, without a full stop."""
    return SENTENCES[explanation.name].format(**explanation.figures)
