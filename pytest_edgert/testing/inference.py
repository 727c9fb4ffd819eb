"""The rules of inference, as tests: hostile feeds, whose memory is whose, and the initial state.

A part of the contract suite; authors of adapters subclass `pytest_edgert.testing.RuntimeContract`.
"""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from pytest_edgert.contracts import BoundRun, Options, Runtime, Session, SupportsAsync, SupportsBoundBuffers
from pytest_edgert.errors import EdgertError, FeedsError
from pytest_edgert.tensors import Array, Signature
from pytest_edgert.testing.feeds import assert_same, copies, draw, empty, fits, is_fixed, strided, swapped

#: Inferences at once in the rules on concurrency, and how often each is run.
_AT_ONCE, _TURNS = 3, 20


def _repeat(run: BoundRun) -> None:
    for _ in range(_TURNS):
        run()


class InferenceRules:
    """What every session keeps to; the fixtures `session`, `runtime` and `path` come from the subclass.

    Attributes:
        accelerator: The accelerator the tests run on.
        options: Options of every opening.
        seed: Of the generated feeds.
    """

    accelerator: ClassVar[str] = "cpu"
    options: ClassVar[Options] = {}
    seed: ClassVar[int] = 20260101

    def feeds(self, signature: Signature, seed: int) -> dict[str, Array]:
        """Return feeds for a signature, different for different seeds; free dimensions become 1."""
        rng = np.random.default_rng(seed)
        return {spec.name: draw(rng, spec) for spec in signature.inputs}

    def test_outputs_are_plain_arrays_as_the_signature_says(self, session: Session) -> None:
        """Every output, by name and in order, of the type and shape that was told."""
        outputs = session.infer(self.feeds(session.signature, self.seed))
        assert list(outputs) == [spec.name for spec in session.signature.outputs]
        for spec in session.signature.outputs:
            array = outputs[spec.name]
            assert type(array) is np.ndarray
            assert spec.dtype in (array.dtype.name, "string")
            assert fits(spec.shape, array.shape), f"{spec.name}: {spec.shape} was told, {array.shape} came"

    def test_read_only_feeds_are_taken_and_not_changed(self, session: Session) -> None:
        """Feeds belong to the caller."""
        feeds = self.feeds(session.signature, self.seed)
        before = copies(feeds)
        for array in feeds.values():
            array.flags.writeable = False
        session.infer(feeds)
        assert_same(feeds, before, "feeds")

    def test_writable_feeds_are_not_changed(self, session: Session) -> None:
        """Nor when they could be."""
        feeds = self.feeds(session.signature, self.seed)
        before = copies(feeds)
        session.infer(feeds)
        assert_same(feeds, before, "feeds")

    def test_strided_feeds_mean_what_they_say(self, session: Session) -> None:
        """A view with other strides gives the answer of its copy."""
        feeds = self.feeds(session.signature, self.seed)
        assert_same(session.infer(strided(feeds)), session.infer(feeds), "outputs of strided feeds")

    def test_byte_swapped_feeds_mean_what_they_say(self, session: Session) -> None:
        """An array in the other byte order gives the answer of its native copy."""
        feeds = self.feeds(session.signature, self.seed)
        other = {name: swapped(array) for name, array in feeds.items()}
        assert_same(session.infer(other), session.infer(feeds), "outputs of byte-swapped feeds")

    def test_zero_size_feeds_give_an_answer_or_our_error(self, session: Session) -> None:
        """A batch of none is an empty answer or a refusal in our words."""
        feeds = {spec.name: empty(spec) for spec in session.signature.inputs}
        try:
            outputs = session.infer(feeds)
        except EdgertError as error:
            assert error.message  # noqa: PT017 - either is right, and a refusal must say something
        else:
            assert list(outputs) == [spec.name for spec in session.signature.outputs]

    def test_a_missing_feed_is_refused_by_name(self, session: Session) -> None:
        """Never guessed, never zero."""
        feeds = self.feeds(session.signature, self.seed)
        name = next(iter(feeds))
        del feeds[name]
        with pytest.raises(FeedsError, match=name):
            session.infer(feeds)

    def test_an_extra_feed_is_refused_by_name(self, session: Session) -> None:
        """A name that is no input is a mistake of the caller, not something to leave out."""
        feeds = self.feeds(session.signature, self.seed)
        with pytest.raises(FeedsError, match="no_such_input"):
            session.infer({**feeds, "no_such_input": np.zeros(1, np.float32)})

    def test_a_wrong_dtype_is_refused_by_name(self, session: Session) -> None:
        """Nothing is converted behind the caller's back."""
        feeds = self.feeds(session.signature, self.seed)
        name = next(iter(feeds))
        with pytest.raises(FeedsError, match=name):
            session.infer({**feeds, name: feeds[name].astype(np.complex128)})

    def test_a_wrong_rank_is_refused_by_name(self, session: Session) -> None:
        """Nothing is reshaped behind the caller's back."""
        feeds = self.feeds(session.signature, self.seed)
        name = next(iter(feeds))
        with pytest.raises(FeedsError, match=name):
            session.infer({**feeds, name: feeds[name][np.newaxis]})

    def test_a_wrong_length_is_refused_by_name(self, session: Session) -> None:
        """A fixed dimension is fixed."""
        feeds = self.feeds(session.signature, self.seed)
        spec = next((spec for spec in session.signature.inputs if any(map(is_fixed, spec.shape))), None)
        if spec is None:
            pytest.skip("the artefact has no fixed dimension")
        axis = next(axis for axis, length in enumerate(spec.shape) if is_fixed(length))
        longer = np.concatenate([feeds[spec.name], feeds[spec.name]], axis)
        with pytest.raises(FeedsError, match=spec.name):
            session.infer({**feeds, spec.name: longer})

    def test_a_refused_feed_leaves_the_session_working(self, session: Session) -> None:
        """One bad call must not spoil the next."""
        feeds = self.feeds(session.signature, self.seed)
        before = copies(session.infer(feeds))
        with pytest.raises(FeedsError):
            session.infer({})
        assert_same(session.infer(feeds), before, "outputs after a refusal")

    def test_outputs_survive_the_next_inference(self, session: Session) -> None:
        """Outputs belong to the caller."""
        first = session.infer(self.feeds(session.signature, self.seed))
        kept = copies(first)
        second = session.infer(self.feeds(session.signature, self.seed + 1))
        assert_same(first, kept, "outputs")
        for name, array in first.items():
            assert not np.shares_memory(array, second[name]), f"{name} is one buffer for two answers"

    def test_outputs_survive_the_session(self, runtime: Runtime, path: Path) -> None:
        """Also when the runtime has freed its memory."""
        with runtime.open(path, self.accelerator, self.options) as session:
            outputs = session.infer(self.feeds(session.signature, self.seed))
            kept = copies(outputs)
        del session
        gc.collect()
        assert_same(outputs, kept, "outputs")

    def test_outputs_do_not_alias_the_feeds(self, session: Session) -> None:
        """A caller who fills the next frame into its buffer must not change the last answer."""
        feeds = self.feeds(session.signature, self.seed)
        outputs = session.infer(feeds)
        for name, output in outputs.items():
            for given, feed in feeds.items():
                assert not np.shares_memory(output, feed), f"output {name} is the memory of input {given}"

    def test_inference_is_repeatable_from_the_initial_state(self, session: Session) -> None:
        """The same feeds give the same bits, whatever ran in between."""
        feeds = self.feeds(session.signature, self.seed)
        first = copies(session.infer(feeds))
        session.infer(self.feeds(session.signature, self.seed + 1))
        assert_same(session.infer(feeds), first, "outputs of a repeated inference")

    def test_two_sessions_do_not_touch_each_other(self, runtime: Runtime, path: Path, session: Session) -> None:
        """A worker holds many sessions."""
        feeds = self.feeds(session.signature, self.seed)
        first = copies(session.infer(feeds))
        with runtime.open(path, self.accelerator, self.options) as other:
            other.infer(self.feeds(other.signature, self.seed + 1))
            assert_same(session.infer(feeds), first, "outputs beside a second session")
        assert_same(session.infer(feeds), first, "outputs after a second session")

    def test_bound_buffers_compute_what_infer_computes(self, session: Session) -> None:
        """What is timed is the model on these feeds, first run and last."""
        if not isinstance(session, SupportsBoundBuffers):
            pytest.skip("the session has no bound buffers")
        for seed in (self.seed, self.seed + 1):
            feeds = self.feeds(session.signature, seed)
            run = session.bind(feeds)
            for _ in range(3):
                run()
            assert_same(run.outputs(), session.infer(feeds), "outputs of a bound run")

    def test_bound_outputs_belong_to_the_caller(self, session: Session) -> None:
        """A later run does not change them."""
        if not isinstance(session, SupportsBoundBuffers):
            pytest.skip("the session has no bound buffers")
        run = session.bind(self.feeds(session.signature, self.seed))
        run()
        first = run.outputs()
        kept = copies(first)
        for array in first.values():
            array.flat[:1] = array.flat[-1:]
        run()
        assert_same(run.outputs(), kept, "outputs of a bound run")

    def test_bound_feeds_are_checked_and_not_changed(self, session: Session) -> None:
        """Binding is as strict as inference."""
        if not isinstance(session, SupportsBoundBuffers):
            pytest.skip("the session has no bound buffers")
        with pytest.raises(FeedsError):
            session.bind({})
        feeds = self.feeds(session.signature, self.seed)
        before = copies(feeds)
        session.bind(feeds)()
        assert_same(feeds, before, "feeds")

    def test_concurrent_bound_runs_compute_what_infer_computes(self, session: Session) -> None:
        """Throughput runs several at once, each in a thread, on feeds of its own."""
        if not isinstance(session, SupportsBoundBuffers):
            pytest.skip("the session has no bound buffers")
        several = [self.feeds(session.signature, self.seed + turn) for turn in range(_AT_ONCE)]
        runs = [session.bind(feeds) for feeds in several]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            for done in [threads.submit(_repeat, run) for run in runs]:
                done.result()
        found = [run.outputs() for run in runs]
        for outputs, feeds in zip(found, several, strict=True):
            assert_same(outputs, session.infer(feeds), "outputs of concurrent bound runs")

    def test_requests_in_flight_compute_what_infer_computes(self, session: Session) -> None:
        """Each request has feeds and outputs of its own, and begins from the initial state every time."""
        if not isinstance(session, SupportsAsync):
            pytest.skip("the session takes no requests")
        several = [self.feeds(session.signature, self.seed + turn) for turn in range(_AT_ONCE)]
        requests = [session.bind_async(feeds) for feeds in several]
        for _ in range(3):
            for request in requests:
                request.start()
            for request in requests:
                request.wait()
        for request, feeds in zip(requests, several, strict=True):
            assert_same(request.outputs(), session.infer(feeds), "outputs of a request")

    def test_requests_check_their_feeds_and_leave_them(self, session: Session) -> None:
        """A request is as strict as inference."""
        if not isinstance(session, SupportsAsync):
            pytest.skip("the session takes no requests")
        with pytest.raises(FeedsError):
            session.bind_async({})
        feeds = self.feeds(session.signature, self.seed)
        before = copies(feeds)
        request = session.bind_async(feeds)
        request.start()
        request.wait()
        assert_same(feeds, before, "feeds")

    def test_nothing_is_printed(self, runtime: Runtime, path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        """Standard output is the worker's; what a vendor must say is an error or a detail of the placement."""
        with runtime.open(path, self.accelerator, self.options) as session:
            session.infer(self.feeds(session.signature, self.seed))
        assert capfd.readouterr().out == ""
