"""Object-Aware Replay: the human path moved with the object, as observed once at the start, then open loop."""

from __future__ import annotations

from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.warp import warp_path
from h2s2r_sim.baselines.path_player import PathPlayer
from h2s2r_sim.environment import Environment


class ObjectAwareReplay(PathPlayer):
    """Applies `T_new inv(T_demonstrated)` to every palm pose of the path and solves the arm anew."""

    def __init__(self, environment: Environment) -> None:
        path = environment.reference.human_path
        warped = warp_path(
            BatchedKinematics(environment.embodiment),
            path.joint_position,
            path.T_world_palm,
            path.T_world_object,
            environment.observed_object.pose,
        )
        super().__init__(environment, path.stamp_s, warped.joint_position)
