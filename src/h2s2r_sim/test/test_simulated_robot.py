"""The simulated robot: its lock-step, its camera's latency, what it does without commands, its latencies."""

import threading
import time
from pathlib import Path

import mujoco
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import rotation_angle
from h2s2r_policy.goal_path import GoalPath
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_sim import lock_step
from h2s2r_sim.arrivals import HOPS, TOTAL, Arrivals, hop_latencies_ms
from h2s2r_sim.lock_step import LockStep
from h2s2r_sim.reference import HumanPath, Reference
from h2s2r_sim.render_thread import RenderThread
from h2s2r_sim.rendering import Camera
from h2s2r_sim.rollout_video import RolloutVideo
from h2s2r_sim.simulated_camera import Frame, SimulatedCamera
from h2s2r_sim.simulated_robot import RANDOMISED, SimulatedRobot
from h2s2r_sim.task import load_task

TICK_NS = 1e9 / 60.0


class FakeRobot:
    """One joint that is wherever it was commanded last."""

    joint_names = ("a",)

    def __init__(self):
        self.model = mujoco.MjModel.from_xml_string("<mujoco/>")
        self.T_world_object = np.eye(4)
        self.commanded, self.steps, self.resets = [], 0, 0

    def joint_state(self):
        return np.array([self.commanded[-1] if self.commanded else 0.0]), np.zeros(1)

    def command(self, position):
        self.commanded.append(float(position[0]))

    def step(self):
        self.steps += 1

    def reset(self):
        self.resets += 1

    def pose_for_rendering(self, data):
        pass


class FakeCamera:
    """Pictures of nothing that arrive after `latency_ticks`."""

    def __init__(self, latency_ticks=2):
        self.latency_ns, self.pictures = latency_ticks * TICK_NS - 10, []

    def take(self, data, stamp_ns):
        self.pictures.append(Frame(stamp_ns, np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint16)))

    def arrived(self, now_ns):
        due = [frame for frame in self.pictures if frame.stamp_ns + self.latency_ns <= now_ns]
        self.pictures = [frame for frame in self.pictures if frame not in due]
        return due

    def forget(self):
        self.pictures = []


class NoThread:
    """Nothing is ever being rendered."""

    def finish(self):
        pass


class Graph:
    """The other nodes, in one: answers each picture and each state at once; `silent` leaves answers out."""

    def __init__(self, latency_ticks=2):
        self.robot, self.camera = FakeRobot(), FakeCamera(latency_ticks)
        self.lock_step = LockStep(self.robot, self.camera, NoThread(), self, None)
        self.silent, self.log, self.warnings = set(), [], []
        self.policy_runs = self.lost = False
        self._pictures = 0

    def clock(self, now_ns):
        self.log.append(("clock", now_ns))

    def picture(self, frame):
        self.log.append(("picture", frame.stamp_ns))
        self._pictures += 1
        if self.lost:
            self.lock_step.receive(lock_step.OBJECT_LOST, frame.stamp_ns)
        events = ["object_pose", "goal_pose"]
        if self.policy_runs and self._pictures % 2 == 0:
            events += ["joint_target", "joint_command"]
        for event in events:
            if event not in self.silent:
                self.lock_step.receive(event, frame.stamp_ns)

    def state(self, now_ns, position, velocity, T_world_object):
        self.log.append(("state", now_ns))
        if "command" not in self.silent:
            self.lock_step.receive_command(now_ns, np.array([now_ns * 1e-9]))

    def warning(self, text):
        self.warnings.append(text)

    def ticks(self, count):
        for _ in range(count):
            self.lock_step.tick()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(lock_step, "IDLE_LIMIT_S", 0.01)
    monkeypatch.setattr(lock_step, "RUNNING_LIMIT_S", 0.05)


def test_pictures_come_at_30_hz_and_one_frame_late():
    graph = Graph()
    graph.ticks(9)
    stamps = [stamp for kind, stamp in graph.log if kind == "picture"]
    np.testing.assert_allclose(stamps, np.array([0, 2, 4, 6]) * TICK_NS, atol=1)
    at = {stamp: index for index, (kind, stamp) in enumerate(graph.log) if kind == "clock"}
    for stamp in stamps:
        published = graph.log.index(("picture", stamp))
        now_ns = max(clock for clock, index in at.items() if index < published)
        assert abs(now_ns - stamp - 2 * TICK_NS) < 2


def test_each_tick_is_clock_then_picture_then_state():
    graph = Graph(latency_ticks=0)
    graph.ticks(4)
    assert [kind for kind, _ in graph.log] == [
        *("clock", "picture", "state"),
        *("clock", "state"),
        *("clock", "picture", "state"),
        *("clock", "state"),
    ]
    assert graph.robot.steps == 4


def test_commands_count_only_once_the_policy_has_started():
    graph = Graph()
    graph.ticks(6)
    assert graph.robot.commanded == []
    graph.policy_runs = True
    graph.ticks(8)
    assert len(graph.robot.commanded) >= 4


def test_after_a_reset_the_robot_waits_for_a_new_target():
    graph = Graph()
    graph.policy_runs = True
    graph.ticks(10)
    before = len(graph.robot.commanded)
    assert before > 0
    stepping = threading.Thread(target=graph.lock_step.run)
    graph.policy_runs = False
    stepping.start()
    assert graph.lock_step.reset(limit_s=5.0)
    graph.lock_step.stop()
    stepping.join(5.0)
    graph.ticks(6)
    after = len(graph.robot.commanded)
    graph.ticks(6)
    assert graph.robot.resets == 1 and len(graph.robot.commanded) == after
    assert not graph.lock_step.is_running


def test_a_missing_answer_holds_the_robot_until_the_next_reset():
    graph = Graph()
    graph.policy_runs = True
    graph.ticks(10)
    graph.silent = {"goal_pose"}
    graph.ticks(2)
    assert "no goal_pose" in graph.warnings[0]
    graph.silent = set()
    commanded = len(graph.robot.commanded)
    graph.ticks(10)
    assert len(graph.robot.commanded) == commanded and len(graph.warnings) == 1


def test_a_lost_object_is_an_answer_and_the_trial_goes_on():
    graph = Graph()
    graph.policy_runs = True
    graph.ticks(10)
    graph.silent = {"goal_pose", "joint_target"}
    graph.lost = True
    started = time.monotonic()
    graph.ticks(4)
    graph.silent, graph.lost = set(), False
    commanded = len(graph.robot.commanded)
    graph.ticks(10)
    assert not graph.warnings and len(graph.robot.commanded) == commanded + 10
    assert time.monotonic() - started < 1.0


def test_without_a_trial_a_silent_graph_neither_blocks_nor_warns():
    graph = Graph()
    graph.silent = {"goal_pose", "command"}
    graph.ticks(6)
    assert graph.robot.steps == 6 and not graph.warnings


def test_a_stop_ends_even_a_long_wait(monkeypatch):
    monkeypatch.setattr(lock_step, "IDLE_LIMIT_S", 60.0)
    graph = Graph()
    graph.silent = {"command"}
    running = threading.Thread(target=graph.lock_step.run)
    running.start()
    time.sleep(0.1)
    graph.lock_step.stop()
    running.join(2.0)
    assert not running.is_alive()


def test_latencies_are_those_of_images_that_led_to_a_command():
    times = {
        "image": {10: 1.0, 20: 2.0, 30: 3.0},
        "object_pose": {10: 1.010, 20: 2.020, 30: 3.0},
        "goal_pose": {10: 1.011, 20: 2.022},
        "joint_target": {10: 1.015, 20: 2.028},
        "joint_command": {10: 1.017, 20: 2.030},
    }
    latencies = hop_latencies_ms(times)
    np.testing.assert_allclose(latencies["image_to_object_pose"], [10.0, 20.0])
    np.testing.assert_allclose(latencies["joint_target_to_joint_command"], [2.0, 2.0])
    np.testing.assert_allclose(latencies[TOTAL], [17.0, 30.0])
    np.testing.assert_allclose(sum(latencies[hop] for hop in HOPS), latencies[TOTAL])


def test_no_answers_no_latencies():
    assert all(len(samples) == 0 for samples in Arrivals().latencies_ms().values())


def test_only_the_first_arrival_of_a_stamp_counts():
    arrivals = Arrivals()
    arrivals.record("image", 5)
    first = arrivals._times["image"][5]
    arrivals.record("image", 5)
    assert arrivals._times["image"][5] == first
    assert arrivals.latest("image") == 5 and arrivals.latest("goal_pose") is None


# The simulation itself ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def task():
    return load_task("snackbox_push")


@pytest.fixture(scope="module")
def reference(task):
    embodiment = load_embodiment(task.embodiment)
    from h2s2r_retarget.kinematics import BatchedKinematics

    T_start = np.eye(4)
    T_start[:3, 3] = [0.60, -0.15, 0.185]
    T_end = T_start.copy()
    T_end[1, 3] = 0.10
    home = np.asarray(embodiment.home)
    T_world_palm = BatchedKinematics(embodiment).forward(home[None]).T_world_palm[0]
    return Reference(
        GoalPath.from_poses(np.array([0.0, 2.5]), np.stack([T_start, T_end])),
        np.linalg.inv(T_start) @ T_world_palm,
        home,
        HumanPath(np.zeros(1), home[None], T_world_palm[None], T_start),
    )


@pytest.fixture(scope="module")
def robot(task, reference):
    return SimulatedRobot(task, load_embodiment(task.embodiment), reference, seed=3)


def test_without_commands_the_robot_holds_its_place(robot):
    robot.reset()
    start = robot.joint_state()[0]
    for _ in range(60):
        robot.step()
    position, velocity = robot.joint_state()
    np.testing.assert_allclose(position, start, atol=0.01)
    np.testing.assert_allclose(velocity, 0.0, atol=0.02)


def test_a_command_moves_one_joint_there_and_holds(robot):
    robot.reset()
    target = robot.joint_state()[0].copy()
    target[0] += 0.1
    robot.command(target)
    for _ in range(90):
        robot.step()
    np.testing.assert_allclose(robot.joint_state()[0], target, atol=0.02)


def test_a_command_that_is_no_number_is_refused_and_changes_nothing(robot):
    robot.reset()
    start = robot.joint_state()[0]
    bad = start.copy()
    bad[3] = np.nan
    with pytest.raises(InputError, match=robot.joint_names[3]):
        robot.command(bad)
    for _ in range(30):
        robot.step()
    np.testing.assert_allclose(robot.joint_state()[0], start, atol=0.01)


def test_the_object_rests_where_it_starts(robot):
    robot.reset()
    before = robot.T_world_object
    for _ in range(60):
        robot.step()
    after = robot.T_world_object
    assert np.linalg.norm(after[:3, 3] - before[:3, 3]) < 0.001
    assert rotation_angle(after[:3, :3], before[:3, :3]) < 0.01


def test_starts_are_drawn_within_the_task_and_repeat_with_the_seed(task, reference):
    embodiment = load_embodiment(task.embodiment)
    first, second = (SimulatedRobot(task, embodiment, reference, seed=11) for _ in range(2))
    nominal = reference.T_world_object
    seen = []
    for _ in range(3):
        np.testing.assert_array_equal(first.T_world_object, second.T_world_object)
        assert first.parameters == second.parameters
        offset = first.T_world_object[:2, 3] - nominal[:2, 3]
        assert (np.abs(offset) <= task.reset.position_m + 0.002).all()
        assert rotation_angle(first.T_world_object[:3, :3], nominal[:3, :3]) <= task.reset.yaw_rad + 0.01
        seen.append((tuple(offset), first.parameters["object_mass_kg"]))
        first.reset()
        second.reset()
    assert len(set(seen)) == 3
    assert set(first.parameters) == set(RANDOMISED.values())
    masses = [mass for _, mass in seen]
    assert all(0.69 * task.object.mass_kg <= mass <= 1.31 * task.object.mass_kg for mass in masses)


@pytest.fixture(scope="module")
def camera():
    return Camera.look_at((1.3, -0.1, 0.8), (0.6, 0.0, 0.2), focal_length_px=300.0, width=320, height=240)


def test_the_camera_sees_the_object_where_it_is_and_delivers_late(robot, camera):
    robot.reset()
    data = mujoco.MjData(robot.model)
    robot.pose_for_rendering(data)
    with RenderThread() as thread, SimulatedCamera(robot.model, camera, thread, latency_s=1 / 30, seed=0) as pictures:
        pictures.take(data, 0)
        assert pictures.arrived(round(TICK_NS)) == []
        (frame,) = pictures.arrived(round(2 * TICK_NS))
        assert pictures.arrived(round(9 * TICK_NS)) == []
        pictures.take(data, 1)
        pictures.forget()
        assert pictures.arrived(10**9) == []
    top = robot.T_world_object[:3, 3] + [0.0, 0.0, 0.03]
    (pixel,), (depth_m,) = camera.project(top[None])
    column, row = np.rint(pixel).astype(int)
    window = frame.depth_mm[row - 2 : row + 3, column - 2 : column + 3]
    assert abs(1e-3 * np.median(window[window > 0]) - depth_m) < 0.01
    assert frame.rgb.shape == (240, 320, 3) and frame.depth_mm.dtype == np.uint16


def test_the_video_is_h264_that_plays(robot, camera, tmp_path):
    import imageio_ffmpeg

    data = mujoco.MjData(robot.model)
    robot.pose_for_rendering(data)
    path = Path(tmp_path) / "rollout.mp4"
    with RenderThread() as thread:
        video = RolloutVideo(path, robot.model, camera, thread, rate_hz=30.0)
        for _ in range(6):
            video.add(data)
        video.close()
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    reader.close()
    assert frames == 6 and seconds == pytest.approx(0.2, abs=0.05)
    assert meta["codec"] == "h264" and meta["size"] == (320, 240)
