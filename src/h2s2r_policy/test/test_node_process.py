"""The nodes as processes: ready, ended by Ctrl-C without a traceback, and one line on bad input."""

import os
import signal
import subprocess
import sys
import time

import pytest

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: `pip install -r` the ROS wheels, or source ROS")

from rclpy.context import Context  # noqa: E402
from rclpy.node import Node  # noqa: E402


def _start(name, run_folder, domain_id):
    return subprocess.Popen(
        [sys.executable, "-m", f"h2s2r_policy.nodes.{name}", "--ros-args", "-p", f"run_folder:={run_folder}"],
        env={**os.environ, "ROS_DOMAIN_ID": str(domain_id), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_all_three_get_ready_and_end_quietly_on_ctrl_c(run_folder):
    domain_id = 62 + os.getpid() % 20
    processes = [_start(name, run_folder, domain_id) for name in ("goal", "policy", "controller")]
    context = Context()
    rclpy.init(context=context, domain_id=domain_id)
    watcher = Node("watcher", context=context)
    try:
        wanted = {"/goal/start", "/policy/start", "/controller/reset"}
        deadline = time.monotonic() + 30.0
        while not wanted <= {name for name, _ in watcher.get_service_names_and_types()}:
            assert time.monotonic() < deadline, "not ready in 30 s"
            assert all(process.poll() is None for process in processes), "a node ended early"
            time.sleep(0.05)
        for process in processes:
            process.send_signal(signal.SIGINT)
        for process in processes:
            output, _ = process.communicate(timeout=30)
            assert process.returncode == 0, output
            assert "Traceback" not in output, output
    finally:
        watcher.destroy_node()
        rclpy.shutdown(context=context)
        for process in processes:
            process.kill()


def test_a_run_without_a_policy_is_one_line_and_exit_code_2(tmp_path):
    process = _start("controller", tmp_path, 90)
    output, _ = process.communicate(timeout=40)
    assert process.returncode == 2
    lines = output.strip().splitlines()
    assert len(lines) == 1, output
    assert "contract.json: file: expected a policy contract" in lines[0]
