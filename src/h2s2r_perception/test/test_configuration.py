"""Frozen dataclasses are the configuration: a YAML file may override, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from h2s2r_perception.artefact import InputError, as_plain, load_configuration


@dataclass(frozen=True)
class Inner:
    gain: float = 1.0
    size_m: tuple[float, float] = (1.0, 2.0)


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner = field(default_factory=Inner)
    steps: int = 3


def load(tmp_path, text: str, **keywords) -> Outer:
    path = tmp_path / "outer.yaml"
    path.write_text(text)
    return load_configuration(Outer, path, **keywords)


def test_a_file_overrides_defaults_and_an_option_overrides_the_file(tmp_path):
    outer = load(tmp_path, "name: a\ninner: {gain: 2, size_m: [3, 4.5]}\n", overrides={"steps": 7})
    assert outer == Outer("a", Inner(2.0, (3.0, 4.5)), 7)
    assert isinstance(outer.inner.gain, float)


def test_what_is_written_is_what_is_read(tmp_path):
    import yaml

    outer = Outer("b", Inner(0.5))
    assert load(tmp_path, yaml.safe_dump(as_plain(outer))) == outer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nstep: 4\n", "key `step`: expected a field of Outer, found an unknown key; did you mean `steps`"),
        ("name: a\ninner: {gian: 4}\n", "key `gian`.*did you mean `gain`"),
        ("steps: 4\n", "key `name`: expected a value, found nothing"),
        ("name: a\nsteps: many\n", "key `steps`"),
        ("name: [\n", "valid YAML"),
        ("- a\n", "top level: expected a mapping, found list"),
    ],
)
def test_bad_files_are_refused_in_one_line_that_names_the_key(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert "outer.yaml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.yaml.*check the path"):
        load_configuration(Outer, tmp_path / "nowhere.yaml")
