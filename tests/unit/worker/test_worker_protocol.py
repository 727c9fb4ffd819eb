import json
import os
from contextlib import closing, suppress

import pytest

from pytest_edgert.clock import monotonic_ns
from pytest_edgert.errors import FeedsError, ProtocolError
from pytest_edgert.worker.pipe import DeadlineError, Pipe, PipeClosedError
from pytest_edgert.worker.protocol import HEADER, JSON_LIMIT_BYTES, MAGIC, PROTOCOL_VERSION, FrameKind, pack_head


@pytest.fixture
def pipe():
    made = Pipe(*os.pipe(), payload_limit_bytes=1000)
    yield made
    made.close()


def feed(data):
    """A pipe that gives `data` and then ends."""
    read_fd, write_fd = os.pipe()
    os.write(write_fd, data)
    os.close(write_fd)
    return Pipe(read_fd, os.open(os.devnull, os.O_WRONLY), payload_limit_bytes=1000)


def receive_all(data):
    frames = []
    with closing(feed(data)) as pipe, suppress(PipeClosedError):
        while True:
            frames.append(pipe.receive(None))
    return frames


def test_a_frame_comes_out_as_it_went_in(pipe):
    meta = {"text": "µ \ud800 \n", "number": 1.5, "list": [1, None, True]}
    pipe.send([pack_head(FrameKind.RESULT, meta, 5), b"ab", b"", b"cde"], None)
    frame = pipe.receive(None)
    assert (frame.kind, frame.meta, frame.payload) == (FrameKind.RESULT, meta, bytearray(b"abcde"))


def test_frames_that_come_in_one_read_are_told_apart():
    data = b"".join(pack_head(FrameKind.PROGRESS, {"n": n}, n) + bytes(n) for n in range(5))
    assert [(f.meta["n"], len(f.payload)) for f in receive_all(data)] == [(n, n) for n in range(5)]


def test_a_frame_cut_off_anywhere_is_an_error_of_the_protocol():
    data = pack_head(FrameKind.RESULT, {"session_id": 1}, 7) + b"payload"
    for size in range(1, len(data)):
        with pytest.raises(ProtocolError, match="ended"):
            receive_all(data[:size])


@pytest.mark.parametrize("position", range(HEADER.size))
def test_a_header_with_any_byte_wrong_is_never_taken_for_another_frame(position):
    good = pack_head(FrameKind.RESULT, {"a": 1}, 4) + b"1234"
    bad = bytearray(good)
    bad[position] ^= 0x80
    if position in (6, 7):  # the two spare bytes mean nothing
        assert receive_all(bytes(bad)) == receive_all(good)
    else:
        with pytest.raises(ProtocolError):
            receive_all(bytes(bad))


def test_other_bytes_are_shown():
    with pytest.raises(ProtocolError, match=r"b'Welcome to the device!"):
        receive_all(b"Welcome to the device!\n")


def test_a_few_other_bytes_are_shown_at_once_though_more_may_come():
    read_fd, write_fd = os.pipe()
    pipe = Pipe(read_fd, write_fd)
    os.write(write_fd, b"hi")
    with pytest.raises(ProtocolError, match="b'hi'"):
        pipe.receive(monotonic_ns() + 20_000_000_000)
    pipe.close()


def test_another_version_is_named_with_the_remedy():
    with pytest.raises(
        ProtocolError, match=rf"version {PROTOCOL_VERSION + 1} .* version {PROTOCOL_VERSION}.*same version"
    ):
        receive_all(HEADER.pack(MAGIC, PROTOCOL_VERSION + 1, FrameKind.HELLO, 2, 0) + b"{}")


@pytest.mark.parametrize(
    ("json_bytes", "payload_bytes"), [(JSON_LIMIT_BYTES + 1, 0), (2, 1001), (2**32 - 1, 2**64 - 1)]
)
def test_a_frame_that_announces_too_much_is_refused_before_it_is_read(json_bytes, payload_bytes):
    with pytest.raises(ProtocolError, match="limits"):
        receive_all(HEADER.pack(MAGIC, PROTOCOL_VERSION, FrameKind.RESULT, json_bytes, payload_bytes) + b"{}")


@pytest.mark.parametrize("text", [b"[]", b"nonsense", b"\xff\xfe", b"[" * 50_000, b'"text"'])
def test_metadata_that_is_no_object_is_an_error_of_the_protocol(text):
    data = HEADER.pack(MAGIC, PROTOCOL_VERSION, FrameKind.RESULT, len(text), 0) + text
    read_fd, write_fd = os.pipe()
    pipe = Pipe(read_fd, os.open(os.devnull, os.O_WRONLY))
    os.write(write_fd, data)
    os.close(write_fd)
    with pytest.raises(ProtocolError, match="metadata"):
        pipe.receive(None)
    pipe.close()


def test_metadata_beyond_its_limit_is_not_sent():
    with pytest.raises(FeedsError, match="limit"):
        pack_head(FrameKind.RESULT, {"text": "x" * JSON_LIMIT_BYTES}, 0)


def test_metadata_is_plain_json():
    head = pack_head(FrameKind.RESULT, {"a": [1]}, 0)
    assert json.loads(head[HEADER.size :]) == {"a": [1]}


def test_reading_ends_at_the_deadline(pipe):
    with pytest.raises(DeadlineError):
        pipe.receive(monotonic_ns() + 1_000_000)


def test_reading_ends_at_the_deadline_in_the_middle_of_a_frame(pipe):
    pipe.send([pack_head(FrameKind.RESULT, {}, 10), b"half"], None)
    with pytest.raises(DeadlineError):
        pipe.receive(monotonic_ns() + 1_000_000)


def test_writing_ends_at_the_deadline_when_no_one_reads():
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    pipe = Pipe(read_fd, write_fd)
    with pytest.raises(DeadlineError):
        pipe.send([bytes(2**21)], monotonic_ns() + 1_000_000)
    pipe.close()


@pytest.mark.slow
def test_a_look_around_while_waiting_can_end_the_wait():
    def look():
        raise PipeClosedError

    pipe = Pipe(*os.pipe(), idle=look)
    with pytest.raises(PipeClosedError):
        pipe.receive(monotonic_ns() + 3_000_000_000)
    pipe.close()


def test_writing_to_no_one_says_that_the_pipe_is_closed():
    read_fd, write_fd = os.pipe()
    pipe = Pipe(os.open(os.devnull, os.O_RDONLY), write_fd)
    os.close(read_fd)
    with pytest.raises(PipeClosedError):
        pipe.send([b"x"], None)
    pipe.close()


def test_closing_twice_is_harmless(pipe):
    pipe.close()
    pipe.close()
