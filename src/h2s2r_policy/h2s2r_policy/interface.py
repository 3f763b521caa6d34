"""From an embodiment and an object to everything the policy needs: its runner, its limits, its contract."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from h2s2r_drivers.joint_limits import JointLimits
from h2s2r_policy.action import ActionConfiguration, ActionSpace
from h2s2r_policy.anchors import object_anchors
from h2s2r_policy.contract import Contract, check
from h2s2r_policy.contract import read as read_contract
from h2s2r_policy.controller import LAW, Controller, ControllerConfiguration
from h2s2r_policy.goal_clock import GoalClockConfiguration
from h2s2r_policy.hand_synergy import HandSynergy
from h2s2r_policy.inference import PolicyBundle
from h2s2r_policy.observation import ObservationLayout, observation_terms
from h2s2r_policy.policy_runner import PolicyRunner
from h2s2r_policy.rates import POLICY_RATE_HZ
from h2s2r_policy.self_clearance import SelfClearance
from h2s2r_policy.table_clearance import TableClearance
from h2s2r_retarget.collision_spheres import place_spheres
from h2s2r_retarget.embodiment import Embodiment, load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics

Array = Any

_NUMPY = np.zeros(0)


def joint_limits(embodiment: Embodiment) -> JointLimits:
    """The embodiment's limits in the form controller and command guard share."""
    limits = embodiment.limits
    return JointLimits(limits.lower, limits.upper, limits.velocity, limits.acceleration, limits.jerk)


def hand_synergy(embodiment: Embodiment, like: Array = _NUMPY, *, of: str = "synergy") -> HandSynergy:
    """The embodiment's hand synergies, as arrays of the library, precision and device of `like`.

    Args:
        embodiment: The robot.
        like: NumPy unless told.
        of: `synergy`; or `joints`: every joint of the hand by itself, over its whole range.
    """
    hand = slice(embodiment.arm_dof, embodiment.dof)
    if of == "joints":
        lower, upper = embodiment.limits.lower[hand], embodiment.limits.upper[hand]
        return HandSynergy(
            first_joint=embodiment.arm_dof,
            mean=_as(np.zeros(len(lower)), like),
            basis=_as(np.eye(len(lower)), like),
            centre=_as((lower + upper) / 2.0, like),
            half_range=_as((upper - lower) / 2.0, like),
            lower=_as(lower, like),
            upper=_as(upper, like),
        )
    return HandSynergy(
        first_joint=embodiment.arm_dof,
        mean=_as(embodiment.synergy_mean, like),
        basis=_as(embodiment.synergy_basis, like),
        centre=_as(embodiment.synergy_centre, like),
        half_range=_as(embodiment.synergy_half_range, like),
        lower=_as(embodiment.limits.lower[hand], like),
        upper=_as(embodiment.limits.upper[hand], like),
    )


def make_runner(
    embodiment: Embodiment,
    symmetry: str,
    action_configuration: ActionConfiguration | None = None,
    like: Array = _NUMPY,
) -> PolicyRunner:
    """The policy's border for an embodiment and an object.

    Args:
        embodiment: The robot.
        symmetry: Of the object, `none` or `yaw`.
        action_configuration: What actions mean.
        like: An array of the library, precision and device the runner will be given; NumPy unless told.
    """
    anchors = _as(object_anchors(symmetry), like)
    kinematics = BatchedKinematics(embodiment)
    configuration = action_configuration or ActionConfiguration()
    actions = ActionSpace(configuration, hand_synergy(embodiment, like, of=configuration.hand), kinematics)
    terms = observation_terms(
        joint_units=embodiment.joint_units, fingertips=len(embodiment.fingertip_frames), anchors=anchors.shape[0]
    )
    return PolicyRunner(kinematics, actions, ObservationLayout(terms), anchors)


def make_controller(
    embodiment: Embodiment, configuration: ControllerConfiguration, table_height_m: float
) -> Controller:
    """The controller of an embodiment at a table, whose upper face is this high above the robot's base."""
    kinematics, spheres = BatchedKinematics(embodiment), place_spheres(embodiment, gap_m=0.005)
    table = TableClearance(kinematics, spheres, table_height_m)
    itself = SelfClearance(kinematics, spheres) if configuration.self_repulsion else None
    return Controller(joint_limits(embodiment), configuration, table, itself)


def open_controller(contract: Contract, *, source: Path | str) -> Controller:
    """The controller that a policy was trained with.

    Raises:
        InputError: There is no such embodiment here, or it or the controller's law is another one now.
    """
    embodiment = load_embodiment(contract.embodiment)
    check(contract, replace(contract, embodiment_hash=embodiment.sha256, controller_law=LAW), source=source)
    return make_controller(embodiment, contract.controller, contract.table_height_m)


def make_contract(
    embodiment: Embodiment,
    runner: PolicyRunner,
    *,
    symmetry: str,
    recurrent_shape: tuple[int, int],
    physics_rate_hz: float,
    table_height_m: float,
    expected_latency_s: tuple[float, float],
    goal_clock: GoalClockConfiguration,
    controller: ControllerConfiguration,
    policy_rate_hz: float = POLICY_RATE_HZ,
) -> Contract:
    """The contract of a policy for this embodiment, as the trainer writes it and a user compares it.

    Args:
        embodiment: The robot.
        runner: From `make_runner`, for the same embodiment and symmetry.
        symmetry: Of the object, `none` or `yaw`.
        recurrent_shape: Layers and width of the recurrent state.
        physics_rate_hz: Of the simulation.
        table_height_m: Of the task's table.
        expected_latency_s: Shortest and longest age of the object pose in training.
        goal_clock: As trained.
        controller: As trained.
        policy_rate_hz: Policy steps per second.
    """
    limits = embodiment.limits
    return Contract(
        embodiment=embodiment.name,
        embodiment_hash=embodiment.sha256,
        joint_names=tuple(embodiment.joint_names),
        joint_units=tuple(embodiment.joint_units),
        observation=runner.layout.terms,
        action=runner.actions.terms,
        physics_rate_hz=physics_rate_hz,
        position_lower=_floats(limits.lower),
        position_upper=_floats(limits.upper),
        velocity_limit=_floats(limits.velocity),
        acceleration_limit=_floats(limits.acceleration),
        jerk_limit=_floats(limits.jerk),
        stiffness=_floats(embodiment.stiffness),
        damping=_floats(embodiment.damping),
        recurrent_shape=recurrent_shape,
        object_symmetry=symmetry,
        object_anchors_m=tuple((float(x), float(y), float(z)) for x, y, z in runner.anchors),
        table_height_m=table_height_m,
        expected_latency_s=expected_latency_s,
        goal_clock=goal_clock,
        action_configuration=runner.actions.configuration,
        controller=controller,
        controller_law=LAW,
        policy_rate_hz=policy_rate_hz,
    )


def open_policy(folder: Path, embodiment: Embodiment | None = None) -> tuple[PolicyBundle, Embodiment, PolicyRunner]:
    """Load a policy bundle for use, and refuse it if it was made for anything else than what is here.

    Args:
        folder: Of the bundle.
        embodiment: The robot at hand; left out, the bundled one that the contract names.

    Returns:
        The bundle, the embodiment, and a runner with the contract's action space and object.

    Raises:
        InputError: The bundle is unusable, or its contract differs; the first difference is named.
    """
    contract = read_contract(folder)
    embodiment = embodiment or load_embodiment(contract.embodiment)
    runner = make_runner(embodiment, contract.object_symmetry, contract.action_configuration)
    here = make_contract(
        embodiment,
        runner,
        symmetry=contract.object_symmetry,
        recurrent_shape=contract.recurrent_shape,
        physics_rate_hz=contract.physics_rate_hz,
        table_height_m=contract.table_height_m,
        expected_latency_s=contract.expected_latency_s,
        goal_clock=contract.goal_clock,
        controller=contract.controller,
        policy_rate_hz=contract.policy_rate_hz,
    )
    check(contract, here, source=folder)
    return PolicyBundle.load(folder), embodiment, runner


def _as(values: Any, like: Array) -> Array:
    # A copy: torch does not take the embodiment's read-only arrays.
    return array_namespace(like).asarray(np.array(values), dtype=like.dtype, device=device(like))


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
