"""Masses and inertias that matter can have, of about the density of things people build."""

from __future__ import annotations

from typing import Any

import numpy as np

from h2s2r_retarget.description.hulls import surface_points, volume
from h2s2r_retarget.description.model import Inertial, Link
from h2s2r_sim.embodiment_check.finding import Finding, at_most, none_of, noted
from h2s2r_sim.embodiment_check.subject import FloatArray, Subject

_NAME = "inertias"
_TRIANGLE = 1e-6
"""Relative slack of the triangle inequality: URDFs are written with few digits."""
_DENSITY = (20.0, 30_000.0)
"""[kg/m^3] over the hulls of the collision shapes: hollow plastic to beyond steel. Grams for kilograms fall outside."""
_GYRATION = 3.0
"""Radius of gyration over the distance of the furthest point of the shape. Matter has at most 1, identified
parameters (the Franka's first link) reach 2.4; a unit that was mistaken is off by 30 or more."""


def check(subject: Subject) -> list[Finding]:
    """Look at every link of the URDF, and at the mass that arrives in the simulation."""
    massive = [(link, link.inertial) for link in subject.description.links if link.inertial is not None]
    no_mass = [f"{link.name} ({inertial.mass:g} kg)" for link, inertial in massive if not inertial.mass > 0.0]
    impossible = [f"{link.name} ({_moments(inertial)})" for link, inertial in massive if not _possible(inertial)]
    findings = [
        none_of(_NAME, "links with a mass that is not positive", no_mass, "correct <mass>"),
        none_of(
            _NAME,
            "links whose inertia no matter can have",
            impossible,
            "principal moments must be > 0, the largest at most the sum of the others: take those of a box",
        ),
        *_plausible([(link, inertial) for link, inertial in massive if inertial.mass > 0.0]),
    ]
    model, _ = subject.simulated
    if model is not None:
        findings.append(_mass_in_simulation(subject, model))
    return findings


def _plausible(massive: list[tuple[Link, Inertial]]) -> list[Finding]:
    density: list[str] = []
    gyration: list[str] = []
    beyond: list[str] = []
    for link, inertial in massive:
        points = [surface_points(shape.primitive) for shape in link.shapes if shape.collides]
        if not points:
            continue
        value = inertial.mass / sum(volume(part) for part in points)
        if not _DENSITY[0] <= value <= _DENSITY[1]:
            density.append(f"{link.name} ({value:.3g} kg/m^3)")
        furthest = max(float(np.linalg.norm(part - inertial.centre, axis=1).max()) for part in points)
        largest = float(np.sqrt(max(np.linalg.eigvalsh(_tensor(inertial)).max(), 0.0) / inertial.mass))
        if largest > furthest:
            (gyration if largest > _GYRATION * furthest else beyond).append(
                f"{link.name} ({largest:.3g} m in a shape of {furthest:.3g} m)"
            )
    bound = f"{_DENSITY[0]:g} to {_DENSITY[1]:g} kg/m^3"
    remedy = "check the units: kg, m, kg m^2"
    return [
        none_of(_NAME, f"links with a density outside {bound}", density, remedy),
        none_of(_NAME, f"links whose radius of gyration is over {_GYRATION:g} times their shape", gyration, remedy),
        noted(
            none_of(
                _NAME,
                "links whose radius of gyration is beyond their shape",
                beyond,
                "the parameters were identified together, perhaps",
            )
        ),
    ]


def _possible(inertial: Inertial) -> bool:
    moments = np.linalg.eigvalsh(_tensor(inertial))
    return bool(moments[0] > 0.0 and moments[2] <= (moments[0] + moments[1]) * (1.0 + _TRIANGLE))


def _moments(inertial: Inertial) -> str:
    return ", ".join(f"{value:.3g}" for value in np.linalg.eigvalsh(_tensor(inertial))) + " kg m^2"


def _tensor(inertial: Inertial) -> FloatArray:
    xx, yy, zz, xy, xz, yz = inertial.inertia
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def _mass_in_simulation(subject: Subject, model: Any) -> Finding:
    """The moving mass, since MuJoCo has no use for that of the base."""
    robot = subject.description
    moved: set[str] = set()
    for joint in robot.joints:
        if joint.moves or joint.parent in moved:
            moved.add(joint.child)
    in_urdf = sum(link.inertial.mass for link in robot.links if link.name in moved and link.inertial is not None)
    rooted = [int(body) for body in range(1, model.nbody) if _is_moved(model, body)]
    difference = abs(float(model.body_mass[rooted].sum()) - in_urdf) / max(in_urdf, 1e-9)
    detail = f"{model.body_mass[rooted].sum():.4g} kg in the MJCF, {in_urdf:.4g} kg in the URDF"
    return at_most(_NAME, "moving mass, MJCF and URDF, relative difference", difference, 1e-4, "", detail)


def _is_moved(model: Any, body: int) -> bool:
    while body > 0:
        if model.body_jntnum[body] > 0:
            return True
        body = int(model.body_parentid[body])
    return False
