"""Ground rules of the benchmark: what the sequences show, how fast, how noisy, and what is fair to ask.

Splits. `dev` is for tuning; `test` is only ever measured. They share objects and conditions and nothing else:
seeds are disjoint, and the test half looks from the other side of the table through other lenses, moves the
object by other plans and another law of motion, and has other colours and patterns on table, walls and things.

Fair play, checked while a sequence is made (a draw that breaks a rule is drawn again, from the same seed):
- the whole object is inside the image in every frame, and in full view (at least 97 %) in frame 0, at
  1000 pixels or more: that is the frame in which a user would point at it;
- what cannot be seen is not asked: the handle of a *plain* mug or pitcher, the only thing that tells its
  turns about z, is never turned to the side that faces away from the camera (within 55 deg), and 100 pixels of
  it stay in view beside the hand; nor is a plate seen within 20 deg of edge-on;
- except in `occlusion`, and for a moment in `distractor`, hands and things leave some of the object in view;
- frames in which less than `VISIBLE_SHARE` of the object's silhouette is visible do not count for accuracy
  (nobody can know more than that it was there); they do count for recovery, through the frames after them.

Not modelled: motion blur, shadows, rolling shutter, highlights, lens distortion, errors of the calibration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from h2s2r_sim.rendering.sensor import SensorConfiguration

FRAME_RATE_HZ = 30.0
WIDTH_PX, HEIGHT_PX = 640, 480
VISIBLE_SHARE = 0.10
"""Of the silhouette; with less in view a frame does not count for accuracy."""

OBJECTS = (
    "snack_box",
    "plate_plain",
    "plate_printed",
    "pitcher_plain",
    "mug_plain",
    "mug_printed",
    "can_printed",
    "bottle_plain",
)
"""Names on `objects.tableware.SHELF`: six shapes, four of the eight without any print."""
OBJECTS_SEEDED = (*OBJECTS, "pitcher_printed", "can_plain", "bottle_printed")
"""Every object a sequence can be made of; only ever added to at the end, since seeds depend on the places."""


@dataclass(frozen=True)
class Condition:
    """What makes the sequences of one kind hard."""

    speed_m_s: float
    """No point on the path is faster; peaks lie between 70 and 100 % of it."""
    turn_deg_s: float
    """Likewise for the angular speed."""
    duration_s: float
    rest_s: float = 0.45
    """The object lies still while the hand comes; the first frame is the one in which a user would point at it."""
    rest_after_s: float = 0.0
    """The hand puts it down, leaves, and it lies still this long."""
    covered_s: float = 0.0
    """A hand before the camera hides the whole object this long, once."""
    distractor: bool = False
    """A thing of the same colour and much the same shape stands beside the object's way."""
    moving_background: bool = False
    """Somebody walks past behind the table."""


CONDITIONS: dict[str, Condition] = {
    "slow": Condition(0.22, 90.0, 2.4),
    "fast": Condition(0.40, 200.0, 2.4),
    "occlusion": Condition(0.22, 90.0, 3.0, covered_s=1.0),
    "distractor": Condition(0.22, 90.0, 2.6, distractor=True),
    "background": Condition(0.30, 140.0, 2.4, moving_background=True),
}

UNPROMPTED = Condition(0.30, 120.0, 5.6, rest_s=1.7, rest_after_s=1.9)
"""Recordings in which the object has to be found without a click: a whole small demonstration."""

NOISE_LEVELS: tuple[SensorConfiguration, ...] = (
    SensorConfiguration(0.0005, 0.0010, 0.02, 0.15, 0.10, 1.31, 0.0003, colour_noise_levels=1.0),
    SensorConfiguration(),
    SensorConfiguration(0.0015, 0.0034, 0.02, 0.50, 0.40, 1.22, 0.0100, colour_noise_levels=4.0),
)
"""About half, once and nearly twice the noise of a structured-light camera; they take turns."""


@dataclass(frozen=True)
class Split:
    """What differs between the two halves; angles are about the table's vertical axis."""

    name: str
    seed: int
    camera_azimuth_deg: tuple[float, float]
    camera_elevation_deg: tuple[float, float]
    camera_distance_m: tuple[float, float]
    focal_px: tuple[float, float]
    light_azimuth_deg: tuple[float, float]
    plans: tuple[tuple[str, ...], ...]
    """What the object does, one after the other; one plan for each sequence, by chance."""
    motion_law: str
    """`jerk` (minimum jerk) or `cosine`."""
    patterns: tuple[str, ...]
    hues: tuple[float, float]
    """Range of the hues of table, walls and things, in turns; wraps."""


SPLITS: dict[str, Split] = {
    "dev": Split(
        "dev",
        11_000_000,
        (-40.0, 40.0),
        (32.0, 55.0),
        (0.70, 0.90),
        (615.0, 615.0),
        (20.0, 90.0),
        (("slide", "lift", "lower"), ("slide", "slide", "slide")),
        "jerk",
        ("solid", "stripes"),
        (0.05, 0.55),
    ),
    "test": Split(
        "test",
        97_000_000,
        (130.0, 230.0),
        (28.0, 58.0),
        (0.65, 0.95),
        (570.0, 640.0),
        (200.0, 300.0),
        (("lift", "carry", "lower"), ("slide", "lift", "carry"), ("slide", "lift", "lower")),
        "cosine",
        ("solid", "checks", "blobs"),
        (0.50, 1.10),
    ),
}


ALL_CONDITIONS: dict[str, Condition] = {**CONDITIONS, "unprompted": UNPROMPTED}
"""Everything a sequence can show."""


def random_for(split: str, object_name: str, condition: str, index: int) -> np.random.Generator:
    """The random stream of one sequence; streams of different sequences have nothing in common."""
    place = (OBJECTS_SEEDED.index(object_name), list(ALL_CONDITIONS).index(condition), index)
    return np.random.default_rng(np.random.SeedSequence([SPLITS[split].seed, *place]))
