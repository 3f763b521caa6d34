"""The simulated RGB-D camera: renders, adds the sensor's noise, and lets its pictures arrive late."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType

import mujoco
import numpy as np
from numpy.typing import NDArray

from h2s2r_sim.render_thread import RenderThread
from h2s2r_sim.rendering import Camera, RgbdSensor, SceneRenderer


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture."""

    stamp_ns: int
    """When it was taken."""
    rgb: NDArray[np.uint8]
    """`(H, W, 3)`."""
    depth_mm: NDArray[np.uint16]
    """`(H, W)`, aligned to colour, 0 = no measurement."""


class SimulatedCamera:
    """Takes pictures of a model; remembers those that are still on their way. Use as a context manager.

    Args:
        model: What it sees.
        camera: Intrinsics and pose.
        thread: Where it renders.
        latency_s: Age of a picture when it arrives [s of simulated time].
        seed: Of the sensor's noise.
    """

    def __init__(
        self, model: mujoco.MjModel, camera: Camera, thread: RenderThread, *, latency_s: float, seed: int
    ) -> None:
        self._thread = thread
        self._renderer = thread.submit(lambda: _renderer_without_multisampling(model, camera)).result()
        self._sensor = RgbdSensor(camera, seed=seed)
        # Stamps are rounded to nanoseconds: a latency of one frame must not become one of two.
        self._latency_ns = round(latency_s * 1e9) - 1000
        self._under_way: deque[tuple[int, Future[Frame]]] = deque()

    def take(self, data: mujoco.MjData, stamp_ns: int) -> None:
        """Take a picture of the state in `data` (kinematics up to date), which stays as it is until it has arrived."""
        self._under_way.append((stamp_ns, self._thread.submit(lambda: self._render(data, stamp_ns))))

    def arrived(self, now_ns: int) -> list[Frame]:
        """Pictures whose latency has passed, oldest first; each is given once. Waits until they are rendered."""
        frames: list[Frame] = []
        while self._under_way and self._under_way[0][0] + self._latency_ns <= now_ns:
            frames.append(self._under_way.popleft()[1].result())
        return frames

    def forget(self) -> None:
        """Drop the pictures under way: after a reset they show another trial."""
        self._under_way.clear()

    def __enter__(self) -> SimulatedCamera:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.submit(self._renderer.close).result()

    def _render(self, data: mujoco.MjData, stamp_ns: int) -> Frame:
        rgb, depth_m = self._renderer.render(data)
        return Frame(stamp_ns, self._sensor.colour(rgb), self._sensor.depth(depth_m))


def _renderer_without_multisampling(model: mujoco.MjModel, camera: Camera) -> SceneRenderer:
    # Smooth edges take half of the time of a picture (25 instead of 50 ms of one core) and serve only the eye.
    wanted = int(model.vis.quality.offsamples)
    model.vis.quality.offsamples = 0
    try:
        return SceneRenderer(model, camera)
    finally:
        model.vis.quality.offsamples = wanted
