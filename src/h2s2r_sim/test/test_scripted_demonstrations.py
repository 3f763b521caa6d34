"""Scripted demonstrations: what is shown does the task, nothing passes through anything, a bad script is refused."""

import dataclasses
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_sim.demonstrator.grip import GripFinder
from h2s2r_sim.demonstrator.script import load_script
from h2s2r_sim.demonstrator.scripted import play
from h2s2r_sim.success import StageWatch
from h2s2r_sim.task import load_task

RATE_HZ = 10.0
TASKS = sorted(path.stem for path in (Path(str(resources.files("h2s2r_sim"))) / "tasks").glob("*.yaml"))
SCRIPTED = [name for name in TASKS if load_task(name).script is not None]


def script_of(name):
    return dataclasses.replace(load_script(load_task(name).script), frame_rate_hz=RATE_HZ, hidden_s=0.2, reach_s=0.4)


@pytest.fixture(scope="module")
def episodes():
    made = {}

    def episode(name):
        if name not in made:
            made[name] = play(load_task(name), script_of(name))
        return made[name]

    return episode


def test_the_seven_tasks_are_there_and_every_one_says_what_success_is():
    assert {name.split("_")[0] for name in TASKS} >= {"snackbox", "plate", "pitcher"}
    assert len(TASKS) == 7
    assert all(load_task(name).success.stages for name in TASKS)


@pytest.mark.parametrize("name", SCRIPTED)
def test_the_demonstration_does_the_task(name, episodes):
    T = episodes(name).T_world_object
    watch = StageWatch(load_task(name), 1, step_s=1.0 / RATE_HZ)
    watch.note(T[:1])
    assert watch.credit()[0] < 1.0  # it does not begin done
    for frame in range(1, len(T)):
        watch.note(T[frame : frame + 1])
    assert watch.credit()[0] == 1.0


@pytest.mark.parametrize("name", SCRIPTED)
def test_the_object_waits_for_the_hand_and_bodies_keep_apart(name, episodes):
    episode = episodes(name)
    waiting = episode.T_world_object[: episode.contact_index]
    np.testing.assert_array_equal(waiting, np.broadcast_to(waiting[0], waiting.shape))
    assert 0.0 < episode.penetration_m["hand"] < 0.0011  # it touches
    assert all(depth < 0.0011 for depth in episode.penetration_m.values())


def test_a_pinch_has_thumb_and_fingers_on_the_plate(episodes):
    task, script = load_task("plate_lift_rack"), script_of("plate_lift_rack")
    episode = episodes("plate_lift_rack")
    finder = GripFinder(episode.model)
    T = episode.T_world_object[0]
    T_object_hand, _, closed = finder.take(script.holds[0], T)
    touching = finder.fingers_touching(T @ T_object_hand, closed, T)
    assert task.object.symmetry == "yaw"
    assert "thumb" in touching and {"index", "middle"} & set(touching)


def test_a_path_through_the_wall_is_refused_and_says_how_deep():
    script = script_of("snackbox_pivot")
    through = dataclasses.replace(script.segments[0], position_m=(0.60, 0.16, 0.0), against=None)
    with pytest.raises(InputError, match=r"penetration of wall_box.*mm"):
        play(load_task("snackbox_pivot"), dataclasses.replace(script, segments=(through,)))


def test_an_object_left_where_it_cannot_stay_is_refused():
    script = script_of("snackbox_pivot")
    half = dataclasses.replace(script.segments[1], turn_rad=(-0.7, 0.0, 0.0))
    with pytest.raises(InputError, match="once it is left alone"):
        play(load_task("snackbox_pivot"), dataclasses.replace(script, segments=(script.segments[0], half)))


def test_a_segment_that_leans_on_nothing_is_refused():
    script = script_of("plate_push")
    leaning = dataclasses.replace(script.segments[0], against="wall_boks")
    with pytest.raises(InputError, match="wall_boks"):
        play(load_task("plate_push"), dataclasses.replace(script, segments=(leaning,)))


def test_a_hold_that_is_not_there_is_named(tmp_path):
    text = load_task("plate_push").script.read_text().replace("hold: rim,", "hold: edge,")
    (tmp_path / "script.yaml").write_text(text)
    with pytest.raises(InputError, match=r"segments\[0\].hold.*edge"):
        load_script(tmp_path / "script.yaml")
