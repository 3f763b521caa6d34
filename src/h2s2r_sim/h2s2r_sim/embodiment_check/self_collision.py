"""At home no two links are in each other."""

from __future__ import annotations

from h2s2r_retarget.self_collision import Overlap, SelfCollision
from h2s2r_sim.embodiment_check.finding import Finding, Verdict
from h2s2r_sim.embodiment_check.subject import Subject

_NAME = "self-collision"
_BOUND_MM = 0.5
_POSTURES = 60
_USUAL = 0.25
"""Links that overlap at this share of random postures do so because their shapes are thicker than they are."""


def check(subject: Subject) -> list[Finding]:
    """Measure overlaps of the URDF's shapes at home."""
    e = subject.embodiment
    checker = SelfCollision(e)
    overlaps = [overlap for overlap in checker.overlaps(e.home) if 1000.0 * overlap.depth_m > _BOUND_MM]
    usual = checker.usual(subject.postures(_POSTURES), _USUAL) if overlaps else set()
    return [
        _finding(
            "overlap at home",
            [overlap for overlap in overlaps if overlap.links not in usual],
            "FAIL",
            "choose another `home`, or mend the shapes",
        ),
        _finding(
            f"overlap at home and at {100 * _USUAL:g} % of all postures",
            [overlap for overlap in overlaps if overlap.links in usual],
            "note",
            "these shapes are thicker than the links",
        ),
    ]


def _finding(what: str, overlaps: list[Overlap], verdict: Verdict, remedy: str) -> Finding:
    depth = max((1000.0 * overlap.depth_m for overlap in overlaps), default=0.0)
    named = ", ".join(f"{' in '.join(o.links)} ({1000.0 * o.depth_m:.1f} mm)" for o in overlaps[:3])
    bound = f"<= {_BOUND_MM:g} mm"
    if not overlaps:
        return Finding(_NAME, what, f"{depth:.3g} mm", bound, "pass")
    return Finding(_NAME, what, f"{depth:.3g} mm", bound, verdict, f"{named}; {remedy}")
