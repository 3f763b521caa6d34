"""An embodiment: everything about one robot that the other packages need, read from one YAML."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from h2s2r_perception.artefact import InputError, load_configuration
from h2s2r_retarget.description.model import rotation_from_rpy
from h2s2r_retarget.urdf_model import UrdfJoint, UrdfModel, read_urdf

HUMAN_TIPS: Mapping[str, int] = {"thumb": 4, "index": 8, "middle": 12, "ring": 16, "little": 20}
"""Fingertips among the 21 hand joints (wrist, then four of each finger from the thumb on)."""

SLIDE_PER_RAD_M = 0.05
"""What counts as much as a radian where a joint slides: a finger's joint moves its tip by about 5 cm per radian."""


@dataclass(frozen=True)
class JointLimits:
    """Limits of every joint, arrays `(J,)` in the order of `Embodiment.joint_names`.

    Units are those of joints that turn; of one that slides they are m, m/s, m/s^2 and N.
    """

    lower: np.ndarray
    """[rad]."""
    upper: np.ndarray
    """[rad]."""
    velocity: np.ndarray
    """[rad/s]."""
    acceleration: np.ndarray
    """[rad/s^2]."""
    jerk: np.ndarray
    """[rad/s^3]."""
    torque: np.ndarray
    """[Nm]."""


@dataclass(frozen=True)
class Embodiment:
    """One robot: an arm of A joints that carries a hand of H joints, J = A + H in all."""

    name: str
    joint_names: tuple[str, ...]
    """Arm first, then hand: the order of every `(J,)` array in the workspace."""
    joint_units: tuple[str, ...]
    """`rad` for a joint that turns, `m` for one that slides."""
    arm_joint_names: tuple[str, ...]
    hand_joint_names: tuple[str, ...]
    limits: JointLimits
    base_frame: str
    palm_frame: str
    """x = palm normal, y = towards the thumb's side, z = from the palm to the middle finger."""
    fingertip_frames: tuple[str, ...]
    fingertip_radius: np.ndarray
    """`(F,)` m."""
    human_fingertips: tuple[str, ...]
    """The human finger that each robot fingertip follows, a key of `HUMAN_TIPS`; several are joined by `+`."""
    followed_joints: tuple[tuple[int, ...], ...]
    """For each robot fingertip, the human hand joints whose mean it follows."""
    T_hand_palm: np.ndarray
    """`(4, 4)`: where in the human palm's frame (`human_hand.palm_target`) the robot's palm frame is to be."""
    synergy_names: tuple[str, ...]
    synergy_mean: np.ndarray
    """`(H,)` rad or m: hand posture at zero coordinates."""
    synergy_basis: np.ndarray
    """`(S, H)` rad or m per unit: posture = mean + coordinates @ basis."""
    synergy_centre: np.ndarray
    """`(S,)`: coordinates at action zero, a half-closed hand."""
    synergy_half_range: np.ndarray
    """`(S,)`: coordinates = centre + half_range * action, action in [-1, 1]."""
    stiffness: np.ndarray
    """`(J,)` Nm/rad or N/m, nominal servo gains."""
    damping: np.ndarray
    """`(J,)` Nm s/rad or N s/m."""
    home: np.ndarray
    """`(J,)` rad or m."""
    urdf: Path
    mjcf: Path
    sha256: str
    """Of the YAML, the URDF with its meshes and the MJCF together."""

    @property
    def arm_dof(self) -> int:
        """Number of arm joints A."""
        return len(self.arm_joint_names)

    @property
    def hand_dof(self) -> int:
        """Number of hand joints H."""
        return len(self.hand_joint_names)

    @property
    def dof(self) -> int:
        """Number of joints J."""
        return len(self.joint_names)

    @property
    def like_a_radian(self) -> np.ndarray:
        """`(J,)` rad or m: a motion that counts as much as a radian, by which noise and errors are measured."""
        return like_a_radian(self.joint_units)


def like_a_radian(joint_units: Sequence[str]) -> np.ndarray:
    """`(J,)`: 1 rad for a joint that turns, `SLIDE_PER_RAD_M` for one that slides."""
    return _frozen([SLIDE_PER_RAD_M if unit == "m" else 1.0 for unit in joint_units])


@dataclass(frozen=True)
class _Fingertip:
    frame: str
    human: str | tuple[str, ...]
    radius_m: float

    @property
    def fingers(self) -> tuple[str, ...]:
        return (self.human,) if isinstance(self.human, str) else self.human


@dataclass(frozen=True)
class _PalmOffset:
    xyz_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rpy_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class _Synergy:
    name: str
    row: tuple[float, ...]
    centre: float
    half_range: float
    variance_explained: float | None = None
    """Share, where the row was computed (`h2s2r_retarget.synergies`); for the reader."""


@dataclass(frozen=True)
class _Synergies:
    mean: tuple[float, ...]
    basis: tuple[_Synergy, ...]


@dataclass(frozen=True)
class _File:
    name: str
    urdf: Path
    mjcf: Path
    base_frame: str
    palm_frame: str
    arm_joint_names: tuple[str, ...]
    hand_joint_names: tuple[str, ...]
    fingertips: tuple[_Fingertip, ...]
    acceleration: tuple[float, ...]
    jerk: tuple[float, ...]
    stiffness: tuple[float, ...]
    damping: tuple[float, ...]
    home: tuple[float, ...]
    synergies: _Synergies
    palm_offset: _PalmOffset = _PalmOffset()


def bundled_embodiments() -> tuple[str, ...]:
    """Names of the robots that come along."""
    return tuple(sorted(path.stem for path in _bundled_folder().glob("*.yaml")))


def load_embodiment(name_or_path: str | Path) -> Embodiment:
    """Load a bundled embodiment by name (`bundled_embodiments`) or any by its YAML file.

    Raises:
        InputError: There is no such embodiment, or its YAML, URDF and MJCF are invalid or do not fit.
    """
    path = _locate(name_or_path)
    file = load_configuration(_File, path)
    urdf, mjcf = (path.parent / file.urdf).resolve(), (path.parent / file.mjcf).resolve()
    joint_names = (*file.arm_joint_names, *file.hand_joint_names)
    model = read_urdf(urdf)
    _check(path, file, model, joint_names)
    joints = {joint.name: joint for joint in model.joint_of_child.values()}
    ordered = [joints[name] for name in joint_names]
    return Embodiment(
        name=file.name,
        joint_names=joint_names,
        joint_units=tuple("m" if joint.slides else "rad" for joint in ordered),
        arm_joint_names=file.arm_joint_names,
        hand_joint_names=file.hand_joint_names,
        limits=_limits(path, urdf, ordered, file.acceleration, file.jerk),
        base_frame=file.base_frame,
        palm_frame=file.palm_frame,
        fingertip_frames=tuple(tip.frame for tip in file.fingertips),
        fingertip_radius=_frozen([tip.radius_m for tip in file.fingertips]),
        human_fingertips=tuple("+".join(tip.fingers) for tip in file.fingertips),
        followed_joints=tuple(tuple(HUMAN_TIPS[name] for name in tip.fingers) for tip in file.fingertips),
        T_hand_palm=_offset(file.palm_offset),
        synergy_names=tuple(row.name for row in file.synergies.basis),
        synergy_mean=_frozen(file.synergies.mean),
        synergy_basis=_frozen([row.row for row in file.synergies.basis]),
        synergy_centre=_frozen([row.centre for row in file.synergies.basis]),
        synergy_half_range=_frozen([row.half_range for row in file.synergies.basis]),
        stiffness=_frozen(file.stiffness),
        damping=_frozen(file.damping),
        home=_frozen(file.home),
        urdf=urdf,
        mjcf=mjcf,
        sha256=_hash(path, urdf, mjcf, *_meshes(urdf, model)),
    )


def _locate(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        return path
    path = _bundled_folder() / f"{name_or_path}.yaml"
    if not path.is_file():
        known = ", ".join(bundled_embodiments())
        raise InputError(
            str(name_or_path),
            "embodiment",
            found="an unknown name",
            expected=f"one of {known}",
            remedy="or give a .yaml file",
        )
    return path


def _bundled_folder() -> Path:
    return Path(str(resources.files("h2s2r_retarget"))) / "embodiments"


def _check(path: Path, file: _File, model: UrdfModel, joint_names: Sequence[str]) -> None:
    moving = {joint.name for joint in model.joint_of_child.values() if joint.kind != "fixed"}
    for name in joint_names:
        if name not in moving:
            _refuse(path, f"joint `{name}`", "no such moving joint in the URDF", f"a joint of {model.path.name}")
    for name in sorted(moving - set(joint_names)):
        _refuse(path, "joint names", f"nothing about joint `{name}`", f"every moving joint of {model.path.name}")
    if len(set(joint_names)) != len(joint_names):
        _refuse(path, "joint names", "a name twice", "each joint once")
    if model.chain(file.base_frame):
        _refuse(path, "base_frame", f"{file.base_frame}, which a joint carries", "the URDF's first link: the world")
    arm, palm_chain = set(file.arm_joint_names), model.chain(file.palm_frame)
    if {joint.name for joint in palm_chain if joint.kind != "fixed"} != arm:
        _refuse(path, "arm_joint_names", ", ".join(sorted(arm)), "the moving joints between base and palm")
    for tip in file.fingertips:
        if file.palm_frame not in {joint.child for joint in model.chain(tip.frame)}:
            _refuse(path, f"fingertip `{tip.frame}`", "a frame off the hand", f"a link after {file.palm_frame}")
        if not tip.fingers or not set(tip.fingers) <= set(HUMAN_TIPS):
            _refuse(path, f"fingertip `{tip.frame}`", repr(tip.human), f"one or more of {', '.join(HUMAN_TIPS)}")
    dof, hand_dof = len(joint_names), len(file.hand_joint_names)
    lengths = [(key, len(getattr(file, key)), dof) for key in _JOINT_TABLES]
    lengths.append(("synergies.mean", len(file.synergies.mean), hand_dof))
    lengths += [(f"synergies.basis `{row.name}`", len(row.row), hand_dof) for row in file.synergies.basis]
    for key, found, expected in lengths:
        if found != expected:
            _refuse(path, key, f"{found} numbers", f"{expected}, one for each joint")


_JOINT_TABLES = ("acceleration", "jerk", "stiffness", "damping", "home")


def _limits(
    path: Path, urdf: Path, joints: Sequence[UrdfJoint], acceleration: Sequence[float], jerk: Sequence[float]
) -> JointLimits:
    limits = JointLimits(
        lower=_frozen([joint.lower for joint in joints]),
        upper=_frozen([joint.upper for joint in joints]),
        velocity=_frozen([joint.velocity for joint in joints]),
        acceleration=_frozen(acceleration),
        jerk=_frozen(jerk),
        torque=_frozen([joint.torque for joint in joints]),
    )
    for index, joint in enumerate(joints):
        if not joint.lower < joint.upper:
            found = f"lower {joint.lower:g}, upper {joint.upper:g}"
            _refuse(urdf, f"joint `{joint.name}` limit", found, "lower < upper")
        for source, key, value in (
            (urdf, "velocity", joint.velocity),
            (urdf, "effort", joint.torque),
            (path, "acceleration", limits.acceleration[index]),
            (path, "jerk", limits.jerk[index]),
        ):
            if not value > 0.0:
                found = "nothing" if np.isnan(value) else f"{value:g}"
                _refuse(source, f"joint `{joint.name}` {key} limit", found, "a limit > 0")
    return limits


def _meshes(urdf: Path, model: UrdfModel) -> list[Path]:
    """Mesh files of the collision shapes; they are part of the embodiment."""
    meshes = [urdf.parent / name for name in model.meshes]
    for name, mesh in zip(model.meshes, meshes, strict=True):
        if not mesh.is_file():
            remedy = "put it beside the URDF, or make the embodiment with `h2s2r embodiment new`"
            raise InputError(urdf, f"mesh {name}", found="no such file", expected="a mesh file", remedy=remedy)
    return meshes


def _offset(offset: _PalmOffset) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = rotation_from_rpy(offset.rpy_rad), offset.xyz_m
    return _frozen(T)


def _hash(*paths: Path) -> str:
    return hashlib.sha256(b"".join(_content(path) for path in paths)).hexdigest()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            path, "file", found=error.strerror or str(error), expected="a readable file", remedy="check the YAML"
        ) from error


def _frozen(values: object) -> np.ndarray:
    array = np.array(values, dtype=float)
    array.setflags(write=False)
    return array


def _refuse(path: Path, field: str, found: str, expected: str) -> None:
    raise InputError(path, field, found=found, expected=expected, remedy="correct the embodiment's YAML or its URDF")
