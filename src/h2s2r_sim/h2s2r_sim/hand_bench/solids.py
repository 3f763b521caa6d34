"""Objects of boxes and upright cylinders: a distance to close fingers on, and MuJoCo geoms to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """A box, or a cylinder along z."""

    half_size_m: tuple[float, float, float]
    """Half edges; of a cylinder its radius (twice) and half height."""
    centre_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """In the object's frame."""
    round: bool = True
    """Whether it is a cylinder."""


@dataclass(frozen=True)
class Solid:
    """A union of parts, z its upright axis."""

    name: str
    parts: tuple[Part, ...]
    rgb: tuple[float, float, float]
    second_rgb: tuple[float, float, float] | None = None
    """Of a checkered print; plain without."""

    def scaled(self, factor: float) -> Solid:
        """The same solid, `factor` times as large."""
        parts = tuple(Part(_times(p.half_size_m, factor), _times(p.centre_m, factor), p.round) for p in self.parts)
        return Solid(self.name, parts, self.rgb, self.second_rgb)

    def distance(self, points: Array) -> Array:
        """Signed distance [m] of points `(..., 3)` in the object's frame: negative inside."""
        return np.min([_part_distance(part, points) for part in self.parts], axis=0)

    @property
    def corners(self) -> Array:
        """`(8 P, 3)` corners of the parts' boxes [m]."""
        signs = np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1]), axis=-1).reshape(-1, 3)
        return np.concatenate([signs * part.half_size_m + part.centre_m for part in self.parts])


SOLIDS: tuple[Solid, ...] = (
    Solid("box", (Part((0.100, 0.030, 0.075), round=False),), (0.80, 0.12, 0.20), (0.95, 0.80, 0.10)),
    Solid("can", (Part((0.033, 0.033, 0.061)),), (0.10, 0.35, 0.70), (0.85, 0.85, 0.88)),
    Solid(
        "mug",
        (
            Part((0.040, 0.040, 0.048)),
            Part((0.014, 0.006, 0.005), (0.050, 0.0, 0.030), round=False),
            Part((0.014, 0.006, 0.005), (0.050, 0.0, -0.030), round=False),
            Part((0.005, 0.006, 0.035), (0.066, 0.0, 0.0), round=False),
        ),
        (0.90, 0.90, 0.88),
    ),
    Solid("bottle", (Part((0.034, 0.034, 0.080)), Part((0.014, 0.014, 0.030), (0.0, 0.0, 0.108))), (0.15, 0.55, 0.25)),
    Solid("plate", (Part((0.095, 0.095, 0.008)),), (0.85, 0.88, 0.92)),
    # Wood is the colour of skin: what finds hands by colour must not be taken in.
    Solid("block", (Part((0.045, 0.028, 0.060), round=False),), (0.74, 0.55, 0.40)),
)


def add_solid(spec: mujoco.MjSpec, solid: Solid) -> Any:
    """Add the solid as the mocap body `held`; nothing collides with it."""
    material = spec.add_material(name="held", specular=0.2, shininess=0.3)
    if solid.second_rgb is None:
        material.rgba = [*solid.rgb, 1.0]
    else:
        spec.add_texture(
            name="held",
            type=mujoco.mjtTexture.mjTEXTURE_CUBE,
            builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
            rgb1=list(solid.rgb),
            rgb2=list(solid.second_rgb),
            width=96,
            height=96,
        )
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "held"
    body = spec.worldbody.add_body(name="held", mocap=True)
    for part in solid.parts:
        a, b, c = part.half_size_m
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CYLINDER if part.round else mujoco.mjtGeom.mjGEOM_BOX,
            size=[a, c, 0.0] if part.round else [a, b, c],
            pos=list(part.centre_m),
            contype=0,
            conaffinity=0,
            group=2,
            material="held",
        )
    return body


def _part_distance(part: Part, points: Array) -> Array:
    local = points - np.array(part.centre_m)
    a, b, c = part.half_size_m
    if part.round:
        q = np.stack([np.hypot(local[..., 0], local[..., 1]) - a, np.abs(local[..., 2]) - c], axis=-1)
    else:
        q = np.abs(local) - [a, b, c]
    outside: Array = np.linalg.norm(np.maximum(q, 0.0), axis=-1)
    return outside + np.minimum(q.max(axis=-1), 0.0)


def _times(values: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    return values[0] * factor, values[1] * factor, values[2] * factor
