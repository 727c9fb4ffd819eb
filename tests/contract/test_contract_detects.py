"""The suite is worth what it catches: each deliberate fault must fail the rule it breaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract_models import write_fake

from pytest_edgert.errors import PlacementError
from pytest_edgert.runtimes.registry import load_adapter
from pytest_edgert.testing import RuntimeContract

FAKE = "pytest_edgert.runtimes.fake:RUNTIME"


class Bad(RuntimeContract):
    reference = FAKE

    def __init__(self, **faults: object) -> None:
        self.faults = faults

    def artefact(self, folder: Path) -> Path:
        return write_fake(folder / "model.fake", faults=self.faults)


def open_bad(contract: Bad, folder: Path):
    return load_adapter(FAKE).open(contract.artefact(folder), contract.accelerator, contract.options)


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("reuses_buffers", "test_outputs_survive_the_next_inference"),
        ("keeps_state", "test_inference_is_repeatable_from_the_initial_state"),
        ("idles", "test_concurrent_bound_runs_compute_what_infer_computes"),
        ("keeps_state", "test_bound_buffers_compute_what_infer_computes"),
        ("changes_feeds", "test_writable_feeds_are_not_changed"),
        ("changes_feeds", "test_bound_feeds_are_checked_and_not_changed"),
        ("loses_output", "test_outputs_are_plain_arrays_as_the_signature_says"),
    ],
)
def test_a_fault_fails_the_rule_it_breaks(fault: str, rule: str, tmp_path: Path) -> None:
    contract = Bad(fault=fault)
    with pytest.raises(AssertionError):
        getattr(contract, rule)(open_bad(contract, tmp_path))


def test_changing_read_only_feeds_is_caught(tmp_path: Path) -> None:
    contract = Bad(fault="changes_feeds")
    with pytest.raises(ValueError, match="read-only"):
        contract.test_read_only_feeds_are_taken_and_not_changed(open_bad(contract, tmp_path))


def test_printing_is_caught(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    contract = Bad(fault="prints")
    with pytest.raises(AssertionError):
        contract.test_nothing_is_printed(load_adapter(FAKE), contract.artefact(tmp_path), capfd)


def test_a_fall_back_is_refused_by_the_honest_fake(tmp_path: Path) -> None:
    path = write_fake(tmp_path / "model.fake", faults={"fault": "falls_back"})
    with pytest.raises(PlacementError, match="elsewhere"):
        load_adapter(FAKE).open(path, "npu", {})


def test_an_allowed_fall_back_is_caught(tmp_path: Path) -> None:
    contract = Bad()
    path = write_fake(tmp_path / "model.fake", faults={"fault": "falls_back"})
    session = load_adapter(FAKE).open(path, "npu", {"allow_fallback": True})
    with pytest.raises(AssertionError):
        contract.test_everything_runs_where_it_was_asked(session)


class Dishonest:
    """Wraps a session of the fake and breaks one rule more than the fake itself can."""

    def __init__(self, session, **instead: object) -> None:
        self._session = session
        self.__dict__.update(instead)

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    def __enter__(self) -> Dishonest:
        return self

    def __exit__(self, *exc: object) -> bool:
        return True


@pytest.fixture
def honest(tmp_path: Path):
    return open_bad(Bad(), tmp_path)


def test_outputs_that_alias_the_feeds_are_caught(honest) -> None:
    session = Dishonest(honest, infer=dict)
    with pytest.raises(AssertionError, match="is the memory of"):
        Bad().test_outputs_do_not_alias_the_feeds(session)


def test_unchecked_feeds_are_caught(honest) -> None:
    session = Dishonest(honest, infer=dict)
    contract = Bad()
    for rule in ("a_missing_feed", "an_extra_feed", "a_wrong_dtype", "a_wrong_rank", "a_wrong_length"):
        with pytest.raises(pytest.fail.Exception):
            getattr(contract, f"test_{rule}_is_refused_by_name")(session)


def test_feeds_read_in_the_wrong_byte_order_are_caught(honest) -> None:
    def infer(feeds):
        return {name: array.view(array.dtype.newbyteorder("=")) for name, array in feeds.items()}

    with pytest.raises(AssertionError):
        Bad().test_byte_swapped_feeds_mean_what_they_say(Dishonest(honest, infer=infer))


def test_feeds_read_without_their_strides_are_caught(honest) -> None:
    def infer(feeds):
        return {name: (array if array.base is None else array.base) for name, array in feeds.items()}

    with pytest.raises(AssertionError):
        Bad().test_strided_feeds_mean_what_they_say(Dishonest(honest, infer=infer))


def test_a_session_that_swallows_errors_is_caught(honest, tmp_path: Path) -> None:
    class Opens:
        def open(self, *_: object) -> Dishonest:
            return Dishonest(honest)

    with pytest.raises(pytest.fail.Exception):
        Bad().test_a_session_is_a_context_manager_that_lets_errors_through(Opens(), tmp_path)


def test_a_bound_run_of_other_feeds_is_caught(honest) -> None:
    first = Bad().feeds(honest.signature, 0)
    session = Dishonest(honest, bind=lambda _: honest.bind(first))
    with pytest.raises(AssertionError):
        Bad().test_bound_buffers_compute_what_infer_computes(session)


def test_an_adapter_that_imports_its_vendor_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "eager_adapter.py").write_text(
        "import numpy\nfrom pytest_edgert.runtimes.fake import RUNTIME\n", encoding="utf-8"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    contract = Bad()
    contract.reference = "eager_adapter:RUNTIME"
    with pytest.raises(AssertionError, match="numpy"):
        contract.test_import_brings_neither_the_vendor_nor_numpy()


def test_a_missing_accelerator_without_a_remedy_is_caught() -> None:
    from pytest_edgert.records import Presence, PresenceState
    from pytest_edgert.runtimes.fake import FakeRuntime

    class Silent(FakeRuntime):
        def accelerators(self):
            return (Presence("cpu", PresenceState.USABLE), Presence("npu", PresenceState.ABSENT, "no driver"))

    with pytest.raises(AssertionError, match="without a remedy"):
        Bad().test_accelerators_are_all_told(Silent())


@pytest.mark.slow
def test_an_accelerator_that_is_missing_is_a_skip_that_names_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from pathlib import Path
        from pytest_edgert.testing import RuntimeContract

        class TestMissing(RuntimeContract):
            reference = "pytest_edgert.runtimes.onnxruntime:RUNTIME"
            accelerator = "rknpu"

            def artefact(self, folder):
                raise AssertionError("never asked for")
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:edgert", "-rs")
    result.stdout.fnmatch_lines(["*rknpu is absent: *RknpuExecutionProvider*"])
    assert result.parseoutcomes().keys() == {"passed", "skipped"}


def test_an_option_that_is_ignored_is_caught(tmp_path: Path) -> None:
    from pytest_edgert.runtimes.fake import FakeRuntime

    class Careless(FakeRuntime):
        def open(self, artefact, accelerator, options):
            return super().open(artefact, accelerator, {})

    contract = Bad()
    with pytest.raises(pytest.fail.Exception):
        contract.test_an_unknown_option_is_refused_by_name(Careless(), contract.artefact(tmp_path))


class Shared:
    """A request that all callers get: the last feeds win."""

    def __init__(self, session) -> None:
        self._session = session
        self._feeds: dict = {}

    def bind(self, feeds) -> Shared:
        self._feeds = feeds
        return self

    def start(self) -> None:
        """Start nothing: it is computed when it is asked for."""

    def wait(self) -> None:
        """Wait for nothing."""

    def outputs(self):
        return self._session.infer(self._feeds)


def test_requests_that_share_their_buffers_are_caught(honest) -> None:
    session = Dishonest(honest, bind_async=Shared(honest).bind)
    with pytest.raises(AssertionError, match="outputs of a request"):
        Bad().test_requests_in_flight_compute_what_infer_computes(session)


def test_requests_that_take_any_feeds_are_caught(honest) -> None:
    session = Dishonest(honest, bind_async=Shared(honest).bind)
    with pytest.raises(pytest.fail.Exception):
        Bad().test_requests_check_their_feeds_and_leave_them(session)
