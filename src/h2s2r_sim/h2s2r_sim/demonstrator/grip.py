"""Brings a hand into contact: moved along a direction until its flesh touches, then the fingers closed one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mujoco
import numpy as np
import numpy.typing as npt

from h2s2r_perception.geometry import inverse, pose, quat_wxyz_from_rotation
from h2s2r_sim.demonstrator.hand_body import FLESH_PREFIX, move_hand
from h2s2r_sim.demonstrator.hand_model import FINGERS, HandPosture, bone_frames, posture
from h2s2r_sim.demonstrator.script import Fingers, Hold
from h2s2r_sim.scene import OBJECT_COLLISION, OBJECT_JOINT

Array = npt.NDArray[np.float64]

_FAR_M = 0.25
_STEPS, _BISECTIONS = 24, 9
_PRESS_M = 0.0005
"""Flesh enters the object by this much: contact that is seen, and no more."""


class GripFinder:
    """Measures distances between hand and object in a demonstrator's model.

    Args:
        model: With the hand's flesh and the object's collision shapes.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model, self._data = model, mujoco.MjData(model)
        names = [model.geom(geom).name for geom in range(model.ngeom)]
        self._object = [geom for geom, name in enumerate(names) if name.startswith(OBJECT_COLLISION)]
        self._flesh = {geom: name.removeprefix(FLESH_PREFIX) for geom, name in enumerate(names) if FLESH_PREFIX in name}

    def take(self, hold: Hold, T_world_object: Array) -> tuple[Array, HandPosture, HandPosture]:
        """`T_object_hand (4, 4)` at the touch, and the fingers' postures before and after they closed."""
        opened, closed = posture_of(hold.open), posture_of(hold.closed)
        T_world_hand = self._placed(hold, opened, T_world_object)
        shares = np.zeros(len(FINGERS))
        for index, finger in enumerate(FINGERS):
            own = [geom for geom, name in self._flesh.items() if name.startswith(finger)]

            def free(share: float, index: int = index, own: list[int] = own) -> bool:
                shares[index] = share
                fingers = _blended(opened, closed, shares)
                return self.distance(T_world_hand, fingers, T_world_object, own) > -_PRESS_M

            shares[index] = _largest(free)
        return inverse(T_world_object) @ T_world_hand, opened, _blended(opened, closed, shares)

    def distance(self, T_world_hand: Array, fingers: HandPosture, T_world_object: Array, flesh: Sequence[int]) -> float:
        """Smallest distance [m] between some of the flesh and the object; negative where they overlap."""
        data = self._data
        move_hand(data, bone_frames(T_world_hand, fingers))
        data.joint(OBJECT_JOINT).qpos[:] = [
            *T_world_object[:3, 3],
            *quat_wxyz_from_rotation(T_world_object[:3, :3]),
        ]
        mujoco.mj_kinematics(self._model, data)
        return min(
            mujoco.mj_geomDistance(self._model, data, geom, other, 2.0 * _FAR_M, None)
            for geom in flesh
            for other in self._object
        )

    def fingers_touching(self, T_world_hand: Array, fingers: HandPosture, T_world_object: Array) -> list[str]:
        """Which fingers are within a millimetre of the object."""
        return [
            finger
            for finger in FINGERS
            if self.distance(T_world_hand, fingers, T_world_object, [g for g, n in self._flesh.items() if finger in n])
            < 0.001
        ]

    def _placed(self, hold: Hold, opened: HandPosture, T_world_object: Array) -> Array:
        """The hand where the hold puts it, moved on until it touches if the hold says in which direction."""
        x = _unit(np.array(hold.fingers_along))
        y = np.array(hold.thumb_along)
        y = _unit(y - (y @ x) * x)
        R = np.stack([x, y, np.cross(x, y)], axis=1)
        wrist = T_world_object[:3, 3] + np.array(hold.wrist_m)
        if hold.towards is None:
            return np.asarray(pose(R, wrist))
        towards, flesh = _unit(np.array(hold.towards)), list(self._flesh)

        def at(share: float) -> Array:
            return np.asarray(pose(R, wrist + _FAR_M * (share - 1.0) * towards))

        return at(_largest(lambda share: self.distance(at(share), opened, T_world_object, flesh) > -_PRESS_M))


def posture_of(fingers: Fingers) -> HandPosture:
    """The hand model's posture."""
    return posture(fingers.curl_rad, thumb_rad=fingers.thumb_rad, spread_rad=fingers.spread_rad)


def _blended(first: HandPosture, second: HandPosture, shares: Array) -> HandPosture:
    """Each finger on its own way from the first posture (0) to the second (1)."""
    return HandPosture(
        first.flexion + shares[:, None] * (second.flexion - first.flexion),
        first.abduction + shares * (second.abduction - first.abduction),
    )


def _largest(free: Callable[[float], bool]) -> float:
    """The share in [0, 1] up to which it is free, marching from 0 so that nothing thin is passed through."""
    reached = 0.0
    for step in range(1, _STEPS + 1):
        if not free(step / _STEPS):
            break
        reached = step / _STEPS
    else:
        return 1.0
    low, high = reached, reached + 1.0 / _STEPS
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if free(middle) else (low, middle)
    return low


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))
