"""From the 21 joints of a human hand to targets for a robot hand.

The published formula (Human2Sim2Robot, section 3 and appendix B) takes knuckle points on the front and the back
of a MANO mesh. A jointed hand has the joint centres, which lie between them, so the centre stands here for the
mean of both and for either alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import pose
from h2s2r_retarget.embodiment import Embodiment

_WRIST, _INDEX, _MIDDLE, _RING = 0, 5, 9, 13
_BEHIND_KNUCKLE_M = 0.03
_BEHIND_PALM_M = 0.03


def palm_target(hand_joints: NDArray[np.float64], embodiment: Embodiment | None = None) -> NDArray[np.float64]:
    """Pose `(..., 4, 4)` that the robot's palm is to take, in the frame of the joints.

    z runs from the wrist to the middle knuckle, y from the ring to the index knuckle made orthogonal to z, and
    x = y cross z out of the palm; the origin is the middle knuckle, 0.03 m back along z and 0.03 m behind the palm.
    A robot may ask for a constant offset from there (`palm_offset` in its YAML).

    Args:
        hand_joints: `(..., 21, 3)` m, of a right hand.
        embodiment: Whose palm; left out, the human palm's frame itself.
    """
    wrist, middle = hand_joints[..., _WRIST, :], hand_joints[..., _MIDDLE, :]
    across = hand_joints[..., _INDEX, :] - hand_joints[..., _RING, :]
    z = _unit(middle - wrist)
    normal = _unit(np.cross(_unit(across), z))
    y = _unit(across - np.sum(across * z, axis=-1, keepdims=True) * z)
    x = np.cross(y, z)
    T_hand = pose(np.stack([x, y, z], axis=-1), middle - _BEHIND_KNUCKLE_M * z - _BEHIND_PALM_M * normal)
    return np.asarray(T_hand if embodiment is None else T_hand @ embodiment.T_hand_palm, dtype=float)


def fingertip_targets(hand_joints: NDArray[np.float64], embodiment: Embodiment) -> NDArray[np.float64]:
    """Where the robot's fingertips are to be, `(..., F, 3)` m: at the human tips they follow, or between them."""
    tips = [hand_joints[..., list(joints), :].mean(axis=-2) for joints in embodiment.followed_joints]
    return np.stack(tips, axis=-2)


def fingertip_directions(hand_joints: NDArray[np.float64], embodiment: Embodiment) -> NDArray[np.float64]:
    """Where the robot's last links are to point, `(..., F, 3)` unit: as the human's last phalanges do, on average."""
    last = [
        (hand_joints[..., list(joints), :] - hand_joints[..., [joint - 1 for joint in joints], :]).mean(axis=-2)
        for joints in embodiment.followed_joints
    ]
    return _unit(np.stack(last, axis=-2))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)
