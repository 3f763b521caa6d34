"""Reads a scan of an object and settles its unit and which way is up, saying what it assumed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual import ColorVisuals, TextureVisuals

from h2s2r_perception.artefact import InputError

FloatArray = NDArray[np.float64]

UNITS_M = {"m": 1.0, "cm": 0.01, "mm": 0.001}
UPS = {
    "z": np.eye(3),
    "y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "x": np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]]),
    "-z": np.diag([1.0, -1.0, -1.0]),
    "-y": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "-x": np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]]),
}
"""Rotation that turns each axis into z."""
_USUAL_M = (0.04, 0.5)
"""Largest edge of things people move by hand; the unit is guessed only where one alone gives such a size."""
_POSSIBLE_M = (0.01, 1.5)


@dataclass(frozen=True)
class Scan:
    """A scan in metres, z up."""

    vertices: FloatArray
    """`(V, 3)` [m]."""
    faces: NDArray[np.int64]
    """`(F, 3)`."""
    face_uv: FloatArray | None
    """Texture coordinates `(F, 3, 2)` of each face's corners, v upwards."""
    texture: NDArray[np.uint8] | None
    """`(H, W, 3)`, first row at v = 1."""
    vertex_colour: NDArray[np.uint8] | None
    """`(V, 3)`."""
    assumptions: tuple[str, ...]
    """What was guessed, in words."""

    @property
    def coloured(self) -> bool:
        """Whether it has colours of any kind."""
        return self.texture is not None or self.vertex_colour is not None

    def colour_at(self, face: NDArray[np.int64], weights: FloatArray) -> NDArray[np.uint8]:
        """RGB `(N, 3)` of points on faces `(N,)` with weights `(N, 3)` of their corners.

        Raises:
            ValueError: The scan has no colours.
        """
        if self.texture is not None and self.face_uv is not None:
            uv = np.einsum("nk,nkc->nc", weights, self.face_uv[face]) % 1.0
            height, width = self.texture.shape[:2]
            column = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
            row = np.clip(((1.0 - uv[:, 1]) * height).astype(int), 0, height - 1)
            return self.texture[row, column]
        if self.vertex_colour is None:
            raise ValueError("the scan has no colours")
        corner = self.vertex_colour[self.faces[face]].astype(np.float64)
        return np.rint(np.einsum("nk,nkc->nc", weights, corner)).astype(np.uint8)


def read_scan(path: Path, unit: str = "auto", up: str = "auto") -> Scan:
    """Read OBJ, GLB, PLY or STL.

    Args:
        path: The scan.
        unit: `m`, `cm`, `mm`, or `auto`: the one that gives the size of a thing people move by hand.
        up: An axis of the file, or `auto`: y for GLB (its standard says so), z for others.

    Raises:
        InputError: It cannot be read, or its unit is doubtful or gives an impossible size.
    """
    mesh = _read(path)
    assumptions = []
    if up == "auto":
        up = "y" if path.suffix.lower() in {".glb", ".gltf"} else "z"
        assumptions.append(f"{up} of the file is up")
    largest = float(np.ptp(mesh.vertices, axis=0).max())
    if unit == "auto":
        unit = _guess_unit(path, largest)
        assumptions.append(f"the file is in {unit}: its largest edge is {100 * largest * UNITS_M[unit]:.1f} cm")
    size = largest * UNITS_M[unit]
    if not _POSSIBLE_M[0] <= size <= _POSSIBLE_M[1]:
        raise InputError(
            path,
            "size",
            found=f"{size:g} m as {unit}",
            expected=f"{_POSSIBLE_M[0]:g} to {_POSSIBLE_M[1]:g} m",
            remedy="give the right --unit",
        )
    face_uv, texture = _texture(mesh)
    colours = None
    if texture is None and isinstance(mesh.visual, ColorVisuals) and mesh.visual.defined:
        colours = np.asarray(mesh.visual.vertex_colors, dtype=np.uint8)[:, :3]
    return Scan(
        vertices=np.asarray(mesh.vertices, dtype=np.float64) @ UPS[up].T * UNITS_M[unit],
        faces=np.asarray(mesh.faces, dtype=np.int64),
        face_uv=face_uv,
        texture=texture,
        vertex_colour=colours,
        assumptions=tuple(assumptions),
    )


def _read(path: Path) -> trimesh.Trimesh:
    if not path.is_file():
        raise InputError(path, "scan", found="no such file", expected="OBJ, GLB, PLY or STL", remedy="check the path")
    try:
        mesh = trimesh.load(path, force="mesh", process=False)
    except Exception as error:
        raise InputError(
            path, "scan", found=f"{type(error).__name__}: {error}", expected="a mesh", remedy="export it again"
        ) from error
    if not isinstance(mesh, trimesh.Trimesh) or len(mesh.faces) == 0:
        raise InputError(
            path, "scan", found="no faces", expected="a surface", remedy="export a mesh, not a point cloud"
        )
    if not np.all(np.isfinite(mesh.vertices)):
        raise InputError(path, "scan", found="NaN vertices", expected="finite numbers", remedy="export it again")
    return mesh


def _guess_unit(path: Path, largest: float) -> str:
    usual = [unit for unit, metre in UNITS_M.items() if _USUAL_M[0] <= largest * metre <= _USUAL_M[1]]
    if len(usual) == 1:
        return usual[0]
    sizes = ", ".join(f"{100 * largest * UNITS_M[unit]:.3g} cm as {unit}" for unit in usual or UNITS_M)
    raise InputError(
        path,
        "unit",
        found=f"a largest edge of {largest:.4g}: {sizes}",
        expected="one unit that gives the size of a thing people move by hand",
        remedy="say which with --unit",
    )


def _texture(mesh: trimesh.Trimesh) -> tuple[FloatArray | None, NDArray[np.uint8] | None]:
    visual = mesh.visual
    if not isinstance(visual, TextureVisuals) or visual.uv is None:
        return None, None
    image = getattr(visual.material, "image", None) or getattr(visual.material, "baseColorTexture", None)
    if image is None:
        return None, None
    uv = np.asarray(visual.uv, dtype=np.float64)[mesh.faces]
    return uv, np.asarray(image.convert("RGB"), dtype=np.uint8)
