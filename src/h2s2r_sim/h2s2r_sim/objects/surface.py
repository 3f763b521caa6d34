"""A closed, textured triangle mesh as code makes it, and the OBJ files it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TexturedSurface:
    """Faces share vertices, so the surface is closed; texture coordinates belong to the corners of faces."""

    vertices: Array
    """`(V, 3)` [m], object frame."""
    faces: npt.NDArray[np.int64]
    """`(F, 3)`, anticlockwise from outside."""
    corner_uv: Array
    """`(F, 3, 2)` texture coordinates in [0, 1], v upwards."""
    texture: npt.NDArray[np.uint8]
    """RGB `(H, W, 3)`, first row at v = 1."""

    def write(self, folder: Path, name: str) -> Path:
        """Write `name.obj`, `.mtl` and `.png` into `folder` and return the path of the OBJ file."""
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(self.texture).save(folder / f"{name}.png", optimize=True)
        (folder / f"{name}.mtl").write_text(
            f"newmtl {name}\nKa 1 1 1\nKd 1 1 1\nKs 0.05 0.05 0.05\nmap_Kd {name}.png\n", encoding="utf-8"
        )
        uv, index = np.unique(np.round(self.corner_uv.reshape(-1, 2), 6), axis=0, return_inverse=True)
        corner = index.reshape(-1, 3)
        lines = [f"# {name}, metres; made by h2s2r_sim.objects", f"mtllib {name}.mtl"]
        lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in self.vertices + 0.0]
        lines += [f"vt {u:.6f} {v:.6f}" for u, v in uv]
        lines.append(f"usemtl {name}")
        lines += [
            "f " + " ".join(f"{vertex + 1}/{place + 1}" for vertex, place in zip(face, places, strict=True))
            for face, places in zip(self.faces.tolist(), corner.tolist(), strict=True)
        ]
        path = folder / f"{name}.obj"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path
