"""At home no two links are in each other."""

from __future__ import annotations

from h2s2r_retarget.collision import CollisionChecker, CollisionWorld
from h2s2r_sim.embodiment_check.finding import Finding, at_most
from h2s2r_sim.embodiment_check.subject import Subject

_BOUND_MM = 0.5


def check(subject: Subject) -> list[Finding]:
    """Measure overlaps of the URDF's shapes at home, of the pairs that `self_pairs` asks about."""
    checker = CollisionChecker(subject.embodiment, CollisionWorld())
    contacts = checker.self_contacts(subject.embodiment.home)
    depth = -1000.0 * contacts[0].distance_m if contacts else 0.0
    named = ", ".join(f"{c.robot} in {c.obstacle} ({-1000.0 * c.distance_m:.1f} mm)" for c in contacts[:3])
    detail = f"{named}; choose another `home`, or mend the shapes"
    return [at_most("self-collision", "overlap at home", depth, _BOUND_MM, "mm", detail)]
