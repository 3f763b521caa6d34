"""`h2s2r calibrate`: where the camera stands, from a printed board."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_PATH = click.Path(path_type=Path)

_board_option = click.option(
    "--board", type=_PATH, help="The board's .yaml, as `h2s2r calibrate board` wrote it [default: its default board]."
)
_camera_matrix_option = click.option(
    "--camera-matrix", type=_PATH, help="3x3 intrinsics [px] [default: cam_K.txt beside the images]."
)


@click.group("calibrate")
def command() -> None:
    """Find out where the camera stands, from a printed board.

    In: images of a board that lies on the table at a measured place, or that the robot holds in several
    postures. Out: camera_calibration/ with T_world_camera.txt, residuals and a picture to judge them by.
    Nothing here moves a motor: postures are taken by hand, or by your own program, and given as a file.

    \b
    Examples:
      h2s2r calibrate board board.pdf
      h2s2r calibrate camera my/image.png --board-pose T_world_board.txt
      h2s2r calibrate camera my/images --joints postures.csv
      h2s2r calibrate apply camera_calibration --recording runs/my_task/recording
    """  # noqa: D301


@command.command("board")
@click.argument("output", type=_PATH)
@click.option("--kind", type=click.Choice(["charuco", "apriltag"]), default="charuco", show_default=True)
@click.option("--columns", type=int, default=7, show_default=True, help="Squares, or tags, in a row.")
@click.option("--rows", type=int, default=5, show_default=True)
@click.option("--square", "square_m", type=float, default=0.035, show_default=True, help="Edge of a square [m].")
@click.option("--marker", "marker_m", type=float, default=0.026, show_default=True, help="Edge of a marker [m].")
@click.option("--dictionary", default="DICT_APRILTAG_36h11", show_default=True, help="OpenCV's name of the markers.")
@click.option("--dpi", type=click.IntRange(72, 1200), default=300, show_default=True)
def board_command(
    output: Path, kind: str, columns: int, rows: int, square_m: float, marker_m: float, dictionary: str, dpi: int
) -> None:
    """Write a board to print, at true scale.

    In: nothing. Out: OUTPUT (.pdf or .png) and, beside it, the .yaml that --board reads. Print it at 100 %,
    measure a square and a marker, and correct the .yaml.
    """
    from h2s2r_perception.calibration.board import Board, print_board

    board = Board(kind, columns, rows, square_m, marker_m, dictionary)
    print_board(board, output, dpi)
    width, height = (1000 * edge for edge in board.size_m)
    print(f"{output}: pattern of {width:.1f} x {height:.1f} mm; {output.with_suffix('.yaml')} describes it")


@command.command("camera")
@click.argument("images", type=_PATH)
@click.option("--board-pose", type=_PATH, help="The board lies on the table: text file, 4x4 T_world_board [m].")
@click.option("--joints", type=_PATH, help="The robot holds the board: joint positions by name, .csv .json or .npz.")
@click.option("--gripper-poses", type=_PATH, help="Instead of --joints: T_base_gripper, 4x4 each, .npz .npy or text.")
@click.option("--embodiment", help="Whose joints; its palm is the gripper [default: the robot of the default task].")
@click.option("--output", type=_PATH, default=Path("camera_calibration"), show_default=True)
@click.option("--force", is_flag=True, help="Replace a calibration that is there.")
@_board_option
@_camera_matrix_option
def camera_command(
    images: Path,
    board_pose: Path | None,
    joints: Path | None,
    gripper_poses: Path | None,
    embodiment: str | None,
    output: Path,
    force: bool,
    board: Path | None,
    camera_matrix: Path | None,
) -> None:
    """Find T_world_camera.

    In: IMAGES (a Recording, a folder of images, or one image, rectified, with cam_K.txt), and where the board
    was: --board-pose for one on the table (its frame: middle of the print, x right, y up, z out of the paper),
    or --joints / --gripper-poses for one on the gripper, one entry for each image in the order of their names;
    12 postures or more, turned about different axes. Out: camera_calibration/.
    """
    from h2s2r_perception.artefact import InputError
    from h2s2r_perception.calibration import POSE_FILE, Board, load_board, write_calibration
    from h2s2r_perception.calibration.detection import detect
    from h2s2r_perception.calibration.views import open_views

    given = {"board_pose": board_pose, "joints": joints, "gripper_poses": gripper_poses}
    chosen = {name: path for name, path in given.items() if path is not None}
    if len(chosen) != 1:
        raise InputError(
            "--board-pose, --joints, --gripper-poses",
            "options",
            found=", ".join(chosen) or "none",
            expected="exactly one",
            remedy="say where the board was",
        )
    if output.exists() and not force:
        raise InputError(output, "folder", found="one already", expected="none", remedy="give --output or --force")
    pattern = Board() if board is None else load_board(board)
    views = open_views(images, camera_matrix=camera_matrix)
    pictures = [views.image(index) for index in range(len(views.paths))]
    solve = _solver(chosen, embodiment, len(pictures))
    detections = [detect(pattern, image, path) for image, path in zip(pictures, views.paths, strict=True)]
    K = views.camera_matrix
    assert K is not None  # `open_views` refuses without
    calibrated = solve(detections, K, views.paths)
    names = [path.name for path in views.paths]
    inputs = {"images": images, **chosen}
    write_calibration(output, calibrated, pictures, detections, K, names, inputs=inputs, configuration=pattern)
    for name, value in calibrated.quality.items():
        print(f"{name:28} {value:.3f}" if isinstance(value, float) else f"{name:28} {value}")
    left_out = [name for name, used in zip(names, calibrated.used, strict=True) if not used]
    if left_out:
        print(f"left out, as it contradicts the others: {', '.join(left_out)}")
    print(f"{output / POSE_FILE}; look at {output / 'picture.png'} before you trust it")


def _solver(chosen: dict[str, Path], embodiment: str | None, count: int) -> Callable[..., Any]:
    """Reads the one file that says where the board was, before any image is searched."""
    from h2s2r_perception.calibration import calibrate_with_gripper_board, calibrate_with_table_board
    from h2s2r_perception.calibration.views import check_count, read_gripper_poses, read_pose

    if "board_pose" in chosen:
        T_world_board = read_pose(chosen["board_pose"], "T_world_board")
        return lambda detections, K, paths: calibrate_with_table_board(detections, K, T_world_board, paths)
    if "joints" in chosen:
        from h2s2r_bringup.commands.options import default_embodiment
        from h2s2r_bringup.robot_posture import gripper_poses, read_joint_positions
        from h2s2r_retarget.embodiment import load_embodiment

        robot = load_embodiment(embodiment or default_embodiment())
        postures = read_joint_positions(chosen["joints"], robot, arm_only=True)
        check_count(chosen["joints"], len(postures), count)
        poses = gripper_poses(postures, robot)
    else:
        poses = read_gripper_poses(chosen["gripper_poses"], count)
    return lambda detections, K, paths: calibrate_with_gripper_board(detections, poses, K, paths)


@command.command("intrinsics")
@click.argument("images", type=_PATH)
@click.option("--output", type=_PATH, help="Write the 3x3 matrix here (cam_K.txt).")
@_board_option
@_camera_matrix_option
def intrinsics_command(images: Path, output: Path | None, board: Path | None, camera_matrix: Path | None) -> None:
    """Find the intrinsics, and compare them with those the camera states.

    In: IMAGES of a board tilted to all sides, six or more. Out: focal length, principal point, distortion and
    their errors; how far they are from cam_K.txt where there is one; with --output, a new cam_K.txt.
    """
    import numpy as np

    from h2s2r_perception.artefact import InputError
    from h2s2r_perception.calibration import Board, load_board
    from h2s2r_perception.calibration.detection import detect
    from h2s2r_perception.calibration.intrinsics import calibrate_intrinsics, largest_difference_px
    from h2s2r_perception.calibration.views import open_views

    if output is not None and output.exists():
        raise InputError(output, "file", found="one already", expected="none", remedy="give another --output")
    views = open_views(images, intrinsics_needed=False, camera_matrix=camera_matrix)
    pattern = Board() if board is None else load_board(board)
    detections = [detect(pattern, views.image(index), path) for index, path in enumerate(views.paths)]
    found = calibrate_intrinsics(detections, views.image_size)
    K = found.camera_matrix
    print(f"fx fy cx cy          {K[0, 0]:.2f} {K[1, 1]:.2f} {K[0, 2]:.2f} {K[1, 2]:.2f} px")
    print(f"standard errors      focal {found.focal_px_sigma:.2f} px, centre {found.centre_px_sigma:.2f} px")
    print(f"reprojection         {found.reprojection_px_rms:.3f} px rms")
    print(f"lens distortion      at most {found.distortion_px_max:.2f} px")
    print(f"k1 k2 p1 p2 k3       {np.round(found.distortion, 4)}")
    if found.distortion_px_max > 1.0:
        print("recordings are taken as rectified: rectify the images, or use the camera's rectified stream")
    if views.camera_matrix is not None:
        apart = largest_difference_px(K, views.camera_matrix, views.image_size)
        print(f"cam_K.txt            differs by at most {apart:.2f} px over the image")
    if output is not None:
        np.savetxt(output, K, fmt="%.9g")
        print(f"{output} written")


@command.command("apply")
@click.argument("calibration", type=_PATH)
@click.option("--recording", type=_PATH, required=True, help="The Recording that gets the pose.")
@click.option("--replace", is_flag=True, help="Replace a pose that it has already; the old one stays in meta.json.")
def apply_command(calibration: Path, recording: Path, replace: bool) -> None:
    """Write a calibration's pose into a Recording.

    In: CALIBRATION, a camera_calibration/ (or a scene's), and a Recording of the same unmoved camera. Out: the
    Recording's meta.json with the pose; what was made from it counts as outdated.
    """
    from h2s2r_perception.calibration import POSE_FILE, apply_to_recording
    from h2s2r_perception.calibration.views import read_pose

    path = calibration / POSE_FILE if calibration.is_dir() else calibration
    apply_to_recording(recording, read_pose(path, "T_world_camera"), str(calibration), replace=replace)
    print(f"{recording} has the pose of {path}")
