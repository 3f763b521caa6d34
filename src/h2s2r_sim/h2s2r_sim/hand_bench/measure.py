"""Runs the default hand pose estimator over drawn recordings and compares it with the truth.

Errors are absolute distances of joints in the camera's frame: nothing is aligned. Recordings are drawn from two
disjoint ranges of seeds: everything was tuned on `dev`, figures are told of `test`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from h2s2r_perception.artefact import InputError
from h2s2r_perception.hand_pose import HandEstimate, HandPoseEstimator, fit_one_hand, fuse_hand_path
from h2s2r_perception.hand_pose.mediapipe_hands import MediaPipeHandEstimator
from h2s2r_sim.hand_bench.recording import GraspRecording, draw_recording
from h2s2r_sim.hand_bench.reliability import GOOD_M, reliability_figures

Array = npt.NDArray[np.float64]
Figures = dict[str, float | int | None]

FIRST_SEED = {"dev": 0, "test": 1000}
_TRUSTED = 0.5
_NEAR_FRAMES = 2


@dataclass(frozen=True, eq=False)
class Outcome:
    """One recording, estimated."""

    name: str
    frame_error: Array
    """`(T, 21)` of the estimates of single frames [m]; NaN where no hand was found."""
    fused_error: Array
    """`(T, 21)` of the fused path [m]; NaN where unknown."""
    confidence: Array
    """`(T,)` of the single frames; 0 where no hand was found."""
    right: npt.NDArray[np.bool_]
    """`(T,)`: taken for a right hand, which it is."""
    visible: npt.NDArray[np.bool_]
    """`(T, 21)`."""
    empty: npt.NDArray[np.bool_]
    held: npt.NDArray[np.bool_]
    near: npt.NDArray[np.bool_]
    """`(T,)`: no hand yet; the object in it; within two frames of the pre-manipulation frame."""
    cpu_s: float


def estimate_recording(recording: GraspRecording, estimator: HandPoseEstimator) -> Outcome:
    """Frame by frame, then all frames with the same bones, then fused over time."""
    started = time.process_time()
    frames = range(len(recording.stamp_ns))
    single = [estimator.estimate(recording.rgb[k], recording.depth_m[k], recording.camera_matrix) for k in frames]
    hands, _ = fit_one_hand(single, recording.camera_matrix)
    joints, confidence = _arrays(hands)
    try:
        fused = fuse_hand_path(recording.stamp_ns, joints, confidence, recording.premanipulation_index).joints_world
    except InputError:
        fused = np.full_like(joints, np.nan)
    cpu_s = time.process_time() - started
    truth = recording.joints_camera
    return Outcome(
        name=recording.name,
        frame_error=np.linalg.norm(joints - truth, axis=-1),
        fused_error=np.linalg.norm(fused - truth, axis=-1),
        confidence=confidence,
        right=np.array([hand is not None and hand.right for hand in hands]),
        visible=recording.joint_visible,
        empty=recording.empty,
        held=recording.held,
        near=np.abs(np.arange(len(truth)) - recording.premanipulation_index) <= _NEAR_FRAMES,
        cpu_s=cpu_s,
    )


def hand_in_object_figures(
    recordings: int = 20,
    split: str = "test",
    make_estimator: Callable[[], HandPoseEstimator] = MediaPipeHandEstimator,
    done: Callable[[int, Outcome], None] | None = None,
) -> Figures:
    """Draw, estimate, summarise.

    Args:
        recordings: How many; each grasp comes once in every ten.
        split: `dev` or `test`.
        make_estimator: Called for every recording.
        done: Told of each.
    """
    outcomes = []
    for seed in range(FIRST_SEED[split], FIRST_SEED[split] + recordings):
        estimator = make_estimator()
        outcomes.append(estimate_recording(draw_recording(seed), estimator))
        estimator.close()
        if done is not None:
            done(seed, outcomes[-1])
    return summarise(outcomes)


def summarise(outcomes: Sequence[Outcome]) -> Figures:
    """Flat figures of some outcomes."""
    held = np.concatenate([outcome.held for outcome in outcomes])
    error = np.concatenate([outcome.frame_error for outcome in outcomes])
    fused = np.concatenate([outcome.fused_error for outcome in outcomes])
    confidence = np.concatenate([outcome.confidence for outcome in outcomes])
    visible = np.concatenate([outcome.visible for outcome in outcomes])
    right = np.concatenate([outcome.right for outcome in outcomes])
    found = np.isfinite(error).all(axis=1)
    trusted = confidence >= _TRUSTED
    empty = np.concatenate([outcome.empty for outcome in outcomes])
    near = np.concatenate([outcome.near for outcome in outcomes])
    coming = ~held & ~empty
    good = found & (np.where(found[:, None], error, np.inf).mean(axis=1) < GOOD_M)
    return {
        "recordings": len(outcomes),
        "held_frames": int(held.sum()),
        "held_found_fraction": float(found[held].mean()),
        "held_within_20mm_fraction": float(good[held].mean()),
        **_spread("held_joint_mm", error[held]),
        **_spread("held_visible_joint_mm", error[held][visible[held]]),
        **_spread("held_hidden_joint_mm", error[held][~visible[held]]),
        "held_trusted_fraction": float(trusted[held].mean()),
        **_spread("held_trusted_joint_mm", error[held & trusted]),
        **_spread("held_fused_joint_mm", fused[held]),
        "approach_found_fraction": float(found[coming].mean()),
        **_spread("approach_joint_mm", error[coming]),
        **_spread("premanipulation_fused_joint_mm", fused[near]),
        "right_fraction": float(right[found].mean()) if found.any() else None,
        "empty_frames_with_hand": int(found[empty].sum()),
        "cpu_ms_per_frame": 1e3 * sum(outcome.cpu_s for outcome in outcomes) / len(held),
        **reliability_figures(confidence[found], error[found].mean(axis=1)),
    }


def _arrays(hands: Sequence[HandEstimate | None]) -> tuple[Array, Array]:
    joints, confidence = np.full((len(hands), 21, 3), np.nan), np.zeros(len(hands))
    for index, hand in enumerate(hands):
        if hand is not None:
            joints[index], confidence[index] = hand.joints_camera, hand.confidence
    return joints, confidence


def _spread(name: str, error_m: Array) -> Figures:
    known = error_m[np.isfinite(error_m)]
    if known.size == 0:
        return {f"{name}_p50": None, f"{name}_p95": None}
    return {f"{name}_p50": 1e3 * float(np.median(known)), f"{name}_p95": 1e3 * float(np.percentile(known, 95))}
