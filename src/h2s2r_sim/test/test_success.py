"""Stages of a task: what they say about where the object is, and the credit that follows."""

import dataclasses

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_sim.fixtures import FixtureSpec
from h2s2r_sim.success import Over, StageSpec, StageWatch, Upright, Within, surface_points
from h2s2r_sim.task import load_task

TABLE_M = 0.155
HALF_HEIGHT_M, HALF_DEPTH_M = 0.03, 0.075
WALL_Y_M = 0.175
STEP_S = 1.0 / 15.0


def task_with(*stages, **scene):
    task = load_task("snackbox_push")
    success = dataclasses.replace(task.success, stages=stages)
    return dataclasses.replace(task, success=success, scene=dataclasses.replace(task.scene, **scene))


def at(y, z=TABLE_M + HALF_HEIGHT_M, turn=(0.0, 0.0, 0.0), x=0.6):
    return pose(rotation_from_vector(np.array(turn)), np.array([x, y, z]))[None]


def credit(task, *poses):
    watch = StageWatch(task, 1, step_s=STEP_S)
    for T in poses:
        watch.note(T)
    return float(watch.credit()[0])


def test_a_box_touches_the_wall_when_its_face_is_there_and_not_three_centimetres_before():
    task = task_with(StageSpec("pushed", touches="wall_box"))
    assert credit(task, at(WALL_Y_M - HALF_DEPTH_M - 0.002)) == 1.0
    assert credit(task, at(WALL_Y_M - HALF_DEPTH_M - 0.03)) == 0.0


def test_a_stage_that_was_reached_once_stays_reached_and_one_of_the_end_does_not():
    touching, away = at(WALL_Y_M - HALF_DEPTH_M), at(0.0)
    assert credit(task_with(StageSpec("pushed", touches="wall_box")), touching, away) == 1.0
    assert credit(task_with(StageSpec("pushed", when="end", touches="wall_box")), touching, away) == 0.0


def test_stages_count_in_their_order():
    pushed = StageSpec("pushed", touches="wall_box")
    stands = StageSpec("stands", when="end", upright=Upright((0.0, -1.0, 0.0)), at_rest=True)
    task = task_with(pushed, stands)
    on_edge = at(WALL_Y_M - HALF_HEIGHT_M, TABLE_M + HALF_DEPTH_M, (-np.pi / 2, 0.0, 0.0))
    flat = at(WALL_Y_M - HALF_DEPTH_M)
    assert credit(task, at(0.0), flat) == 0.5
    assert credit(task, at(0.0), flat, *[on_edge] * 8) == 1.0
    assert credit(task, at(0.0), flat, *[on_edge] * 8, flat) == 0.5  # it fell over again
    far_on_edge = at(-0.2, TABLE_M + HALF_DEPTH_M, (-np.pi / 2, 0.0, 0.0))
    assert credit(task, *[far_on_edge] * 8) == 0.0  # stands, but was never pushed to the wall


def test_what_still_moves_is_not_at_rest():
    task = task_with(StageSpec("still", when="end", at_rest=True))
    assert credit(task, *[at(0.01 * step) for step in range(9)]) == 0.0
    assert credit(task, *[at(0.0)] * 9) == 1.0


def test_lifted_means_the_lowest_point_is_up():
    task = task_with(StageSpec("lifted", above_table_m=0.05))
    assert credit(task, at(0.0, TABLE_M + HALF_HEIGHT_M + 0.051)) == 1.0
    tilted = at(0.0, TABLE_M + HALF_HEIGHT_M + 0.051, (0.6, 0.0, 0.0))
    assert credit(task, tilted) == 0.0  # an edge hangs down


def test_a_spout_is_over_a_saucepan_when_it_is_within_its_outline_and_higher():
    pan = FixtureSpec("saucepan", "saucepan", (0.6, 0.3, TABLE_M))
    stage = StageSpec("pours", over=Over((0.0, HALF_DEPTH_M, 0.0), "saucepan", margin_m=0.01))
    task = task_with(stage, statics=(), fixtures=(pan,))
    assert credit(task, at(0.3 - HALF_DEPTH_M, 0.4)) == 1.0
    assert credit(task, at(0.3 - HALF_DEPTH_M, 0.2)) == 0.0  # inside it, but not above
    assert credit(task, at(0.1, 0.4)) == 0.0


def test_a_region_holds_the_origin():
    task = task_with(StageSpec("there", within=Within((0.6, 0.0, 0.2), (0.1, 0.1, 0.1))))
    assert credit(task, at(0.049, 0.2)) == 1.0
    assert credit(task, at(0.051, 0.2)) == 0.0


def test_surface_points_lie_on_the_surface_and_reach_its_corners():
    points = surface_points(load_task("snackbox_push").object.mesh)
    np.testing.assert_allclose(points.max(axis=0), [0.1, HALF_DEPTH_M, HALF_HEIGHT_M], atol=1e-6)
    on_a_face = np.isclose(np.abs(points), [0.1, HALF_DEPTH_M, HALF_HEIGHT_M], atol=1e-6).any(axis=1)
    assert on_a_face.all()
    np.testing.assert_array_equal(points, surface_points(load_task("snackbox_push").object.mesh))


@pytest.mark.parametrize(
    ("stage", "named"),
    [
        (StageSpec("pushed", touches="wal_box"), "wal_box"),
        (StageSpec("pours", over=Over((0.0, 0.0, 0.0), "pan")), "pan"),
        (StageSpec("nothing"), "no condition"),
    ],
)
def test_a_stage_that_means_nothing_is_refused_when_the_task_is_read(stage, named):
    with pytest.raises(InputError, match=named):
        task_with(stage)


def test_a_stage_that_could_never_be_reached_is_refused():
    last = StageSpec("stands", when="end", at_rest=True)
    with pytest.raises(InputError, match="those of the end last"):
        task_with(last, StageSpec("pushed", touches="wall_box"))


def test_an_unknown_fixture_is_refused():
    with pytest.raises(InputError, match="saucepan"):
        task_with(statics=(), fixtures=(FixtureSpec("stove", "stove", (0.6, 0.3, TABLE_M)),))
