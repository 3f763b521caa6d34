"""What an RGB-D camera adds to a perfect picture: noise, mixed edges, holes and whole millimetres.

The depth model, in this order, on the planar z-depth z of each pixel:

1. edges mix: next to a jump in depth a pixel may fall anywhere between near and far side;
2. axial noise, independent for each pixel: sigma(z) = 0.9 mm + 1.9 mm/m^2 z^2;
3. holes: at jumps, at grazing incidence, and a few anywhere;
4. steps of 1 mm, 0 where nothing was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from h2s2r_sim.rendering.camera import Camera


@dataclass(frozen=True)
class SensorConfiguration:
    """Numbers of the sensor model."""

    axial_noise_m: float = 0.0009
    """Standard deviation at zero range."""
    axial_noise_per_m: float = 0.0019
    """Its growth with the square of the range [m/m^2]."""
    edge_jump_m: float = 0.02
    """Neighbouring pixels that differ by more lie on two surfaces."""
    edge_mixing_probability: float = 0.35
    edge_dropout_probability: float = 0.25
    grazing_start_rad: float = 1.31
    """From this angle of incidence (75 deg) the chance of a hole grows linearly to 1 at 90 deg."""
    dropout_probability: float = 0.001
    """Holes anywhere."""
    range_m: tuple[float, float] = (0.25, 4.0)
    """Nothing is measured outside."""
    colour_noise_levels: float = 2.0
    """Standard deviation of each colour channel, of 255."""


class RgbdSensor:
    """Applies the sensor model; remembers its random stream, so equal seeds give equal recordings."""

    def __init__(self, camera: Camera, configuration: SensorConfiguration | None = None, *, seed: int = 0) -> None:
        self.configuration = configuration or SensorConfiguration()
        self._random = np.random.default_rng(seed)
        K = np.asarray(camera.camera_matrix)
        self._focal = K[0, 0].astype(np.float32), K[1, 1].astype(np.float32)
        self._column = (np.arange(camera.width, dtype=np.float32) - np.float32(K[0, 2]))[None, :]
        self._row = (np.arange(camera.height, dtype=np.float32) - np.float32(K[1, 2]))[:, None]
        self._ray_length = np.sqrt(1 + (self._column / self._focal[0]) ** 2 + (self._row / self._focal[1]) ** 2)

    def colour(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Colour with noise `(H, W, 3)`."""
        noise = self._random.standard_normal(rgb.shape, dtype=np.float32) * self.configuration.colour_noise_levels
        return np.clip(np.rint(rgb + noise), 0, 255).astype(np.uint8)

    def depth(self, depth_m: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
        """Measured depth `(H, W)` [mm], 0 = invalid, of the true z-depth `(H, W)` [m], 0 = nothing there."""
        c = self.configuration
        far, near = cv2.dilate(depth_m, np.ones((3, 3))), cv2.erode(depth_m, np.ones((3, 3)))
        edge = far - near > c.edge_jump_m + 3.0 * self._slope_step(depth_m)
        chance = self._random.random(depth_m.shape, dtype=np.float32)
        where = self._random.random(depth_m.shape, dtype=np.float32)
        mixed = edge & (chance < c.edge_mixing_probability) & (near > 0)
        measured = np.where(mixed, near + where * (far - near), depth_m)
        noise = self._random.standard_normal(depth_m.shape, dtype=np.float32)
        measured = measured + noise * (c.axial_noise_m + c.axial_noise_per_m * measured * measured)
        valid = (depth_m > 0) & (measured > c.range_m[0]) & (measured < c.range_m[1])
        hole = np.where(edge, c.edge_dropout_probability, self._grazing_chance(depth_m)) + c.dropout_probability
        valid &= self._random.random(depth_m.shape, dtype=np.float32) >= hole
        return np.where(valid, np.rint(measured * 1000.0), 0).astype(np.uint16)

    def _grazing_chance(self, depth_m: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Chance of a hole from the angle between ray and surface normal.

        With z(u, v) the surface, its normal is along (fx z_u, fy z_v, -(z + u z_u + v z_v)), u and v
        counted from the principal point, and the ray is (u/fx, v/fy, 1): their product is -z.
        """
        z_u, z_v = self._gradient(depth_m)
        along = depth_m + self._column * z_u + self._row * z_v
        normal_length = np.sqrt((self._focal[0] * z_u) ** 2 + (self._focal[1] * z_v) ** 2 + along**2)
        cosine = depth_m / np.maximum(normal_length * self._ray_length, 1e-6)
        start = self.configuration.grazing_start_rad
        chance: npt.NDArray[np.float32] = (np.arccos(np.minimum(cosine, 1.0)) - start) / (np.pi / 2 - start)
        return np.maximum(chance, 0.0)

    def _slope_step(self, depth_m: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The smaller of both one-sided steps to a neighbour: large only on a steep surface, not at a jump."""
        steps = (
            np.abs(np.diff(depth_m, axis=0, prepend=depth_m[:1])),
            np.abs(np.diff(depth_m, axis=1, prepend=depth_m[:, :1])),
        )
        both = [np.minimum(steps[0], np.roll(steps[0], -1, 0)), np.minimum(steps[1], np.roll(steps[1], -1, 1))]
        smaller: npt.NDArray[np.float32] = np.maximum(both[0], both[1])
        return smaller

    def _gradient(self, depth_m: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        z_u: npt.NDArray[np.float32] = cv2.Sobel(depth_m, cv2.CV_32F, 1, 0, ksize=1, scale=0.5).astype(np.float32)
        z_v: npt.NDArray[np.float32] = cv2.Sobel(depth_m, cv2.CV_32F, 0, 1, ksize=1, scale=0.5).astype(np.float32)
        return z_u, z_v
