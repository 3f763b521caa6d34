"""Training: exact resuming, whole checkpoints, fresh tensors, a faithful export, and that it learns."""

import dataclasses
import hashlib
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from h2s2r_perception.artefact import InputError
from h2s2r_policy.inference import FILE_NAME, OnnxPolicy
from h2s2r_sim.bundle import task_contract
from h2s2r_sim.environment import Environment
from h2s2r_sim.randomisation import NONE
from h2s2r_sim.rollout import run_episodes
from h2s2r_sim.training.actor import DeterministicActor
from h2s2r_sim.training.checkpoint import CHECKPOINT, CURVE, load_checkpoint, save_checkpoint
from h2s2r_sim.training.export import TOLERANCE, export_policy, largest_difference
from h2s2r_sim.training.learner import Learner
from h2s2r_sim.training.profiles import PAPER, PROFILES, QUICK, NetworkSettings, profile_named
from h2s2r_sim.training.train import make_trainer
from h2s2r_sim.training.trainer import TrainingInterruptedError
from h2s2r_sim.training.vec_env import RslRlEnvironment

TINY = dataclasses.replace(
    QUICK,
    environments=8,
    maximum_steps=8 * 16 * 6,
    evaluation_interval_steps=8 * 16 * 4,
    ppo=dataclasses.replace(QUICK.ppo, horizon=16),
    network=NetworkSettings(actor_lstm=16, actor_hidden=(16,), critic_hidden=(16,)),
)


def digest(trainer):
    """Of everything: weights, optimiser, recurrent state, environment, generators, counters."""
    return hashlib.sha256(pickle.dumps(plain({**trainer.state_dict(), **NO_TIMES}))).hexdigest()


NO_TIMES = {"training_seconds": 0.0, "curve": []}
"""Wall times differ between runs; nothing depends on them."""


def plain(value):
    if isinstance(value, torch.Tensor):
        return value.numpy().tobytes()
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if dataclasses.is_dataclass(value):
        return plain({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, dict):
        return [(str(key), plain(value[key])) for key in sorted(value, key=str)]
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return repr(value)


@pytest.fixture(scope="module")
def straight(task, embodiment, push_reference, tmp_path_factory):
    """Six iterations without interruption."""
    trainer, _ = make_trainer(task, embodiment, push_reference, TINY, tmp_path_factory.mktemp("straight"))
    trainer.run()
    return digest(trainer)


def test_an_interrupted_training_ends_as_one_left_alone(task, embodiment, push_reference, tmp_path, straight):
    first, _ = make_trainer(task, embodiment, push_reference, TINY, tmp_path)
    first.run(iterations=3)
    second, _ = make_trainer(task, embodiment, push_reference, TINY, tmp_path)
    assert second.resume()
    assert second.steps == 3 * 8 * 16
    second.run()
    assert second.finished
    assert digest(second) == straight


def test_the_policy_of_the_best_evaluation_is_exported_even_after_a_resume(
    task, embodiment, push_reference, tmp_path, monkeypatch
):
    monkeypatch.setattr("h2s2r_sim.training.trainer._WORTH_EVALUATING", 0.0)
    profile = dataclasses.replace(TINY, evaluation_interval_steps=8 * 16)
    successes, seen = iter([0.5, 0.7, 0.6]), []

    def evaluate(learner):
        seen.append(plain(learner.policy_state()))
        return next(successes)

    first, _ = make_trainer(task, embodiment, push_reference, profile, tmp_path)
    first._evaluate = evaluate
    first.run(iterations=3)
    second, learner = make_trainer(task, embodiment, push_reference, profile, tmp_path)
    assert second.resume()
    assert plain(learner.policy_state()) == seen[2]
    assert second.select_policy() == 0.7
    assert plain(learner.policy_state()) == seen[1] != seen[2]


@pytest.mark.slow
def test_a_killed_process_is_continued_by_a_new_one_to_the_same_weights(tmp_path, straight):
    """`kill -9` after the checkpoint of the third iteration, then a new process."""
    script = textwrap.dedent(
        f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from h2s2r_retarget.embodiment import load_embodiment
        from h2s2r_sim.scripted_push import scripted_push
        from h2s2r_sim.task import load_task
        from h2s2r_sim.training.train import make_trainer
        from test_training import TINY, digest
        embodiment = load_embodiment("iiwa14_allegro")
        trainer, _ = make_trainer(
            load_task("snackbox_push"), embodiment, scripted_push(embodiment), TINY, Path({str(tmp_path)!r})
        )
        if trainer.resume():
            trainer.run()
            print(digest(trainer))
        else:
            trainer.run(iterations=3)
            trainer.run(lambda _: os.kill(os.getpid(), signal.SIGKILL))
        """
    )
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == straight


def test_ctrl_c_saves_and_stops(task, embodiment, push_reference, tmp_path, straight):
    trainer, _ = make_trainer(task, embodiment, push_reference, TINY, tmp_path)
    with pytest.raises(TrainingInterruptedError, match="the state is saved"):
        trainer.run(lambda _: os.kill(os.getpid(), signal.SIGINT))
    again, _ = make_trainer(task, embodiment, push_reference, TINY, tmp_path)
    assert again.resume()
    assert again.steps == 8 * 16
    again.run()
    assert digest(again) == straight


def test_a_checkpoint_of_another_training_is_not_resumed(task, embodiment, push_reference, tmp_path):
    first, _ = make_trainer(task, embodiment, push_reference, TINY, tmp_path, identity={"task": "push"})
    first.run(iterations=1)
    second, _ = make_trainer(task, embodiment, push_reference, TINY, tmp_path, identity={"task": "lift"})
    assert not second.resume()
    assert second.steps == 0


def test_a_crash_while_saving_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, {"iteration": 1})

    def full_disk(state, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(tmp_path, {"iteration": 2})
    assert load_checkpoint(tmp_path) == {"iteration": 1}


def test_a_broken_checkpoint_is_one_line_of_advice(tmp_path):
    (tmp_path / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match=r"remove .* to train afresh"):
        load_checkpoint(tmp_path)


def test_the_curve_has_one_row_for_each_iteration(task, embodiment, push_reference, tmp_path):
    trainer, _ = make_trainer(task, embodiment, push_reference, TINY, tmp_path)
    trainer.run(iterations=3)
    header, *rows = (tmp_path / CURVE).read_text().splitlines()
    assert header.split(",")[:5] == ["steps", "seconds", "success", "evaluated_success", "episode_return"]
    assert [int(float(row.split(",")[0])) for row in rows] == [128, 256, 384]


@pytest.fixture(scope="module")
def small(task, embodiment, push_reference):
    environment = Environment(task, embodiment, push_reference, num_environments=8, seed=1)
    return environment, Learner(RslRlEnvironment(environment), TINY)


def test_rsl_rl_stores_what_it_acted_on(small):
    """Its storage keeps references until after the step: the observation must not change under it."""
    environment, _ = small
    adapter = RslRlEnvironment(environment)
    before = adapter.get_observations()
    copies = {key: value.clone() for key, value in before.items()}
    after, reward, done, _ = adapter.step(torch.zeros(8, adapter.num_actions))
    for key in ("policy", "privileged"):
        assert torch.equal(before[key], copies[key])
        assert before[key].data_ptr() != after[key].data_ptr()
        assert after[key].dtype == torch.float32
    assert reward.shape == done.shape == (8,)


def test_the_export_computes_what_the_network_computes(small, task, embodiment, tmp_path):
    _, learner = small
    learner.iterate()  # so that the normaliser has statistics
    contract = task_contract(task, embodiment, learner.recurrent_shape)
    assert export_policy(learner.actor, contract, tmp_path) <= TOLERANCE
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    policy = OnnxPolicy(tmp_path / FILE_NAME, contract)
    assert largest_difference(learner.actor, policy, contract.layout.size) <= TOLERANCE
    one = policy.step(np.zeros((1, contract.layout.size), np.float32))
    policy.reset()
    many = policy.step(np.zeros((5, contract.layout.size), np.float32))
    np.testing.assert_allclose(many, np.tile(one, (5, 1)), atol=1e-6)


def test_evaluating_leaves_the_learner_as_it_was(small):
    environment, learner = small
    hidden = [part.clone() for part in learner.actor.get_hidden_state()]
    rng = torch.get_rng_state()
    DeterministicActor(learner.actor).act(environment.observation()[0])
    assert torch.equal(torch.get_rng_state(), rng)
    for before, after in zip(hidden, learner.actor.get_hidden_state(), strict=True):
        assert torch.equal(before, after)


def test_profiles_are_found_by_name_and_the_paper_has_its_published_sizes():
    assert profile_named("quick") is QUICK
    assert set(PROFILES) == {"quick", "cpu", "paper"}
    assert (PAPER.environments, PAPER.network.actor_lstm, PAPER.ppo.horizon) == (4096, 1024, 16)
    assert (PAPER.ppo.gamma, PAPER.ppo.lam, PAPER.ppo.learning_rate) == (0.998, 0.95, 1e-4)
    with pytest.raises(InputError, match="--profile"):
        profile_named("turbo")


@pytest.mark.learning
@pytest.mark.slow
def test_sixty_thousand_steps_teach_the_push(task, embodiment, push_reference):
    """From starts within 1 cm, at a slow goal, nothing else randomised, and with 10 cm as the limit.

    Three seeds brought the box there in 78 to 100 % of the episodes; left alone, it is lost in all of them.
    """
    reset = dataclasses.replace(task.reset, position_m=0.01, yaw_rad=0.05, joint_rad=0.01)
    limit = dataclasses.replace(task.success, final_anchor_distance_m=0.10)
    easy = dataclasses.replace(task, reset=reset, success=limit)
    slow = [dataclasses.replace(row, low=0.6, high=0.6) if row.name == "goal_speed" else row for row in NONE]
    ppo = dataclasses.replace(QUICK.ppo, horizon=16, epochs=8, decay_steps=60_000)
    profile = dataclasses.replace(QUICK, environments=64, ppo=ppo, seed=5)
    torch.set_num_threads(1)

    def make(seed):
        return Environment(easy, embodiment, push_reference, num_environments=64, seed=seed, table=slow)

    learner = Learner(RslRlEnvironment(make(1)), profile)

    def success():
        return run_episodes(make(77), DeterministicActor(learner.actor)).success.mean()

    assert success() < 0.1
    for _ in range(60_000 // (64 * profile.ppo.horizon) + 1):
        learner.iterate()
    assert success() > 0.4
