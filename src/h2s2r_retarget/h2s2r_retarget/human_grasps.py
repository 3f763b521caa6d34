"""A fixed set of human hands on their way round things: what hand synergies are computed from.

A parametric adult hand closes on spheres, cylinders, boxes, and small things between thumb and fingertips. Every
finger closes on its own until it touches; a sample is the hand somewhere on that way, from open to there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from h2s2r_retarget.reachable_hands import hand_shape

Array = NDArray[np.float64]

SAMPLES = 320
SEED = 0
_FLESH_M = 0.009
"""From a finger's bones to its skin."""
_PALM_M = 0.012
"""From the plane of the knuckles to the palm's skin."""
_STEPS = 64
"""In which a finger closes."""
_JITTER_M = 0.008
"""Half range of where a thing is held."""

Distance = Callable[[Array], Array]
"""Points `(..., 3)` m in the frame of the middle knuckle to their distance from a thing's surface [m]."""


@dataclass(frozen=True, eq=False)
class Grasps:
    """Hands on their way."""

    joints: Array
    """`(N, 21, 3)` m; x out of the palm, y to the thumb's side, z to the middle finger, origin its knuckle."""
    closing: Array
    """`(N,)`: 0 is the open hand, 1 holds the thing."""


def human_grasps(count: int = SAMPLES, seed: int = SEED) -> Grasps:
    """The set; the same for the same arguments."""
    random = np.random.default_rng(seed)
    closed, opposition = np.zeros((count, 5)), np.zeros(count)
    for sample in range(count):
        opposition[sample] = random.uniform(0.2, 1.0)
        draw = _THINGS[sample % len(_THINGS)]
        closed[sample] = _until_touch(draw(random), opposition[sample])
        if draw is _small:
            # What the fingertips hold is held by one, two or three fingers; the others stay half open or curl away.
            idle = np.arange(1, 5) > random.integers(1, 4)
            closed[sample, 1:][idle] = random.uniform(0.3, 1.0)
    closing = random.uniform(0.0, 1.0, count)
    # Fingers do not keep step exactly.
    share = np.clip(closing[:, None] + random.normal(0.0, 0.07, (count, 5)), 0.0, 1.0) * closed
    return Grasps(hand_shape(share[:, 1:], share[:, 0], opposition * np.minimum(1.0, 0.4 + closing)), closing)


def _until_touch(distance: Distance, opposition: float) -> Array:
    """How far `(5,)` thumb, index, middle, ring and little finger close: until one of their ends touches, or fully."""
    steps = np.linspace(0.0, 1.0, _STEPS)
    joints = hand_shape(np.tile(steps[:, None], (1, 4)), steps, np.full(_STEPS, opposition))
    fingers = joints[:, 1:].reshape(_STEPS, 5, 4, 3)[:, :, 2:]
    touches = (distance(fingers) < _FLESH_M).any(axis=2)
    first = np.where(touches.any(axis=0), touches.argmax(axis=0), _STEPS - 1)
    return np.asarray(steps[first])


def _sphere(random: np.random.Generator) -> Distance:
    radius = random.uniform(0.020, 0.050)
    return _ball(np.array([_PALM_M + radius, 0.0, 0.015]) + _jitter(random), radius)


def _cylinder(random: np.random.Generator) -> Distance:
    """A handle across the palm."""
    radius = random.uniform(0.012, 0.045)
    centre = np.array([_PALM_M + radius, 0.0, 0.010]) + _jitter(random)
    return lambda points: np.linalg.norm((points - centre)[..., [0, 2]], axis=-1) - radius


def _box(random: np.random.Generator) -> Distance:
    """Flat in the hand, as thick as it is drawn."""
    half = np.array([random.uniform(0.010, 0.035), 0.045, random.uniform(0.020, 0.040)])
    centre = np.array([_PALM_M + half[0], 0.0, 0.015]) + _jitter(random)

    def distance(points: Array) -> Array:
        outside = np.abs(points - centre) - half
        return np.asarray(np.linalg.norm(np.maximum(outside, 0.0), axis=-1) + np.minimum(outside.max(axis=-1), 0.0))

    return distance


def _small(random: np.random.Generator) -> Distance:
    """Between the tips of thumb and fingers."""
    return _ball(np.array([0.062, 0.012, 0.052]) + _jitter(random), random.uniform(0.004, 0.018))


_THINGS = (_sphere, _cylinder, _box, _small)


def _ball(centre: Array, radius: float) -> Distance:
    return lambda points: np.linalg.norm(points - centre, axis=-1) - radius


def _jitter(random: np.random.Generator) -> Array:
    return random.uniform(-_JITTER_M, _JITTER_M, 3)
