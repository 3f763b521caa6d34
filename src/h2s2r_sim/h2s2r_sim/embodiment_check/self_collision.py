"""At home no two links are in each other."""

from __future__ import annotations

from h2s2r_retarget.self_collision import SelfCollision
from h2s2r_sim.embodiment_check.finding import Finding, Verdict
from h2s2r_sim.embodiment_check.subject import Subject

_NAME = "self-collision"
_BOUND_MM = 0.5
_POSTURES = 60


def check(subject: Subject) -> list[Finding]:
    """Measure overlaps of the URDF's shapes at home; links that are joined, and pairs that always overlap, may."""
    e = subject.embodiment
    checker = SelfCollision(e)
    overlaps = [overlap for overlap in checker.overlaps(e.home) if 1000.0 * overlap.depth_m > _BOUND_MM]
    always = {overlap.links for overlap in overlaps}
    if overlaps:
        for posture in subject.postures(_POSTURES):
            always &= {overlap.links for overlap in checker.overlaps(posture)}
    home_only = [overlap for overlap in overlaps if overlap.links not in always]
    findings = []
    for what, found, verdict, remedy in (
        ("depth at home", home_only, "FAIL", "choose another `home`, or mend the shapes"),
        ("links that overlap at every posture", [o for o in overlaps if o.links in always], "note", "shapes too thick"),
    ):
        depth = max((1000.0 * overlap.depth_m for overlap in found), default=0.0)
        named = ", ".join(f"{' in '.join(o.links)} ({1000.0 * o.depth_m:.1f} mm)" for o in found[:3])
        judged: Verdict = ("FAIL" if verdict == "FAIL" else "note") if found else "pass"
        detail = f"{named}; {remedy}" if found else ""
        findings.append(Finding(_NAME, what, f"{depth:.3g} mm", f"<= {_BOUND_MM:g} mm", judged, detail))
    return findings
