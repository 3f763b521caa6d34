"""Artefact folders appear whole or not at all, and know what they were made from."""

from __future__ import annotations

import errno
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from h2s2r_perception.artefact import InputError, Schema, content_sha256, is_current, read_meta, writing

SCHEMA = Schema("note", 2)


@dataclass(frozen=True)
class Configuration:
    threshold_m: float = 0.1
    names: tuple[str, ...] = ("a", "b")


def make(folder: Path, text: str = "hello", **keywords) -> None:
    with writing(folder, SCHEMA, **keywords) as writer:
        (writer.folder / "note.txt").write_text(text)
        writer.quality["length"] = len(text)


def siblings(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.parent.iterdir())


def test_a_finished_artefact_states_schema_inputs_configuration_and_quality(tmp_path):
    source = tmp_path / "source.bin"
    source.write_bytes(b"x")
    make(tmp_path / "note", inputs={"source": source}, configuration=Configuration())
    meta = read_meta(tmp_path / "note", SCHEMA)
    assert meta["inputs"] == {"source": content_sha256(source)}
    assert meta["configuration"] == {"threshold_m": 0.1, "names": ["a", "b"]}
    assert meta["quality"] == {"length": 5}
    assert siblings(tmp_path / "note") == ["note", "source.bin"]


def test_a_failure_half_way_leaves_the_old_artefact(tmp_path):
    make(tmp_path / "note", "old")
    with pytest.raises(RuntimeError), writing(tmp_path / "note", SCHEMA) as writer:
        (writer.folder / "note.txt").write_text("new")
        raise RuntimeError("power cut")
    assert (tmp_path / "note" / "note.txt").read_text() == "old"
    assert siblings(tmp_path / "note") == ["note"]


def test_a_full_disk_is_the_users_error_and_overwrites_nothing(tmp_path):
    make(tmp_path / "note", "old")
    with pytest.raises(InputError, match="room to write"), writing(tmp_path / "note", SCHEMA):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (tmp_path / "note" / "note.txt").read_text() == "old"
    assert siblings(tmp_path / "note") == ["note"]


@pytest.mark.parametrize("old_survives", [True, False])
def test_a_crash_between_the_two_renames_is_repaired(tmp_path, old_survives):
    folder = tmp_path / "note"
    make(folder, "old")
    folder.rename(tmp_path / ".note.previous")
    if not old_survives:  # the second rename happened, the clean-up did not
        make(tmp_path / "other", "new")
        (tmp_path / "other").rename(folder)
    assert read_meta(folder, SCHEMA)["quality"]["length"] == 3
    assert (folder / "note.txt").read_text() == ("old" if old_survives else "new")
    assert siblings(folder) == ["note"]


def test_up_to_date_means_same_inputs_configuration_and_schema(tmp_path):
    source, folder = tmp_path / "source.bin", tmp_path / "note"
    source.write_bytes(b"x")
    assert not is_current(folder, SCHEMA)
    made = {"inputs": {"source": source}, "configuration": Configuration()}
    make(folder, **made)
    assert is_current(folder, SCHEMA, **made)
    assert not is_current(folder, SCHEMA, inputs=made["inputs"], configuration=Configuration(threshold_m=0.2))
    assert not is_current(folder, Schema("note", 3), **made)
    source.write_bytes(b"y")
    assert not is_current(folder, SCHEMA, **made)


def test_an_artefact_as_input_is_known_by_its_content(tmp_path):
    make(tmp_path / "a", "same")
    make(tmp_path / "b", "same")
    make(tmp_path / "c", "other")
    assert content_sha256(tmp_path / "a") == content_sha256(tmp_path / "b") != content_sha256(tmp_path / "c")


def test_a_newer_schema_another_kind_and_a_missing_one_are_refused(tmp_path):
    folder = tmp_path / "note"
    with pytest.raises(InputError, match="no such file"):
        read_meta(folder, SCHEMA)
    make(folder)
    with pytest.raises(InputError, match="'letter'"):
        read_meta(folder, Schema("letter", 1))
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, "schema_version": 3}))
    with pytest.raises(InputError, match=r"schema_version: expected at most 2, found 3; update h2s2r"):
        read_meta(folder, SCHEMA)
    (folder / "meta.json").write_text("{")
    with pytest.raises(InputError, match="JSON"):
        read_meta(folder, SCHEMA)
