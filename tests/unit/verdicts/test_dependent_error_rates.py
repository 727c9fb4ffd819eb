import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "error_rates.py"
RUNS = 200
#: 5 % and three standard errors of a share of 5 % out of 200: eight shares are compared, and AR(1) 0.9 at p50 has about
#: 5 % (54 of 1000 false PASS over four seeds), so two standard errors would fail by chance alone.
MOST = 0.05 + 3 * (0.05 * 0.95 / RUNS) ** 0.5


@pytest.fixture(scope="module")
def simulation():
    spec = importlib.util.spec_from_file_location("error_rates", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("rho", [0.6, 0.9])
@pytest.mark.parametrize(("p", "limit"), [(0.5, 0.0), (0.95, 1.6448536269514722)])
def test_false_verdicts_on_dependent_samples_stay_within_five_percent(simulation, rho, p, limit):
    passed, failed = simulation.error_rates(simulation.ar1(rho), limit, p, RUNS, horizon=3000, seed=11)
    assert passed <= MOST
    assert failed <= MOST


def test_the_simulation_shows_what_ignoring_dependence_would_cost(simulation, monkeypatch):
    monkeypatch.setattr(simulation.HeldTau, "of", lambda self, series, limits: 1.0)
    passed, failed = simulation.error_rates(simulation.ar1(0.9), 0.0, 0.5, 60, horizon=2000, seed=11)
    assert passed + failed > 0.5
