"""Whether a Recording's depth, intrinsics and camera pose agree with each other and with a table-top.

What each file holds may be well-formed and still be in the wrong unit, of another resolution, or of another
day. These checks compare the parts: how far things are, how large the object looks, where its edges are in
both images, and whether the plane it stands on lies level in the world.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.image_points import Crop
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.plausibility.colour_order import red_and_blue_swapped
from h2s2r_perception.plausibility.configuration import PlausibilityConfiguration
from h2s2r_perception.plausibility.depth_alignment import depth_shift
from h2s2r_perception.plausibility.depth_values import depth_noise, depth_steps, depth_unit
from h2s2r_perception.plausibility.level_plane import plane_tilt
from h2s2r_perception.recording.findings import ERROR, WARNING, Finding
from h2s2r_perception.recording.prompt import Prompt
from h2s2r_perception.recording.reading import Recording

_LOOKING_DOWN = 0.3
"""A camera whose image plane holds less of the world's up has no side that is up."""


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
    findings = [*_intrinsics(recording, c), *depth_unit(depth, c)]
    if any(finding.severity == ERROR for finding in findings):
        return findings  # what follows would only repeat it in other words
    findings += [*depth_steps(recording, indices[0], c), *depth_noise(depth, c)]
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
