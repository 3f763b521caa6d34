"""Batched kinematics: right, differentiable, the same in NumPy and torch, and blind to the batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_perception.geometry import vector_from_rotation
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics

EMBODIMENT = load_embodiment("iiwa14_allegro")
KINEMATICS = BatchedKinematics(EMBODIMENT)


def random_postures(count, seed=0):
    return np.random.default_rng(seed).uniform(EMBODIMENT.limits.lower, EMBODIMENT.limits.upper, (count, 23))


def test_equals_pinocchio():
    pinocchio = pytest.importorskip("pinocchio")
    model = pinocchio.buildModelFromUrdf(str(EMBODIMENT.urdf))
    data = model.createData()
    index = np.array([model.joints[model.getJointId(name)].idx_q for name in EMBODIMENT.joint_names])
    postures = random_postures(40)
    hand = KINEMATICS.forward(postures)
    palm = model.getFrameId("palm_link")
    for row, posture in enumerate(postures):
        q = np.zeros(23)
        q[index] = posture
        pinocchio.framesForwardKinematics(model, data, q)
        pinocchio.computeJointJacobians(model, data, q)
        J = pinocchio.getFrameJacobian(model, data, palm, pinocchio.LOCAL_WORLD_ALIGNED)
        assert np.abs(data.oMf[palm].homogeneous - hand.T_world_palm[row]).max() < 1e-12
        assert np.abs(J[:, index[:7]] - hand.palm_jacobian[row]).max() < 1e-12
        for number, frame in enumerate(EMBODIMENT.fingertip_frames):
            tip = data.oMf[model.getFrameId(frame)].translation
            assert np.abs(tip - hand.fingertip_position[row, number]).max() < 1e-12


def test_jacobian_equals_finite_differences():
    postures, step = random_postures(20, seed=1), 1e-6
    hand = KINEMATICS.forward(postures)
    for joint in range(7):
        moved = postures.copy()
        moved[:, joint] += step
        T = KINEMATICS.forward(moved).T_world_palm
        linear = (T[:, :3, 3] - hand.T_world_palm[:, :3, 3]) / step
        turn = vector_from_rotation(T[:, :3, :3] @ np.swapaxes(hand.T_world_palm[:, :3, :3], 1, 2)) / step
        assert np.abs(np.concatenate([linear, turn], axis=1) - hand.palm_jacobian[:, :, joint]).max() < 1e-5


def test_torch_equals_numpy():
    torch = pytest.importorskip("torch")
    postures = random_postures(16, seed=2)
    hand, other = KINEMATICS.forward(postures), KINEMATICS.forward(torch.tensor(postures))
    assert np.abs(other.T_world_palm.numpy() - hand.T_world_palm).max() < 1e-13
    assert np.abs(other.fingertip_position.numpy() - hand.fingertip_position).max() < 1e-13
    assert np.abs(other.palm_jacobian.numpy() - hand.palm_jacobian).max() < 1e-13
    single = KINEMATICS.forward(torch.tensor(postures, dtype=torch.float32))
    assert single.T_world_palm.dtype == torch.float32


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 200),
    first=st.integers(0, 199),
    seed=st.integers(0, 2**16),
    library=st.sampled_from(["numpy", "torch"]),
)
def test_a_row_does_not_depend_on_the_others_to_the_bit(count, first, seed, library):
    postures = random_postures(200, seed)
    rows = slice(first, min(first + count, 200))
    if library == "torch":
        postures = pytest.importorskip("torch").tensor(postures)
    everything, part = KINEMATICS.forward(postures), KINEMATICS.forward(postures[rows])
    for name in ("T_world_palm", "fingertip_position", "palm_jacobian"):
        assert bool((getattr(everything, name)[rows] == getattr(part, name)).all())


def test_the_palm_alone_is_the_same_and_needs_no_hand():
    postures = random_postures(5, seed=3)
    hand = KINEMATICS.forward(postures)
    for given_joints in (postures, postures[:, :7]):
        palm = KINEMATICS.palm(given_joints)
        assert (palm.T_world_palm == hand.T_world_palm).all()
        assert (palm.palm_jacobian == hand.palm_jacobian).all()


def test_palm_frame_convention():
    # At home: the palm faces +y, fingers point forward and down, the thumb is on the +y side of the palm frame.
    hand = KINEMATICS.forward(EMBODIMENT.home[None])
    R, p = hand.T_world_palm[0, :3, :3], hand.T_world_palm[0, :3, 3]
    index, middle, ring, thumb = (hand.fingertip_position[0] - p) @ R
    assert R[1, 0] > 0.95
    assert middle[2] > 0.08 and abs(middle[1]) < 0.01
    assert index[1] > 0.03 > -0.03 > ring[1]
    assert thumb[1] > 0.03 and thumb[0] > 0.0


def test_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"\(4, 22\)"):
        KINEMATICS.forward(np.zeros((4, 22)))
