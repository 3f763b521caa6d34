"""The evaluation: same episodes for all, counted strictly, with honest intervals; and the baselines it is against."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2s2r_perception.artefact import InputError, writing
from h2s2r_perception.demonstration import SCHEMA as DEMONSTRATION
from h2s2r_perception.demonstration import Demonstration
from h2s2r_policy import contract as contract_file
from h2s2r_retarget.retargeting import SCHEMA as RETARGETING
from h2s2r_retarget.retargeting import Retargeting
from h2s2r_sim.baselines import ObjectAwareReplay, Replay
from h2s2r_sim.environment import Environment
from h2s2r_sim.evaluation import (
    EvaluationConfiguration,
    evaluate,
    evaluate_contender,
    evaluation_is_current,
    figures,
    wilson_interval,
)
from h2s2r_sim.randomisation import NONE
from h2s2r_sim.rollout import EpisodeResults, run_episodes
from h2s2r_sim.training.profiles import QUICK, NetworkSettings
from h2s2r_sim.training.train import train, training_is_current

FEW = EvaluationConfiguration(episodes=12)
TINY = dataclasses.replace(
    QUICK,
    environments=8,
    maximum_steps=64,
    network=NetworkSettings(actor_lstm=8, actor_hidden=(8,), critic_hidden=(8,)),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory, embodiment, push_reference):
    """A run folder up to retargeting, written from the scripted push."""
    folder, path = tmp_path_factory.mktemp("run"), push_reference.human_path
    T = np.asarray(push_reference.goal_path.T_world_object)
    frames = len(T)
    hand = np.tile(np.linspace([0.6, -0.3, 0.3], [0.7, -0.3, 0.25], 21), (frames, 1, 1))
    stamp_ns = (np.arange(frames) * 1e9 / 30).astype(np.int64)
    with writing(folder / "demonstration", DEMONSTRATION) as artefact:
        sure = np.ones(frames)
        Demonstration(stamp_ns, T, sure, hand, sure, 0, frames - 1, 0).save(artefact.folder)
    with writing(folder / "retargeting", RETARGETING) as artefact:
        artefact.fields |= {
            "embodiment": embodiment.name,
            "embodiment_sha256": embodiment.sha256,
            "joint_names": list(embodiment.joint_names),
        }
        Retargeting(
            push_reference.joint_position,
            push_reference.T_object_palm,
            path.joint_position,
            path.T_world_palm,
            path.stamp_s,
            embodiment.joint_names,
            embodiment.name,
            embodiment.sha256,
            {},
        ).save(artefact.folder)
    return folder


@pytest.fixture(scope="module")
def trained(run, task):
    """With the bundle of a policy that has hardly learned anything."""
    train(task, run / "demonstration", run / "retargeting", run / "training", run / "policy", TINY)
    return run


def folders(run):
    return run / "demonstration", run / "retargeting", run / "policy"


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    # Worked by hand from Wilson's formula with z = 1.959964.
    [(0, 10, 0.0, 0.27753), (5, 10, 0.23659, 0.76341), (285, 300, 0.91919, 0.96946), (300, 300, 0.98736, 1.0)],
)
def test_wilson_interval(successes, count, low, high):
    assert wilson_interval(successes, count) == pytest.approx((low, high), abs=2e-4)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_proportion(case):
    successes, count = case
    low, high = wilson_interval(successes, count)
    assert 0.0 <= low <= successes / count + 1e-12
    assert successes / count - 1e-12 <= high <= 1.0


def test_a_contender_that_nobody_knows_is_refused():
    with pytest.raises(InputError, match="behaviour_clonning"):
        EvaluationConfiguration(contenders=("policy", "behaviour_clonning"))


def test_figures_count_strictly():
    success = np.array([True, True, False, False])
    lost = np.array([False, False, True, False])
    distance = np.array([0.01, 0.02, 0.30, 0.05])
    values = figures(
        "replay",
        EpisodeResults(success, success.astype(float), lost, distance, np.zeros(4), np.zeros(4, dtype=np.int64)),
    )
    assert values["success_replay"] == 0.5
    assert values["success_replay_n"] == 4
    assert values["lost_replay"] == 0.25
    assert values["final_distance_mm_median_replay"] == pytest.approx(35.0)


def undisturbed(task):
    """A task whose episodes all start as demonstrated."""
    return dataclasses.replace(task, reset=dataclasses.replace(task.reset, position_m=0.0, yaw_rad=0.0, joint_rad=0.0))


@pytest.mark.parametrize("baseline", [Replay, ObjectAwareReplay])
def test_a_replay_succeeds_where_nothing_differs_from_the_demonstration(task, embodiment, push_reference, baseline):
    environment = Environment(undisturbed(task), embodiment, push_reference, num_environments=2, seed=0, table=NONE)
    assert run_episodes(environment, baseline(environment)).success.all()


def test_object_aware_replay_carries_the_path_with_the_object(task, embodiment, push_reference):
    from h2s2r_retarget.kinematics import BatchedKinematics

    environment = Environment(task, embodiment, push_reference, num_environments=6, seed=0, table=NONE)
    joints = ObjectAwareReplay(environment).joint_target(0.0)
    palm = BatchedKinematics(embodiment).palm(joints).T_world_palm
    expected = environment.engine.object_pose() @ push_reference.T_object_palm
    np.testing.assert_allclose(palm, expected, atol=2e-3)


def test_a_replay_holds_its_last_target(task, embodiment, push_reference):
    environment = Environment(task, embodiment, push_reference, num_environments=3, seed=0)
    player = Replay(environment)
    last = push_reference.human_path.joint_position[-1]
    np.testing.assert_allclose(player.joint_target(1e3), np.tile(last, (3, 1)))
    first = push_reference.human_path.joint_position[0]
    np.testing.assert_allclose(player.joint_target(0.0), np.tile(first, (3, 1)))


def test_contenders_meet_the_same_episodes(task, embodiment, push_reference):
    starts = {}

    def watched(baseline):
        def make(environment):
            names = ("object_mass_kg", "stiffness")
            parts = [environment.engine.parameter(name).ravel() for name in names]
            parts += [environment.engine.object_pose().ravel(), environment.engine.joint_state()[0].ravel()]
            starts[baseline] = np.concatenate(parts)
            return baseline(environment)

        return make

    for baseline in (Replay, ObjectAwareReplay):
        evaluate_contender(watched(baseline), task, embodiment, push_reference, FEW)
    np.testing.assert_array_equal(starts[Replay], starts[ObjectAwareReplay])


def test_train_writes_a_bundle_that_is_then_up_to_date(trained, task):
    demonstration, retargeting, policy = folders(trained)
    assert {path.name for path in policy.iterdir()} == {
        "policy.onnx",
        "contract.json",
        "checkpoint.pt",
        "curve.csv",
        "meta.json",
    }
    assert training_is_current(task, demonstration, retargeting, policy, TINY)
    other = dataclasses.replace(TINY, seed=2)
    assert not training_is_current(task, demonstration, retargeting, policy, other)
    heavier = dataclasses.replace(task, object=dataclasses.replace(task.object, mass_kg=0.5))
    assert not training_is_current(heavier, demonstration, retargeting, policy, TINY)


def test_evaluate_writes_flat_figures_and_every_episode(trained, task):
    output = trained / "evaluation"
    values = evaluate(task, *folders(trained), output, FEW)
    stored = json.loads((output / "evaluation.json").read_text())
    assert stored == values
    assert json.loads((output / "meta.json").read_text())["quality"] == values
    for who in EvaluationConfiguration().contenders:
        assert values[f"success_{who}_n"] == 12
        assert values[f"success_{who}_lo"] <= values[f"success_{who}"] <= values[f"success_{who}_hi"]
    with (output / "episodes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 36
    counted = sum(int(row["success"]) for row in rows if row["contender"] == "replay")
    assert counted == round(12 * values["success_replay"])
    assert evaluation_is_current(task, *folders(trained), output, FEW)
    assert not evaluation_is_current(task, *folders(trained), output, EvaluationConfiguration(episodes=13))
    assert evaluate(task, *folders(trained), output, FEW) == values


def test_a_policy_for_something_else_is_refused_and_nothing_is_written(trained, task, tmp_path):
    bundle = tmp_path / "policy"
    bundle.mkdir()
    for path in (trained / "policy").iterdir():
        (bundle / path.name).write_bytes(path.read_bytes())
    trained_for = contract_file.read(bundle)
    contract_file.write(dataclasses.replace(trained_for, embodiment_hash="0" * 64), bundle)
    with pytest.raises(InputError, match="embodiment_hash"):
        evaluate(task, trained / "demonstration", trained / "retargeting", bundle, tmp_path / "evaluation", FEW)
    assert not (tmp_path / "evaluation").exists()
