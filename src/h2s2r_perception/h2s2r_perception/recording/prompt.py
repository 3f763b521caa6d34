"""The prompt: on one frame, a box, a click or a mask that says which object is meant.

```
{"frame": 0, "box": [x0, y0, x1, y1]}
{"frame": 0, "click": [x, y]}
{"frame": 0, "mask": "masks/00000.png"}                       relative to the Recording, not 0 = object
{"frame": 0, "click": [x, y], "also": [[x, y]], "but_not": [[x, y]]}    more points, with box or click
```
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError

PROMPT_FILE = "prompt.json"
Point = tuple[float, float]
"""`x, y` [px]."""
_PLACES = ("box", "click", "mask")
_POINT_LISTS = ("also", "but_not")


@dataclass(frozen=True)
class Prompt:
    """Exactly one of `box`, `click` and `mask`, in pixels of frame `frame`."""

    frame: int
    box: tuple[float, float, float, float] | None = None
    """`x0, y0, x1, y1` [px], upper left and lower right."""
    click: Point | None = None
    """`x, y` [px], a point on the object."""
    mask: str | None = None
    """Path of an 8-bit image inside the Recording whose pixels other than 0 are the object."""
    also: tuple[Point, ...] = ()
    """More points on the object, with a box or a click."""
    but_not: tuple[Point, ...] = ()
    """Points that are not on the object, with a box or a click."""

    @property
    def points_on(self) -> tuple[Point, ...]:
        """Every point on the object, the click first."""
        return (self.click, *self.also) if self.click else self.also

    def as_mapping(self) -> dict[str, object]:
        """What `prompt.json` holds."""
        values: dict[str, object] = {"frame": self.frame}
        if self.mask is not None:
            return {**values, "mask": self.mask}
        values |= {"box": list(self.box)} if self.box else {"click": list(self.click or ())}
        lists = {"also": self.also, "but_not": self.but_not}
        return values | {name: [list(point) for point in points] for name, points in lists.items() if points}


def read_prompt(path: Path, image_size: tuple[int, int], frame_count: int) -> Prompt:
    """Read `prompt.json` and check it against the Recording it belongs to.

    Raises:
        InputError: It is not a prompt, or points outside the images (width, height) or frames.
    """
    values = _read_json(path)
    if not isinstance(values["frame"], int):
        raise InputError(path, "frame", found=str(values["frame"]), expected="an integer", remedy="correct the prompt")
    box, click, mask = (values.get(place) for place in _PLACES)
    if mask is not None and not isinstance(mask, str):
        raise InputError(path, "mask", found=str(mask), expected="the path of an image", remedy="correct the prompt")
    corners = _numbers(path, "box", box, 4) if box is not None else None
    prompt = Prompt(
        values["frame"],
        box=(corners[0], corners[1], corners[2], corners[3]) if corners else None,
        click=_point(path, "click", click) if click is not None else None,
        mask=mask,
        also=_points(path, "also", values.get("also", [])),
        but_not=_points(path, "but_not", values.get("but_not", [])),
    )
    check_prompt(prompt, image_size, frame_count, path)
    return prompt


def read_prompt_mask(folder: Path, prompt: Prompt, image_size: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask `(H, W)` that a prompt names, from inside the Recording's folder.

    Raises:
        InputError: The file is missing, no image, of another size than the frames, or empty.
    """
    assert prompt.mask is not None
    path = folder / prompt.mask
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
    width, height = image_size
    found = None
    if image is None:
        found = "a broken image" if path.is_file() else "no such file"
    elif image.shape != (height, width):
        found = f"{image.shape[1]}x{image.shape[0]}"
    elif not image.any():
        found = "no pixel other than 0"
    if image is None or found is not None:
        raise InputError(
            path,
            "prompt mask",
            found=found or "nothing",
            expected=f"an image of {width}x{height} whose pixels other than 0 are the object",
            remedy=f"write the mask, or give a box or click in {PROMPT_FILE}",
        )
    return np.asarray(image > 0)


def check_prompt(prompt: Prompt, image_size: tuple[int, int], frame_count: int, source: Path | str) -> None:
    """Check that a prompt lies inside the images; a mask is checked when it is read.

    Raises:
        InputError: The frame does not exist, or box or points lie outside, are empty or contradict each other.
    """
    width, height = image_size
    if not 0 <= prompt.frame < frame_count:
        raise InputError(
            source, "frame", found=str(prompt.frame), expected=f"0 to {frame_count - 1}", remedy="choose another frame"
        )
    given = [name for name in _PLACES if getattr(prompt, name) is not None]
    if len(given) != 1:
        raise InputError(
            source,
            "box, click, mask",
            found=", ".join(given) or "none",
            expected="exactly one",
            remedy="give a box, a click or a mask",
        )
    if prompt.mask is not None:
        _check_mask_prompt(prompt, source)
    if prompt.box is not None:
        x0, y0, x1, y1 = prompt.box
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise InputError(
                source,
                "box",
                found=str(list(prompt.box)),
                expected=f"0 <= x0 < x1 <= {width}, 0 <= y0 < y1 <= {height}",
                remedy="draw the box inside the image",
            )
    named = {"click": (prompt.click,) if prompt.click else (), "also": prompt.also, "but_not": prompt.but_not}
    for name, points in named.items():
        for x, y in points:
            if not (0 <= x < width and 0 <= y < height):
                raise InputError(
                    source,
                    name,
                    found=f"({x:g}, {y:g})",
                    expected=f"inside {width}x{height}",
                    remedy="click on the object" if name != "but_not" else "click beside the object",
                )


def _check_mask_prompt(prompt: Prompt, source: Path | str) -> None:
    assert prompt.mask is not None
    place = Path(prompt.mask)
    if place.is_absolute() or ".." in place.parts:
        raise InputError(
            source,
            "mask",
            found=prompt.mask,
            expected="a path inside the recording, such as masks/00000.png",
            remedy="copy the mask into the recording",
        )
    if prompt.also or prompt.but_not:
        raise InputError(
            source,
            "also, but_not",
            found="points beside a mask",
            expected="a mask alone",
            remedy="correct the mask itself",
        )


def _read_json(path: Path) -> dict[str, object]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, "content", found=str(error), expected="JSON", remedy="write a box or a click") from error
    keys = set(values) if isinstance(values, dict) else set()
    if "frame" not in keys or len(keys & set(_PLACES)) != 1 or keys - {"frame", *_PLACES, *_POINT_LISTS}:
        raise InputError(
            path,
            "keys",
            found=str(sorted(values)) if isinstance(values, dict) else type(values).__name__,
            expected="`frame`, one of `box`, `click` and `mask`, and if need be `also` and `but_not`",
            remedy="keep exactly these keys",
        )
    return dict(values)


def _numbers(path: Path, name: str, value: object, length: int) -> list[float]:
    if not (isinstance(value, list) and len(value) == length and all(isinstance(v, int | float) for v in value)):
        raise InputError(path, name, found=str(value), expected=f"{length} numbers [px]", remedy="correct the prompt")
    return [float(v) for v in value]


def _point(path: Path, name: str, value: object) -> Point:
    x, y = _numbers(path, name, value, 2)
    return x, y


def _points(path: Path, name: str, value: object) -> tuple[Point, ...]:
    if not isinstance(value, list):
        raise InputError(path, name, found=str(value), expected="a list of points", remedy="correct the prompt")
    return tuple(_point(path, name, point) for point in value)
