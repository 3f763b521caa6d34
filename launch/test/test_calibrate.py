"""`h2s2r calibrate`: from images and a file of joint positions to a pose that `import` reads."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from h2s2r_bringup import cli
from h2s2r_bringup.robot_posture import gripper_poses, read_joint_positions
from h2s2r_perception.artefact import InputError
from h2s2r_perception.calibration.board import Board, draw_board
from h2s2r_perception.geometry import inverse, pose, rotation_angle, rotation_from_vector
from h2s2r_retarget.embodiment import load_embodiment

K = np.array([[610.0, 0.0, 320.0], [0.0, 610.0, 240.0], [0.0, 0.0, 1.0]])


def render(board, T_camera_board):
    printed = cv2.GaussianBlur(draw_board(board, 120), (0, 0), 1.0)
    h, w = printed.shape
    to_board = np.array(
        [[0.0254 / 120, 0, -(w - 1) * 0.0127 / 120], [0, -0.0254 / 120, (h - 1) * 0.0127 / 120], [0, 0, 1]]
    )
    H = K @ T_camera_board[:3, [0, 1, 3]] @ to_board
    return cv2.warpPerspective(printed, H, (640, 480), flags=cv2.INTER_AREA, borderValue=140)


@pytest.fixture(scope="module")
def robot():
    return load_embodiment("iiwa14_allegro")


@pytest.fixture(scope="module")
def postures(robot):
    """Arm postures about home in which the wrist turns, by name, as a robot's log would hold them."""
    generator = np.random.default_rng(0)
    arm = robot.home[: robot.arm_dof] + generator.uniform(-1, 1, (9, robot.arm_dof)) * [
        0.06,
        0.06,
        0.1,
        0.1,
        0.4,
        0.3,
        0.5,
    ]
    return {name: arm[:, index] for index, name in enumerate(robot.arm_joint_names)}


def write_csv(path, postures):
    rows = np.stack([np.arange(9.0), *postures.values()], axis=1)
    path.write_text("\n".join([",".join(["stamp", *postures]), *(",".join(f"{v:.9f}" for v in row) for row in rows)]))


@pytest.fixture(scope="module")
def session(robot, postures, tmp_path_factory):
    """A folder of images as a fixed camera sees the board in the robot's hand, and where that camera stands."""
    folder = tmp_path_factory.mktemp("session")
    write_csv(folder / "postures.csv", postures)
    T_base_gripper = gripper_poses(read_joint_positions(folder / "postures.csv", robot, arm_only=True), robot)
    facing = pose(rotation_from_vector(np.array([0.3, -0.2, 0.1])) @ np.diag([1.0, -1.0, -1.0]), np.array([0, 0, 0.6]))
    T_gripper_board = pose(rotation_from_vector(np.array([0.1, 0.2, 0.3])), np.array([0.0, 0.02, 0.05]))
    middle = T_base_gripper[0] @ T_gripper_board
    T_world_camera = middle @ inverse(facing)
    (folder / "images").mkdir()
    for index, T in enumerate(T_base_gripper):
        cv2.imwrite(
            str(folder / "images" / f"{index:03d}.png"),
            render(Board(), inverse(T_world_camera) @ T @ T_gripper_board),
        )
    np.savetxt(folder / "images" / "cam_K.txt", K)
    return folder, T_world_camera


def test_joint_positions_and_images_become_a_camera_pose(session, tmp_path, capsys):
    folder, T_world_camera = session
    output = tmp_path / "camera_calibration"
    arguments = ["calibrate", "camera", str(folder / "images"), "--joints", str(folder / "postures.csv")]
    assert cli.main([*arguments, "--output", str(output)]) == 0
    assert "held_out_board_mm_rms" in capsys.readouterr().out
    found = np.loadtxt(output / "T_world_camera.txt")
    assert np.linalg.norm(found[:3, 3] - T_world_camera[:3, 3]) < 0.003
    assert rotation_angle(found[:3, :3], T_world_camera[:3, :3]) < np.radians(0.3)
    assert (output / "picture.png").stat().st_size > 10_000
    assert json.loads((output / "meta.json").read_text())["quality"]["reprojection_px_rms"] < 0.5
    assert cli.main([*arguments, "--output", str(output)]) == 2  # never replaced silently
    assert "--force" in capsys.readouterr().err


def test_postures_of_json_and_npz_are_the_same(robot, postures, tmp_path):
    write_csv(tmp_path / "q.csv", postures)
    (tmp_path / "q.json").write_text(json.dumps({name: values.tolist() for name, values in postures.items()}))
    np.savez(tmp_path / "q.npz", joint_names=list(postures), joint_position=np.stack(list(postures.values()), axis=1))
    read = [read_joint_positions(tmp_path / f"q.{end}", robot, arm_only=True) for end in ("csv", "json", "npz")]
    np.testing.assert_allclose(read[0], read[1], atol=1e-8)
    np.testing.assert_allclose(read[1], read[2])
    np.testing.assert_allclose(read[2][0, robot.arm_dof :], robot.home[robot.arm_dof :])
    with pytest.raises(InputError, match="joint_0_0"):
        read_joint_positions(tmp_path / "q.csv", robot)


def test_degrees_and_missing_joints_are_named(robot, postures, tmp_path):
    (tmp_path / "degrees.json").write_text(json.dumps(dict.fromkeys(robot.joint_names, 57.3)))
    with pytest.raises(InputError, match="are these degrees"):
        read_joint_positions(tmp_path / "degrees.json", robot)
    (tmp_path / "wrong.json").write_text(json.dumps({"A1": 0.1}))
    with pytest.raises(InputError, match="one named lbr_A1"):
        read_joint_positions(tmp_path / "wrong.json", robot, arm_only=True)
    (tmp_path / "postures.txt").write_text("")
    with pytest.raises(InputError, match=r"\.csv"):
        read_joint_positions(tmp_path / "postures.txt", robot)


def test_where_the_board_was_has_to_be_said_once(session, capsys):
    assert cli.main(["calibrate", "camera", str(session[0] / "images")]) == 2
    assert "exactly one" in capsys.readouterr().err


def test_a_board_is_printed_with_its_description(tmp_path, capsys):
    assert cli.main(["calibrate", "board", str(tmp_path / "b.pdf"), "--columns", "5", "--square", "0.03"]) == 0
    assert "150.0 x 150.0 mm" in capsys.readouterr().out
    assert "square_m: 0.03" in (tmp_path / "b.yaml").read_text()
    assert cli.main(["calibrate", "board", str(tmp_path / "b.svg")]) == 2
