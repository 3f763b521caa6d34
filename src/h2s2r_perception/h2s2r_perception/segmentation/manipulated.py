"""Which object a recording is about, without a click: what a hand came to, and what then moved.

`stays` finds everything that stood on the table and left, turned or arrived; `weighing` says how likely
each is the object. Here the likeliest is taken, or refused where it does not stand out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.image_points import FloatArray, heights_above
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.recording import Prompt, Recording
from h2s2r_perception.segmentation.standing import standing_mask
from h2s2r_perception.segmentation.stays import deepest, find_stays, least_step, moving_pixels
from h2s2r_perception.segmentation.table_plane import fit_table_plane
from h2s2r_perception.segmentation.timelapse import Timelapse, read_timelapse
from h2s2r_perception.segmentation.weighing import (
    Candidate,
    ProposalConfiguration,
    alike,
    apart,
    part_of,
    same_place,
    weigh,
)

_PLANES = 3
"""Planes that are tried as the table: a floor or a wall may be larger."""
_OFF_PLANE_M = 0.02
_FEWEST_POINTS = 300
_CONVINCING = 0.5
"""Score from which no other plane is tried."""
_NOT_SEEN_AGAIN = 0.8
"""Trust in an object that is not seen to stand anywhere else: it may still be in the hand."""
_NEARLY = 0.85
"""Share of the best score from which a look counts as equally good."""
_MARGIN_PX = 4
_FEWEST_SAMPLES = 6
_ENDS = 4
"""Samples that stand for the beginning and for the end."""
_KNOCKED_M = 0.1
_COMPARABLE_SHARE = 0.3
"""Where an arm covers more of the image, nothing is said about the camera."""
_STILL_SHARE = 0.5
_REMEDY = "give --box x0,y0,x1,y1 or --click x,y"


@dataclass(frozen=True, eq=False)
class ManipulatedObject:
    """The proposal: where the object is seen well, before it moves or after."""

    frame: int
    """Of the Recording."""
    mask: NDArray[np.bool_]
    """`(H, W)` its pixels in that frame."""
    plane: FloatArray
    """`(4,)` the table, camera frame."""
    prompt: Prompt
    """A box round it in that frame."""
    confidence: float
    """In [0, 1]."""
    reason: str
    """What was seen, for people."""


def propose_manipulated_object(
    recording: Recording, model: ObjectModel | None = None, configuration: ProposalConfiguration | None = None
) -> ManipulatedObject:
    """Find the object that the recording is about.

    Args:
        recording: What one fixed camera saw, from before the object moves.
        model: The object's mesh; its size and colours rule other things out. Without it anything of the
            size of a hand-held object may be meant.
        configuration: The defaults when None.

    Raises:
        InputError: Nothing on a table was touched and moved, or two things were; the camera moved, or the
            recording is too short.
    """
    limits = configuration or ProposalConfiguration()
    timelapse = read_timelapse(recording, limits.period_s, limits.longest_side_px, limits.most_samples)
    _refuse_unusable(timelapse, recording)
    candidates = _candidates(timelapse, model, limits)
    _refuse_if_unclear(candidates, recording, timelapse, limits)
    best = _seen_best(candidates)
    frame = int(timelapse.frame[best.stay.sample])
    depth_m = recording.depth_m(frame)
    mask = standing_mask(depth_m, recording.camera_matrix, best.stay.mask, timelapse.stride, best.plane)
    elsewhere = any(alike(best, other) and not (best.stay.mask & other.stay.mask).any() for other in candidates[1:])
    return ManipulatedObject(
        frame=frame,
        mask=mask,
        plane=best.plane,
        prompt=Prompt(frame, box=_box_round(mask)),
        confidence=best.score * (1.0 if elsewhere else _NOT_SEEN_AGAIN),
        reason=_reason(best, elsewhere, recording, timelapse),
    )


def _candidates(timelapse: Timelapse, model: ObjectModel | None, limits: ProposalConfiguration) -> list[Candidate]:
    """Every stay, the likeliest first; a further plane is tried only where the last one explains nothing."""
    moving = moving_pixels(timelapse.depth_m)
    ground = deepest(timelapse.depth_m)
    uncovered = (timelapse.rays * ground[..., None])[moving.any(axis=0) & (ground > 0)]
    found: list[Candidate] = []
    for _ in range(_PLANES):
        plane = fit_table_plane(uncovered) if len(uncovered) >= _FEWEST_POINTS else None
        if plane is None:
            break
        stays = find_stays(timelapse, moving, plane, limits.largest_m(model))
        found += weigh(stays, plane, timelapse, model, limits)
        if any(candidate.score > _CONVINCING for candidate in found):
            break
        uncovered = uncovered[np.abs(heights_above(plane, uncovered)) > _OFF_PLANE_M]
    return sorted(found, key=lambda candidate: (-candidate.score, -candidate.stay.changed_px))


def _refuse_unusable(timelapse: Timelapse, recording: Recording) -> None:
    count = len(timelapse.frame)
    if count < _FEWEST_SAMPLES:
        raise InputError(
            recording.folder,
            "recording",
            found=f"{recording.frame_count} frames, {count} of them far enough apart in time",
            expected=f"at least {_FEWEST_SAMPLES}, to see what moves",
            remedy=_REMEDY,
        )
    begin, end = (deepest(part) for part in (timelapse.depth_m[:_ENDS], timelapse.depth_m[-_ENDS:]))
    change = np.abs(begin - end)
    # What comes before the scene changes depth by more than a camera that is knocked.
    comparable = (begin > 0) & (end > 0) & (change < _KNOCKED_M)
    changed = (change > least_step(timelapse.depth_m))[comparable]
    if comparable.mean() > _COMPARABLE_SHARE and changed.mean() > _STILL_SHARE:
        raise InputError(
            recording.folder,
            "camera",
            found=f"{changed.mean():.0%} of the image at another depth at the end than at the beginning",
            expected="a camera that stands still",
            remedy="fix the camera and record again, or " + _REMEDY,
        )


def _refuse_if_unclear(
    candidates: list[Candidate], recording: Recording, timelapse: Timelapse, limits: ProposalConfiguration
) -> None:
    best = candidates[0].score if candidates else 0.0
    if best < limits.least_confidence:
        raise InputError(
            recording.folder,
            "manipulated object",
            found=f"nothing that a hand touched and that then moved ({_likeliest(candidates, timelapse)})",
            expected="one thing on a table that stands still before and is seen to move",
            remedy=_REMEDY,
        )
    rival = _rival(candidates)
    if rival is not None and rival.score > limits.rival_share * best:
        places = " and ".join(_place(candidate, timelapse) for candidate in (candidates[0], rival))
        raise InputError(
            recording.folder,
            "manipulated object",
            found=f"two things that moved, {places}",
            expected="one",
            remedy=_REMEDY,
        )


def _likeliest(candidates: list[Candidate], timelapse: Timelapse) -> str:
    """What comes nearest to the object and what speaks against it."""
    if not candidates:
        return "nothing on a table changed"
    best = candidates[0]
    return (
        f"of {len(candidates)} looks at places that changed the likeliest, {_place(best, timelapse)},"
        f" scores {best.score:.2f} of 1: {best.flaw}"
    )


def _rival(candidates: list[Candidate]) -> Candidate | None:
    """The likeliest that is another thing than the best: it stands elsewhere at the same time, or is unlike."""
    best = _seen_best(candidates)
    known = [c for c in candidates if same_place(c.stay, best.stay) or (apart(c.stay, best.stay) and alike(c, best))]
    for candidate in candidates:
        if same_place(candidate.stay, best.stay) or _explained(candidate, known):
            continue
        if not apart(candidate.stay, best.stay) or not any(same_place(candidate.stay, c.stay) for c in known):
            return candidate
    return None


def _explained(candidate: Candidate, known: list[Candidate]) -> bool:
    """Whether it is a part of something known: one that others hid for a while seems to stay longer than the whole."""
    wholes = [c for c in known if c.score > _NEARLY * candidate.score]
    return any(part_of(candidate.stay, whole.stay) for whole in wholes)


def _seen_best(candidates: list[Candidate]) -> Candidate:
    """Of the looks at the best that score nearly as much: the one that shows most of what changed."""
    first = candidates[0]
    looks = [c for c in candidates if c.score > _NEARLY * first.score and same_place(c.stay, first.stay)]
    return max(looks, key=lambda look: look.stay.changed_px)


def _place(candidate: Candidate, timelapse: Timelapse) -> str:
    row, column = np.nonzero(candidate.stay.mask)
    x, y = timelapse.stride * float(np.median(column)), timelapse.stride * float(np.median(row))
    return f"at ({x:.0f}, {y:.0f}) in frame {timelapse.frame[candidate.stay.sample]}"


def _reason(best: Candidate, elsewhere: bool, recording: Recording, timelapse: Timelapse) -> str:
    stay = best.stay
    first, last = int(timelapse.frame[stay.first]), int(timelapse.frame[stay.last])
    still_s = float(recording.stamp_ns[last] - recording.stamp_ns[first]) * 1e-9
    return (
        f"stood {_place(best, timelapse)}, {stay.size_m * 100:.0f} cm across, still for {still_s:.1f} s"
        f" (frames {first} to {last}), was touched, and {stay.changed_share:.0%} of it changed when it moved"
        + ("; the like stands elsewhere at another time" if elsewhere else "")
    )


def _box_round(mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    row, column = np.nonzero(mask)
    height, width = mask.shape
    return (
        float(max(column.min() - _MARGIN_PX, 0)),
        float(max(row.min() - _MARGIN_PX, 0)),
        float(min(column.max() + 1 + _MARGIN_PX, width)),
        float(min(row.max() + 1 + _MARGIN_PX, height)),
    )
