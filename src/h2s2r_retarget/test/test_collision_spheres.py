"""Collision spheres hold the robot's shapes and move with its joints."""

from importlib import resources

import numpy as np
import pytest

from h2s2r_retarget.collision_spheres import place_spheres
from h2s2r_retarget.description.model import Cylinder
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.sphere_kinematics import SphereKinematics

BUNDLED = sorted(
    path.name.removesuffix(".yaml")
    for path in (resources.files("h2s2r_retarget") / "embodiments").iterdir()
    if path.name.endswith(".yaml")
)


def postures(embodiment, count, seed=0):
    lower, upper = np.maximum(embodiment.limits.lower, -3.1), np.minimum(embodiment.limits.upper, 3.1)
    return np.random.default_rng(seed).uniform(lower, upper, (count, embodiment.dof))


@pytest.mark.parametrize("name", BUNDLED)
def test_no_shape_reaches_lower_than_the_outer_spheres_and_none_sticks_out_of_all_by_more_than_the_gap(name):
    pinocchio, coal = pytest.importorskip("pinocchio"), pytest.importorskip("coal")
    embodiment = load_embodiment(name)
    spheres = place_spheres(embodiment)
    outer = SphereKinematics(BatchedKinematics(embodiment), [part.only_outer() for part in spheres])
    model = pinocchio.buildModelFromUrdf(str(embodiment.urdf))
    geometry = pinocchio.buildGeomFromUrdf(model, str(embodiment.urdf), pinocchio.COLLISION)
    moving = [i for i, shape in enumerate(geometry.geometryObjects) if int(shape.parentJoint) > 0]
    data, placed = model.createData(), geometry.createData()
    columns = [model.joints[model.getJointId(joint)].idx_q for joint in embodiment.joint_names]
    floor = coal.Halfspace(np.array([0.0, 0.0, 1.0]), 0.0)
    for posture in postures(embodiment, 20):
        q = np.zeros(model.nq)
        q[columns] = posture
        pinocchio.updateGeometryPlacements(model, data, geometry, placed, q)
        lowest = []
        for index in moving:
            at = coal.Transform3s(placed.oMg[index].rotation, placed.oMg[index].translation)
            deep = coal.Transform3s(np.eye(3), np.array([0.0, 0.0, -10.0]))
            request, result = coal.DistanceRequest(True, True), coal.DistanceResult()
            shape = geometry.geometryObjects[index].geometry
            lowest.append(coal.distance(shape, at, floor, deep, request, result) - 10.0)
        ours = outer.places(posture[None]).lowest[:, 0].min()
        assert ours == pytest.approx(min(lowest), abs=1e-6)


def test_spheres_along_a_capsule_leave_no_more_than_the_gap():
    part = next(part for part in place_spheres(load_embodiment("iiwa14_allegro")) if part.link == "link_1_0")
    start, end, radius = part.centre[part.outer][0], part.centre[part.outer][-1], part.radius[0]
    along = np.linspace(0.0, 1.0, 400)[:, None]
    surface = start + along * (end - start) + np.array([radius, 0.0, 0.0])
    outside = (np.linalg.norm(surface[:, None] - part.centre, axis=-1) - part.radius).min(axis=1)
    assert 0.0 < outside.max() <= 0.002 + 1e-12


def test_a_cylinder_lies_between_its_rims():
    from h2s2r_retarget import collision_spheres

    cylinder = Cylinder((0.1, 0.0, 0.0), (0.1, 0.3, 0.4), 0.05)
    points, _, _ = collision_spheres._spheres(cylinder, 0.002)
    start, end = np.array(cylinder.start), np.array(cylinder.end)
    axis = (end - start) / 0.5
    for direction in np.random.default_rng(0).normal(0.0, 1.0, (50, 3)):
        across = direction - axis * (axis @ direction)
        farthest = max(start @ direction, end @ direction) + 0.05 * np.linalg.norm(across)
        assert farthest <= (points @ direction).max() + 1e-12
        assert (points @ direction).max() <= farthest + 0.002 * np.linalg.norm(direction)


@pytest.mark.parametrize("name", BUNDLED)
def test_the_change_of_heights_is_their_derivative_and_its_error_stays_below_the_bend(name):
    embodiment = load_embodiment(name)
    spheres = SphereKinematics(BatchedKinematics(embodiment), place_spheres(embodiment))
    start = postures(embodiment, 30)
    rng = np.random.default_rng(1)
    places = spheres.places(start)
    for size in (1e-5, 0.01, 0.1, 0.5):
        motion = embodiment.like_a_radian * rng.uniform(-size, size, start.shape)
        change = spheres.height_change(places, motion.T[None])[0]
        error = np.abs(spheres.places(start + motion).lowest - places.lowest - change)
        bend = spheres.bend(places, np.abs(motion).T)
        assert np.all(error <= bend + 1e-12)
        moved = np.linalg.norm(spheres.positions(start + motion) - spheres.positions(start), axis=-1).T
        assert np.all(moved <= spheres.farthest(places, np.abs(motion).T) + 1e-12)


def test_one_sphere_s_gradient_is_what_changes_its_height():
    embodiment = load_embodiment("iiwa14_umi" if "iiwa14_umi" in BUNDLED else "iiwa14_allegro")
    spheres = SphereKinematics(BatchedKinematics(embodiment), place_spheres(embodiment))
    start = postures(embodiment, 20)
    places = spheres.places(start)
    index = np.random.default_rng(0).integers(0, len(spheres.radius), 20)
    gradient = spheres.gradient(places, index)
    for joint in range(embodiment.dof):
        motion = np.zeros(start.shape)
        motion[:, joint] = 1.0
        change = spheres.height_change(places, motion.T[None])[0]
        np.testing.assert_allclose(gradient[:, joint], change[index, np.arange(20)], atol=1e-12)
