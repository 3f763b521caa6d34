"""How likely each stay is that of the manipulated object."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.image_points import FloatArray
from h2s2r_perception.object_model import ObjectModel
from h2s2r_perception.segmentation.likeness import colour_histogram, histogram_overlap
from h2s2r_perception.segmentation.stays import Stay
from h2s2r_perception.segmentation.timelapse import Timelapse

_SAME_COLOURS = 0.6
"""Overlap of two histograms from which both may be of one thing, lit differently."""
_SAME_SIZE = 1.4
"""Ratio of the seen sizes up to which both may be of one thing, seen from two sides."""
_PART_SHARE = 0.8
"""Of the pixels of a part that belong to the whole as well."""
_EARLIER = 2
"""Samples by which the times of two events differ for sure."""


@dataclass(frozen=True)
class ProposalConfiguration:
    """What the manipulated object is like, and how closely the recording is looked at."""

    period_s: float = 0.15
    """Between samples: a hand takes several times as long from its first motion to the object."""
    longest_side_px: int = 320
    """At 1 m a pixel is then about 3 mm, and a can about 20 pixels wide."""
    most_samples: int = 120
    size_range: tuple[float, float] = (0.35, 1.2)
    """Seen size over the mesh's diameter: part of it may be hidden; noise may add to it."""
    size_range_m: tuple[float, float] = (0.04, 0.5)
    """Of the object when no mesh is given."""
    highest_foot_m: float = 0.035
    """The seen lowest points of what stands on the table; its own rim may hide the foot."""
    shortest_stay_s: float = 1.0
    """A hand may pause in one place for less."""
    least_touch: float = 0.15
    """How much a touching hand covers of the object's border."""
    least_change: float = 0.4
    """Share of the object that is seen to change; a turn in place or a short push changes less."""
    least_likeness: tuple[float, float] = (0.25, 0.5)
    """Likeness of colour to the mesh that is worth nothing, and that is worth everything."""
    least_confidence: float = 0.2
    """Nothing is proposed below."""
    rival_share: float = 0.6
    """Nothing is proposed when something else is this much as likely as the best."""

    def sizes_m(self, model: ObjectModel | None) -> tuple[float, float]:
        """Smallest and largest size [m] that the object may be seen with."""
        if model is None:
            return self.size_range_m
        return self.size_range[0] * model.diameter, self.size_range[1] * model.diameter

    def largest_m(self, model: ObjectModel | None) -> float:
        """Size [m] from which a thing is surely another one."""
        return 1.5 * self.sizes_m(model)[1]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A stay and how likely it is the object's."""

    stay: Stay
    plane: FloatArray
    """`(4,)` the table that it stands on, camera frame."""
    colours: NDArray[np.float64]
    """Its histogram."""
    score: float
    """In [0, 1]: the product of how well each expectation is met."""
    flaw: str
    """The expectation that is met worst, for people."""


def weigh(
    stays: list[Stay],
    plane: FloatArray,
    timelapse: Timelapse,
    model: ObjectModel | None,
    limits: ProposalConfiguration,
) -> list[Candidate]:
    """Score every stay."""
    candidates = []
    for stay in stays:
        colours = colour_histogram(timelapse.rgb[stay.sample][stay.mask])
        met = _expectations(stay, colours, timelapse, model, limits)
        candidates.append(
            Candidate(stay, plane, colours, float(np.prod(list(met.values()))), min(met, key=met.__getitem__))
        )
    return _without_first_movers(candidates)


def same_place(a: Stay, b: Stay) -> bool:
    """Whether both are mostly the same pixels."""
    return int((a.mask & b.mask).sum()) > 0.5 * min(int(a.mask.sum()), int(b.mask.sum()))


def part_of(a: Stay, b: Stay) -> bool:
    """Whether a, when it was looked at, was all or a part of b, or hardly more."""
    return b.first <= a.sample <= b.last and int((a.mask & b.mask).sum()) > _PART_SHARE * int(a.mask.sum())


def apart(a: Stay, b: Stay) -> bool:
    """Whether one ends before the other begins, but for what motion blurs."""
    return a.last <= b.first + _EARLIER or b.last <= a.first + _EARLIER


def alike(a: Candidate, b: Candidate) -> bool:
    """Whether both have one size and one set of colours."""
    small, large = sorted([a.stay.size_m, b.stay.size_m])
    return large < _SAME_SIZE * small and histogram_overlap(a.colours, b.colours) > _SAME_COLOURS


def _is_the_hand_of(a: Stay, b: Stay) -> bool:
    """Whether a, elsewhere than b, left before b did, or settled after b did."""
    if (a.mask & b.mask).any():
        return False
    left_first = a.first == b.first == 0 and a.last + _EARLIER <= b.last
    settled_last = a.last == b.last and a.first >= b.first + _EARLIER and b.first > 0
    return left_first or settled_last


def _without_first_movers(candidates: list[Candidate]) -> list[Candidate]:
    """The hand moves before the object does and stops after it: what is beaten in this has a small score."""
    likely = [c for c in candidates if c.score > 0.3]

    def weaker(a: Candidate) -> bool:
        return any(_is_the_hand_of(a.stay, b.stay) for b in likely)

    return [replace(c, score=0.3 * c.score) if weaker(c) else c for c in candidates]


def _expectations(
    stay: Stay,
    colours: NDArray[np.float64],
    timelapse: Timelapse,
    model: ObjectModel | None,
    limits: ProposalConfiguration,
) -> dict[str, float]:
    """How well each expectation is met, in [0, 1], by what to tell people when it is not."""
    low_m, high_m = limits.sizes_m(model)
    excess = max(stay.size_m / high_m - 1.0, 1.0 - stay.size_m / low_m, 0.0)
    lifted = max(stay.foot_m - limits.highest_foot_m, 0.0)
    lasts_s = (stay.last - stay.first + 1) * timelapse.period_s
    at_an_end = stay.first == 0 or stay.last == len(timelapse.frame) - 1
    return {
        "its colours are not the mesh's": _likeness(colours, model, limits),
        f"it is {100 * stay.size_m:.0f} cm across": float(np.exp(-6.0 * excess)),
        "it does not stand on the table": float(np.exp(-lifted / 0.03)),
        "it stands still too shortly": min(lasts_s / limits.shortest_stay_s, 1.0) * (1.0 if at_an_end else 0.3),
        "no hand is seen to come to it": min(stay.touched / limits.least_touch, 1.0),
        "hardly any of it changed": float(np.sqrt(min(stay.changed_share / limits.least_change, 1.0))),
        "the image's border cuts it off": 0.2 if stay.cut_off else 1.0,
        "other things hide it": 1.0 - 0.5 * min(stay.covered, 1.0),
    }


def _likeness(colours: NDArray[np.float64], model: ObjectModel | None, limits: ProposalConfiguration) -> float:
    if model is None or model.colours is None:
        return 1.0
    nothing, everything = limits.least_likeness
    overlap = histogram_overlap(colours, colour_histogram(model.colours))
    return float(np.clip((overlap - nothing) / (everything - nothing), 0.0, 1.0))
