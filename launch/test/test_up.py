"""The process runner: a graph comes up whole and goes down whole."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from h2s2r_bringup import node_process, up
from h2s2r_bringup.node_table import NodeSpec
from h2s2r_perception.artefact import InputError

STAND_INS = Path(__file__).parent / "stand_in_nodes"


@pytest.fixture(autouse=True)
def stand_in_modules(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(STAND_INS))
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)


def talker(name="talker", *, life_s=0.0, exit_code=0, ends_graph=False, remappings=(), publishes=("/chatter",)):
    parameters = {"life_s": life_s, "exit_code": exit_code}
    return NodeSpec(
        name, "tests", "talker", "talker", parameters, remappings, publishes, ("/reset",), ends_graph=ends_graph
    )


def children():
    return [process for process in psutil.Process().children() if process.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def left_behind():
    """Tells which processes a test has left: those of tests before it are not its own."""
    before = set(children())
    return lambda: [process for process in children() if process not in before]


def test_a_graph_ends_with_its_ending_node_and_leaves_no_process(tmp_path, left_behind):
    lines = []
    specs = [talker("camera"), talker("runner", life_s=1.0, ends_graph=True)]
    assert up.run_nodes(specs, tmp_path, report=lines.append) == 0
    assert any("all 2 nodes are ready" in line for line in lines)
    assert "the work is done" in lines  # the ending node's log is shown
    log = (tmp_path / "camera.log").read_text()
    assert "[INFO] [camera]: domain " in log and "threads 1" in log
    assert "interrupted" in log  # the endless node was asked to end, not killed
    assert not left_behind()


def test_a_dying_node_brings_the_graph_down_with_its_exit_code_and_last_words(tmp_path, left_behind):
    lines = []
    specs = [talker("camera"), talker("policy", life_s=1.0, exit_code=2)]
    assert up.run_nodes(specs, tmp_path, report=lines.append) == 2
    assert any("policy exited with code 2" in line for line in lines)
    assert any("policy | " in line and "the work is done" in line for line in lines)
    assert not left_behind()


def test_a_node_killed_by_a_signal_is_a_failure(tmp_path):
    lines = []

    def kill_when_ready(line):
        lines.append(line)
        if "are ready" in line:
            next(p for p in children() if "talker" in " ".join(p.cmdline())).kill()

    assert up.run_nodes([talker()], tmp_path, report=kill_when_ready) == up.EXIT_NODE_FAILED
    assert any("talker was ended by SIGKILL" in line for line in lines)


def test_a_node_that_never_advertises_is_named(tmp_path, left_behind):
    lines = []
    specs = [talker(), talker("silent", publishes=("/never",))]
    assert up.run_nodes(specs, tmp_path, report=lines.append, ready_limit_s=2.0) == up.EXIT_TOO_SLOW
    assert lines[-1].startswith("not ready after 2 s: ") and "silent" in lines[-1]
    assert not left_behind()


def test_the_wall_limit_ends_a_graph(tmp_path):
    lines = []
    assert up.run_nodes([talker()], tmp_path, report=lines.append, wall_limit_s=0.3) == up.EXIT_TOO_SLOW
    assert "wall limit" in lines[-1]


def test_remappings_reach_the_node(tmp_path):
    specs = [
        talker(life_s=0.5, ends_graph=True, remappings=(("/chatter", "/lbr/chatter"),), publishes=("/lbr/chatter",))
    ]
    assert up.run_nodes(specs, tmp_path, report=lambda line: None) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_nodes_and_returns_130(tmp_path, number):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_up, pathlib; from h2s2r_bringup import up;"
        "sys.exit(up.run_nodes([test_up.talker()], pathlib.Path(sys.argv[2]), report=lambda s: print(s, flush=True)))"
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert runner.stdout is not None
    for line in runner.stdout:
        if "are ready" in line:
            break
    nodes = psutil.Process(runner.pid).children()
    runner.send_signal(number)
    assert runner.wait(timeout=40) == up.EXIT_INTERRUPTED
    assert nodes and not any(node.is_running() for node in nodes)


def test_even_a_killed_runner_leaves_no_node_behind(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_up, pathlib, time; from h2s2r_bringup import up;"
        "from h2s2r_bringup.node_process import NodeProcess; folder = pathlib.Path(sys.argv[2]);"
        "node = NodeProcess(test_up.talker(), folder, up.node_environment(77, folder)); print(node.pid, flush=True);"
        "time.sleep(60)"
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert runner.stdout is not None
    node = psutil.Process(int(runner.stdout.readline()))
    runner.kill()
    runner.wait()
    psutil.wait_procs([node], timeout=5)
    assert not node.is_running() or node.status() == psutil.STATUS_ZOMBIE


def test_a_stubborn_node_is_killed_and_reported(tmp_path, monkeypatch):
    quick = tuple((number, 0.3) for number, _ in node_process.STOP_SIGNALS)
    monkeypatch.setattr(node_process, "STOP_SIGNALS", quick)
    node = node_process.NodeProcess(NodeSpec("stubborn", "tests", "stubborn", "stubborn"), tmp_path, dict(os.environ))
    deadline = time.monotonic() + 10
    while not node.new_log_lines() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert node_process.stop([node]) == [node]
    assert node.exit_code == -signal.SIGKILL


def test_the_command_carries_name_parameters_and_remappings(tmp_path):
    spec = NodeSpec("goal", "p", "goal", "p.goal", {"run_folder": "a: b", "trials": 3}, (("/a", "/b"),))
    line = node_process.command(spec, tmp_path)
    assert line[:3] == [sys.executable, "-m", "p.goal"]
    assert "__node:=goal" in line and "/a:=/b" in line
    parameters = yaml.safe_load(Path(line[line.index("--params-file") + 1]).read_text())
    assert parameters == {"/**": {"ros__parameters": {"run_folder": "a: b", "trials": 3}}}


def test_the_domain_is_the_one_asked_for_else_an_unused_one(monkeypatch):
    assert up.chosen_domain(7) == 7
    monkeypatch.setenv("ROS_DOMAIN_ID", "42")
    assert up.chosen_domain(None) == 42
    monkeypatch.delenv("ROS_DOMAIN_ID")
    assert 1 <= up.chosen_domain(None) <= 101
    with pytest.raises(InputError, match="ROS_DOMAIN_ID"):
        up.chosen_domain(233)
