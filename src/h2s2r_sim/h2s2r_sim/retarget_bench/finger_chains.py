"""Where fingertips are in the palm's frame, and how they move with the joints: the benchmark's own formulas.

They are written apart from what they judge (`h2s2r_retarget.kinematics`, pinocchio), joint by joint from the URDF.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import skew
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.urdf_model import UrdfJoint, read_urdf

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fingers:
    """Fingers that move together: none of their joints moves another finger. Mostly one finger by itself."""

    tips: tuple[int, ...]
    """Rows of the embodiment's fingertips."""
    chains: tuple[tuple[UrdfJoint, ...], ...]
    """From the palm to each tip, fixed joints included."""
    names: tuple[str, ...]
    """Of their K moving joints, in the order of the embodiment."""
    columns: tuple[int, ...]
    """Of these among the hand's joints."""
    lower: Array
    """`(K,)` rad or m."""
    upper: Array

    def tips_and_jacobian(self, posture: Array) -> tuple[Array, Array]:
        """`(N, 3 T)` m, palm frame, and `(N, 3 T, K)`, for `(N, K)` rad or m."""
        parts = [self._follow(chain, posture) for chain in self.chains]
        return np.concatenate([tip for tip, _ in parts], axis=1), np.concatenate([J for _, J in parts], axis=1)

    def _follow(self, chain: tuple[UrdfJoint, ...], posture: Array) -> tuple[Array, Array]:
        R, p = np.eye(3)[None], np.zeros((1, 3))
        passed: list[tuple[int, bool, Array, Array]] = []
        for joint in chain:
            p = p + R @ joint.T_parent_child[:3, 3]
            R = R @ joint.T_parent_child[:3, :3]
            if joint.name not in self.names:
                continue
            column = self.names.index(joint.name)
            passed.append((column, joint.slides, R @ joint.axis, p))
            q = posture[:, column, None, None]
            if joint.slides:
                p = p + q[:, 0] * (R @ joint.axis)
            else:
                K = skew(joint.axis)
                R = R @ (np.eye(3) + np.sin(q) * K + (1.0 - np.cos(q)) * (K @ K))
        J = np.zeros((len(posture), 3, len(self.names)))
        for column, slides, axis, origin in passed:
            J[:, :, column] = axis if slides else np.cross(axis, p - origin)
        return np.broadcast_to(p, (len(posture), 3)), J


def fingers_of(embodiment: Embodiment) -> list[Fingers]:
    """The hand, split where no joint is shared."""
    model = read_urdf(embodiment.urdf)
    to_palm = len(model.chain(embodiment.palm_frame))
    chains = [tuple(model.chain(frame)[to_palm:]) for frame in embodiment.fingertip_frames]
    groups: list[tuple[set[int], set[str]]] = []
    for tip, chain in enumerate(chains):
        tips, names = {tip}, {joint.name for joint in chain if joint.kind != "fixed"}
        for other in [group for group in groups if group[1] & names]:
            groups.remove(other)
            tips, names = tips | other[0], names | other[1]
        groups.append((tips, names))
    return [_fingers(embodiment, chains, sorted(tips), names) for tips, names in groups]


def fingertips_in_palm(embodiment: Embodiment, hand_posture: Array) -> Array:
    """`(N, F, 3)` m, palm frame, for hand postures `(N, H)`."""
    found = np.zeros((len(hand_posture), len(embodiment.fingertip_frames), 3))
    for fingers in fingers_of(embodiment):
        tips, _ = fingers.tips_and_jacobian(hand_posture[:, fingers.columns])
        found[:, fingers.tips] = tips.reshape(len(hand_posture), -1, 3)
    return found


def _fingers(embodiment: Embodiment, chains: list[tuple[UrdfJoint, ...]], tips: list[int], names: set[str]) -> Fingers:
    columns = [column for column, name in enumerate(embodiment.hand_joint_names) if name in names]
    among_all = np.array(columns) + embodiment.arm_dof
    return Fingers(
        tips=tuple(tips),
        chains=tuple(chains[tip] for tip in tips),
        names=tuple(embodiment.hand_joint_names[column] for column in columns),
        columns=tuple(columns),
        lower=np.maximum(embodiment.limits.lower[among_all], -np.pi),
        upper=np.minimum(embodiment.limits.upper[among_all], np.pi),
    )
