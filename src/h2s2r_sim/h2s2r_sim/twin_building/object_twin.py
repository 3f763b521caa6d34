"""From a scan to an object that a task can name: the artefact `NAME/`.

```
NAME.obj, NAME.mtl, NAME.png   metres, z up, origin at the centre of mass, watertight; colours of the scan
parts/00.obj ...               convex parts for collisions
object.yaml                    the `object:` section of a task file
meta.json                      what was assumed, and what each step cost
```
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
import yaml
from numpy.typing import NDArray

from h2s2r_perception.artefact import Schema, writing
from h2s2r_sim.twin_building.closing import close
from h2s2r_sim.twin_building.convex_parts import Parts, decompose
from h2s2r_sim.twin_building.mass_properties import MassProperties, mass_properties
from h2s2r_sim.twin_building.scan import Scan, read_scan
from h2s2r_sim.twin_building.simplification import deviation, simplify
from h2s2r_sim.twin_building.texture_baking import bake

FloatArray = NDArray[np.float64]

OBJECT_TWIN_SCHEMA = Schema("object_twin", 1)


@dataclass(frozen=True)
class ObjectTwinConfiguration:
    """How a scan becomes an object."""

    name: str
    mass_kg: float | None = None
    """As weighed; or"""
    density_kg_m3: float | None = None
    unit: str = "auto"
    up: str = "auto"
    friction: float = 0.5
    """A scan does not tell; 0.5 is the published system's."""
    symmetry: str = "none"
    face_budget: int = 10_000
    collision: str = "parts"
    """`parts`, `hull` or `box`."""
    concavity_m: float = 0.003
    """Dents shallower than this are filled in the collision shapes."""
    most_parts: int = 16
    most_part_vertices: int = 48


def build_object_twin(scan_file: Path, folder: Path, configuration: ObjectTwinConfiguration) -> dict[str, Any]:
    """Build the artefact.

    Args:
        scan_file: OBJ, GLB, PLY or STL.
        folder: Where it goes.
        configuration: Name, mass or density, unit, budgets.

    Returns:
        The figures that `meta.json` keeps.

    Raises:
        InputError: The scan, its unit, its mass or its surface is not usable; the message says what to do.
    """
    scan = read_scan(scan_file, configuration.unit, configuration.up)
    closed = close(scan.vertices, scan.faces, scan_file)
    mesh = simplify(closed.mesh, configuration.face_budget)
    mass = mass_properties(
        mesh, mass_kg=configuration.mass_kg, density_kg_m3=configuration.density_kg_m3, source=scan_file
    )
    raw = trimesh.Trimesh(scan.vertices, scan.faces, process=False)
    surface = deviation(raw, mesh)
    quality: dict[str, Any] = {
        "faces": len(mesh.faces),
        "scan_faces": len(scan.faces),
        "closing": closed.method,
        "capped_share": closed.capped_share,
        "dropped_parts": closed.dropped_parts,
        "volume_litre": 1000 * float(mesh.volume),
        "volume_change": float(mesh.volume / closed.mesh.volume - 1.0),
        "surface_deviation_mm_p95": 1000 * surface.p95_m,
        "surface_deviation_mm_max": 1000 * surface.largest_m,
        "mass_kg": mass.mass_kg,
        "density_kg_m3": mass.density_kg_m3,
    }
    centre = np.asarray(mesh.center_mass)
    with writing(folder, OBJECT_TWIN_SCHEMA, inputs={"scan": scan_file}, configuration=configuration) as artefact:
        _write_visual(artefact.folder, configuration.name, scan, mesh, unchanged=mesh is closed.mesh, centre=centre)
        if configuration.collision == "parts":
            parts = decompose(
                mesh,
                concavity_m=configuration.concavity_m,
                most_parts=configuration.most_parts,
                most_vertices=configuration.most_part_vertices,
            )
            _write_parts(artefact.folder / "parts", parts, centre)
            quality |= {
                "parts": len(parts.meshes),
                "parts_overhang_mm_p95": 1000 * parts.overhang_p95_m,
                "parts_uncovered_mm_p95": 1000 * parts.uncovered_p95_m,
            }
        (artefact.folder / "object.yaml").write_text(snippet(folder.name, configuration, mass), encoding="utf-8")
        artefact.quality.update(quality)
        extent = np.ptp(np.asarray(mesh.vertices), axis=0)
        artefact.fields |= {
            "assumptions": list(scan.assumptions),
            "extent_m": np.round(extent, 5).tolist(),
            "inertia_kg_m2": mass.inertia_kg_m2.tolist(),
            "coloured": scan.coloured,
        }
    return {**quality, "assumptions": list(scan.assumptions), "extent_m": np.round(extent, 4).tolist()}


def snippet(folder: str, configuration: ObjectTwinConfiguration, mass: MassProperties) -> str:
    """The `object:` section of a task file that stands beside the artefact's folder."""
    entry: dict[str, Any] = {
        "mesh": f"{folder}/{configuration.name}.obj",
        "mass_kg": round(mass.mass_kg, 5),
        "friction": configuration.friction,
        "symmetry": configuration.symmetry,
        "collision": configuration.collision,
    }
    if configuration.collision == "parts":
        entry["parts"] = f"{folder}/parts"
    entry["inertia_kg_m2"] = [float(f"{value:.6g}") for value in mass.six()]
    heading = "# Paths start at the task file; this one stands beside the folder.\n"
    return heading + yaml.safe_dump({"object": entry}, sort_keys=False, default_flow_style=None)


def _write_visual(
    folder: Path, name: str, scan: Scan, mesh: trimesh.Trimesh, *, unchanged: bool, centre: FloatArray
) -> None:
    """OBJ with material and texture; the scan's own coordinates where its faces are still the same."""
    same_faces = unchanged and len(mesh.faces) == len(scan.faces) and scan.texture is not None
    if same_faces and scan.face_uv is not None and _is_the_same_surface(mesh, scan):
        face_uv, texture = scan.face_uv, scan.texture
    elif scan.coloured:
        baked = bake(mesh, scan)
        face_uv, texture = baked.face_uv, baked.texture
    else:
        face_uv, texture = None, None
    vertices = np.asarray(mesh.vertices) - centre
    lines = [f"mtllib {name}.mtl", "usemtl surface"]
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices.tolist()]
    faces = np.asarray(mesh.faces) + 1
    if face_uv is None or texture is None:
        lines += [f"f {a} {b} {c}" for a, b, c in faces.tolist()]
        material = "newmtl surface\nKd 0.6 0.6 0.6\n"
    else:
        from PIL import Image

        corner, index = np.unique(np.round(face_uv.reshape(-1, 2), 6), axis=0, return_inverse=True)
        lines += [f"vt {u:.6f} {v:.6f}" for u, v in corner.tolist()]
        pairs = zip(faces.tolist(), (index.reshape(-1, 3) + 1).tolist(), strict=True)
        lines += [f"f {a}/{i} {b}/{j} {c}/{k}" for (a, b, c), (i, j, k) in pairs]
        material = f"newmtl surface\nKd 1 1 1\nmap_Kd {name}.png\n"
        Image.fromarray(texture).save(folder / f"{name}.png")
    (folder / f"{name}.obj").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / f"{name}.mtl").write_text(material, encoding="utf-8")


def _is_the_same_surface(mesh: trimesh.Trimesh, scan: Scan) -> bool:
    """Whether face i of both has the same corners in the same order."""
    return bool(np.allclose(mesh.triangles, scan.vertices[scan.faces], atol=1e-6))


def _write_parts(folder: Path, parts: Parts, centre: FloatArray) -> None:
    folder.mkdir()
    for index, part in enumerate(parts.meshes):
        vertices, faces = np.asarray(part.vertices) - centre, np.asarray(part.faces) + 1
        lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices.tolist()]
        lines += [f"f {a} {b} {c}" for a, b, c in faces.tolist()]
        (folder / f"{index:02d}.obj").write_text("\n".join(lines) + "\n", encoding="utf-8")
