"""The object's path over a whole recording, from tracks that ran through it in both directions of time.

Each frame has up to one pose from each track. A robust smoother lets them settle what they disagree about, and
bridges frames in which all of them lost the object:

    minimise  sum_tk w_tk (|p_t - p_tk|^2 / s_p^2 + angle(R_t, R_tk)^2 / s_R^2)  +  the cost of bending (`smoothing`)

w is the tracker's confidence times a weight that falls to nothing for poses far off the path, found by repeating.
A rotation is smoothed as its unit quaternion: a curve on the sphere, in the space around it, and put back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, quat_wxyz_from_rotation, rotation_angle, rotation_from_quat_wxyz
from h2s2r_perception.path_gaps import FILLED_CONFIDENCE, GapConfiguration, bridge_is_known
from h2s2r_perception.smoothing import smooth_path

FloatArray = NDArray[np.float64]

_ROUNDS = 10
_AGREES = 0.25
"""Weight of a pose at the outlier distance; beyond it a track is mistaken, not noisy."""


@dataclass(frozen=True)
class ObjectPathConfiguration:
    """How much to trust, how much to smooth, what to refuse."""

    position_error_m: float = 0.001
    """Of a confident pose: the tracker's median on rendered recordings is below it."""
    rotation_error_rad: float = 0.01
    position_outlier_m: float = 0.008
    """A pose this far off the path has a quarter of the influence, farther ones lose it quickly."""
    rotation_outlier_rad: float = 0.08
    acceleration_density: float = 0.02
    """q [m^2/s^3] of `smoothing`: 0.8 m/s^2 of acceleration that changes at every frame of 30 Hz."""
    lever_arm_m: float = 0.1
    """Turns are as lively as shifts are at this distance from the object's middle."""
    largest_lost_share: float = 0.5
    """With more frames lost than this there is no path to learn from."""
    gaps: GapConfiguration = field(default_factory=GapConfiguration)


@dataclass(frozen=True, eq=False)
class ObjectPath:
    """One pose for each frame, and how much to believe it."""

    T_world_object: FloatArray
    """`(T, 4, 4)` [m]."""
    confidence: FloatArray
    """`(T,)` in (0, 1]; below `FILLED_CONFIDENCE` where the pose was bridged, less the longer the bridge."""
    measured: NDArray[np.bool_]
    """`(T,)` whether a track saw the object there and agreed with the path."""


def refine_object_path(
    stamp_ns: NDArray[np.int64],
    T_world_object: Sequence[FloatArray],
    confidence: Sequence[FloatArray],
    configuration: ObjectPathConfiguration | None = None,
    *,
    source: Path | str = "object path",
) -> ObjectPath:
    """The path that tracks agree on, smooth, with short losses bridged.

    Args:
        stamp_ns: `(T,)`, strictly increasing.
        T_world_object: One track or more, `(T, 4, 4)` [m] each; where lost, any finite pose.
        confidence: Of each track, `(T,)`, 0 where lost.
        configuration: The defaults when None.
        source: Named in errors.

    Raises:
        InputError: The object was lost for too long to say where it was meanwhile.
    """
    limits = configuration or ObjectPathConfiguration()
    time = (stamp_ns - stamp_ns[0]) * 1e-9
    tracks, trust = np.stack(T_world_object), np.stack(confidence)
    _refuse_mostly_lost(trust.max(axis=0), limits, source)
    path, spread_m, weight = _settled(time, tracks, trust, limits)
    measured = np.asarray(((trust > 0.0) & (weight >= _AGREES)).any(axis=0))
    # What too few believe in is no measurement: the path there is a bridge, and is made as one.
    path, spread_m, weight = _settled(time, tracks, trust * measured, limits)
    bridge_is_known(time, path, measured, limits.gaps, source)
    seen = np.maximum((trust * weight).max(axis=0), FILLED_CONFIDENCE)
    believed = np.where(measured, seen, _bridged_confidence(spread_m, limits))
    first, last = np.flatnonzero(measured)[[0, -1]]
    # Before and after all measurements the object rests where it was seen; a velocity would carry it away.
    path[:first], path[last + 1 :] = path[first], path[last]
    return ObjectPath(path, believed, measured)


def _refuse_mostly_lost(trust: FloatArray, limits: ObjectPathConfiguration, source: Path | str) -> None:
    lost = int((trust == 0.0).sum())
    if lost > limits.largest_lost_share * len(trust) or len(trust) - lost < 2:
        raise InputError(
            source,
            "object pose",
            found=f"the object lost in {lost} of {len(trust)} frames",
            expected=f"at most {limits.largest_lost_share:.0%} of them",
            remedy="check that prompt and mesh belong to this object, that the mesh is in metres, and the overlay",
        )


def _settled(
    time: FloatArray, tracks: FloatArray, trust: FloatArray, limits: ObjectPathConfiguration
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Path `(T, 4, 4)`, its standard deviation `(T,)` [m] and the weight of each pose `(K, T)`."""
    most_trusted = tracks[trust.argmax(axis=0), np.arange(len(time))]
    weight = _weight(tracks, most_trusted, limits)
    # Where tracks contradict each other, the path through the other frames says first which of them fits.
    agreed = np.asarray((np.where(trust > 0.0, weight, 1.0) >= _AGREES).all(axis=0))
    path, spread_m = _smoothed(time, tracks, trust * weight * _enough(agreed, trust), limits)
    for _ in range(_ROUNDS):
        weight = _weight(tracks, path, limits)
        path, spread_m = _smoothed(time, tracks, trust * weight, limits)
    return path, spread_m, weight


def _enough(agreed: NDArray[np.bool_], trust: FloatArray) -> NDArray[np.bool_]:
    """The agreed frames, or all where too few agree to say anything."""
    return agreed if int((agreed & (trust.max(axis=0) > 0.0)).sum()) >= 2 else np.ones_like(agreed)


def _weight(tracks: FloatArray, path: FloatArray, limits: ObjectPathConfiguration) -> FloatArray:
    """Geman and McClure's weight `(K, T)`: 1 on the path, 1/4 at the outlier distance."""
    shift = np.linalg.norm(tracks[..., :3, 3] - path[:, :3, 3], axis=-1) / limits.position_outlier_m
    turn = rotation_angle(tracks[..., :3, :3], np.broadcast_to(path[:, :3, :3], tracks[..., :3, :3].shape))
    return np.asarray(1.0 / (1.0 + shift**2 + (turn / limits.rotation_outlier_rad) ** 2) ** 2)


def _smoothed(
    time: FloatArray, tracks: FloatArray, weight: FloatArray, limits: ObjectPathConfiguration
) -> tuple[FloatArray, FloatArray]:
    total = weight.sum(axis=0)
    share = weight / np.where(total > 0.0, total, 1.0)
    position = np.einsum("kt,ktc->tc", share, tracks[..., :3, 3])
    with np.errstate(divide="ignore"):
        variance = np.where(total > 1e-9, 1.0 / total, np.inf)
    q = limits.acceleration_density
    position, spread_m = smooth_path(time, position, limits.position_error_m**2 * variance, q)
    # A small turn by an angle moves the quaternion by half of it.
    quat = _continuous(quat_wxyz_from_rotation(tracks[..., :3, :3]), weight)
    quat = np.einsum("kt,ktc->tc", share, quat)
    quat_variance = 0.25 * limits.rotation_error_rad**2 * variance
    quat, _ = smooth_path(time, quat, quat_variance, 0.25 * q / limits.lever_arm_m**2)
    return np.asarray(pose(rotation_from_quat_wxyz(quat), position)), spread_m


def _continuous(quat: FloatArray, weight: FloatArray) -> FloatArray:
    """Of the two quaternions `(K, T, 4)` of each rotation the one near those before it."""
    quat = quat.copy()
    last = quat[weight.max(axis=1).argmax(), int(weight.max(axis=0).argmax())]
    for frame in range(quat.shape[1]):
        flip = quat[:, frame] @ last < 0.0
        quat[flip, frame] *= -1.0
        if weight[:, frame].max() > 0.0:
            last = quat[weight[:, frame].argmax(), frame]
    return quat


def _bridged_confidence(spread_m: FloatArray, limits: ObjectPathConfiguration) -> FloatArray:
    """Half of `FILLED_CONFIDENCE` where the bridge may be `doubtful_m` off, and less beyond."""
    return np.asarray(FILLED_CONFIDENCE / (1.0 + (spread_m / limits.gaps.doubtful_m) ** 2))
