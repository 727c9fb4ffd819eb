"""The contract suite for authors of adapters: subclass `RuntimeContract` and every rule becomes a test.

    from pathlib import Path
    from pytest_edgert.testing import RuntimeContract

    class TestMyRuntime(RuntimeContract):
        reference = "my_package.adapter:RUNTIME"

        def artefact(self, folder: Path) -> Path:
            return write_a_small_model(folder / "model.mine")

The artefact should have an input of a number type, a free first dimension, and outputs that depend on the
inputs. The rules are told in `docs/adapters.md`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import ClassVar

import pytest

from pytest_edgert.contracts import Runtime, RuntimeInfo, Session, SupportsBuild, SupportsDeviceMemory
from pytest_edgert.errors import ArtefactError, UsageError
from pytest_edgert.records import Evidence, Placement, Presence, PresenceState
from pytest_edgert.runtimes.options import check_names
from pytest_edgert.runtimes.registry import load_adapter
from pytest_edgert.tensors import Signature
from pytest_edgert.testing.feeds import assert_same
from pytest_edgert.testing.inference import InferenceRules

#: Prints the top-level modules that importing an adapter brings in.
_IMPORT_PROBE = """
import sys
from pytest_edgert.runtimes.registry import load_adapter
runtime = load_adapter(sys.argv[1])
print(" ".join(name for name in (*runtime.info.modules, "numpy") if name in sys.modules))
"""


class RuntimeContract(InferenceRules):
    """What every adapter keeps to. Set `reference`, write `artefact`, and more where the defaults do not fit.

    Attributes:
        reference: The adapter as ``module:attribute``, as in its entry point.
        accelerator, options, seed: As in `InferenceRules`.
    """

    reference: ClassVar[str]

    def artefact(self, folder: Path) -> Path:
        """Return a sound artefact, written into `folder` or lying elsewhere."""
        raise NotImplementedError

    @pytest.fixture
    def runtime(self) -> Runtime:
        """The adapter under test."""
        return load_adapter(self.reference)

    @pytest.fixture
    def usable(self) -> None:
        """Skip, by name, what needs an accelerator that is not usable here."""
        presence = None if self.accelerator == "auto" else _presence(self.reference, self.accelerator)
        if presence is not None and presence.state is not PresenceState.USABLE:
            pytest.skip(f"{presence.name} is {presence.state.value}: {presence.reason}. {presence.remedy}")

    @pytest.fixture
    def path(self, usable: None, tmp_path: Path) -> Path:  # noqa: ARG002 - its skip is what is asked for
        """The sound artefact."""
        return self.artefact(tmp_path)

    @pytest.fixture
    def session(self, runtime: Runtime, path: Path) -> Iterator[Session]:
        """The artefact, open."""
        with runtime.open(path, self.accelerator, self.options) as session:
            yield session

    # What is told without opening anything

    def test_import_brings_neither_the_vendor_nor_numpy(self) -> None:
        """The plugin reads `info` at the start of pytest: that must cost nothing and load nothing."""
        command = [sys.executable, "-c", _IMPORT_PROBE, self.reference]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert not done.stdout.split(), f"importing the adapter imports {done.stdout.split()}"

    def test_info_is_complete(self, runtime: Runtime) -> None:
        """Names, suffixes and accelerators are there, and variants use options that exist."""
        info = runtime.info
        assert isinstance(info, RuntimeInfo)
        assert info.name
        assert info.accelerators, "no accelerator is named"
        assert info.suffixes, "no suffix is named"
        assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in info.suffixes)
        for options in info.variants.values():
            check_names(info, options)

    def test_version_is_text(self, runtime: Runtime) -> None:
        """Records hold the version."""
        assert type(runtime.version()) is str
        assert runtime.version()

    def test_accelerators_are_all_told(self, runtime: Runtime) -> None:
        """Each named accelerator is there once; what is missing has a reason and a remedy."""
        told = runtime.accelerators()
        assert sorted(presence.name for presence in told) == sorted(runtime.info.accelerators)
        for presence in told:
            if presence.state is not PresenceState.USABLE:
                assert presence.reason, f"{presence.name} is {presence.state.value} without a reason"
                assert presence.remedy, f"{presence.name} is {presence.state.value} without a remedy"

    def test_artefacts_are_accepted_by_suffix(self, runtime: Runtime) -> None:
        """`accepts` looks at the name only, in any case."""
        for suffix in runtime.info.suffixes:
            assert runtime.accepts(Path("nowhere/model" + suffix))
            assert runtime.accepts(Path("nowhere/MODEL" + suffix.upper()))
        assert not runtime.accepts(Path("nowhere/model.nosuch"))

    # Opening

    def test_an_unknown_option_is_refused_by_name(self, runtime: Runtime, path: Path) -> None:
        """An option that does nothing would be believed to do something."""
        with pytest.raises(UsageError, match="thread_count"):
            runtime.open(path, self.accelerator, {**self.options, "thread_count": 1})

    def test_an_unknown_accelerator_is_refused_by_name(self, runtime: Runtime, path: Path) -> None:
        """It must not become another one."""
        with pytest.raises(UsageError, match="nosuch"):
            runtime.open(path, "nosuch", self.options)

    @pytest.mark.usefixtures("usable")
    def test_a_missing_artefact_is_ours_to_tell(self, runtime: Runtime, tmp_path: Path) -> None:
        """The message names the path."""
        gone = tmp_path / ("gone" + runtime.info.suffixes[0])
        with pytest.raises(ArtefactError, match="gone"):
            runtime.open(gone, self.accelerator, self.options)

    @pytest.mark.usefixtures("usable")
    def test_a_foreign_artefact_is_refused_with_its_cause(self, runtime: Runtime, tmp_path: Path) -> None:
        """Vendor errors come out as ours, from the original."""
        foreign = tmp_path / ("foreign" + runtime.info.suffixes[0])
        foreign.write_bytes(b"\x93this is no model\x00" * 64)
        with pytest.raises(ArtefactError, match="foreign") as caught:
            runtime.open(foreign, self.accelerator, self.options)
        assert caught.value.__cause__ is not None, "the original error is lost"

    def test_placement_is_told_and_adds_up(self, session: Session) -> None:
        """Placement is asked from the runtime; what is elsewhere is counted."""
        placement = session.placement
        assert isinstance(placement, Placement)
        assert placement.evidence is not Evidence.UNKNOWN, "the adapter cannot say what ran where"
        assert self.accelerator in (placement.accelerator, "auto")
        total = sum(placement.nodes.values())
        if placement.evidence is Evidence.TRACED and total:
            assert placement.nodes.get(placement.accelerator, 0) == total - len(placement.elsewhere)

    def test_everything_runs_where_it_was_asked(self, session: Session) -> None:
        """Less than was asked for is an error of `open` unless allowed; it never passes in silence."""
        assert session.placement.elsewhere == ()

    def test_signature_is_plain(self, session: Session) -> None:
        """Names, NumPy dtype names and dimensions, no vendor types."""
        signature = session.signature
        assert isinstance(signature, Signature)
        for spec in signature.inputs + signature.outputs:
            assert type(spec.name) is str
            assert type(spec.dtype) is str
            assert all(type(length) in (int, str, type(None)) for length in spec.shape)

    def test_opening_in_two_steps_gives_the_same_session(self, runtime: Runtime, path: Path, session: Session) -> None:
        """Reading and building, timed apart, are opening."""
        if not isinstance(runtime, SupportsBuild):
            pytest.skip("the runtime opens in one step")
        feeds = self.feeds(session.signature, self.seed)
        with runtime.read(path, self.accelerator, self.options)() as built:
            assert (built.signature, built.placement) == (session.signature, session.placement)
            assert_same(built.infer(feeds), session.infer(feeds), "outputs of a session built apart")

    def test_reading_refuses_what_opening_refuses(self, runtime: Runtime, path: Path) -> None:
        """Nothing wrong with the file or the options waits for the build."""
        if not isinstance(runtime, SupportsBuild):
            pytest.skip("the runtime opens in one step")
        with pytest.raises(UsageError, match="thread_count"):
            runtime.read(path, self.accelerator, {**self.options, "thread_count": 1})
        with pytest.raises(ArtefactError, match="gone"):
            runtime.read(path.with_name("gone" + path.suffix), self.accelerator, self.options)

    def test_memory_on_the_device_is_a_number_or_not_told(self, session: Session) -> None:
        """What cannot be told is None, never zero."""
        if not isinstance(session, SupportsDeviceMemory):
            pytest.skip("the session tells no memory of its device")
        held = session.device_memory_bytes()
        assert held is None or (type(held) is int and held > 0)

    # Closing

    def test_close_twice_is_harmless(self, runtime: Runtime, path: Path) -> None:
        """`with` may follow an explicit close."""
        session = runtime.open(path, self.accelerator, self.options)
        session.close()
        session.close()

    def test_a_session_is_a_context_manager_that_lets_errors_through(self, runtime: Runtime, path: Path) -> None:
        """`with` gives the session itself and swallows nothing."""
        session = runtime.open(path, self.accelerator, self.options)
        entered = []
        with pytest.raises(ZeroDivisionError), session as same:  # noqa: PT012 - the block is the claim
            entered.append(same)
            raise ZeroDivisionError
        assert entered == [session]


@cache
def _presence(reference: str, accelerator: str) -> Presence:
    told = load_adapter(reference).accelerators()
    return next(presence for presence in told if presence.name == accelerator)
