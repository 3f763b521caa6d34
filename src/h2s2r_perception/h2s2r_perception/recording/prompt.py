"""The prompt: one box or one click on one frame that says which object is meant."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from h2s2r_perception.artefact import InputError

PROMPT_FILE = "prompt.json"


@dataclass(frozen=True)
class Prompt:
    """Exactly one of `box` and `click`, in pixels of frame `frame`."""

    frame: int
    box: tuple[float, float, float, float] | None = None
    """`x0, y0, x1, y1` [px], upper left and lower right."""
    click: tuple[float, float] | None = None
    """`x, y` [px], a point on the object."""

    def as_mapping(self) -> dict[str, object]:
        """What `prompt.json` holds."""
        place: dict[str, object] = {"box": list(self.box)} if self.box else {"click": list(self.click or ())}
        return {"frame": self.frame, **place}


def read_prompt(path: Path, image_size: tuple[int, int], frame_count: int) -> Prompt:
    """Read `prompt.json` and check it against the Recording it belongs to.

    Raises:
        InputError: It is not a prompt, or points outside the images (width, height) or frames.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, "content", found=str(error), expected="JSON", remedy="write a box or a click") from error
    if not isinstance(values, dict) or set(values) not in ({"frame", "box"}, {"frame", "click"}):
        raise InputError(
            path,
            "keys",
            found=str(sorted(values)) if isinstance(values, dict) else type(values).__name__,
            expected="`frame` and either `box` or `click`",
            remedy="keep exactly these two keys",
        )
    kind = "box" if "box" in values else "click"
    place = values[kind]
    length = 4 if kind == "box" else 2
    if not (isinstance(place, list) and len(place) == length and all(isinstance(v, int | float) for v in place)):
        raise InputError(path, kind, found=str(place), expected=f"{length} numbers [px]", remedy="correct the prompt")
    if not isinstance(values["frame"], int):
        raise InputError(path, "frame", found=str(values["frame"]), expected="an integer", remedy="correct the prompt")
    numbers = [float(v) for v in place]
    box = (numbers[0], numbers[1], numbers[2], numbers[3]) if kind == "box" else None
    prompt = Prompt(values["frame"], box=box, click=None if box else (numbers[0], numbers[1]))
    check_prompt(prompt, image_size, frame_count, path)
    return prompt


def check_prompt(prompt: Prompt, image_size: tuple[int, int], frame_count: int, source: Path | str) -> None:
    """Check that a prompt lies inside the images.

    Raises:
        InputError: The frame does not exist, or box or click lie outside or are empty.
    """
    width, height = image_size
    if not 0 <= prompt.frame < frame_count:
        raise InputError(
            source, "frame", found=str(prompt.frame), expected=f"0 to {frame_count - 1}", remedy="choose another frame"
        )
    if (prompt.box is None) == (prompt.click is None):
        raise InputError(
            source, "box, click", found="both or none", expected="exactly one", remedy="give a box or a click"
        )
    if prompt.click is not None:
        x, y = prompt.click
        if not (0 <= x < width and 0 <= y < height):
            raise InputError(
                source,
                "click",
                found=f"({x:g}, {y:g})",
                expected=f"inside {width}x{height}",
                remedy="click on the object",
            )
        return
    assert prompt.box is not None
    x0, y0, x1, y1 = prompt.box
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise InputError(
            source,
            "box",
            found=str(list(prompt.box)),
            expected=f"0 <= x0 < x1 <= {width}, 0 <= y0 < y1 <= {height}",
            remedy="draw the box inside the image",
        )
