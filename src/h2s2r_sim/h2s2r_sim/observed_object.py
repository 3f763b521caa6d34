"""The object as the robot sees it: late, noisy, sometimes wildly wrong, sometimes not at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_sim.pose_noise import perturb, tracker_error

Array = NDArray[np.float64]
Ids = NDArray[np.int64]

_FRAMES = 3
"""Camera frames kept: the newest and the two before it, the longest delay of the table."""


class ObservedObject:
    """Turns true object poses into observed ones; remembers the last camera frames and the last observation."""

    def __init__(self, num_environments: int) -> None:
        self._frames = np.zeros((_FRAMES, num_environments, 4, 4))
        self._observed = np.zeros((num_environments, 4, 4))
        self._rows = np.arange(num_environments)

    @property
    def pose(self) -> Array:
        """`T_world_object (n, 4, 4)` as last observed."""
        return self._observed

    @property
    def latest_frame(self) -> Array:
        """True `T_world_object (n, 4, 4)` at the newest camera frame, or at the start of the episode."""
        return self._frames[0]

    def record_frame(self, T_world_object: Array) -> None:
        """Note the true poses `(n, 4, 4)` at the time of a 30 Hz camera frame."""
        self._frames = np.concatenate([T_world_object[None], self._frames[:-1]])

    def observe(self, episode: Mapping[str, Array], step: Mapping[str, Array]) -> Array:
        """Observed poses `(n, 4, 4)` of this policy step, from the drawn rows of the randomisation table."""
        delay = episode["pose_delay"].astype(np.int64)
        seen = perturb(self._frames[delay, self._rows], *tracker_error(episode, step))
        self._observed = np.where(step["pose_drop"][:, None, None] > 0.0, self._observed, seen)
        return self._observed

    def reset(self, ids: Ids, T_world_object: Array, episode: Mapping[str, Array]) -> None:
        """Start episodes `ids (k,)`: the object has been resting at `(k, 4, 4)` and was registered there."""
        self._frames = self._frames.copy()
        self._frames[:, ids] = T_world_object
        offset, turn = episode["pose_offset_position"][ids], episode["pose_offset_rotation"][ids]
        # A new array: the one handed out before must not change under its reader.
        self._observed = self._observed.copy()
        self._observed[ids] = perturb(T_world_object, offset, turn)

    def state_dict(self) -> dict[str, Any]:
        """Frames and last observation."""
        return {"frames": self._frames.copy(), "observed": self._observed.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self._frames, self._observed = state["frames"].copy(), state["observed"].copy()
