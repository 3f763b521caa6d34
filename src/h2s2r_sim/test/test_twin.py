"""The twin: every part in one model, found by name, with the options that were measured to hold."""

import mujoco
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_sim.twin import PhysicsSettings, build_spec, build_twin, index_twin


@pytest.fixture(scope="module")
def twin(task, embodiment):
    return build_twin(task, embodiment)


def test_options_are_those_measured(twin):
    option = twin.model.opt
    assert option.timestep == pytest.approx(1 / 60)
    assert int(option.integrator) == int(mujoco.mjtIntegrator.mjINT_DISCRETE)
    assert int(option.solver) == int(mujoco.mjtSolver.mjSOL_NEWTON)
    assert int(option.cone) == int(mujoco.mjtCone.mjCONE_ELLIPTIC)
    assert int(option.jacobian) == int(mujoco.mjtJacobian.mjJAC_DENSE)
    assert option.impratio == 10.0


def test_physics_rate_is_a_setting(task, embodiment):
    assert build_twin(task, embodiment, PhysicsSettings(rate_hz=120.0)).model.opt.timestep == pytest.approx(1 / 120)


def test_indices_follow_the_embodiment_by_name(twin, embodiment):
    model = twin.model
    for name, qpos, dof, actuator in zip(
        embodiment.joint_names, twin.joint_qpos, twin.joint_dofs, twin.actuators, strict=True
    ):
        assert model.joint(name).qposadr[0] == qpos
        assert model.joint(name).dofadr[0] == dof
        assert model.actuator(name).id == actuator


def test_servo_gains_are_the_embodiments(twin, embodiment):
    np.testing.assert_allclose(twin.model.actuator_gainprm[twin.actuators, 0], embodiment.stiffness)
    np.testing.assert_allclose(-twin.model.actuator_biasprm[twin.actuators, 2], embodiment.damping)


def test_object_has_the_tasks_mass_and_friction(twin, task):
    assert twin.model.body_mass[twin.object_body] == pytest.approx(task.object.mass_kg)
    np.testing.assert_allclose(twin.model.geom_friction[twin.object_geoms, 0], task.object.friction)
    assert twin.model.geom_friction[twin.table_geom, 0] == pytest.approx(task.scene.table.friction)


def test_a_joint_without_its_servo_is_refused(task, embodiment):
    spec = build_spec(task, embodiment)
    spec.actuator("lbr_A3").name = "elbow_drive"
    with pytest.raises(InputError, match="actuator lbr_A3"):
        index_twin(spec.compile(), embodiment.joint_names)


def test_a_missing_joint_is_named(twin):
    with pytest.raises(InputError, match="joint elbow"):
        index_twin(twin.model, ("elbow",))
