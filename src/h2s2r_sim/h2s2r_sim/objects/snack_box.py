"""The bundled snack box: a textured mesh made by code, so that no asset of unknown origin is needed.

The box lies flat: 0.20 x 0.15 x 0.06 m along x, y, z, origin at its centre. Every face has its own
saturated colour and a print without symmetry, so that colour tells apart the half turns that depth
cannot, and no face looks like skin, table or shadow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

SIZE_M = (0.20, 0.15, 0.06)
"""Full edge lengths along x, y, z."""

_PIXELS_PER_MM = 3
_BLEED = 6  # [px] of repeated edge around each face, so that mipmaps do not mix neighbours
_SUPERSAMPLING = 2

_RED, _YELLOW, _TEAL = (206, 24, 54), (255, 208, 0), (0, 142, 150)
_BLUE, _GREEN, _MAGENTA = (26, 66, 186), (42, 160, 62), (176, 20, 140)
_WHITE = (250, 250, 244)

Colour = tuple[int, int, int]
Draw = ImageDraw.ImageDraw


@dataclass(frozen=True)
class Face:
    """One face of the box, seen from outside: which way its picture points in the object frame."""

    name: str
    right: tuple[int, int, int]
    up: tuple[int, int, int]
    column: int
    """0 for faces stacked in the atlas' left column, 1 for the right one."""
    paint: Callable[[Draw, int, int], None]

    @property
    def normal(self) -> npt.NDArray[np.float64]:
        """Outward unit normal."""
        return np.cross(self.right, self.up).astype(float)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height in the atlas."""
        width = abs(float(np.dot(self.right, SIZE_M)))
        height = abs(float(np.dot(self.up, SIZE_M)))
        return round(width * 1000 * _PIXELS_PER_MM), round(height * 1000 * _PIXELS_PER_MM)


def write_snack_box(folder: Path) -> Path:
    """Write `snack_box.obj`, `.mtl` and `.png` into `folder` and return the path of the OBJ file."""
    folder.mkdir(parents=True, exist_ok=True)
    image, corners = atlas()
    image.save(folder / "snack_box.png", optimize=True)
    (folder / "snack_box.mtl").write_text(
        "newmtl snack_box\nKa 1 1 1\nKd 1 1 1\nKs 0.05 0.05 0.05\nmap_Kd snack_box.png\n", encoding="utf-8"
    )
    path = folder / "snack_box.obj"
    path.write_text(_obj(corners, image.size), encoding="utf-8")
    return path


def atlas() -> tuple[Image.Image, dict[str, tuple[int, int]]]:
    """Paint all faces into one RGB image; also returns the upper left pixel of each face."""
    corners: dict[str, tuple[int, int]] = {}
    column_x = [_BLEED, _BLEED + max(f.size_px[0] for f in FACES if f.column == 0) + 2 * _BLEED]
    fill = [_BLEED, _BLEED]
    for face in FACES:
        corners[face.name] = (column_x[face.column], fill[face.column])
        fill[face.column] += face.size_px[1] + 2 * _BLEED
    width = column_x[1] + max(f.size_px[0] for f in FACES if f.column == 1) + _BLEED
    pixels = np.full((max(fill) - _BLEED, width, 3), 255, np.uint8)
    for face in FACES:
        x, y = corners[face.name]
        picture = np.pad(np.asarray(_picture(face)), ((_BLEED, _BLEED), (_BLEED, _BLEED), (0, 0)), mode="edge")
        pixels[y - _BLEED : y - _BLEED + picture.shape[0], x - _BLEED : x - _BLEED + picture.shape[1]] = picture
    return Image.fromarray(pixels), corners


def _picture(face: Face) -> Image.Image:
    width, height = face.size_px
    image = Image.new("RGB", (width * _SUPERSAMPLING, height * _SUPERSAMPLING))
    face.paint(ImageDraw.Draw(image), *image.size)
    return image.resize((width, height), Image.Resampling.BOX)


def _obj(corners: dict[str, tuple[int, int]], image_size: tuple[int, int]) -> str:
    """Eight shared vertices (watertight), four texture coordinates and one normal for each face."""
    signs = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    lines = ["# snack box, metres, origin at the centre; made by h2s2r_sim.objects.snack_box", "mtllib snack_box.mtl"]
    lines += ["v " + " ".join(f"{s * edge / 2:.6f}" for s, edge in zip(sign, SIZE_M, strict=True)) for sign in signs]
    faces = ["usemtl snack_box"]
    for number, face in enumerate(FACES):
        x, y = corners[face.name]
        (width, height), (image_width, image_height) = face.size_px, image_size
        lines.append("vn " + " ".join(f"{value:.0f}" for value in face.normal + 0.0))
        quad = []
        for corner, (u, v) in enumerate([(0, 0), (1, 0), (1, 1), (0, 1)]):  # anticlockwise from lower left
            texture = ((x + u * width) / image_width, 1 - (y + (1 - v) * height) / image_height)
            lines.append(f"vt {texture[0]:.6f} {texture[1]:.6f}")
            sign = face.normal + (2 * u - 1) * np.array(face.right) + (2 * v - 1) * np.array(face.up)
            vertex = signs.index((int(sign[0]), int(sign[1]), int(sign[2]))) + 1
            quad.append(f"{vertex}/{4 * number + corner + 1}/{number + 1}")
        faces += [f"f {quad[0]} {quad[1]} {quad[2]}", f"f {quad[0]} {quad[2]} {quad[3]}"]
    return "\n".join(lines + faces) + "\n"


def _text(draw: Draw, centre: tuple[float, float], text: str, height: float, colour: Colour) -> None:
    font = ImageFont.load_default(round(height))
    draw.text(centre, text, fill=colour, font=font, anchor="mm", stroke_width=max(1, round(height / 22)))


def _disc(draw: Draw, centre: tuple[float, float], radius: float, colour: Colour) -> None:
    x, y = centre
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)


def _sun(draw: Draw, centre: tuple[float, float], radius: float, colour: Colour) -> None:
    turn = 2 * np.pi / 14
    for ray in range(14):
        angles = np.array([ray - 0.26, ray, ray + 0.26]) * turn
        reach = np.array([1.12, 1.55 if ray % 2 else 1.38, 1.12]) * radius
        points = np.stack([centre[0] + reach * np.cos(angles), centre[1] + reach * np.sin(angles)], axis=1)
        draw.polygon([tuple(point) for point in points.tolist()], fill=colour)
    _disc(draw, centre, radius, colour)


def _paint_top(draw: Draw, w: int, h: int) -> None:
    draw.rectangle([0, 0, w, h], fill=_TEAL)
    draw.polygon([(0, h), (0, 0.70 * h), (0.45 * w, h)], fill=_BLUE)
    draw.polygon([(0.52 * w, h), (w, 0.56 * h), (w, h)], fill=_RED)
    _sun(draw, (0.79 * w, 0.30 * h), 0.155 * h, _YELLOW)
    _text(draw, (0.33 * w, 0.24 * h), "SUNNY", 0.24 * h, _WHITE)
    _text(draw, (0.36 * w, 0.50 * h), "BITES", 0.24 * h, _YELLOW)
    for x, y, radius in [(0.50, 0.80, 0.085), (0.63, 0.74, 0.06), (0.40, 0.72, 0.05)]:
        _disc(draw, (x * w, y * h), radius * h, _YELLOW)
        _disc(draw, (x * w, y * h), 0.62 * radius * h, _GREEN)
    _text(draw, (0.84 * w, 0.86 * h), "120 g", 0.12 * h, _WHITE)


def _paint_bottom(draw: Draw, w: int, h: int) -> None:
    draw.rectangle([0, 0, w, h], fill=_MAGENTA)
    draw.rectangle([0, 0, 0.22 * w, h], fill=_YELLOW)
    for line in range(6):
        y = (0.16 + 0.115 * line) * h
        draw.rectangle([0.28 * w, y, (0.90 - 0.06 * (line % 3)) * w, y + 0.045 * h], fill=_WHITE)
    _disc(draw, (0.86 * w, 0.82 * h), 0.10 * h, _TEAL)


def _paint_front(draw: Draw, w: int, h: int) -> None:
    draw.rectangle([0, 0, w, h], fill=_BLUE)
    draw.rectangle([0, 0.82 * h, w, h], fill=_YELLOW)
    _text(draw, (0.385 * w, 0.40 * h), "SUNNY BITES", 0.36 * h, _WHITE)
    _sun(draw, (0.84 * w, 0.42 * h), 0.20 * h, _RED)


def _paint_back(draw: Draw, w: int, h: int) -> None:
    draw.rectangle([0, 0, w, h], fill=_GREEN)
    draw.polygon([(0, 0), (0.30 * w, 0), (0.18 * w, h), (0, h)], fill=_YELLOW)
    _text(draw, (0.62 * w, 0.50 * h), "SEA SALT", 0.46 * h, _WHITE)


def _paint_right(draw: Draw, w: int, h: int) -> None:
    draw.rectangle([0, 0, w, h], fill=_RED)
    draw.rectangle([0, 0, 0.16 * w, h], fill=_TEAL)
    _text(draw, (0.58 * w, 0.46 * h), "BITES", 0.50 * h, _YELLOW)


def _paint_left(draw: Draw, w: int, h: int) -> None:
    draw.rectangle([0, 0, w, h], fill=_YELLOW)
    for bar, width in enumerate([3, 1, 2, 1, 3, 2, 1, 1, 2]):
        x = (0.12 + 0.05 * bar) * w
        draw.rectangle([x, 0.2 * h, x + 0.009 * width * w, 0.8 * h], fill=_BLUE)
    _disc(draw, (0.80 * w, 0.42 * h), 0.26 * h, _MAGENTA)


FACES = (
    Face("top", (1, 0, 0), (0, 1, 0), 0, _paint_top),
    Face("bottom", (1, 0, 0), (0, -1, 0), 0, _paint_bottom),
    Face("front", (1, 0, 0), (0, 0, 1), 0, _paint_front),
    Face("back", (-1, 0, 0), (0, 0, 1), 1, _paint_back),
    Face("right", (0, 1, 0), (0, 0, 1), 1, _paint_right),
    Face("left", (0, -1, 0), (0, 0, 1), 1, _paint_left),
)
"""`front` is the -y face that the demonstrator pushes, `right` the +x one."""


if __name__ == "__main__":
    print(write_snack_box(Path(__file__).with_suffix("")))
