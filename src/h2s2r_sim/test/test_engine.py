"""What every physics engine must do; each engine of the registry is put through it."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from h2s2r_perception.artefact import InputError
from h2s2r_sim.engines import ENGINES, PARAMETERS, make_engine
from h2s2r_sim.twin import build_twin

N = 4
HEIGHT = 0.185
GRAVITY = 9.81


@pytest.fixture(scope="module")
def twin(task, embodiment):
    return build_twin(task, embodiment)


@pytest.fixture(params=sorted(ENGINES))
def engine(request, twin):
    return make_engine(request.param, twin, N)


def pose(x=0.6, y=-0.15, z=HEIGHT, yaw=0.0, count=N):
    T = np.tile(np.eye(4), (count, 1, 1))
    T[:, :3, :3] = Rotation.from_rotvec([0.0, 0.0, yaw]).as_matrix()
    T[:, :3, 3] = [x, y, z]
    return T


def start(engine, embodiment, T=None, ids=None):
    ids = np.arange(N) if ids is None else ids
    T = pose(count=len(ids)) if T is None else T
    engine.reset(ids, np.tile(embodiment.home, (len(ids), 1)), T)


def test_an_unknown_engine_is_refused(twin):
    with pytest.raises(InputError, match="mujoco_cpu"):
        make_engine("havok", twin, 1)


def test_reset_puts_everything_at_rest_where_it_was_asked(engine, embodiment):
    start(engine, embodiment, pose(yaw=0.7))
    position, velocity = engine.joint_state()
    np.testing.assert_allclose(position, np.tile(embodiment.home, (N, 1)))
    np.testing.assert_allclose(velocity, 0.0)
    np.testing.assert_allclose(engine.object_pose(), pose(yaw=0.7), atol=1e-12)
    np.testing.assert_allclose(engine.object_velocity(), 0.0)


def test_a_reset_leaves_the_other_simulations_alone(engine, embodiment):
    start(engine, embodiment)
    engine.set_object_force(np.tile([0.0, 3.0, 0.0], (N, 1)))
    engine.step(10)
    before = engine.object_pose()
    start(engine, embodiment, ids=np.array([2]))
    after = engine.object_pose()
    np.testing.assert_array_equal(np.delete(after, 2, axis=0), np.delete(before, 2, axis=0))
    assert abs(after[2, 1, 3] + 0.15) < 1e-12


def test_a_box_at_rest_stays_and_the_robot_holds(engine, embodiment):
    start(engine, embodiment)
    engine.step(60)
    np.testing.assert_allclose(engine.object_pose(), pose(), atol=5e-4)
    np.testing.assert_allclose(engine.joint_state()[0], np.tile(embodiment.home, (N, 1)), atol=5e-3)


def test_what_was_handed_out_does_not_change_later(engine, embodiment):
    start(engine, embodiment)
    shown = (*engine.joint_state(), engine.object_pose(), engine.object_velocity(), engine.parameter("stiffness"))
    kept = [array.copy() for array in shown]
    engine.set_object_force(np.tile([0.0, 5.0, 0.0], (N, 1)))
    engine.set_joint_target(np.tile(embodiment.home, (N, 1)) + 0.1)
    engine.set_parameters(np.arange(N), {"stiffness": np.full((N, embodiment.dof), 100.0)})
    engine.step(5)
    for array, copy in zip(shown, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_velocity_is_the_rate_of_the_pose_in_the_world_frame(engine, embodiment):
    """A tumbling object in free flight: the body's own frame is not the world's."""
    T = pose(z=0.6)
    T[:, :3, :3] = Rotation.from_rotvec([0.4, -0.8, 0.3]).as_matrix()
    start(engine, embodiment, T)
    state = engine.state_dict()
    engine.set_object_force(np.tile([1.0, 2.0, 3.0], (N, 1)))
    engine.step(3)
    before = engine.object_pose()
    engine.step()
    after, velocity = engine.object_pose(), engine.object_velocity()
    linear = (after[:, :3, 3] - before[:, :3, 3]) / engine.timestep_s
    np.testing.assert_allclose(velocity[:, :3], linear, atol=1e-6)
    turn = Rotation.from_matrix(after[:, :3, :3] @ before[:, :3, :3].transpose(0, 2, 1)).as_rotvec()
    np.testing.assert_allclose(velocity[:, 3:], turn / engine.timestep_s, atol=2e-2)
    engine.load_state_dict(state)


def test_mass_reaches_the_physics(engine, embodiment):
    """In free flight, a = F / m - g."""
    mass = np.array([0.2, 0.4, 0.6, 0.8])
    engine.set_parameters(np.arange(N), {"object_mass_kg": mass})
    np.testing.assert_array_equal(engine.parameter("object_mass_kg"), mass)
    start(engine, embodiment, pose(z=0.6))
    engine.set_object_force(np.tile([2.0, 0.0, 0.0], (N, 1)))
    engine.step()
    acceleration = engine.object_velocity()[:, :3] / engine.timestep_s
    np.testing.assert_allclose(acceleration[:, 0], 2.0 / mass, rtol=1e-6)
    np.testing.assert_allclose(acceleration[:, 2], -GRAVITY, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "other"), [("object_friction", "table_friction"), ("table_friction", "object_friction")]
)
def test_friction_reaches_the_physics(engine, embodiment, name, other):
    """A horizontal force moves the box exactly where it exceeds mu m g; the larger coefficient of a pair counts."""
    friction = np.array([0.3, 0.45, 0.7, 0.9])
    engine.set_parameters(np.arange(N), {name: friction, other: np.full(N, 0.1)})
    np.testing.assert_array_equal(engine.parameter(name), friction)
    start(engine, embodiment)
    engine.set_object_force(np.tile([0.6 * 0.4 * GRAVITY, 0.0, 0.0], (N, 1)))
    engine.step(20)
    moved = engine.object_pose()[:, 0, 3] - 0.6
    assert (moved[friction < 0.6] > 0.01).all()
    assert (np.abs(moved[friction > 0.6]) < 0.005).all()


def test_gains_reach_the_physics(engine, embodiment):
    """A stiffer servo follows a step further in the same time, a more damped one less far."""
    dof = embodiment.dof
    stiffness, damping = np.tile(embodiment.stiffness, (N, 1)), np.tile(embodiment.damping, (N, 1))
    stiffness[1] *= 2.0
    damping[2] *= 2.0
    engine.set_parameters(np.arange(N), {"stiffness": stiffness, "damping": damping})
    np.testing.assert_array_equal(engine.parameter("stiffness"), stiffness)
    np.testing.assert_array_equal(engine.parameter("damping"), damping)
    start(engine, embodiment)
    target = np.tile(embodiment.home, (N, 1))
    target[:, :7] += 0.05
    engine.set_joint_target(target)
    engine.step(4)
    way = (engine.joint_state()[0] - embodiment.home)[:, :7].sum(axis=1)
    assert way[2] < way[0] < way[1]
    assert way[3] == way[0]
    assert dof == engine.joint_state()[0].shape[1]


def test_an_unknown_parameter_is_refused(engine):
    with pytest.raises(KeyError, match="colour"):
        engine.parameter("colour")
    with pytest.raises(KeyError, match="colour"):
        engine.set_parameters(np.arange(1), {"colour": np.ones(1)})


def disturb(engine, embodiment, seed):
    rng = np.random.default_rng(seed)
    for _ in range(6):
        engine.set_joint_target(embodiment.home + rng.normal(0.0, 0.05, (N, embodiment.dof)))
        engine.set_object_force(rng.normal(0.0, 2.0, (N, 3)))
        engine.step(2)
    return np.concatenate([*engine.joint_state(), engine.object_velocity()], axis=1)


def test_state_continues_bit_identically_even_in_another_engine(engine, twin, embodiment, request):
    ids = np.arange(N)
    engine.set_parameters(
        ids, {"object_mass_kg": np.linspace(0.3, 0.5, N), "object_friction": np.linspace(0.3, 0.6, N)}
    )
    start(engine, embodiment)
    disturb(engine, embodiment, 0)
    state = engine.state_dict()
    expected = disturb(engine, embodiment, 1)
    engine.load_state_dict(state)
    np.testing.assert_array_equal(disturb(engine, embodiment, 1), expected)
    other = make_engine(request.node.callspec.params["engine"], twin, N, num_threads=1)
    other.load_state_dict(state)
    np.testing.assert_array_equal(disturb(other, embodiment, 1), expected)
    for name in PARAMETERS:
        np.testing.assert_array_equal(other.parameter(name), engine.parameter(name))


def test_an_episode_does_not_depend_on_the_one_before(engine, embodiment):
    start(engine, embodiment)
    expected = disturb(engine, embodiment, 3)
    disturb(engine, embodiment, 4)
    start(engine, embodiment)
    np.testing.assert_array_equal(disturb(engine, embodiment, 3), expected)
