"""The script of a synthetic demonstration, one YAML for each task: where the object goes, and how hands hold it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from h2s2r_perception.artefact import InputError, load_configuration

Vector3 = tuple[float, float, float]


@dataclass(frozen=True)
class Segment:
    """A smooth motion of the object, from rest to rest."""

    duration_s: float
    hold: str
    """Which of the script's holds moves it."""
    position_m: Vector3 | None = None
    """Where its origin ends (world); what a contact below decides is overruled. Where it was, if left out."""
    turn_rad: Vector3 = (0.0, 0.0, 0.0)
    """Rotation vector (world) by which it turns meanwhile."""
    on_table: bool = False
    """Its lowest point stays on the table."""
    against: str | None = None
    """Its foremost point (+y) stays on the near (-y) face of this box."""


@dataclass(frozen=True)
class Fingers:
    """A posture of the human hand (`hand_model.posture`)."""

    curl_rad: float
    thumb_rad: float = 0.15
    spread_rad: float = 0.0


@dataclass(frozen=True)
class Hold:
    """How one grip is taken: everything is given for the object as it stands when the hand comes."""

    name: str
    wrist_m: Vector3
    """From the object's origin to the wrist, along the world's axes, before the hand is moved to touch."""
    fingers_along: Vector3
    """Direction of the middle metacarpal (world), from wrist to fingers."""
    thumb_along: Vector3
    """Roughly where the thumb's side of the hand looks (world); made orthogonal to `fingers_along`."""
    open: Fingers
    closed: Fingers
    """The fingers close from open towards this until they touch."""
    pause_offset_m: Vector3
    """From the touch to the pause before it (world): the pre-manipulation pose."""
    leave_offset_m: Vector3
    """From the end of the grip to where the hand goes next (world)."""
    towards: Vector3 | None = None
    """Direction (world) in which the hand is moved until its flesh touches the object; it stays if left out."""


@dataclass(frozen=True)
class Script:
    """Everything that distinguishes one demonstration from another."""

    start_m: Vector3
    """The object's origin (world); its height is overruled when it stands on the table."""
    holds: tuple[Hold, ...]
    segments: tuple[Segment, ...]
    start_turn_rad: Vector3 = (0.0, 0.0, 0.0)
    start_on_table: bool = True
    hidden_s: float = 0.5
    reach_s: float = 1.0
    pause_s: float = 0.45
    approach_s: float = 0.65
    """From the pause to the touch, the fingers open."""
    grip_s: float = 0.25
    """The fingers close; at the end they open as long."""
    rest_s: float = 0.2
    leave_s: float = 0.6
    frame_rate_hz: float = 30.0
    hidden_offset_m: Vector3 = (-0.30, -0.30, 0.22)
    """From the first pause to where the hand waits out of sight."""
    released: bool = True
    """The hand leaves at the end, and the object stays where it is; otherwise it is held to the end."""
    camera_m: Vector3 = (1.02, -0.62, 0.85)
    look_at_m: Vector3 = (0.56, -0.05, 0.20)

    def hold(self, name: str) -> Hold:
        """The hold of this name."""
        return next(hold for hold in self.holds if hold.name == name)


def load_script(path: Path) -> Script:
    """Read a script.

    Raises:
        InputError: The file is no script, or a segment names a hold that is not there.
    """
    script = load_configuration(Script, path)
    names = {hold.name for hold in script.holds}
    for index, segment in enumerate(script.segments):
        if segment.hold not in names:
            raise InputError(
                path,
                f"segments[{index}].hold",
                found=repr(segment.hold),
                expected=f"one of {', '.join(sorted(names))}",
                remedy="name one of the script's holds",
            )
    return script
