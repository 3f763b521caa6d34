"""The tracker live: a recording played over DDS at its own pace: `python -m h2s2r_bringup.live_bench`.

A camera node and the object pose node run as two processes, as on the robot. Frames are stamped when they are
played, so latency is from then to the arrival of the pose in a third process: reading and publishing the images,
the way through DDS, tracking, and the way of the pose. The rate and the latencies are those of the time after the
object was found; how long that took stands beside them. Prints a table, writes a flat JSON.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from h2s2r_bringup.node_process import NodeProcess, stop
from h2s2r_bringup.node_table import GraphSettings, nodes_of
from h2s2r_bringup.nodes.live_probe import Heard, listen
from h2s2r_bringup.nodes.readiness import wait_until_ready
from h2s2r_bringup.up import READY_LIMIT_S, chosen_domain, node_environment
from h2s2r_perception.artefact import InputError
from h2s2r_perception.artefact.figures import Figure, publish_figures
from h2s2r_perception.recording import Recording
from h2s2r_sim.demonstrator.bench import TEN_SECONDS
from h2s2r_sim.demonstrator.demonstrate import DemonstratorConfiguration, demonstrate, is_demonstrated
from h2s2r_sim.task import load_task

OUTPUT = Path("build/bench/live.json")
_SETTLED_S = 1.0
"""Poses in this time after the first one still work off what the registration has held up."""


def rendered(folder: Path) -> Path:
    """The recording of `make bench-offline`: 10 s at 30 Hz; rendered unless it is there."""
    configuration = DemonstratorConfiguration(motion=TEN_SECONDS)
    task, recording, truth = load_task("snackbox_push"), folder / "recording", folder / "ground_truth"
    if not is_demonstrated(task, recording, truth, configuration):
        print("rendering a recording of 10 s", flush=True)
        demonstrate(task, recording, truth, configuration)
    return recording


def measure(recording: Path, task: str, folder: Path) -> dict[str, Figure]:
    """Play a Recording to the tracker.

    Args:
        recording: With a camera pose.
        task: Name or file: whose object it shows.
        folder: Where the nodes' logs go.

    Raises:
        InputError: A node did not start, or no pose came.
    """
    frames = Recording.open(recording).frame_count
    folder.mkdir(parents=True, exist_ok=True)
    settings = GraphSettings(folder, task, folder, camera=str(recording.resolve()))
    specs = {spec.name: spec for spec in nodes_of("demo_capture", settings)}
    once = {**specs["camera"].parameters, "loop": False, "wait_for_subscribers": 1}
    camera, tracker = replace(specs["camera"], parameters=once), specs["object_pose"]
    domain = chosen_domain(None)
    environment = node_environment(domain, folder)
    processes = [NodeProcess(tracker, folder, environment)]
    try:
        missing = wait_until_ready(
            [tracker],
            domain_id=domain,
            limit_s=READY_LIMIT_S,
            alive=lambda: processes[0].exit_code is None,
            report=lambda names: None,
        )
        if missing:
            raise _failed(processes[0], "a tracker that starts")
        processes.append(NodeProcess(camera, folder, environment))

        def over(heard: Heard) -> bool:
            answered = len(heard.answered_stamp_ns) + heard.left_out
            return processes[0].exit_code is not None or (processes[1].exit_code is not None and answered >= frames)

        period_s = float(np.median(np.diff(Recording.open(recording).stamp_ns))) * 1e-9
        heard = listen(domain_id=domain, until=over, limit_s=30.0 + 2.0 * frames * period_s)
    finally:
        stop(processes)
    if not heard.pose_stamp_ns:
        raise _failed(processes[0], "a pose")
    return {"recorded_frames": frames, "recorded_rate_hz": 1.0 / period_s, **figures_of(heard, frames)}


def figures_of(heard: Heard, frames: int) -> dict[str, Figure]:
    """Rate, latency and losses of what was heard of a recording of so many frames."""
    stamp_ns, wall_ns = np.array(heard.pose_stamp_ns), np.array(heard.pose_wall_ns)
    begins_ns = wall_ns[0] + int(1e9 * _SETTLED_S)
    steady = wall_ns > begins_ns
    latency_ms = (wall_ns[steady] - stamp_ns[steady]) * 1e-6
    answered = np.array(heard.answered_stamp_ns)
    settled = answered > stamp_ns[steady][0] if steady.any() else np.zeros(len(answered), dtype=bool)
    lost = np.array(heard.answered_lost)
    return {
        "registration_s": float(wall_ns[0] - answered[0]) * 1e-9,
        "registration_attempts": int(np.argmax(~lost)) + 1,
        "steady_poses": int(steady.sum()),
        "pose_rate_hz": float((steady.sum() - 1) / np.ptp(wall_ns[steady]) * 1e9) if steady.sum() > 1 else None,
        "latency_ms_p50": float(np.median(latency_ms)) if steady.any() else None,
        "latency_ms_p99": float(np.percentile(latency_ms, 99)) if steady.any() else None,
        "tracking_ms_p50": float(np.median(np.array(heard.tracking_ms)[settled])) if settled.any() else None,
        "tracking_ms_p99": float(np.percentile(np.array(heard.tracking_ms)[settled], 99)) if settled.any() else None,
        "steady_frames_without_answer": _missing(answered[settled]),
        "steady_lost_answers": int(lost[settled].sum()),
        "left_out_in_all": heard.left_out,
        "frames_lost_on_the_way": frames - len(answered) - heard.left_out,
        "load_average": os.getloadavg()[0],
        "cores": os.cpu_count() or 0,
    }


def _missing(stamp_ns: np.ndarray) -> int:
    """Frames between the first and the last answer that have none."""
    if len(stamp_ns) < 2:
        return 0
    step = np.diff(np.sort(stamp_ns))
    return int(np.sum(np.rint(step / np.median(step)) - 1))


def _failed(process: NodeProcess, expected: str) -> InputError:
    last = " / ".join(process.last_log_lines(3)) or "nothing in its log"
    return InputError(process.log, "object_pose", found=last, expected=expected, remedy="see the log")


def run(output: Path = OUTPUT, recording: Path | None = None, task: str = "snackbox_push") -> Mapping[str, Figure]:
    """Measure, print a table, write the JSON."""
    recording = recording or rendered(output.parent / "offline")
    figures = measure(recording, task, output.parent / "live")
    publish_figures(figures, output)
    return figures


def main() -> None:
    """Entry point; exit code 2 on a recording that cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, help="a Recording with a camera pose [default: one that is rendered]")
    parser.add_argument("--task", default="snackbox_push", help="whose object it shows [default: %(default)s]")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file [default: %(default)s]")
    arguments = parser.parse_args()
    try:
        run(arguments.output, arguments.recording, arguments.task)
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
