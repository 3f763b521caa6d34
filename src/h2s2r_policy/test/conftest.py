"""A policy bundle with a small random LSTM, and what surrounds it, for every test that needs one."""

import dataclasses

import numpy as np
import pytest

from h2s2r_perception import artefact
from h2s2r_perception.demonstration import SCHEMA as DEMONSTRATION_SCHEMA
from h2s2r_perception.demonstration import Demonstration
from h2s2r_perception.geometry import inverse, pose
from h2s2r_policy import contract as contract_file
from h2s2r_policy.controller import ControllerConfiguration
from h2s2r_policy.goal_clock import GoalClockConfiguration
from h2s2r_policy.inference import FILE_NAME
from h2s2r_policy.interface import make_contract, make_runner
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.retargeting import SCHEMA as RETARGETING_SCHEMA
from h2s2r_retarget.retargeting import Retargeting

HIDDEN = 8


@pytest.fixture(scope="session")
def embodiment():
    return load_embodiment("iiwa14_allegro")


@pytest.fixture(scope="session")
def contract(embodiment):
    return make_contract(
        embodiment,
        make_runner(embodiment, "none"),
        symmetry="none",
        recurrent_shape=(1, HIDDEN),
        physics_rate_hz=120.0,
        table_height_m=0.155,
        expected_latency_s=(0.03, 0.1),
        goal_clock=GoalClockConfiguration(),
        controller=ControllerConfiguration(),
    )


@pytest.fixture
def bundle_folder(tmp_path, contract):
    folder = tmp_path / "run" / "policy"
    folder.mkdir(parents=True)
    contract_file.write(contract, folder)
    _write_lstm(folder / FILE_NAME, contract.layout.size, contract.action_size)
    return folder


@pytest.fixture
def T_world_object():
    """Where the object of these tests lies."""
    return pose(np.eye(3), np.array([0.6, -0.15, 0.185]))


@pytest.fixture
def run_folder(bundle_folder, embodiment, T_world_object):
    """A run of three stages: the object goes 0.25 m to +y in 2 s; the robot starts at its home posture."""
    run = bundle_folder.parent
    frames = 61
    T = np.tile(T_world_object, (frames, 1, 1))
    T[:, 1, 3] += np.linspace(0.0, 0.25, frames)
    demonstration = Demonstration(
        stamp_ns=10**9 + np.arange(frames, dtype=np.int64) * 33_333_333,
        T_world_object=T,
        object_confidence=np.ones(frames),
        hand_joints_world=np.zeros((frames, 21, 3)),
        hand_confidence=np.ones(frames),
        motion_start=0,
        motion_end=frames - 1,
        premanipulation_index=0,
    )
    with artefact.writing(run / "demonstration", DEMONSTRATION_SCHEMA) as writer:
        demonstration.save(writer.folder)
    palm = BatchedKinematics(embodiment).forward(embodiment.home[None].copy()).T_world_palm[0]
    retargeting = Retargeting(
        joint_position=embodiment.home.copy(),
        T_object_palm=inverse(T_world_object) @ palm,
        path_joint_position=np.tile(embodiment.home, (2, 1)),
        path_T_world_palm=np.tile(palm, (2, 1, 1)),
        path_stamp_s=np.array([0.0, 1.0]),
        joint_names=embodiment.joint_names,
        embodiment=embodiment.name,
        embodiment_sha256=embodiment.sha256,
        quality={},
    )
    with artefact.writing(run / "retargeting", RETARGETING_SCHEMA) as writer:
        retargeting.save(writer.folder)
        writer.fields.update(
            joint_names=embodiment.joint_names, embodiment=embodiment.name, embodiment_sha256=embodiment.sha256
        )
    return run


@pytest.fixture
def write_lstm():
    return _write_lstm


@pytest.fixture
def changed(contract):
    """The contract with some fields replaced."""
    return lambda **fields: dataclasses.replace(contract, **fields)


def _write_lstm(path, observation_size, action_size, batch="N", gain=0.5):
    """An LSTM with the input and output names of rsl_rl's exporter."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = {
        "W": rng.normal(0, 0.2, (1, 4 * HIDDEN, observation_size)),
        "R": rng.normal(0, 0.2, (1, 4 * HIDDEN, HIDDEN)),
        "B": np.zeros((1, 8 * HIDDEN)),
        "G": gain * rng.normal(0, 1.0, (HIDDEN, action_size)),
    }
    constants = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()]
    constants.append(numpy_helper.from_array(np.array([0], dtype=np.int64), "first"))
    nodes = [
        helper.make_node("Unsqueeze", ["obs", "first"], ["sequence"]),
        helper.make_node(
            "LSTM", ["sequence", "W", "R", "B", "", "h_in", "c_in"], ["", "h_out", "c_out"], hidden_size=HIDDEN
        ),
        helper.make_node("Squeeze", ["h_out", "first"], ["latent"]),
        helper.make_node("MatMul", ["latent", "G"], ["actions"]),
    ]

    def tensor(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    state = [("h", 1), ("c", 1)]
    graph = helper.make_graph(
        nodes,
        "policy",
        [tensor("obs", batch, observation_size), *(tensor(f"{s}_in", n, batch, HIDDEN) for s, n in state)],
        [tensor("actions", batch, action_size), *(tensor(f"{s}_out", n, batch, HIDDEN) for s, n in state)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
