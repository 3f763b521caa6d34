"""Whether a Recording's depth, intrinsics and camera pose agree with each other and with a table-top.

What each file holds may be well-formed and still be in the wrong unit, of another resolution, or of another
day. These checks compare the parts: how far things are, how large the object looks, where its edges are in
both images, and whether the plane it stands on lies level in the world.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.image_points import Crop
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.plausibility.colour_order import red_and_blue_swapped
from h2s2r_perception.plausibility.depth_alignment import depth_shift
from h2s2r_perception.plausibility.level_plane import plane_tilt
from h2s2r_perception.recording.findings import ERROR, WARNING, Finding
from h2s2r_perception.recording.prompt import Prompt
from h2s2r_perception.recording.reading import Recording

_NEAR = 0.2
_LOOKING_DOWN = 0.3
"""A camera whose image plane holds less of the world's up has no side that is up."""


@dataclass(frozen=True)
class PlausibilityConfiguration:
    """What is still plausible."""

    frames: int = 5
    """Looked at, spread over the recording."""
    nearest_m: float = 0.15
    farthest_m: float = 3.0
    """Where the near fifth of a picture of a table-top ends; behind it there may be a hall."""
    smallest_ratio: float = 0.2
    largest_ratio: float = 5.0
    """Of the prompted region's size to the object's diameter: boxes are drawn loosely, objects seen end on."""
    coarsest_step_mm: int = 5
    """Depth in coarser steps was converted badly."""
    noise_share: float = 0.006
    """Depth that differs by more than this share of itself from its surroundings is noisy: 3 times a D435."""
    principal_point_share: float = 0.09
    """Of the image's size: real principal points lie within 5 % of the middle, other resolutions' do not."""
    shift_share: float = 0.015
    """Of the image's width that depth may lie beside colour."""
    shift_gain: float = 1.5
    """By which the edges must fit better when shifted, before it is believed."""
    shift_edges: int = 500
    """Depth edge pixels that are needed to say so."""
    warn_tilt_deg: float = 5.0
    stop_tilt_deg: float = 15.0
    """Of the plane that things stand on."""
    upright_deg: float = 50.0
    """That the world's up may be from the image's up before hands and people are no longer found reliably."""


def check_plausibility(
    recording: Recording,
    model: ObjectModel | None = None,
    prompt: Prompt | None = None,
    configuration: PlausibilityConfiguration | None = None,
) -> list[Finding]:
    """What does not fit together in a Recording; empty when all does.

    Args:
        recording: The Recording; a few of its frames are read.
        model: The object [m]; without it, its size and colours are not compared.
        prompt: Where it is; the Recording's own when None.
        configuration: What is plausible.
    """
    c = configuration or PlausibilityConfiguration()
    indices = np.unique(np.linspace(0, recording.frame_count - 1, c.frames).astype(int)).tolist()
    frames = [(recording.rgb(index), recording.depth_m(index)) for index in indices]
    depth = [depth_m for _, depth_m in frames]
    findings = [*_intrinsics(recording, c), *_depth_unit(depth, c)]
    if any(finding.severity == ERROR for finding in findings):
        return findings  # what follows would only repeat it in other words
    findings += [*_depth_steps(recording, indices[0], c), *_noise(depth, c)]
    shift = depth_shift(frames)
    width = recording.image_size[0]
    if (
        max(abs(v) for v in shift.pixels) > c.shift_share * width
        and shift.gain > c.shift_gain
        and shift.edges > c.shift_edges
    ):
        found = f"things {shift.pixels[0]:+d} px right, {shift.pixels[1]:+d} px down in colour of where depth has them"
        findings.append(_error("depth", found, "depth aligned to colour", "align depth to colour when recording"))
    place = prompt or recording.prompt
    if model is not None and place is not None and place.box is not None:
        findings += _object(recording, model, place, c)
    return [*findings, *_world(recording, depth[0], c)]


def require_plausible(
    recording: Recording,
    model: ObjectModel | None = None,
    prompt: Prompt | None = None,
    configuration: PlausibilityConfiguration | None = None,
) -> list[Finding]:
    """Refuse a Recording of which perception would only make wrong poses; return what is merely worth saying.

    Raises:
        InputError: For the first finding that is an error.
    """
    findings = check_plausibility(recording, model, prompt, configuration)
    for finding in findings:
        if finding.severity == ERROR:
            raise InputError(
                recording.folder,
                finding.field,
                found=finding.found,
                expected=finding.expected,
                remedy=finding.remedy,
            )
    return findings


def _intrinsics(recording: Recording, c: PlausibilityConfiguration) -> Iterator[Finding]:
    K = recording.camera_matrix
    for axis, name in ((0, "cx"), (1, "cy")):
        size = recording.image_size[axis]
        if abs(K[axis, 2] - 0.5 * size) > c.principal_point_share * size:
            yield Finding(
                WARNING,
                f"cam_K.txt: {name}",
                f"{K[axis, 2]:.0f} px",
                f"about {0.5 * size:.0f} px, the middle of {recording.image_size[0]}x{recording.image_size[1]}",
                "good if the images were cropped; else these are the intrinsics of another resolution",
            )


def _depth_unit(depth: list[NDArray[np.float32]], c: PlausibilityConfiguration) -> Iterator[Finding]:
    known = np.concatenate([image[image > 0.0] for image in depth])
    if known.size == 0:
        yield _error("depth", "no measurement in any frame looked at", "depth", "record depth as well")
        return
    near_m = float(np.quantile(known, _NEAR))
    if not c.nearest_m <= near_m <= c.farthest_m:
        yield _error(
            "depth: unit",
            f"a fifth of the picture within {near_m:.3g} m",
            f"within {c.nearest_m:g} to {c.farthest_m:g} m, as of a table-top",
            "save depth in millimetres, or import it with --depth-scale",
        )


def _depth_steps(recording: Recording, index: int, c: PlausibilityConfiguration) -> Iterator[Finding]:
    depth_m = recording.depth_m(index)
    steps = np.unique(np.rint(depth_m[depth_m > 0.0] * 1000.0).astype(np.int64))
    step_mm = int(np.gcd.reduce(steps)) if steps.size > 1 else 1
    if step_mm >= c.coarsest_step_mm:
        yield Finding(
            WARNING,
            "depth: steps",
            f"{step_mm} mm",
            "1 mm",
            "convert depth to uint16 millimetres from the sensor's own values, not from an 8-bit picture",
        )


def _noise(depth: list[NDArray[np.float32]], c: PlausibilityConfiguration) -> Iterator[Finding]:
    shares = []
    for image in depth:
        whole = cv2.erode((image > 0.0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        smooth = cv2.blur(image, (3, 3))
        # A pixel differs from the mean of nine by sqrt(8/9) of its own noise; 1.48 turns a median into a deviation.
        shares.append(1.48 / np.sqrt(8.0 / 9.0) * np.abs(image - smooth)[whole] / image[whole])
    together = np.concatenate(shares)
    share = float(np.median(together)) if together.size else 0.0
    if share > c.noise_share:
        yield Finding(
            WARNING,
            "depth: noise",
            f"{100.0 * share:.1f} % of the distance",
            f"at most {100.0 * c.noise_share:.1f} %",
            "bring the camera nearer or give it more light; poses will be less exact",
        )


def _object(
    recording: Recording, model: ObjectModel, prompt: Prompt, c: PlausibilityConfiguration
) -> Iterator[Finding]:
    """Size and colours of what is in the middle of the prompted box."""
    assert prompt.box is not None
    rgb, depth_m = recording.rgb(prompt.frame), recording.depth_m(prompt.frame)
    x0, y0, x1, y1 = prompt.box
    w, h = x1 - x0, y1 - y0
    middle = np.s_[round(y0 + 0.3 * h) : round(y1 - 0.3 * h) + 1, round(x0 + 0.3 * w) : round(x1 - 0.3 * w) + 1]
    known = depth_m[middle][depth_m[middle] > 0.0]
    if known.size:
        K = recording.camera_matrix
        size_m = float(np.median(known)) * max(w / K[0, 0], h / K[1, 1])
        ratio = size_m / model.diameter
        if not c.smallest_ratio <= ratio <= c.largest_ratio:
            yield _error(
                "object: size",
                f"{size_m:.2g} m across in the box, {model.diameter:.2g} m in the mesh",
                "about the same",
                "check the units of depth (mm) and mesh (m), the intrinsics, and that the box is round the object",
            )
    if red_and_blue_swapped(rgb[middle], model):
        yield Finding(
            WARNING,
            "rgb: order of colours",
            "the object's colours with red and blue exchanged",
            "red first",
            "convert the images from BGR to RGB",
        )


def _world(recording: Recording, depth_m: NDArray[np.float32], c: PlausibilityConfiguration) -> Iterator[Finding]:
    T = recording.T_world_camera
    if np.allclose(T, np.eye(4)):
        return  # unknown, not wrong; `recording.findings` says so
    rays = Crop(0, 0, *recording.image_size, 1).rays(recording.camera_matrix)
    tilt = plane_tilt(rays * depth_m[..., None], depth_m > 0.0, T)
    if tilt is not None and np.degrees(tilt) > c.warn_tilt_deg:
        yield Finding(
            ERROR if np.degrees(tilt) > c.stop_tilt_deg else WARNING,
            "T_world_camera",
            f"a table that tilts by {np.degrees(tilt):.0f} deg",
            "a level one",
            "calibrate the camera's pose again, and check that cam_K.txt is of this resolution",
        )
    up = T[2, :2]  # the world's up, right and down in the image
    turned = np.degrees(np.arctan2(up[0], -up[1]))
    if np.linalg.norm(up) > _LOOKING_DOWN and abs(turned) > c.upright_deg:
        yield Finding(
            WARNING,
            "rgb: orientation",
            f"images turned by {abs(turned):.0f} deg",
            "up in the world is up in the image",
            "mount the camera upright; a hand upside down is found less often",
        )


def _error(field: str, found: str, expected: str, remedy: str) -> Finding:
    return Finding(ERROR, field, found, expected, remedy)
