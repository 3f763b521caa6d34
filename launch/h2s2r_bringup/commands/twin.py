"""`h2s2r twin`: objects and scenes of the real world, for the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from h2s2r_bringup.commands.options import Numbers

_PATH = click.Path(path_type=Path)


@click.group("twin")
def command() -> None:
    """Build the digital twin of an object, or of the scene before the camera.

    In: a scan of the object with its weight, or a Recording whose camera pose is known. Out: a folder with the
    `object:` or the `scene:` section of a task file, meshes, a picture, and what is to be doubted.

    \b
    Examples:
      h2s2r twin object mug_scan.glb --name mug --mass 0.35
      h2s2r twin scene runs/my_task/recording --leave-out 300,200,420,310
      h2s2r twin scene my/recording --joints posture.csv
    """  # noqa: D301


@command.command("object")
@click.argument("scan", type=_PATH)
@click.option("--name", required=True, help="Of the object, and of its files.")
@click.option("--mass", "mass_kg", type=float, help="Weight on the scale [kg]; or")
@click.option("--density", "density_kg_m3", type=float, help="its mean density [kg/m^3].")
@click.option("--unit", type=click.Choice(["auto", "m", "cm", "mm"]), default="auto", show_default=True)
@click.option(
    "--up",
    type=click.Choice(["auto", "x", "y", "z", "-x", "-y", "-z"]),
    default="auto",
    show_default=True,
    help="The file's axis that points up; auto: y for GLB, z for others.",
)
@click.option("--friction", type=float, default=0.5, show_default=True, help="A scan does not tell.")
@click.option("--symmetry", type=click.Choice(["none", "yaw"]), default="none", show_default=True)
@click.option("--collision", type=click.Choice(["parts", "hull", "box"]), default="parts", show_default=True)
@click.option("--faces", "face_budget", type=click.IntRange(100), default=10_000, show_default=True)
@click.option("--concavity", "concavity_m", type=float, default=0.003, show_default=True, help="Dents filled [m].")
@click.option("--most-parts", type=click.IntRange(1, 64), default=16, show_default=True)
@click.option("--output", type=_PATH, help="Where it goes [default: NAME].")
@click.option("--force", is_flag=True, help="Replace an object that is there.")
def object_command(
    scan: Path,
    name: str,
    mass_kg: float | None,
    density_kg_m3: float | None,
    unit: str,
    up: str,
    friction: float,
    symmetry: str,
    collision: str,
    face_budget: int,
    concavity_m: float,
    most_parts: int,
    output: Path | None,
    force: bool,
) -> None:
    """Turn a scan into an object of a task.

    In: SCAN (OBJ, GLB, PLY or STL) and --mass or --density. Out: a folder with the mesh in metres, closed, its
    origin at the centre of mass and its colours kept; convex parts; and object.yaml for the task file.
    """
    from h2s2r_sim.twin_building import ObjectTwinConfiguration, build_object_twin

    folder = output or Path(name)
    _refuse_existing(folder, force)
    configuration = ObjectTwinConfiguration(
        name=name,
        mass_kg=mass_kg,
        density_kg_m3=density_kg_m3,
        unit=unit,
        up=up,
        friction=friction,
        symmetry=symmetry,
        face_budget=face_budget,
        collision=collision,
        concavity_m=concavity_m,
        most_parts=most_parts,
    )
    figures = build_object_twin(scan, folder, configuration)
    for assumption in figures.pop("assumptions"):
        print(f"assumed: {assumption}")
    _show(figures)
    print(f"{folder / 'object.yaml'}: the `object:` section of a task file that stands beside {folder}")


@command.command("scene")
@click.argument("recording", type=_PATH)
@click.option(
    "--frames", type=Numbers("first", "last"), default="0,15", show_default=True, help="In which all stands still."
)
@click.option(
    "--leave-out",
    type=Numbers("x0", "y0", "x1", "y1"),
    multiple=True,
    help="A box [px] of what is not part of the scene (object, hand); may be given again.",
)
@click.option("--masks", type=_PATH, multiple=True, help="The same as a mask, PNG; demonstration/masks/00000.png, say.")
@click.option(
    "--joints", type=_PATH, help="The robot is in view: its posture, .csv .json or .npz, corrects the camera."
)
@click.option("--robot-mesh", type=_PATH, help="Instead of --joints: a mesh of the robot in its base frame [m].")
@click.option("--embodiment", help="Whose joints [default: the robot of the default task].")
@click.option("--friction", type=float, default=0.5, show_default=True, help="Depth does not tell.")
@click.option("--every-shape", is_flag=True, help="Give boxes round things that are no boxes, too.")
@click.option("--with-object", is_flag=True, help="Also give the thing that the recording's prompt points at.")
@click.option("--output", type=_PATH, default=Path("scene"), show_default=True)
@click.option("--force", is_flag=True, help="Replace a scene that is there.")
def scene_command(
    recording: Path,
    frames: tuple[int, ...],
    leave_out: tuple[tuple[int, ...], ...],
    masks: tuple[Path, ...],
    joints: Path | None,
    robot_mesh: Path | None,
    embodiment: str | None,
    friction: float,
    every_shape: bool,
    with_object: bool,
    output: Path,
    force: bool,
) -> None:
    """Measure table and boxes of a scene from depth.

    In: a Recording whose camera pose is known; with --joints or --robot-mesh one that is known to 30 cm and
    45 deg, and a robot in view. What the recording's prompt points at is the object, and left out. Out: scene/
    with scene.yaml for the task file, the camera's pose as the table or the robot correct it
    (h2s2r calibrate apply scene), and a picture.
    """
    from h2s2r_perception.recording import Recording
    from h2s2r_sim.twin_building.depth_view import box_mask
    from h2s2r_sim.twin_building.scene_twin import SceneTwinConfiguration, build_scene_twin

    _refuse_existing(output, force)
    width, height = Recording.open(recording).image_size
    left_out = [box_mask((box[0], box[1], box[2], box[3]), (height, width)) for box in leave_out]
    left_out += [_mask(path, (height, width)) for path in masks]
    configuration = SceneTwinConfiguration((frames[0], frames[1] + 1), friction, every_shape, with_object)
    robot = _robot(joints, robot_mesh, embodiment)
    found = build_scene_twin(recording, output, configuration, left_out, robot)
    _show(found.figures)
    for box in found.boxes:
        size = " x ".join(f"{1000 * edge:.0f}" for edge in box.size_m)
        note = "" if box.is_box else "  no box" + ("" if every_shape else ", left out of scene.yaml")
        print(f"  {size} mm at {box.position_m[0]:.3f} {box.position_m[1]:.3f}{note}")
    print(f"{output / 'scene.yaml'}; look at {output / 'picture.png'} before you trust it")


def _robot(joints: Path | None, robot_mesh: Path | None, embodiment: str | None) -> Any:
    from h2s2r_perception.artefact import InputError

    if joints is None and robot_mesh is None:
        return None
    if joints is not None and robot_mesh is not None:
        raise InputError("--joints, --robot-mesh", "options", found="both", expected="one", remedy="give only one")
    from h2s2r_sim.twin_building.robot_surface import read_robot_mesh
    from h2s2r_sim.twin_building.robot_surface import robot_mesh as surface_of

    if robot_mesh is not None:
        return read_robot_mesh(robot_mesh)
    from h2s2r_bringup.commands.options import default_embodiment
    from h2s2r_bringup.robot_posture import read_joint_positions
    from h2s2r_retarget.embodiment import load_embodiment

    assert joints is not None
    robot = load_embodiment(embodiment or default_embodiment())
    return surface_of(robot, read_joint_positions(joints, robot, arm_only=True)[0])


def _mask(path: Path, shape: tuple[int, int]) -> Any:
    import cv2

    from h2s2r_perception.artefact import InputError

    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None or image.shape[:2] != shape:
        found = "no image" if image is None else f"{image.shape[1]}x{image.shape[0]}"
        raise InputError(
            path, "mask", found=found, expected=f"{shape[1]}x{shape[0]}", remedy="give a mask of this recording"
        )
    return image > 127


def _refuse_existing(folder: Path, force: bool) -> None:
    from h2s2r_perception.artefact import InputError

    if folder.exists() and not force:
        raise InputError(folder, "folder", found="one already", expected="none", remedy="give --output or --force")


def _show(figures: dict[str, object]) -> None:
    for name, value in figures.items():
        print(f"{name:28} {value:.4g}" if isinstance(value, float) else f"{name:28} {value}")
