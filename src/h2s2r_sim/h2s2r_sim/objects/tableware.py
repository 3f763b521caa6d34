"""Plate, pitcher, mug, can and bottle, plain or printed; the snack box completes the shelf.

Frame of all: z up when they stand, origin on the axis at half height; a handle points along +x. `plain`
objects have one colour; printed ones carry a print without symmetry, so that colour tells the turns about z.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from h2s2r_sim.objects import snack_box
from h2s2r_sim.objects.revolution import HANDLE_STRIP, Handle, Spout, revolve, v_of
from h2s2r_sim.objects.surface import TexturedSurface

Colour = tuple[int, int, int]
Profile = list[tuple[float, float]]

_WIDTH_PX, _HEIGHT_PX = 720, 640
"""Of a texture: once round the object, and once along its profile."""


@dataclass(frozen=True)
class Vessel:
    """How one object is made."""

    profile: Profile
    """`(r, z)` [m], standing on z = 0."""
    colour: Colour
    band: tuple[int, int]
    """The corners of the profile between which a print goes."""
    palette: tuple[Colour, Colour, Colour]
    """Of the print: ground, figures, accents."""
    text: str
    handle: Handle | None = None
    spout: Spout | None = None

    @property
    def height_m(self) -> float:
        """From foot to rim."""
        return max(z for _, z in self.profile)


_WHITE, _YELLOW, _RED, _NAVY = (246, 244, 236), (250, 204, 40), (204, 36, 48), (28, 48, 120)
_TEAL, _ORANGE, _GREEN, _PURPLE = (10, 140, 140), (240, 120, 24), (36, 140, 70), (120, 40, 140)

VESSELS = {
    "plate": Vessel(
        [(0, 0), (0.062, 0), (0.070, 0.004), (0.120, 0.022), (0.118, 0.026), (0.068, 0.010),
         (0.060, 0.006), (0, 0.006)],
        (84, 132, 196),
        (4, 7),
        (_WHITE, _NAVY, _ORANGE),
        "BISTRO",
    ),
    "pitcher": Vessel(
        [(0, 0), (0.048, 0), (0.058, 0.05), (0.056, 0.11), (0.046, 0.17), (0.050, 0.205), (0.046, 0.205),
         (0.042, 0.17), (0.052, 0.11), (0.054, 0.05), (0.044, 0.006), (0, 0.006)],
        (40, 96, 190),
        (2, 4),
        (_TEAL, _YELLOW, _WHITE),
        "LEMONADE",
        Handle(0.050, 0.165, 0.036, 0.013, 0.020),
        Spout(0.018, 0.055),
    ),
    "mug": Vessel(
        [(0, 0), (0.036, 0), (0.040, 0.006), (0.042, 0.098), (0.038, 0.098), (0.036, 0.008), (0, 0.008)],
        (214, 74, 60),
        (2, 3),
        (_YELLOW, _PURPLE, _GREEN),
        "MONDAY",
        Handle(0.024, 0.076, 0.028),
    ),
    "can": Vessel(
        [(0, 0), (0.030, 0), (0.034, 0.006), (0.034, 0.112), (0.030, 0.118), (0, 0.118)],
        (190, 40, 52),
        (2, 3),
        (_RED, _WHITE, _NAVY),
        "TOMATO",
    ),
    "bottle": Vessel(
        [(0, 0), (0.034, 0), (0.037, 0.008), (0.037, 0.130), (0.016, 0.175), (0.016, 0.215), (0, 0.215)],
        (58, 150, 74),
        (2, 3),
        (_GREEN, _WHITE, _ORANGE),
        "OLIVE OIL",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class ShelfObject:
    """One object as a task or a benchmark names it."""

    name: str
    symmetry: str
    """`none`, or `yaw` when any turn about z looks the same."""
    height_m: float
    write: Callable[[Path], Path]
    """Writes OBJ, MTL and PNG into a folder; returns the OBJ's path."""


def build(name: str, *, plain: bool) -> TexturedSurface:
    """The named vessel, centred on its origin."""
    return build_vessel(VESSELS[name], plain=plain)


def build_vessel(vessel: Vessel, *, plain: bool) -> TexturedSurface:
    """A vessel, centred on its origin."""
    vertices, faces, uv = revolve(vessel.profile, vessel.handle, vessel.spout)
    vertices[:, 2] -= vessel.height_m / 2
    return TexturedSurface(vertices, faces, uv, _texture(vessel, plain=plain))


def _texture(vessel: Vessel, *, plain: bool) -> np.ndarray:
    image = Image.new("RGB", (_WIDTH_PX, _HEIGHT_PX), vessel.colour)
    draw = ImageDraw.Draw(image)
    if plain:
        return np.asarray(image)
    top, bottom = ((1.0 - v_of(vessel.profile, corner)) * _HEIGHT_PX for corner in reversed(vessel.band))
    _print(draw, top, bottom, vessel)
    if vessel.handle is not None:
        draw.rectangle([0, 0, _WIDTH_PX, HANDLE_STRIP * _HEIGHT_PX], fill=vessel.palette[2])
    return np.asarray(image)


def _print(draw: ImageDraw.ImageDraw, top: float, bottom: float, vessel: Vessel) -> None:
    """Once round the object: every quarter turn shows something else."""
    ground, figure, accent = vessel.palette
    high = bottom - top

    def x(share: float) -> float:
        return share * _WIDTH_PX

    def y(share: float) -> float:
        return top + share * high

    draw.rectangle([0, top, _WIDTH_PX, bottom], fill=ground)
    draw.rectangle([0, y(0.86), _WIDTH_PX, bottom], fill=accent)
    font = ImageFont.load_default(min(round(0.34 * high), 64))
    draw.text((x(0.22), y(0.40)), vessel.text, fill=figure, font=font, anchor="mm", stroke_width=2)
    draw.polygon([(x(0.44), y(0.80)), (x(0.52), y(0.08)), (x(0.60), y(0.80))], fill=figure)
    draw.ellipse([x(0.485), y(0.42), x(0.555), y(0.74)], fill=accent)
    for bar in range(5):
        draw.rectangle([x(0.655 + 0.03 * bar), y(0.10 + 0.11 * bar), x(0.67 + 0.03 * bar), y(0.84)], fill=figure)
    draw.rectangle([x(0.82), y(0.0), x(0.98), y(0.40)], fill=accent)
    for dot in range(3):
        draw.ellipse([x(0.835 + 0.05 * dot), y(0.50), x(0.87 + 0.05 * dot), y(0.74)], fill=figure)


def _shelf_object(shape: str, *, plain: bool) -> ShelfObject:
    vessel = VESSELS[shape]
    name = f"{shape}_{'plain' if plain else 'printed'}"
    turns = plain and vessel.handle is None
    return ShelfObject(
        name,
        "yaw" if turns else "none",
        vessel.height_m,
        lambda folder: build(shape, plain=plain).write(folder, name),
    )


SHELF = {
    item.name: item
    for item in [
        ShelfObject("snack_box", "none", snack_box.SIZE_M[2], snack_box.write_snack_box),
        *(_shelf_object(shape, plain=plain) for shape in VESSELS for plain in (True, False)),
    ]
}
"""Every object there is, by name."""
