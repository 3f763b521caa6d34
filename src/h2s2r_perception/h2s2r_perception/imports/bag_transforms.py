"""Where the camera stood, from a bag's static transforms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from h2s2r_perception.geometry import pose, rotation_from_quat_wxyz
from h2s2r_perception.recording.calibration import FloatArray


class StaticTransforms:
    """Remembers each frame's parent and pose, as /tf_static states them."""

    def __init__(self, messages: Iterable[Any]) -> None:
        self._parent: dict[str, tuple[str, FloatArray]] = {}
        for message in messages:
            for stated in message.transforms:
                self._parent[_name(stated.child_frame_id)] = (_name(stated.header.frame_id), _pose(stated.transform))

    def pose_in(self, world: str, frame: str) -> FloatArray | None:
        """`T_world_frame (4, 4)` [m], or None when no chain of static transforms leads there."""
        T = np.eye(4)
        for name in self._chain(frame):
            if name == _name(world):
                return T
            if name in self._parent:
                T = self._parent[name][1] @ T
        return None

    def root(self, frame: str) -> str:
        """The last frame that the chain from `frame` reaches."""
        return self._chain(frame)[-1]

    def _chain(self, frame: str) -> list[str]:
        chain = [_name(frame)]
        while chain[-1] in self._parent and self._parent[chain[-1]][0] not in chain:
            chain.append(self._parent[chain[-1]][0])
        return chain


def _name(frame: str) -> str:
    """ROS 1 wrote frames with a leading slash."""
    return frame.removeprefix("/")


def _pose(transform: Any) -> FloatArray:
    q, t = transform.rotation, transform.translation
    return np.asarray(pose(rotation_from_quat_wxyz(np.array([q.w, q.x, q.y, q.z])), np.array([t.x, t.y, t.z])))
