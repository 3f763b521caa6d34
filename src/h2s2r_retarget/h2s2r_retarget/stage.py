"""The retarget stage: a Demonstration and a robot in, a Retargeting out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from h2s2r_perception.artefact import InputError, is_current, writing
from h2s2r_perception.demonstration import Demonstration
from h2s2r_perception.geometry import inverse
from h2s2r_retarget.collision import CollisionWorld
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.hand_path import HandPath, hand_path
from h2s2r_retarget.path import RobotPath, knots, path_targets, solve_path, timed_path
from h2s2r_retarget.retargeting import SCHEMA, Retargeting
from h2s2r_retarget.solutions import PENETRATION_LIMIT_M
from h2s2r_retarget.two_step_ik import TwoStepSolution, TwoStepSolver

SHIFT_LIMIT_M = 0.10
"""A palm target moved further than this is no longer what the human did."""

Illustrate = Callable[[Path, Retargeting, Demonstration], None]
"""Puts pictures into the folder of the artefact that is being made: rendering is not of this package."""


@dataclass(frozen=True)
class RetargetConfiguration:
    """How the stage works; the defaults fit 30 Hz recordings."""

    minimum_hand_confidence: float = 0.3
    """Frames below are interpolated."""
    smoothing_s: float = 0.06
    """Standard deviation of the Gaussian over the hand's joints."""
    after_motion_s: float = 0.3
    """The path goes on this long after the object stopped."""
    arm_seeds: int = 64
    every: int = 3
    """Every so many frames are solved; in between the path is linear."""
    velocity_share: float = 0.8
    """Of the joints' velocity limits; beyond, time is stretched."""
    acceleration_share: float = 0.8
    """Of their acceleration limits; the path begins and ends at rest."""
    average_hand: bool = False
    """Bring the human's fingertips to where an average adult's are (`hand_scale`); the tips then leave the object."""
    rate_hz: float = 30.0
    """Of the resulting path."""
    seed: int = 0


def stage_configuration(
    embodiment: Embodiment, world: CollisionWorld, configuration: RetargetConfiguration
) -> dict[str, Any]:
    """What shaped the artefact, for its `meta.json` and for deciding whether it is up to date."""
    shape = world.object
    return {
        "retarget": configuration,
        "embodiment": embodiment.name,
        "embodiment_sha256": embodiment.sha256,
        "statics": world.statics,
        "object": None
        if shape is None
        else {
            "kind": shape.kind,
            "vertices_sha256": hashlib.sha256(np.ascontiguousarray(shape.vertices, dtype=float).tobytes()).hexdigest(),
        },
    }


def retarget_is_current(
    demonstration_folder: Path,
    embodiment: Embodiment,
    world: CollisionWorld,
    output_folder: Path,
    configuration: RetargetConfiguration = RetargetConfiguration(),
) -> bool:
    """Whether `retarget` with these arguments would make what is there already."""
    return is_current(
        output_folder,
        SCHEMA,
        inputs={"demonstration": demonstration_folder},
        configuration=stage_configuration(embodiment, world, configuration),
    )


def retarget(
    demonstration_folder: Path,
    embodiment: Embodiment,
    world: CollisionWorld,
    output_folder: Path,
    configuration: RetargetConfiguration = RetargetConfiguration(),
    illustrate: Illustrate | None = None,
) -> Retargeting:
    """Make the Retargeting artefact.

    Args:
        demonstration_folder: A Demonstration.
        embodiment: The robot.
        world: Table, statics and the object's shape; the object's pose comes from the demonstration.
        output_folder: Where the artefact appears.
        configuration: See there.
        illustrate: Adds pictures to the artefact.

    Raises:
        InputError: The demonstration is unusable, or the robot cannot take the hand's pose within 1 mm and
            0.5 deg without entering the scene by more than 1 mm, or only far from where the hand was.
    """
    demonstration = Demonstration.load(demonstration_folder)
    with writing(
        output_folder,
        SCHEMA,
        inputs={"demonstration": demonstration_folder},
        configuration=stage_configuration(embodiment, world, configuration),
    ) as writer:
        result = retargeted(demonstration, embodiment, world, configuration, source=demonstration_folder)
        writer.quality.update(result.quality)
        writer.fields.update(
            embodiment=embodiment.name,
            embodiment_sha256=embodiment.sha256,
            joint_names=list(embodiment.joint_names),
        )
        result.save(writer.folder)
        if illustrate is not None:
            illustrate(writer.folder, result, demonstration)
    return Retargeting.load(output_folder)


def retargeted(
    demonstration: Demonstration,
    embodiment: Embodiment,
    world: CollisionWorld,
    configuration: RetargetConfiguration = RetargetConfiguration(),
    *,
    source: Path | str = "demonstration",
) -> Retargeting:
    """`retarget` in memory; arguments and errors as there, `source` is named in errors."""
    hand = hand_path(
        demonstration,
        minimum_confidence=configuration.minimum_hand_confidence,
        smoothing_s=configuration.smoothing_s,
        after_motion_s=configuration.after_motion_s,
    )
    solver = TwoStepSolver(embodiment, world, seed=configuration.seed)
    targets = path_targets(hand, embodiment, average_hand=configuration.average_hand)
    T_world_object = targets.T_world_object[0]
    start = solver.solve(
        targets.T_world_palm[0],
        targets.fingertips[0],
        T_world_object,
        fingertip_directions=targets.fingertip_directions[0],
        arm_seeds=configuration.arm_seeds,
    )
    _demand_fit(source, start)
    frames = knots(hand, configuration.every)
    solutions = solve_path(solver, start, targets, frames)
    path = timed_path(
        solver,
        solutions,
        hand.stamp_s[frames],
        velocity_share=configuration.velocity_share,
        acceleration_share=configuration.acceleration_share,
        rate_hz=configuration.rate_hz,
    )
    return Retargeting(
        joint_position=start.joint_position,
        T_object_palm=np.asarray(inverse(T_world_object)) @ start.T_world_palm,
        path_joint_position=path.joint_position,
        path_T_world_palm=path.T_world_palm,
        path_stamp_s=path.stamp_s,
        joint_names=embodiment.joint_names,
        embodiment=embodiment.name,
        embodiment_sha256=embodiment.sha256,
        quality=_quality(embodiment, start, solutions, hand, path),
    )


def _demand_fit(source: Path | str, start: TwoStepSolution) -> None:
    shift_m = float(np.linalg.norm(start.target_shift))
    if start.reached and start.penetration_m <= PENETRATION_LIMIT_M and shift_m <= SHIFT_LIMIT_M:
        return
    raise InputError(
        source,
        "pre-manipulation hand pose",
        found=f"palm {start.palm_error_m * 1e3:.1f} mm and {np.degrees(start.palm_error_rad):.2f} deg off, "
        f"{start.penetration_m * 1e3:.1f} mm inside ({', '.join(start.touching) or 'nothing'}), "
        f"its target moved by {shift_m * 1e3:.0f} mm out of the scene",
        expected="at most 1 mm, 0.5 deg, 1 mm and 100 mm",
        remedy="demonstrate from a pose with more room, or correct the scene in the task file",
    )


def _quality(
    embodiment: Embodiment,
    start: TwoStepSolution,
    solutions: Sequence[TwoStepSolution],
    hand: HandPath,
    path: RobotPath,
) -> dict[str, Any]:
    tip_names = embodiment.human_fingertips
    return {
        "ik_palm_mm": start.palm_error_m * 1e3,
        "ik_palm_deg": float(np.degrees(start.palm_error_rad)),
        "ik_palm_target_shift_mm": float(np.linalg.norm(start.target_shift)) * 1e3,
        "ik_fingertip_mm_mean": float(start.fingertip_error_m.mean()) * 1e3,
        **{
            f"ik_fingertip_mm_{name}": float(error) * 1e3
            for name, error in zip(tip_names, start.fingertip_error_m, strict=True)
        },
        **{
            f"ik_fingertip_deg_{name}": float(np.degrees(angle))
            for name, angle in zip(tip_names, start.fingertip_error_rad, strict=True)
        },
        "hand_size_over_average": hand.hand_size,
        "ik_penetration_mm": start.penetration_m * 1e3,
        "path_palm_mm_max": max(solution.palm_error_m for solution in solutions) * 1e3,
        "path_palm_target_shift_mm_max": max(float(np.linalg.norm(s.target_shift)) for s in solutions) * 1e3,
        "path_penetration_mm_max": max(solution.penetration_m for solution in solutions) * 1e3,
        "path_knots": len(solutions),
        "path_knots_missed": sum(not s.reached or s.penetration_m > PENETRATION_LIMIT_M for s in solutions),
        "path_frames": len(hand.stamp_s),
        "path_frames_skipped": hand.frames_skipped,
        "path_seconds": float(path.stamp_s[-1]),
        "path_stretch": float(path.stamp_s[-1] / (hand.stamp_s[-1] - hand.stamp_s[0])),
    }
