"""The live retargeter: from one hand after the other to one joint target after the other.

For each hand: is there one, and is it trusted; filter it; where does the clutch put the palm; no faster than the
robot should move, and inside the workspace; one step of the posture. Without a hand the robot holds still. After a
gap it engages anew, from where it stands, and approaches at the same limited speed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.geometry import pose, rotation_from_vector, transform_points, vector_from_rotation
from h2s2r_retarget.collision import CollisionWorld
from h2s2r_retarget.embodiment import Embodiment
from h2s2r_retarget.live.clutch import Clutch, ClutchMode
from h2s2r_retarget.live.hand_filter import FilteredHand, HandFilter, HandFilterConfiguration
from h2s2r_retarget.live.posture import LivePosture, PostureConfiguration

Array = NDArray[np.float64]

_NOMINAL_STEP_S = 1.0 / 30.0
_LONGEST_STEP_S = 0.1


@dataclass(frozen=True)
class LiveConfiguration:
    """How the robot follows."""

    mode: ClutchMode = ClutchMode.ABSOLUTE
    minimum_confidence: float = 0.3
    """A hand below it is no hand; the same limit as in the retarget stage."""
    gap_s: float = 0.25
    """After a longer time without a hand, or with a hand outside, the clutch engages anew."""
    palm_speed_m_s: float = 0.6
    """The palm's target moves no faster, least of all when it engages far from the hand."""
    palm_speed_rad_s: float = 2.5
    workspace_lower_m: tuple[float, float, float] = (0.2, -0.7, 0.0)
    """Box for the palm's origin, world frame; it must leave the base its place."""
    workspace_upper_m: tuple[float, float, float] = (0.95, 0.7, 1.0)
    table_height_m: float = 0.0
    table_clearance_m: float = 0.03
    """Least height of the palm's origin above the table."""
    leash_rad: float = 0.3
    """The target of an arm joint stays this near to where the joint is measured: held up, it does not wind up, and
    the command guard, whose limit is 0.35 rad, is not tripped by a person's impatience."""
    filter: HandFilterConfiguration = field(default_factory=HandFilterConfiguration)
    posture: PostureConfiguration = field(default_factory=PostureConfiguration)


@dataclass(frozen=True, eq=False)
class LiveTarget:
    """What the robot is to do now."""

    joint_position: Array
    """`(J,)` rad; while holding, that of before."""
    following: bool
    """Whether a hand moves the robot."""
    reason: str
    """`following`, or why not, for people."""
    distance_m: float
    """From the target palm to where the hand wants it; it is what limits have cost. NaN while holding."""


class LiveRetargeter:
    """Follows one hand with one robot; remembers posture, filters, clutch and when it last saw a hand.

    Args:
        embodiment: The robot.
        world: The scene that it must not enter.
        configuration: See there.
        joint_position: `(J,)` rad where the robot stands; the embodiment's home if left out.
    """

    def __init__(
        self,
        embodiment: Embodiment,
        world: CollisionWorld,
        configuration: LiveConfiguration = LiveConfiguration(),
        joint_position: Array | None = None,
    ) -> None:
        self.embodiment = embodiment
        self.configuration = configuration
        self._posture = LivePosture(embodiment, world, configuration.posture)
        self._filter = HandFilter(embodiment, configuration.filter)
        self._clutch = Clutch(configuration.mode)
        self._joint_position = np.array(embodiment.home if joint_position is None else joint_position, dtype=float)
        self._T_follow = self._posture.palm(self._joint_position)
        self._seen_s: float | None = None
        self._allowed = True
        lower = np.array(configuration.workspace_lower_m)
        lower[2] = max(lower[2], configuration.table_height_m + configuration.table_clearance_m)
        self._lower, self._upper = lower, np.array(configuration.workspace_upper_m)

    def warm_up(self) -> None:
        """Do once what is done for each hand, so that the first one does not wait for what is set up on first use."""
        tips = self._posture.fingertips(self._joint_position)
        self._posture.step(self._joint_position, self._T_follow, tips, _NOMINAL_STEP_S)
        self._posture.reset()

    def engage(self) -> None:
        """Follow the hand that is seen next, from where the robot is then."""
        self._allowed, self._seen_s = True, None

    def release(self) -> None:
        """Hold still, whatever the hand does, until `engage`."""
        self._allowed = False

    def update(
        self, stamp_s: float, hand_joints: Array | None, confidence: float, measured: Array | None = None
    ) -> LiveTarget:
        """The target for a new hand.

        Args:
            stamp_s: When the hand was seen.
            hand_joints: `(21, 3)` m, world; None, or not finite, where none was seen.
            confidence: In [0, 1].
            measured: `(J,)` rad where the robot is; None where nobody knows.
        """
        if not self._allowed:
            return self._holding("released")
        if hand_joints is None or not np.isfinite(hand_joints).all():
            return self._holding("no hand")
        if not confidence >= self.configuration.minimum_confidence:
            return self._holding("hand not trusted")
        if self._seen_s is not None and stamp_s <= self._seen_s:
            return self._holding("an old hand")
        fresh = self._seen_s is None or stamp_s - self._seen_s > self.configuration.gap_s
        if fresh:
            self._filter.reset()
        hand = self._filter(stamp_s, hand_joints)
        if hand is None:
            return self._holding("no palm in the hand")
        if fresh:
            self._engage(hand, measured)
        dt_s = _NOMINAL_STEP_S if fresh or self._seen_s is None else min(stamp_s - self._seen_s, _LONGEST_STEP_S)
        self._seen_s = stamp_s
        return self._follow(hand, dt_s, measured)

    def _engage(self, hand: FilteredHand, measured: Array | None) -> None:
        if measured is not None:
            limits = self.embodiment.limits
            self._joint_position = np.clip(measured, limits.lower, limits.upper)
        self._posture.reset()
        self._T_follow = self._posture.palm(self._joint_position)
        self._clutch.engage(hand.T_world_palm, self._T_follow)

    def _follow(self, hand: FilteredHand, dt_s: float, measured: Array | None) -> LiveTarget:
        configuration = self.configuration
        wanted = self._clutch.palm(hand.T_world_palm)
        inside = wanted.copy()
        inside[:3, 3] = np.clip(wanted[:3, 3], self._lower, self._upper)
        self._T_follow = _towards(
            self._T_follow, inside, configuration.palm_speed_m_s * dt_s, configuration.palm_speed_rad_s * dt_s
        )
        # The fingers are where the human's are, seen from the palm: on its way the palm carries them along.
        tips = np.asarray(transform_points(self._T_follow, hand.palm_fingertips))
        q = self._posture.step(self._joint_position, self._T_follow, tips, dt_s)
        if measured is not None:
            arm = slice(0, self.embodiment.arm_dof)
            q[arm] = np.clip(q[arm], measured[arm] - configuration.leash_rad, measured[arm] + configuration.leash_rad)
        limits = self.embodiment.limits
        self._joint_position = np.clip(q, limits.lower, limits.upper)
        distance_m = float(np.linalg.norm(wanted[:3, 3] - self._posture.palm(self._joint_position)[:3, 3]))
        return LiveTarget(self._joint_position.copy(), True, "following", distance_m)

    def _holding(self, reason: str) -> LiveTarget:
        return LiveTarget(self._joint_position.copy(), False, reason, float("nan"))


def _towards(T_from: Array, T_to: Array, largest_m: float, largest_rad: float) -> Array:
    """The pose `(4, 4)` on the straight way from one to the other that is so far at most."""
    move = T_to[:3, 3] - T_from[:3, 3]
    turn = np.asarray(vector_from_rotation(T_to[:3, :3] @ T_from[:3, :3].T))
    move = move * min(1.0, largest_m / max(float(np.linalg.norm(move)), 1e-12))
    turn = turn * min(1.0, largest_rad / max(float(np.linalg.norm(turn)), 1e-12))
    R = np.asarray(rotation_from_vector(turn)) @ T_from[:3, :3]
    return np.asarray(pose(R, T_from[:3, 3] + move))
