"""Joints that slide, in arm and hand: one robot in URDF, MJCF, pinocchio and our kinematics."""

import numpy as np
import pytest
import yaml

from h2s2r_perception.geometry import vector_from_rotation
from h2s2r_retarget.description.mjcf import to_mjcf
from h2s2r_retarget.description.model import Box, Description, Joint, Link, Shape, box_inertial
from h2s2r_retarget.description.urdf import to_urdf
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics

GAINS = {"stiffness": [100.0] * 6, "damping": [10.0] * 6}
HOME = [0.2, 0.1, 0.3, -0.4, 0.02, 0.02]
_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def link(name):
    box = Box((0.0, 0.0, 0.02), (0.02, 0.03, 0.04))
    return Link(name, box_inertial(0.3, box), (Shape(box, "grey"),))


def joint(name, parent, child, position, kind, axis, upper, rpy=(0.0, 0.0, 0.0)):
    limits = {"lower": -upper if kind == "revolute" else 0.0, "upper": upper, "velocity": 1.0, "torque": 50.0}
    return Joint(name, parent, child, position, rpy, kind=kind, axis=axis, armature=0.1, **limits)


@pytest.fixture(scope="module")
def gantry(tmp_path_factory):
    """Slide along a tilted x, slide up, turn, turn; then a jaw of two sliding fingers."""
    folder = tmp_path_factory.mktemp("gantry")
    robot = Description(
        "gantry",
        (
            *(link(name) for name in ("base", "beam", "post", "shoulder", "palm", "left", "right")),
            *(Link(name) for name in ("left_tip", "right_tip")),
        ),
        (
            joint("along", "base", "beam", (0.0, 0.0, 0.5), "prismatic", _X, 0.8, rpy=(0.2, 0.3, -0.5)),
            joint("up", "beam", "post", (0.1, 0.0, 0.0), "prismatic", _Z, 0.5),
            joint("turn", "post", "shoulder", (0.0, 0.1, 0.2), "revolute", _Y, 2.0, rpy=(0.0, 0.1, 0.0)),
            joint("twist", "shoulder", "palm", (0.2, 0.0, 0.0), "revolute", _Z, 2.0),
            joint("left_slide", "palm", "left", (0.0, 0.01, 0.05), "prismatic", _Y, 0.05),
            joint("right_slide", "palm", "right", (0.0, -0.01, 0.05), "prismatic", (0.0, -1.0, 0.0), 0.05),
            Joint("left_end", "left", "left_tip", (0.0, 0.0, 0.08)),
            Joint("right_end", "right", "right_tip", (0.0, 0.0, 0.08)),
        ),
        {"grey": (0.5, 0.5, 0.5, 1.0)},
    )
    (folder / "gantry.urdf").write_text(to_urdf(robot))
    (folder / "gantry.xml").write_text(to_mjcf(robot, home=HOME, **GAINS))
    closing = {"name": "closure", "row": [-0.02, -0.02], "centre": 1.0, "half_range": 1.0}
    values = {
        "name": "gantry",
        "urdf": "gantry.urdf",
        "mjcf": "gantry.xml",
        "base_frame": "base",
        "palm_frame": "palm",
        "arm_joint_names": ["along", "up", "turn", "twist"],
        "hand_joint_names": ["left_slide", "right_slide"],
        "fingertips": [
            {"frame": "left_tip", "human": "thumb", "radius_m": 0.01},
            {"frame": "right_tip", "human": "index", "radius_m": 0.01},
        ],
        "acceleration": [5.0] * 6,
        "jerk": [100.0] * 6,
        "home": HOME,
        "synergies": {"mean": [0.04, 0.04], "basis": [closing]},
        **GAINS,
    }
    (folder / "gantry.yaml").write_text(yaml.safe_dump(values))
    return load_embodiment(folder / "gantry.yaml")


def postures(embodiment, count=20):
    return np.random.default_rng(0).uniform(embodiment.limits.lower, embodiment.limits.upper, (count, embodiment.dof))


def test_units_follow_the_joint(gantry):
    assert gantry.joint_units == ("m", "m", "rad", "rad", "m", "m")
    assert (gantry.like_a_radian[[0, 2]] == [0.05, 1.0]).all()
    assert (gantry.limits.upper == [0.8, 0.5, 2.0, 2.0, 0.05, 0.05]).all()


def test_urdf_mjcf_and_our_kinematics_agree(gantry):
    mujoco, pinocchio = pytest.importorskip("mujoco"), pytest.importorskip("pinocchio")
    model = mujoco.MjModel.from_xml_path(str(gantry.mjcf))
    state = mujoco.MjData(model)
    rigid = pinocchio.buildModelFromUrdf(str(gantry.urdf))
    data = rigid.createData()
    index = np.array([rigid.joints[rigid.getJointId(name)].idx_q for name in gantry.joint_names])
    assert tuple(model.joint(i).name for i in range(model.njnt)) == gantry.joint_names
    for posture in postures(gantry):
        hand = BatchedKinematics(gantry).forward(posture[None])
        state.qpos[:] = posture
        mujoco.mj_kinematics(model, state)
        q = np.zeros(rigid.nq)
        q[index] = posture
        pinocchio.computeJointJacobians(rigid, data, q)
        pinocchio.updateFramePlacements(rigid, data)
        palm = rigid.getFrameId("palm")
        J = pinocchio.getFrameJacobian(rigid, data, palm, pinocchio.LOCAL_WORLD_ALIGNED)[:, index[:4]]
        assert np.abs(data.oMf[palm].homogeneous - hand.T_world_palm[0]).max() < 1e-12
        assert np.abs(J - hand.palm_jacobian[0]).max() < 1e-12
        for frame, tip in zip(gantry.fingertip_frames, hand.fingertip_position[0], strict=True):
            assert np.abs(data.oMf[rigid.getFrameId(frame)].translation - tip).max() < 1e-12
            assert np.abs(state.site(frame).xpos - tip).max() < 1e-9


def test_the_jacobian_equals_finite_differences_in_numpy_and_torch(gantry):
    torch = pytest.importorskip("torch")
    kinematics, q, step = BatchedKinematics(gantry), postures(gantry), 1e-6
    hand, other = kinematics.forward(q), kinematics.forward(torch.tensor(q))
    assert np.abs(other.palm_jacobian.numpy() - hand.palm_jacobian).max() < 1e-13
    assert np.abs(other.fingertip_position.numpy() - hand.fingertip_position).max() < 1e-13
    for joint_index in range(gantry.arm_dof):
        moved = q.copy()
        moved[:, joint_index] += step
        T = kinematics.palm(moved).T_world_palm
        linear = (T[:, :3, 3] - hand.T_world_palm[:, :3, 3]) / step
        turn = vector_from_rotation(T[:, :3, :3] @ np.swapaxes(hand.T_world_palm[:, :3, :3], 1, 2)) / step
        assert np.abs(np.concatenate([linear, turn], axis=1) - hand.palm_jacobian[:, :, joint_index]).max() < 1e-5


def test_sliding_fingers_close_by_their_synergy(gantry):
    kinematics = BatchedKinematics(gantry)
    gaps = []
    for coordinate in (0.0, 1.0, 2.0):
        hand = gantry.synergy_mean + coordinate * gantry.synergy_basis[0]
        tips = kinematics.forward(np.append(gantry.home[:4], hand)[None]).fingertip_position[0]
        gaps.append(np.linalg.norm(tips[0] - tips[1]))
    assert gaps == pytest.approx([0.10, 0.06, 0.02])
