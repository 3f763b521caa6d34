"""The benchmark of retargeting judges rightly: its own formulas, its best possible, its peers and its ratios."""

import numpy as np
import pytest
from scipy.optimize import differential_evolution

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.collision import CollisionWorld
from h2s2r_retarget.embodiment import bundled_embodiments, load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_sim.retarget_bench import controller_cost, dex_peer, mink_peer
from h2s2r_sim.retarget_bench.comparison import ratios
from h2s2r_sim.retarget_bench.finger_chains import fingers_of, fingertips_in_palm
from h2s2r_sim.retarget_bench.global_optimum import best_errors
from h2s2r_sim.retarget_bench.measures import overlaps, residuals
from h2s2r_sim.retarget_bench.ours import Ours
from h2s2r_sim.retarget_bench.round_robin import take_turns
from h2s2r_sim.retarget_bench.targets import Targets, at_home, in_frame
from h2s2r_sim.task import load_task


def postures(embodiment, count, seed=0):
    """Random postures well inside the limits, none far from home."""
    random = np.random.default_rng(seed)
    lower, upper = np.maximum(embodiment.limits.lower, -3.0), np.minimum(embodiment.limits.upper, 3.0)
    share = np.clip((embodiment.home - lower) / (upper - lower) + random.uniform(-0.3, 0.3, (count, len(lower))), 0, 1)
    return lower + share * (upper - lower)


def targets_of(embodiment, joint_position):
    hands = BatchedKinematics(embodiment).forward(joint_position)
    T, tips = hands.T_world_palm, hands.fingertip_position
    return Targets(T, tips, in_frame(T, tips))


@pytest.fixture(scope="module", params=bundled_embodiments())
def embodiment(request):
    return load_embodiment(request.param)


@pytest.fixture(scope="module")
def allegro():
    return load_embodiment("iiwa14_allegro")


def test_the_benchmarks_fingertips_are_those_of_kinematics(embodiment):
    q = postures(embodiment, 20)
    targets = targets_of(embodiment, q)
    tips = fingertips_in_palm(embodiment, q[:, embodiment.arm_dof :])
    assert np.abs(tips - targets.fingertips_palm).max() < 1e-12
    assert (
        max(residuals(embodiment, q, targets).fingertip_m.max(), residuals(embodiment, q, targets).palm_m.max()) < 1e-9
    )
    moved = at_home(embodiment, targets)
    assert np.allclose(in_frame(moved.T_world_palm, moved.fingertips_world), targets.fingertips_palm)


def test_the_jacobian_is_the_derivative(embodiment):
    q = postures(embodiment, 5)[:, embodiment.arm_dof :]
    for fingers in fingers_of(embodiment):
        own = q[:, fingers.columns]
        tips, J = fingers.tips_and_jacobian(own)
        for column in range(own.shape[1]):
            step = np.zeros(own.shape[1])
            step[column] = 1e-6
            ahead, _ = fingers.tips_and_jacobian(own + step)
            assert np.abs((ahead - tips) / 1e-6 - J[:, :, column]).max() < 1e-6


def test_what_some_posture_reaches_is_reached_by_the_best(embodiment):
    targets = targets_of(embodiment, postures(embodiment, 10, seed=1))
    assert best_errors(embodiment, targets.fingertips_palm).max() < 1e-6


def test_differential_evolution_finds_nothing_better(allegro):
    random = np.random.default_rng(2)
    targets = targets_of(allegro, postures(allegro, 1, seed=3)).fingertips_palm + random.normal(0.0, 0.03, (1, 4, 3))
    best = best_errors(allegro, targets)[0]
    assert best.max() > 1e-3  # not all within reach, else nothing is shown
    for fingers in fingers_of(allegro)[::3]:
        target = targets[0, fingers.tips].ravel()

        def squares(postures, fingers=fingers, target=target):
            return np.sum((fingers.tips_and_jacobian(postures.T)[0] - target) ** 2, axis=1)

        bounds = list(zip(fingers.lower, fingers.upper, strict=True))
        options = {"vectorized": True, "updating": "deferred", "rng": 0, "tol": 1e-8, "maxiter": 150}
        found = np.sqrt(differential_evolution(squares, bounds, **options).fun)
        assert best[fingers.tips[0]] == pytest.approx(found, abs=1e-5)


def test_peers_reach_what_they_can_reach(allegro):
    pytest.importorskip("mink")
    pytest.importorskip("pink")
    pytest.importorskip("dex_retargeting")
    from h2s2r_sim.retarget_bench.dex_peer import DexPeer
    from h2s2r_sim.retarget_bench.mink_peer import MinkPeer
    from h2s2r_sim.retarget_bench.pink_peer import PinkPeer

    target = targets_of(allegro, 0.7 * allegro.home + 0.3 * postures(allegro, 1, seed=4))
    arm = allegro.home[: allegro.arm_dof]
    for peer in (MinkPeer(allegro, mink_peer.ACCURATE), PinkPeer(allegro)):
        q = peer.arm_and_hand(target.T_world_palm[0], target.fingertips_palm[0])
        found = residuals(allegro, q[None], target)
        assert found.palm_reached.all() and found.fingertip_m.max() < 1e-3
        hand = np.concatenate([arm, peer.hand(target.fingertips_palm[0])])
        assert residuals(allegro, hand[None], at_home(allegro, target)).fingertip_m.max() < 1e-3
    hand = np.concatenate([arm, DexPeer(allegro, dex_peer.ACCURATE).hand(target.fingertips_palm[0])])
    # It stops when the loss changes by less than 1e-5: millimetres.
    assert residuals(allegro, hand[None], at_home(allegro, target)).fingertip_m.max() < 1e-2


def test_the_bare_robot_is_met_by_the_same_solver_that_looks_at_nothing(allegro):
    targets = targets_of(allegro, postures(allegro, 2, seed=5))
    found = Ours(allegro, CollisionWorld(), bare=True).arms_and_hands(targets)
    assert (found.penetration_m == 0.0).all()
    measured = residuals(allegro, found.joint_position, targets)
    assert measured.palm_reached.all() and measured.fingertip_m.max() < 2e-3


def test_fingers_through_each_other_are_counted(allegro):
    home, crossed = allegro.home, allegro.home.copy()
    for name, end in (("joint_0_0", allegro.limits.lower), ("joint_4_0", allegro.limits.upper)):
        crossed[allegro.joint_names.index(name)] = end[allegro.joint_names.index(name)]
    assert overlaps(allegro, np.stack([home, crossed])).tolist() == [False, True]


def test_a_peer_that_is_not_installed_is_named(allegro, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mink", None)
    with pytest.raises(InputError, match="setup-dev"):
        mink_peer.MinkPeer(allegro, mink_peer.EXAMPLE)


def test_everybody_gets_every_hand(allegro):
    targets = targets_of(allegro, postures(allegro, 5))
    turns = take_turns(
        targets,
        {"one": lambda hands: hands.fingertips_palm},
        {"many": lambda hands: hands.fingertips_palm},
        batch=2,
        say=lambda text: None,
    )
    assert len(turns["one"].seconds_per_hand) == 5 and len(turns["many"].seconds_per_hand) >= 3
    for turn in turns.values():
        assert (turn.found() == targets.fingertips_palm).all()


def test_a_peer_is_judged_by_its_fastest_and_its_most_accurate_setting():
    figures = {"arm_hand_ours_batched_ms": 2.0, "arm_hand_ours_batched_tip_mm_mean": 3.0}
    for name, ms, tip_mm in (("mink", 4.0, 9.0), ("mink_accurate", 40.0, 2.0), ("pink", 1.0, 3.0)):
        figures |= {f"arm_hand_{name}_ms": ms, f"arm_hand_{name}_tip_mm_mean": tip_mm}
    found = ratios(figures)
    assert found["time_ratio_mink"] == 0.5 and found["residual_ratio_mink"] == 1.5
    assert found["time_ratio_pink"] == 2.0 and found["residual_ratio_pink"] == 1.0


def test_the_controllers_share_is_a_share_of_the_step():
    share = controller_cost.share_of_step(load_task("snackbox_push"), 4, 3, num_threads=1)
    assert 0.0 < share < 1.0
