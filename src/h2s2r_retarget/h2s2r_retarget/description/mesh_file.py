"""Reads the mesh files that a URDF names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.description.hulls import reduced
from h2s2r_retarget.description.urdf_elements import Owner

_LARGEST_LINK_M = 3.0


def find_mesh(owner: Owner, name: str, package_paths: Sequence[Path]) -> Path:
    """The file that `filename="..."` means.

    Args:
        owner: The link.
        name: A path relative to the URDF, an absolute one, `file://...` or `package://PACKAGE/...`.
        package_paths: Folders that hold packages, or are one.

    Raises:
        InputError: There is no such file.
    """
    if name.startswith("package://"):
        rest = name.removeprefix("package://")
        package, _, inside = rest.partition("/")
        places = [folder / rest for folder in package_paths]
        places += [folder / inside for folder in package_paths if folder.name == package]
        # A URDF usually lies somewhere inside its own package.
        places += [parent / inside for parent in owner.path.resolve().parents if parent.name == package]
        remedy = f"give --package-path FOLDER, the folder that holds `{package}`"
    else:
        places = [owner.path.parent / name.removeprefix("file://")]
        remedy = "put the mesh there, or correct the path in the URDF"
    for place in places:
        if place.is_file():
            return place
    raise owner.error("mesh", found=f"no file {name}", expected="a mesh file", remedy=remedy)


def hull_of_mesh(owner: Owner, path: Path, scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners `(K, 3)` m of the mesh's convex hull, in the frame of the file (STL, OBJ, DAE, PLY, GLB).

    Raises:
        InputError: The file cannot be read, is flat, or is too large for a robot's link.
    """
    try:
        points = reduced(_vertices(path) * scale)
    except ImportError as error:
        raise owner.error(
            "mesh", found=f"{path.name}: {error}", expected="a format that can be read", remedy="export it as STL"
        ) from error
    except Exception as error:
        raise owner.error(
            "mesh",
            found=f"{path.name}: {type(error).__name__}: {error}",
            expected="a solid mesh",
            remedy="export it again as STL, or take a box in its place",
        ) from error
    largest = float(np.ptp(points, axis=0).max())
    if largest > _LARGEST_LINK_M:
        raise owner.error(
            "mesh",
            found=f"{path.name}, {largest:.4g} m long",
            expected=f"at most {_LARGEST_LINK_M:g} m",
            remedy='a mesh in millimetres needs scale="0.001 0.001 0.001"',
        )
    return points


def _vertices(path: Path) -> NDArray[np.float64]:
    """Corners `(V, 3)` of a mesh file."""
    if path.suffix.lower() == ".obj":
        # Corners are all that a hull needs; the embodiments that we write are read often.
        lines = path.read_text(encoding="utf-8").splitlines()
        return np.array([[float(part) for part in line.split()[1:4]] for line in lines if line.startswith("v ")])
    import trimesh

    scene: Any = trimesh.load_scene(path, process=False)
    # Only COLLADA says what its numbers are; a URDF takes them as metres.
    metres = trimesh.units.unit_conversion(scene.units, "meters") if path.suffix.lower() == ".dae" else 1.0
    return np.asarray(scene.to_geometry().vertices, dtype=float) * metres
