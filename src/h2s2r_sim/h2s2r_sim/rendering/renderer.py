"""Colour and depth pictures of any MuJoCo model, seen by any pinhole camera."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

from h2s2r_perception.artefact import InputError
from h2s2r_sim.rendering.camera import Camera
from h2s2r_sim.rendering.gl_context import create_gl_context

NEAR_M = 0.05
FAR_M = 10.0


class SceneRenderer:
    """Renders a model through a camera; remembers the GL context and the scene's buffers.

    Use it as a context manager or call `close()`: OpenGL must be freed before the interpreter ends.

    Args:
        model: Any model; only its visible geom groups (0 to 2) and skins appear.
        camera: Equal focal lengths in x and y; the principal point may be anywhere.

    Raises:
        InputError: The machine has no OpenGL library, or the pixels are not square.
    """

    def __init__(self, model: mujoco.MjModel, camera: Camera) -> None:
        K = np.asarray(camera.camera_matrix)
        if abs(K[0, 0] / K[1, 1] - 1.0) > 1e-3:
            raise InputError(
                "camera",
                "camera_matrix",
                found=f"fx {K[0, 0]:.2f}, fy {K[1, 1]:.2f}",
                expected="square pixels for rendering",
                remedy="use the mean of both",
            )
        self.camera = camera
        self._model = model
        self._gl = create_gl_context(camera.width, camera.height)
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_resizeOffscreen(camera.width, camera.height, self._context)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._scene = mujoco.MjvScene(model, maxgeom=2 * model.ngeom + 100)
        self._option = mujoco.MjvOption()
        self._free_camera = mujoco.MjvCamera()
        self._viewport = mujoco.MjrRect(0, 0, camera.width, camera.height)

    def render(self, data: mujoco.MjData) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Render the state in `data` (its forward kinematics must be up to date).

        Returns:
            `rgb (H, W, 3)` and `depth_m (H, W)`, the planar z-depth; where nothing is hit, depth is 0.
        """
        self._gl.make_current()
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(self._model, data, self._option, None, self._free_camera, everything, self._scene)
        for side in self._scene.camera:
            _place(side, self.camera)
        rgb = np.empty((self.camera.height, self.camera.width, 3), np.uint8)
        self._draw(rgb, None)
        inverse_depth = np.empty((self.camera.height, self.camera.width), np.float32)
        # Flat identity colours are cheaper than lit ones, and are drawn without multisampling, whose
        # mixed depths belong to no surface.
        flags = self._scene.flags
        flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = 1
        self._draw(None, inverse_depth)
        flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = 0
        return rgb[::-1].copy(), _metric(inverse_depth[::-1])

    def close(self) -> None:
        """Free the OpenGL resources; calling it twice is harmless."""
        if self._gl is not None:
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._gl = None

    def __enter__(self) -> SceneRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _draw(self, rgb: Any, depth: Any) -> None:
        mujoco.mjr_render(self._viewport, self._scene, self._context)
        mujoco.mjr_readPixels(rgb, depth, self._viewport, self._context)


def _place(side: Any, camera: Camera) -> None:
    """Set one of MuJoCo's two (stereo) cameras; without stereo it renders their mean."""
    K, T = np.asarray(camera.camera_matrix), np.asarray(camera.T_world_camera)
    side.pos, side.forward, side.up = T[:3, 3], T[:3, 2], -T[:3, 1]
    # The image reaches half a pixel beyond the centres of its outer pixels.
    left, right = -(K[0, 2] + 0.5) / K[0, 0], (camera.width - 0.5 - K[0, 2]) / K[0, 0]
    top, bottom = (K[1, 2] + 0.5) / K[1, 1], -(camera.height - 0.5 - K[1, 2]) / K[1, 1]
    side.orthographic = 0
    side.frustum_center, side.frustum_width = NEAR_M * (left + right) / 2, NEAR_M * (right - left) / 2
    side.frustum_bottom, side.frustum_top = NEAR_M * bottom, NEAR_M * top
    side.frustum_near, side.frustum_far = NEAR_M, FAR_M


def _metric(reversed_z: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Depth [m] from MuJoCo's reversed z buffer: `b = n (f - z) / (z (f - n))`, so 1 at n and 0 at f."""
    z = NEAR_M * FAR_M / (reversed_z.astype(np.float64) * (FAR_M - NEAR_M) + NEAR_M)
    return np.where(reversed_z > 0.0, z, 0.0).astype(np.float32)
