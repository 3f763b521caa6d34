"""A printed calibration board: what is on it, where its corners are, and the print at true scale.

The board's frame lies in its middle: x to the right and y upwards as one reads the print, z out of the paper
towards the reader. (OpenCV counts from the upper left corner, with z into the paper; that stays in here.)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError, as_plain, load_configuration

FloatArray = NDArray[np.float64]

DICTIONARIES = (
    "DICT_APRILTAG_36h11",
    "DICT_APRILTAG_25h9",
    "DICT_APRILTAG_16h5",
    "DICT_4X4_50",
    "DICT_4X4_250",
    "DICT_5X5_100",
    "DICT_5X5_250",
    "DICT_6X6_250",
    "DICT_ARUCO_ORIGINAL",
)
_INCH_M = 0.0254
_MARGIN_M = 0.008
"""White round the print: a marker is found by the contrast at its border."""


@dataclass(frozen=True)
class Board:
    """What is printed; lengths are to be measured on the print, printers scale."""

    kind: str = "charuco"
    """`charuco` (a chessboard with a marker in each white square) or `apriltag` (a grid of tags, or one)."""
    columns: int = 7
    rows: int = 5
    """Squares of the chessboard, or tags."""
    square_m: float = 0.035
    """Edge of a square; for `apriltag` the distance from one tag to the next."""
    marker_m: float = 0.026
    """Edge of a marker's black border."""
    dictionary: str = "DICT_APRILTAG_36h11"

    def __post_init__(self) -> None:
        """Refuse what cannot be printed or seen."""
        smallest = 2 if self.kind == "charuco" else 1
        for field, wrong, expected in (
            ("kind", self.kind not in {"charuco", "apriltag"}, "charuco or apriltag"),
            ("dictionary", self.dictionary not in DICTIONARIES, "one of " + ", ".join(DICTIONARIES)),
            ("columns", self.columns < smallest, f"at least {smallest}"),
            ("rows", self.rows < smallest, f"at least {smallest}"),
            ("marker_m", not 0.0 < self.marker_m < self.square_m <= 1.0, "0 < marker_m < square_m <= 1 m"),
        ):
            if wrong:
                found = str(getattr(self, field))
                raise InputError("board", field, found=found, expected=expected, remedy="correct the board")
        markers = self.columns * self.rows // (2 if self.kind == "charuco" else 1)
        known = len(dictionary_of(self.dictionary).bytesList)
        if markers > known:
            raise InputError(
                "board", "dictionary", found=f"{known} markers", expected=f"{markers}", remedy="take a larger one"
            )

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height of the pattern."""
        gap = 0.0 if self.kind == "charuco" else self.square_m - self.marker_m
        return self.columns * self.square_m - gap, self.rows * self.square_m - gap

    def opencv(self) -> Any:
        """OpenCV's board of the same pattern."""
        dictionary = dictionary_of(self.dictionary)
        size = (self.columns, self.rows)
        if self.kind == "charuco":
            return cv2.aruco.CharucoBoard(size, self.square_m, self.marker_m, dictionary)
        return cv2.aruco.GridBoard(size, self.marker_m, self.square_m - self.marker_m, dictionary)

    def in_board_frame(self, opencv_points: FloatArray) -> FloatArray:
        """Points `(N, 3)` [m] of OpenCV's frame (upper left, y down, z into the paper) in the board's."""
        width, height = self.size_m
        return np.asarray((opencv_points - [width / 2, height / 2, 0.0]) * [1.0, -1.0, -1.0])


def dictionary_of(name: str) -> Any:
    """OpenCV's dictionary of markers of that name."""
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, name))


def load_board(path: Path) -> Board:
    """Read a board's YAML file.

    Raises:
        InputError: It is missing or says something impossible.
    """
    return load_configuration(Board, path)


def draw_board(board: Board, dots_per_inch: int = 300) -> NDArray[np.uint8]:
    """The print `(H, W)`, with a white margin, at `dots_per_inch`."""
    pixels_m = dots_per_inch / _INCH_M
    width, height = (round(edge * pixels_m) for edge in board.size_m)
    image = board.opencv().generateImage((width, height), None, 0, 1)
    margin = round(_MARGIN_M * pixels_m)
    return np.asarray(cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=255))


def print_board(board: Board, path: Path, dots_per_inch: int = 300) -> None:
    """Write the print (`.png` or `.pdf`, true to scale) and, beside it, the `.yaml` that describes it.

    Raises:
        InputError: The ending is another.
    """
    from PIL import Image

    if path.suffix not in {".png", ".pdf"}:
        raise InputError(path, "ending", found=path.suffix, expected=".png or .pdf", remedy="name the file so")
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(draw_board(board, dots_per_inch))
    if path.suffix == ".pdf":
        image.save(path, resolution=float(dots_per_inch))
    else:
        image.save(path, dpi=(dots_per_inch, dots_per_inch))
    text = yaml.safe_dump(as_plain(board), sort_keys=False)
    heading = "# Measure square_m and marker_m on the print, and correct them here: printers scale.\n"
    path.with_suffix(".yaml").write_text(heading + text, encoding="utf-8")
