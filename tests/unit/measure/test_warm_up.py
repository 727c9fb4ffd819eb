import pytest

from pytest_edgert.clock import FakeClock
from pytest_edgert.measure.warm_up import warm_up
from pytest_edgert.records import LatencyPlan


def warmed(plan, step_s, first_s=None):
    clock, seen = FakeClock(), []

    def run():
        clock.sleep_s(first_s if first_s is not None and not seen else step_s)

    return warm_up(run, plan, clock.now_ns, lambda n, elapsed_s: seen.append((n, elapsed_s))), seen


@pytest.mark.parametrize(
    ("step_s", "max_s", "n"),
    [
        (0.001, 60.0, 1000),  # the time decides
        (0.5, 60.0, 10),  # the number decides
        (0.1, 2.0, 5),  # a quarter of the whole time decides
        (100.0, 60.0, 1),  # one inference is longer than all
    ],
)
def test_it_lasts_for_both_number_and_time_within_a_quarter_of_the_whole(step_s, max_s, n):
    found, _ = warmed(LatencyPlan(warm_up_n=10, warm_up_s=1.0, max_s=max_s), step_s)
    assert found.n == n
    assert found.elapsed_ns == pytest.approx(n * step_s * 1e9)


def test_the_first_inference_is_timed_apart():
    found, _ = warmed(LatencyPlan(warm_up_n=3, warm_up_s=0.0), 0.001, first_s=0.2)
    assert (found.first_ns, found.last_ns, found.n) == (200_000_000, 1_000_000, 3)


def test_even_without_warm_up_the_first_inference_is_apart():
    found, _ = warmed(LatencyPlan(warm_up_n=0, warm_up_s=0.0), 0.001)
    assert found.n == 1


def test_every_inference_is_watched():
    _, seen = warmed(LatencyPlan(warm_up_n=3, warm_up_s=0.0), 1.0)
    assert seen == [(1, 1.0), (2, 2.0), (3, 3.0)]
