"""The batched environment: N robots follow one demonstrated object path, every one under other conditions.

One policy step is 1/15 s: the action becomes a joint target (`h2s2r_policy.policy_runner`), the 60 Hz controller
walks the command towards it, the physics follows. The policy side is the very code that runs on the robot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from h2s2r_policy.action import ActionConfiguration
from h2s2r_policy.anchors import anchor_distance
from h2s2r_policy.controller import ControllerConfiguration, ControllerState
from h2s2r_policy.goal_clock import GoalClockConfiguration
from h2s2r_policy.interface import joint_limits, make_controller, make_runner
from h2s2r_policy.policy_runner import Measurement
from h2s2r_policy.rates import CAMERA_RATE_HZ, CONTROL_RATE_HZ, POLICY_RATE_HZ
from h2s2r_sim.contact_check import ContactCheck
from h2s2r_sim.engines import make_engine
from h2s2r_sim.episodes import Episodes, EpisodeSettings
from h2s2r_sim.observed_object import ObservedObject
from h2s2r_sim.pose_noise import push_force
from h2s2r_sim.randomisation import TABLE, Parameter, Randomiser, physical_parameters
from h2s2r_sim.resets import PalmSolver, StartSampler
from h2s2r_sim.reward import RewardSettings, fingertip_distance, tracking_reward
from h2s2r_sim.twin import PhysicsSettings, build_twin

if TYPE_CHECKING:
    from h2s2r_retarget.embodiment import Embodiment
    from h2s2r_sim.reference import Reference
    from h2s2r_sim.task import Task

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ids = NDArray[np.int64]

TICKS = round(CONTROL_RATE_HZ / POLICY_RATE_HZ)
"""Controller steps in a policy step."""
_TICKS_PER_FRAME = round(CONTROL_RATE_HZ / CAMERA_RATE_HZ)
"""Controller steps in a frame of the 30 Hz camera."""


class JointController(Protocol):
    """What the environment asks of `h2s2r_policy.controller.Controller`."""

    def reachable(self, goal: Any) -> Any:
        """A goal that keeps off limits and table."""

    def step(self, state: ControllerState, goal: Any, *, dt_s: float) -> ControllerState:
        """The command after one step towards it."""


@dataclass(frozen=True)
class StepResult:
    """Outcome of one policy step for each environment, arrays `(n,)`.

    Attributes:
        reward: Of this step.
        terminated: The object or the hand got lost, or time ran out: a failure.
        truncated: The episode came to its end.
        success: Strict success of an episode that ended.
        episode_return: Sum of rewards of the episode, this step included.
        anchor_distance: True mean anchor distance to the goal [m], before any reset.
        T_world_object: `(n, 4, 4)` true object poses, before any reset.
    """

    reward: Array
    terminated: Flags
    truncated: Flags
    success: Flags
    episode_return: Array
    anchor_distance: Array
    T_world_object: Array


class Environment:
    """N episodes side by side; an episode that ended starts anew within the same step.

    Args:
        task: Object, scene, success and reset ranges.
        embodiment: The robot.
        reference: The demonstrated path and the start of the hand.
        num_environments: N.
        seed: Of all draws.
        action: What actions mean.
        table: What is randomised.
        reward: Constants of the reward.
        episode: When episodes end.
        engine: Name of the physics engine.
        physics: Physics rate and solver.
        num_threads: Physics threads; 0 for all cores.
    """

    def __init__(
        self,
        task: Task,
        embodiment: Embodiment,
        reference: Reference,
        *,
        num_environments: int,
        seed: int,
        action: ActionConfiguration | None = None,
        table: Iterable[Parameter] = TABLE,
        reward: RewardSettings | None = None,
        episode: EpisodeSettings | None = None,
        engine: str = "mujoco_cpu",
        physics: PhysicsSettings | None = None,
        num_threads: int = 0,
    ) -> None:
        self.physics = physics or PhysicsSettings()
        twin = build_twin(task, embodiment, self.physics)
        self.task, self.embodiment, self.reference = task, embodiment, reference
        self.num_environments = num_environments
        self.engine = make_engine(engine, twin, num_environments, num_threads=num_threads)
        self.runner = make_runner(embodiment, task.object.symmetry, action)
        self.num_actions = sum(term.size for term in self.runner.actions.terms)
        self.goal_clock = GoalClockConfiguration()
        self.controller = ControllerConfiguration(rate_hz=CONTROL_RATE_HZ)
        self.joint_controller: JointController = make_controller(embodiment, self.controller, task.scene.table_height_m)
        limits = joint_limits(embodiment)
        self._noise_unit = embodiment.like_a_radian
        self._substeps = round(self.physics.rate_hz / CONTROL_RATE_HZ)
        self._reward = reward or RewardSettings()
        seeds = np.random.SeedSequence(seed).spawn(3)
        episode_rng, step_rng, start_rng = (np.random.default_rng(child) for child in seeds)
        self.randomiser = Randomiser(table, num_environments, embodiment.dof, episode_rng, step_rng)
        self._nominal = {name: self.engine.parameter(name)[0] for name in physical_parameters()}
        check = ContactCheck(twin)
        self.starts = StartSampler(
            task.reset,
            check.resting_pose(reference.joint_position, reference.T_world_object),
            reference.T_object_palm,
            reference.joint_position,
            limits.position_lower,
            limits.position_upper,
            embodiment.like_a_radian,
            PalmSolver(embodiment),
            check.free,
            start_rng,
        )
        self.episodes = Episodes(
            num_environments,
            reference.goal_path,
            task.success,
            step_s=1.0 / POLICY_RATE_HZ,
            clock=self.goal_clock,
            settings=episode or EpisodeSettings(),
        )
        self.maximum_episode_steps = self.episodes.maximum_steps
        self.observed_object = ObservedObject(num_environments)
        nowhere = np.zeros((num_environments, embodiment.dof))
        self._command = ControllerState(nowhere, nowhere, nowhere)
        self._joint_target = nowhere
        self._observation: tuple[NDArray[np.float32], Array] | None = None
        self._reset(np.arange(num_environments))
        self._observe(self.randomiser.draw_step())

    def observation(self) -> tuple[NDArray[np.float32], Array]:
        """Present observation of the policy `(n, D)` and the critic's privileged addition `(n, P)`."""
        assert self._observation is not None
        return self._observation

    def step(self, action: Array) -> StepResult:
        """Advance one policy step with the policy's actions `(n, A)` in [-1, 1]."""
        return self.step_joint_target(np.asarray(self.runner.act(action)))

    def step_joint_target(self, joint_target: Array) -> StepResult:
        """Advance one policy step towards joint targets `(n, J)` [rad], as the baselines give them."""
        draws = self.randomiser.draw_step()
        self.engine.set_object_force(push_force(draws, self.engine.parameter("object_mass_kg")))
        self._move(joint_target)
        T_world_object = self.observed_object.latest_frame
        observed = self.observed_object.observe(self.randomiser.episode, draws)
        episodes, anchors = self.episodes, self.runner.anchors
        episodes.advance(anchor_distance(observed, episodes.T_world_goal, anchors))
        distance = np.asarray(anchor_distance(T_world_object, episodes.T_world_goal, anchors))
        # The fingertips as observed when the step began: a coarse gate is not worth another forward kinematics.
        fingertips = self.runner.kinematics.fingertip_position
        hand_distance = np.asarray(fingertip_distance(fingertips, T_world_object[:, :3, 3]))
        reward = np.asarray(tracking_reward(distance, hand_distance, self._reward))
        episodes.total_reward = episodes.total_reward + reward
        ending = episodes.ending(distance, T_world_object[:, 2, 3], hand_distance < self._reward.hand_distance_m)
        result = StepResult(
            reward,
            ending.terminated,
            ending.truncated,
            ending.success,
            episodes.total_reward,
            distance,
            T_world_object.copy(),
        )
        ended = np.flatnonzero(ending.terminated | ending.truncated)
        if len(ended):
            self._reset(ended)
        self._observe(draws)
        return result

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step depends on."""
        return {
            "engine": self.engine.state_dict(),
            "randomiser": self.randomiser.state_dict(),
            "starts": self.starts.state_dict(),
            "episodes": self.episodes.state_dict(),
            "observed_object": self.observed_object.state_dict(),
            "runner": self.runner.memory,
            "command": (self._command.position, self._command.velocity, self._command.acceleration),
            "joint_target": self._joint_target,
            "observation": self._observation,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict` of an environment built alike."""
        for name in ("engine", "randomiser", "starts", "episodes", "observed_object"):
            getattr(self, name).load_state_dict(state[name])
        self.runner.memory = state["runner"]
        self._command = ControllerState(*state["command"])
        self._joint_target = state["joint_target"]
        self._observation = state["observation"]

    def _move(self, joint_target: Array) -> None:
        """Run controller and physics for one policy step, noting the object at each camera frame."""
        delay = self.randomiser.episode["action_delay"][:, None]
        joint_target = self.joint_controller.reachable(joint_target)
        for tick in range(TICKS):
            goal = np.where(delay <= tick, joint_target, self._joint_target)
            self._command = self.joint_controller.step(self._command, goal, dt_s=1.0 / CONTROL_RATE_HZ)
            self.engine.set_joint_target(self._command.position)
            self.engine.step(self._substeps)
            if (tick + 1) % _TICKS_PER_FRAME == 0:
                self.observed_object.record_frame(self.engine.object_pose())
        self._joint_target = joint_target

    def _reset(self, ids: Ids) -> None:
        joint_position, T_world_object = self.starts.draw(len(ids))
        self.randomiser.draw_episode(ids)
        episode = self.randomiser.episode
        factors = {name: episode[row][ids] for name, row in physical_parameters().items()}
        self.engine.set_parameters(ids, {name: self._nominal[name] * factor for name, factor in factors.items()})
        self.engine.reset(ids, joint_position, T_world_object)
        self.episodes.reset(ids, episode["goal_speed"][ids])
        self.observed_object.reset(ids, T_world_object, episode)
        position, velocity = self._command.position.copy(), self._command.velocity.copy()
        acceleration = self._command.acceleration.copy()
        position[ids], velocity[ids], acceleration[ids] = joint_position, 0.0, 0.0
        self._command = ControllerState(position, velocity, acceleration)
        self._joint_target = self._joint_target.copy()
        self._joint_target[ids] = joint_position
        starting = np.zeros(self.num_environments, dtype=bool)
        starting[ids] = True
        self.runner.reset(position, self.observed_object.pose, starting)

    def _observe(self, draws: Mapping[str, Array]) -> None:
        joint_position, joint_velocity = self.engine.joint_state()
        goal = self.episodes.T_world_goal
        policy = self.runner.observe(
            Measurement(
                joint_position + self._noise_unit * draws["joint_noise"],
                joint_velocity,
                self.observed_object.pose,
                goal,
            )
        )
        self._observation = (policy, self._privileged(goal))

    def _privileged(self, T_world_goal: Array) -> Array:
        """What only the critic sees: the true object, its properties, and the hidden clock `(n, P)`."""
        episode = self.randomiser.episode
        T_world_object = self.observed_object.latest_frame
        difference = 5.0 * (T_world_goal - T_world_object)[:, :3].reshape(self.num_environments, -1)
        scalars = [
            self.episodes.progress,
            self.episodes.speed,
            self.episodes.hold_s,
            episode["object_mass"],
            episode["object_friction"],
            episode["table_friction"],
            episode["pose_delay"],
            episode["action_delay"],
        ]
        true_object = [difference, T_world_object[:, :3, 3], self.engine.object_velocity()]
        return np.concatenate([*true_object, np.stack(scalars, axis=-1)], axis=-1)
