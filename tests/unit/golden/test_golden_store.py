from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from golden_samples import MODEL_SHA256, make_golden, same_bits, small_outputs

from pytest_edgert.contracts import Target
from pytest_edgert.errors import ArtefactError, GoldenMissingError, UsageError
from pytest_edgert.golden import store as store_module
from pytest_edgert.golden.store import GoldenStore

CPU = Target("onnxruntime", "cpu")


@pytest.fixture
def store(tmp_path: Path) -> GoldenStore:
    return GoldenStore(tmp_path / "goldens")


def payload_of(store: GoldenStore, name: str = "digits") -> Path:
    (found,) = store.root.glob(f"{name}.*.golden.safetensors")
    return found


def files(store: GoldenStore) -> list[str]:
    return sorted(path.name for path in store.root.iterdir())


def test_what_is_written_is_read(store: GoldenStore) -> None:
    path = store.write(make_golden(store_inputs=True))
    back = store.read("digits", model_sha256=MODEL_SHA256)
    assert path == store.path("digits")
    assert all(same_bits(back.outputs[name], array) for name, array in small_outputs().items())
    assert back.inputs is not None


def test_a_golden_is_one_manifest_and_one_payload(store: GoldenStore) -> None:
    store.write(make_golden())
    digest = store.read_manifest("digits").payload.sha256
    assert files(store) == [f"digits.{digest[:12]}.golden.safetensors", "digits.golden.json"]


def test_writing_again_leaves_the_same_bytes(store: GoldenStore) -> None:
    store.write(make_golden())
    before = {path.name: path.read_bytes() for path in store.root.iterdir()}
    store.write(make_golden())
    assert {path.name: path.read_bytes() for path in store.root.iterdir()} == before


def test_a_new_golden_takes_the_place_of_both_old_files(store: GoldenStore) -> None:
    store.write(make_golden())
    store.write(make_golden(outputs={"y": np.zeros((1, 2), np.float32)}))
    assert len(files(store)) == 2
    assert list(store.read("digits").outputs) == ["y"]


def test_files_get_the_usual_permissions(store: GoldenStore) -> None:
    mask = os.umask(0o022)
    try:
        path = store.write(make_golden())
    finally:
        os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_missing_golden_says_where_it_was_looked_for_and_how_to_record_it(store: GoldenStore) -> None:
    with pytest.raises(GoldenMissingError) as caught:
        store.read("digits", CPU)
    assert str(store.root) in caught.value.message
    assert "digits@onnxruntime-cpu, digits@onnxruntime, digits" in caught.value.message
    assert "--edge-update-golden=new" in caught.value.remedy


def test_the_most_specific_variant_serves(store: GoldenStore) -> None:
    for name in ("digits", "digits@onnxruntime", "digits@onnxruntime-cpu"):
        store.write(make_golden(name))
    assert store.find("digits", CPU).name == "digits@onnxruntime-cpu"
    assert store.find("digits", Target("onnxruntime", "cuda")).name == "digits@onnxruntime"
    assert store.find("digits", Target("litert", "cpu")).name == "digits"


def test_a_stand_in_for_a_variant_is_told(store: GoldenStore) -> None:
    store.write(make_golden())
    store.write(make_golden("digits@onnxruntime"))
    assert "stands in for 'digits@litert-cpu'" in store.find("digits", Target("litert", "cpu")).note
    assert "'digits@onnxruntime' stands in" in store.find("digits", CPU).note


def test_a_golden_that_all_targets_share_is_no_stand_in(store: GoldenStore) -> None:
    store.write(make_golden())
    assert store.find("digits", CPU).note == ""


def test_a_golden_of_another_model_is_refused(store: GoldenStore) -> None:
    store.write(make_golden())
    with pytest.raises(
        ArtefactError, match=r"recorded from another model: digits\.onnx with hash abababababab"
    ) as caught:
        store.read("digits", model_sha256="cd" * 32)
    assert "--edge-update-golden=changed" in caught.value.remedy


def test_a_golden_under_another_name_is_refused(store: GoldenStore) -> None:
    store.write(make_golden())
    shutil.move(store.path("digits"), store.path("letters"))
    with pytest.raises(ArtefactError, match="is the golden 'digits' under another name"):
        store.read("letters")


def test_a_missing_payload_is_named(store: GoldenStore) -> None:
    store.write(make_golden())
    payload = payload_of(store)
    payload.unlink()
    with pytest.raises(ArtefactError, match=f"{payload.name} is missing") as caught:
        store.read("digits")
    assert not isinstance(caught.value, GoldenMissingError)


@pytest.mark.parametrize("which", ["manifest", "payload", "folder"])
def test_nothing_is_read_through_a_link(store: GoldenStore, tmp_path: Path, which: str) -> None:
    store.write(make_golden())
    path = {"manifest": store.path("digits"), "payload": payload_of(store), "folder": store.root}[which]
    moved = path.rename(tmp_path / "elsewhere")
    path.symlink_to(moved)
    with pytest.raises(ArtefactError, match=f"{path.name} is a symbolic link"):
        store.read("digits")


def test_a_link_that_leads_nowhere_is_not_a_missing_golden(store: GoldenStore) -> None:
    store.root.mkdir()
    store.path("digits").symlink_to("nowhere")
    with pytest.raises(ArtefactError, match="symbolic link"):
        store.read("digits")


def test_a_link_is_replaced_and_not_followed_when_writing(store: GoldenStore, tmp_path: Path) -> None:
    store.root.mkdir()
    outside = tmp_path / "outside.json"
    outside.write_text("mine")
    store.path("digits").symlink_to(outside)
    store.write(make_golden())
    assert outside.read_text() == "mine"
    assert not store.path("digits").is_symlink()


def test_a_pipe_in_the_place_of_a_golden_is_refused_at_once(store: GoldenStore) -> None:
    store.root.mkdir()
    os.mkfifo(store.path("digits"))
    with pytest.raises(ArtefactError, match="not a regular file"):
        store.read("digits")


def test_a_folder_in_the_place_of_a_golden_is_refused(store: GoldenStore) -> None:
    store.path("digits").mkdir(parents=True)
    with pytest.raises(ArtefactError, match="not a regular file"):
        store.read("digits")


def test_a_payload_over_the_limit_is_not_read(store: GoldenStore) -> None:
    store.write(make_golden())
    with pytest.raises(ArtefactError, match="a payload may have 64"):
        replace(store, limit_bytes=64).read("digits")


def test_a_payload_that_grew_over_the_limit_is_not_read(store: GoldenStore) -> None:
    store.write(make_golden())
    payload = payload_of(store)
    limit_bytes = payload.stat().st_size
    payload.write_bytes(payload.read_bytes() + b"\0")
    with pytest.raises(ArtefactError, match=f"a golden's file may have {limit_bytes}"):
        replace(store, limit_bytes=limit_bytes).read("digits")


def test_a_file_of_absurd_size_is_refused_without_being_read(store: GoldenStore) -> None:
    store.root.mkdir()
    store.path("digits").touch()
    os.truncate(store.path("digits"), 2**40)
    with pytest.raises(ArtefactError, match=f"has {2**40} bytes"):
        store.read("digits")


def test_a_manifest_over_the_limit_is_not_read(store: GoldenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(make_golden())
    monkeypatch.setattr(store_module, "MANIFEST_LIMIT_BYTES", 100)
    with pytest.raises(ArtefactError, match="may have 100"):
        store.read("digits")


def test_a_golden_over_the_limit_is_not_written(store: GoldenStore) -> None:
    with pytest.raises(UsageError, match="'digits' would have"):
        replace(store, limit_bytes=64).write(make_golden())
    assert not store.root.exists()


def test_neither_file_is_there_when_the_manifest_cannot_be_written(store: GoldenStore) -> None:
    store.path("digits").mkdir(parents=True)
    with pytest.raises(ArtefactError, match="cannot be written"):
        store.write(make_golden())
    assert files(store) == ["digits.golden.json"]


@pytest.mark.parametrize("failing", [".json", ".safetensors"])
def test_the_old_golden_stays_when_the_new_one_cannot_be_written(
    store: GoldenStore, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    store.write(make_golden())
    before = files(store)
    real = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.name.endswith(failing):
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ArtefactError, match="No space left on device"):
        store.write(make_golden(outputs={"y": np.zeros((1, 2), np.float32)}))
    assert files(store) == before
    assert list(store.read("digits").outputs) == ["y", "q"]


@pytest.mark.parametrize("name", ["../digits", "a/b", "/etc/passwd", ""])
def test_a_name_that_leads_out_of_the_folder_is_refused(store: GoldenStore, name: str) -> None:
    with pytest.raises(UsageError, match="not a golden's name"):
        store.read(name)
    with pytest.raises(UsageError, match="not a golden's name"):
        store.write(make_golden(name))


def test_a_damaged_golden_can_be_recorded_again(store: GoldenStore) -> None:
    store.write(make_golden())
    store.path("digits").write_text("{")
    store.write(make_golden())
    assert list(store.read("digits").outputs) == ["y", "q"]


def test_a_store_holds_what_lies_there_sound_or_not(store: GoldenStore) -> None:
    assert not store.holds("digits")
    store.write(make_golden("digits@litert"))
    store.path("apples").symlink_to("nowhere")
    store.path("pears").write_text("{")
    assert [store.holds(name) for name in ("digits", "apples", "pears", "dig", "plums")] == [True] * 3 + [False] * 2


def test_entries_are_sorted_and_sound(store: GoldenStore) -> None:
    for name in ("digits@litert", "apples", "digits"):
        store.write(make_golden(name))
    entries = store.entries()
    assert [entry.name for entry in entries] == sorted(["apples", "digits", "digits@litert"])
    assert {entry.problem for entry in entries} == {""}


def test_a_folder_that_is_not_there_has_no_entries(store: GoldenStore) -> None:
    assert store.entries() == ()


def test_a_stray_payload_is_an_entry_with_a_problem(store: GoldenStore) -> None:
    store.write(make_golden())
    stray = store.root / "old.0123456789ab.golden.safetensors"
    stray.write_bytes(b"")
    (entry,) = [entry for entry in store.entries() if entry.problem]
    assert entry.path == stray
    assert "No manifest names this payload" in entry.problem


def test_what_a_killed_recording_left_is_an_entry_with_a_problem(store: GoldenStore) -> None:
    store.write(make_golden())
    (store.root / ".0123.golden.part").write_bytes(b"")
    assert [entry.problem for entry in store.entries()] == ["", "A recording ended before it. Delete it."]


WRITE_ON_AND_ON = """
import sys
from itertools import count
from pathlib import Path
import numpy as np
from golden_samples import make_golden
from pytest_edgert.golden.store import GoldenStore
store = GoldenStore(Path(sys.argv[1]))
for n in count():
    store.write(make_golden(outputs={"y": np.full(3000, n, np.float32)}))
    sys.stdout.write(f"{n}\\n")
    sys.stdout.flush()
"""


@pytest.mark.slow
def test_a_writer_that_is_killed_at_any_moment_leaves_a_golden_that_can_be_read(store: GoldenStore) -> None:
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parents[2]}"}
    for round_n in range(8):
        command = [sys.executable, "-c", WRITE_ON_AND_ON, str(store.root)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline()) for _ in range(round_n + 1)]
            writer.kill()
        value = store.read("digits").outputs["y"][0]
        assert value >= told[-1]
