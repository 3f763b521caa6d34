"""The bundled robots: their three files agree with each other, with their sources and with physics."""

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import yaml

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.description.mjcf import to_mjcf
from h2s2r_retarget.description.robots import ROBOTS
from h2s2r_retarget.description.urdf import to_urdf
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics

mujoco = pytest.importorskip("mujoco")
pinocchio = pytest.importorskip("pinocchio")

EMBODIMENT = load_embodiment("iiwa14_allegro")


def random_postures(count, seed=0):
    return np.random.default_rng(seed).uniform(EMBODIMENT.limits.lower, EMBODIMENT.limits.upper, (count, 23))


def allegro_urdf():
    try:
        files = metadata.files("example-robot-data") or []
    except metadata.PackageNotFoundError:
        pytest.skip("example-robot-data is not installed: `pip install example-robot-data`")
    found = [Path(str(file.locate())) for file in files if file.name == "allegro_right_hand.urdf"]
    if not found:
        pytest.skip("this example-robot-data has no allegro_right_hand.urdf")
    return found[0]


@pytest.mark.parametrize("robot", ROBOTS, ids=lambda robot: robot.name)
def test_written_files_equal_their_tables(robot):
    embodiment = load_embodiment(robot.name)
    values = yaml.safe_load((embodiment.urdf.with_suffix(".yaml")).read_text())
    assert embodiment.urdf.read_text() == to_urdf(robot)
    expected = to_mjcf(robot, stiffness=values["stiffness"], damping=values["damping"], home=values["home"])
    assert embodiment.mjcf.read_text() == expected


def test_hand_equals_the_manufacturers_within_a_tenth_of_a_millimetre():
    theirs = pinocchio.buildModelFromUrdf(str(allegro_urdf()))
    ours = pinocchio.buildModelFromUrdf(str(EMBODIMENT.urdf))
    worst = 0.0
    for posture in random_postures(50):
        q = {name: posture[EMBODIMENT.joint_names.index(name)] for name in EMBODIMENT.hand_joint_names}
        for number in (3, 7, 11, 15):
            T_theirs = frame_pose(
                theirs, {n.removesuffix("_0") + ".0": v for n, v in q.items()}, f"link_{number}.0_tip"
            )
            T_palm = frame_pose(ours, q, "palm_link")
            T_ours = np.linalg.inv(T_palm) @ frame_pose(ours, q, f"link_{number}_0_tip")
            worst = max(worst, np.abs(T_ours[:3, 3] - T_theirs[:3, 3]).max())
            assert np.allclose(T_ours[:3, :3], T_theirs[:3, :3], atol=1e-6)
    assert worst < 1e-4
    for name in EMBODIMENT.hand_joint_names:
        mine, other = ours.getJointId(name), theirs.getJointId(name.removesuffix("_0") + ".0")
        i, j = ours.joints[mine].idx_q, theirs.joints[other].idx_q
        assert ours.lowerPositionLimit[i] == theirs.lowerPositionLimit[j]
        assert ours.upperPositionLimit[i] == theirs.upperPositionLimit[j]


def frame_pose(model, q_by_name, frame):
    q, data = pinocchio.neutral(model), model.createData()
    for name, value in q_by_name.items():
        q[model.joints[model.getJointId(name)].idx_q] = value
    pinocchio.framesForwardKinematics(model, data, q)
    return data.oMf[model.getFrameId(frame)].homogeneous


def test_arm_equals_the_published_link_lengths_within_a_tenth_of_a_millimetre():
    # KUKA's Denavit-Hartenberg table: d 0.36, 0, 0.42, 0, 0.40, 0, 0.126 m, a = 0, alpha +-90 deg.
    ours = pinocchio.buildModelFromUrdf(str(EMBODIMENT.urdf))
    alpha = np.radians([-90.0, 90.0, 90.0, -90.0, -90.0, 90.0, 0.0])
    d = [0.36, 0.0, 0.42, 0.0, 0.40, 0.0, 0.126]
    for posture in random_postures(50, seed=1)[:, :7]:
        T = np.eye(4)
        for theta, offset, twist in zip(posture, d, alpha, strict=True):
            c, s, ca, sa = np.cos(theta), np.sin(theta), np.cos(twist), np.sin(twist)
            T = T @ np.array([[c, -s * ca, s * sa, 0], [s, c * ca, -c * sa, 0], [0, sa, ca, offset], [0, 0, 0, 1]])
        mine = frame_pose(ours, dict(zip(EMBODIMENT.arm_joint_names, posture, strict=True)), "lbr_link_ee")
        assert np.abs(mine - T).max() < 1e-4


def test_urdf_equals_mjcf_within_a_hundredth_of_a_millimetre():
    model = mujoco.MjModel.from_xml_path(str(EMBODIMENT.mjcf))
    data = mujoco.MjData(model)
    assert tuple(model.joint(i).name for i in range(model.njnt)) == EMBODIMENT.joint_names
    assert tuple(model.actuator(i).name for i in range(model.nu)) == EMBODIMENT.joint_names
    kinematics = BatchedKinematics(EMBODIMENT)
    for posture in random_postures(100, seed=2):
        data.qpos[:] = posture
        mujoco.mj_kinematics(model, data)
        hand = kinematics.forward(posture[None])
        T = hand.T_world_palm[0]
        assert np.abs(data.site("palm_link").xpos - T[:3, 3]).max() < 1e-5
        assert np.abs(data.site("palm_link").xmat.reshape(3, 3) - T[:3, :3]).max() < 1e-6
        for frame, tip in zip(EMBODIMENT.fingertip_frames, hand.fingertip_position[0], strict=True):
            assert np.abs(data.site(frame).xpos - tip).max() < 1e-5


def test_limits_and_gains_of_the_mjcf_are_the_embodiments():
    model = mujoco.MjModel.from_xml_path(str(EMBODIMENT.mjcf))
    limits = EMBODIMENT.limits
    assert np.allclose(model.jnt_range, np.stack([limits.lower, limits.upper], axis=1), atol=1e-9)
    assert np.allclose(model.actuator_forcerange[:, 1], limits.torque)
    assert np.allclose(model.actuator_gainprm[:, 0], EMBODIMENT.stiffness)
    assert np.allclose(-model.actuator_biasprm[:, 2], EMBODIMENT.damping)
    assert (limits.lower <= EMBODIMENT.home).all() and (EMBODIMENT.home <= limits.upper).all()


def test_every_inertia_is_physically_possible():
    model = pinocchio.buildModelFromUrdf(str(EMBODIMENT.urdf))
    for inertia in list(model.inertias)[1:]:
        moments = np.linalg.eigvalsh(inertia.inertia)
        assert inertia.mass > 0.0
        assert moments[0] > 0.0 and moments[0] + moments[1] >= moments[2]
    simulated = mujoco.MjModel.from_xml_path(str(EMBODIMENT.mjcf))
    assert (simulated.body_mass[1:] > 0.0).all()
    moving = sum(inertia.mass for inertia in list(model.inertias)[1:])
    base = simulated.body("lbr_link_0").mass[0]
    assert simulated.body_mass.sum() - base == pytest.approx(moving, rel=1e-9)


@pytest.mark.parametrize("timestep", [1 / 60, 1 / 120])
def test_the_nominal_gains_hold_home_and_come_back_to_it(timestep):
    model = mujoco.MjModel.from_xml_path(str(EMBODIMENT.mjcf))
    model.opt.timestep = timestep
    data = mujoco.MjData(model)
    data.qpos[:] = data.ctrl[:] = EMBODIMENT.home
    for _ in range(int(2.0 / timestep)):
        mujoco.mj_step(model, data)
    assert np.abs(data.qpos - EMBODIMENT.home).max() < 1e-3
    data.qvel[:7], data.qvel[7:] = 0.5, 2.0
    for _ in range(int(2.0 / timestep)):
        mujoco.mj_step(model, data)
    assert np.abs(data.qpos - EMBODIMENT.home).max() < 2e-3
    assert np.abs(data.qvel).max() < 2e-2


def test_robot_shapes_meet_the_world_but_not_each_other():
    spec = mujoco.MjSpec.from_file(str(EMBODIMENT.mjcf))
    ball = spec.worldbody.add_body(name="ball", pos=[0, 0, 2])
    ball.add_freejoint()
    ball.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.03, 0, 0], mass=0.1)
    model = spec.compile()
    data = mujoco.MjData(model)
    data.qpos[:23] = EMBODIMENT.home
    data.qpos[7:23] = EMBODIMENT.limits.upper[7:]  # a fist: fingers overlap the palm
    mujoco.mj_forward(model, data)
    assert data.ncon == 0
    data.qpos[23:26] = data.site("link_3_0_tip").xpos
    mujoco.mj_forward(model, data)
    assert data.ncon > 0
    assert max(contact.friction[0] for contact in data.contact) == 1.5  # a fingertip's


def copy_of(tmp_path, change):
    values = yaml.safe_load(EMBODIMENT.urdf.with_suffix(".yaml").read_text())
    change(values)
    for file in (EMBODIMENT.urdf, EMBODIMENT.mjcf):
        (tmp_path / file.name).write_text(file.read_text())
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda v: v.update(stifness=[1]), "stifness"),
        (lambda v: v["arm_joint_names"].__setitem__(0, "lbr_A9"), "lbr_A9"),
        (lambda v: v["hand_joint_names"].pop(), "joint_15_0"),
        (lambda v: v["damping"].pop(), "damping"),
        (lambda v: v.update(palm_frame="palm"), "palm"),
        (lambda v: v["fingertips"][0].update(human="toe"), "toe"),
        (lambda v: v["fingertips"][0].update(human=["index", "toe"]), "toe"),
        (lambda v: v["fingertips"][0].update(human=[]), "one or more of thumb"),
        (lambda v: v.update(palm_offset={"xyz_m": [0.1, 0.0]}), "palm_offset"),
        (lambda v: v["fingertips"][0].update(frame="lbr_link_3"), "lbr_link_3"),
        (lambda v: v["synergies"]["basis"][1]["row"].pop(), "opposition"),
        (lambda v: v.update(urdf="absent.urdf"), "absent.urdf"),
        (lambda v: v.update(mjcf="absent.xml"), "absent.xml"),
    ],
)
def test_a_wrong_embodiment_file_is_refused_by_name(tmp_path, change, named):
    with pytest.raises(InputError, match=named):
        load_embodiment(copy_of(tmp_path, change))


def test_an_unknown_embodiment_names_the_known():
    with pytest.raises(InputError, match="iiwa14_allegro"):
        load_embodiment("iiwa7_shadow")


def test_the_hash_follows_each_file(tmp_path):
    path = copy_of(tmp_path, lambda values: None)
    first = load_embodiment(path).sha256
    assert load_embodiment(path).sha256 == first
    mjcf = tmp_path / EMBODIMENT.mjcf.name
    mjcf.write_text(mjcf.read_text() + " ")
    assert load_embodiment(path).sha256 != first
