"""The object as perception knows it: its mesh in metres, samples of its surface, its colours."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual import TextureVisuals

from h2s2r_perception.artefact import InputError

FloatArray = NDArray[np.float64]

SYMMETRIES = ("none", "yaw")
SURFACE_SAMPLES = 4000
_LARGEST_M, _SMALLEST_M = 3.0, 0.005
"""A tabletop object outside these sizes is given in the wrong unit."""


@dataclass(frozen=True)
class ObjectModel:
    """A watertight mesh; the object's frame is the frame of the file."""

    path: Path
    sha256: str
    """Hash of the mesh file, the key of caches."""
    vertices: FloatArray
    """`(V, 3)` [m], merged so that the surface is closed."""
    faces: NDArray[np.int64]
    """`(F, 3)`."""
    symmetry: str
    """`none`, or `yaw` when any turn about z looks the same."""
    points: FloatArray
    """Surface samples `(N, 3)` [m], uniform by area."""
    normals: FloatArray
    """Their outward normals `(N, 3)`."""
    colours: NDArray[np.uint8] | None
    """Their RGB colours `(N, 3)`; absent when the file has neither texture nor vertex colours."""
    face_uv: FloatArray | None
    """Texture coordinates `(F, 3, 2)` of each face's corners, v upwards."""
    texture: NDArray[np.uint8] | None
    """RGB texture `(H, W, 3)`, first row at v = 1."""

    @property
    def extent(self) -> FloatArray:
        """Edge lengths `(3,)` [m] of the bounding box along the object's axes."""
        return np.asarray(self.vertices.max(axis=0) - self.vertices.min(axis=0))

    @property
    def diameter(self) -> float:
        """Diagonal [m] of the bounding box."""
        return float(np.linalg.norm(self.extent))

    @property
    def centre(self) -> FloatArray:
        """Middle `(3,)` [m] of the bounding box, in the object's frame."""
        return np.asarray(self.vertices.max(axis=0) + self.vertices.min(axis=0)) / 2.0

    @property
    def corners(self) -> FloatArray:
        """The bounding box's `(8, 3)` [m], in the object's frame."""
        low, high = self.vertices.min(axis=0), self.vertices.max(axis=0)
        return np.stack(np.meshgrid(*np.stack([low, high], axis=1), indexing="ij"), axis=-1).reshape(8, 3)

    def colour_at(self, face: NDArray[np.int64], barycentric: FloatArray) -> NDArray[np.uint8]:
        """RGB `(P, 3)` of points on faces `(P,)` with weights `(P, 3)` of the corners.

        Raises:
            ValueError: The model has no texture.
        """
        if self.face_uv is None or self.texture is None:
            raise ValueError(f"{self.path} has no texture")
        uv = np.einsum("pk,pkc->pc", barycentric, self.face_uv[face]) % 1.0
        height, width = self.texture.shape[:2]
        column = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
        row = np.clip(((1.0 - uv[:, 1]) * height).astype(int), 0, height - 1)
        return self.texture[row, column]


def load_object_model(path: Path | str, symmetry: str = "none") -> ObjectModel:
    """Load and check an object's mesh.

    Args:
        path: OBJ (or any format that trimesh reads) in metres, with or without texture.
        symmetry: `none` or `yaw`; declared, never guessed.

    Raises:
        InputError: Missing, unreadable, empty, in another unit than metres, or not watertight.
    """
    path = Path(path)
    if symmetry not in SYMMETRIES:
        raise InputError(
            path, "symmetry", found=symmetry, expected=" or ".join(SYMMETRIES), remedy="correct the task file"
        )
    mesh = _read_mesh(path)
    _check_size(path, mesh)
    closed = _closed_surface(path, mesh)
    face_uv, texture = _texture(mesh)
    samples, face = trimesh.sample.sample_surface(mesh, SURFACE_SAMPLES, seed=0)
    weights = trimesh.triangles.points_to_barycentric(mesh.triangles[face], samples)
    model = ObjectModel(
        path=path,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        vertices=np.asarray(closed.vertices, dtype=np.float64),
        faces=np.asarray(closed.faces, dtype=np.int64),
        symmetry=symmetry,
        points=np.asarray(samples, dtype=np.float64),
        normals=np.asarray(mesh.face_normals[face], dtype=np.float64),
        colours=None,
        face_uv=face_uv,
        texture=texture,
    )
    if texture is None:
        return model
    return ObjectModel(**{**model.__dict__, "colours": model.colour_at(face, weights)})


def _read_mesh(path: Path) -> trimesh.Trimesh:
    if not path.is_file():
        raise InputError(path, "mesh", found="no such file", expected="an OBJ file", remedy="check the path")
    try:
        mesh = trimesh.load(path, force="mesh", process=False)
    except Exception as error:
        raise InputError(
            path, "mesh", found=f"{type(error).__name__}: {error}", expected="a readable mesh", remedy="export it again"
        ) from error
    if not isinstance(mesh, trimesh.Trimesh) or len(mesh.faces) == 0:
        raise InputError(path, "mesh", found="no faces", expected="a closed surface", remedy="export it again")
    if not np.all(np.isfinite(mesh.vertices)):
        raise InputError(path, "mesh", found="NaN vertices", expected="finite numbers", remedy="export it again")
    return mesh


def _check_size(path: Path, mesh: trimesh.Trimesh) -> None:
    largest = float(np.max(mesh.extents))
    if largest > _LARGEST_M:
        raise InputError(
            path,
            "extent",
            found=f"{largest:g} m",
            expected=f"at most {_LARGEST_M:g} m",
            remedy="the mesh seems to be in millimetres: scale it by 0.001",
        )
    if largest < _SMALLEST_M:
        raise InputError(
            path,
            "extent",
            found=f"{largest:g} m",
            expected=f"at least {_SMALLEST_M:g} m",
            remedy="scale the mesh to metres",
        )


def _closed_surface(path: Path, mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The same surface with the seams of texture and normals welded; it must have an inside.

    Faces keep their order, so that a face index means the same in both meshes.
    """
    closed = trimesh.Trimesh(mesh.vertices.copy(), mesh.faces.copy(), process=False)
    closed.merge_vertices(merge_tex=True, merge_norm=True)
    if not closed.is_watertight:
        open_edges = len(trimesh.grouping.group_rows(closed.edges_sorted, require_count=1))
        raise InputError(
            path,
            "surface",
            found=f"{open_edges} open edges",
            expected="a watertight mesh",
            remedy="close the holes (trimesh.repair.fill_holes, or MeshLab's Close Holes)",
        )
    if closed.volume < 0.0:
        raise InputError(
            path, "surface", found="normals that point inwards", expected="outward normals", remedy="flip the faces"
        )
    return closed


def _texture(mesh: trimesh.Trimesh) -> tuple[FloatArray | None, NDArray[np.uint8] | None]:
    """Corner coordinates `(F, 3, 2)` and RGB image, where the file has both."""
    visual = mesh.visual
    if not isinstance(visual, TextureVisuals) or visual.uv is None:
        return None, None
    material = visual.material
    image = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
    if image is None:
        return None, None
    uv = np.asarray(visual.uv, dtype=np.float64)[mesh.faces]
    return uv, np.asarray(image.convert("RGB"), dtype=np.uint8)
