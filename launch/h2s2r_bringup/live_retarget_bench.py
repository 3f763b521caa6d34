"""Live retargeting beside the simulated robot: `python -m h2s2r_bringup.live_retarget_bench`.

The graph of `h2s2r up teleoperate` with a recorded hand at 30 Hz: playback, live retargeting, controller and simulated
robot, each a process. A fifth process listens. The hand is stamped when it is published, so the latency is from then to
the arrival of the joint target there: two ways through DDS and the retargeting between them. The hand is that of the
synthetic demonstrator, so that nothing has to be recorded first. Prints a table, writes a flat JSON.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from h2s2r_bringup.node_process import NodeProcess, stop
from h2s2r_bringup.node_table import GraphSettings, nodes_of
from h2s2r_bringup.nodes.live_retarget_probe import Arrivals, Teleoperation, listen
from h2s2r_bringup.nodes.readiness import wait_until_ready
from h2s2r_bringup.up import READY_LIMIT_S, chosen_domain, node_environment
from h2s2r_perception.artefact import InputError, writing
from h2s2r_perception.artefact.figures import Figure, publish_figures
from h2s2r_perception.demonstration import SCHEMA, Demonstration
from h2s2r_sim.demonstrator.demonstrate import DemonstratorConfiguration, premanipulation_index
from h2s2r_sim.demonstrator.physics import simulate
from h2s2r_sim.task import load_task

OUTPUT = Path("build/bench/live_retarget.json")
SECONDS = 25.0
_SETTLED_S = 1.0
"""After the first target: processes still start to know each other."""


def demonstrated_hand(task: str, folder: Path) -> Path:
    """A Demonstration of the synthetic demonstrator's true hand; made unless it is there."""
    output = folder / "demonstration"
    if (output / "meta.json").is_file():
        return output
    configuration = DemonstratorConfiguration()
    episode = simulate(load_task(task), configuration.physics, configuration.motion)
    before = premanipulation_index(episode.stamp_ns, episode.T_world_object, configuration.onset)
    frames = len(episode.stamp_ns)
    with writing(output, SCHEMA) as artefact:
        Demonstration(
            stamp_ns=episode.stamp_ns,
            T_world_object=episode.T_world_object,
            object_confidence=np.ones(frames),
            hand_joints_world=episode.hand_joints_world,
            hand_confidence=np.ones(frames),
            motion_start=before + 1,
            motion_end=frames - 1,
            premanipulation_index=before,
        ).save(artefact.folder)
    return output


def measure(task: str, folder: Path, seconds: float) -> dict[str, Figure]:
    """Run the graph and listen.

    Args:
        task: Name or file: robot and scene.
        folder: A run folder with a demonstration; logs go there, too.
        seconds: How long.

    Raises:
        InputError: A node did not start or died, or no target came.
    """
    specs = nodes_of("teleoperate", GraphSettings(folder, task, folder))
    domain = chosen_domain(None)
    environment = node_environment(domain, folder)
    # The playback, which is first in the table, starts last: it waits for its listener only.
    processes: list[NodeProcess] = []
    try:
        processes += [NodeProcess(spec, folder, environment) for spec in reversed(specs)]

        def alive() -> bool:
            return all(process.exit_code is None for process in processes)

        missing = wait_until_ready(
            specs, domain_id=domain, limit_s=READY_LIMIT_S, alive=alive, report=lambda names: None
        )
        if missing:
            raise _failed(processes, "nodes that start")
        heard = listen(domain_id=domain, alive=alive, seconds=seconds)
        if not alive() or len(heard.targets) < 2:
            raise _failed(processes, "joint targets")
    finally:
        stop(processes)
    return figures_of(heard)


def figures_of(heard: Teleoperation) -> dict[str, Figure]:
    """Rates, latencies and losses of what was heard."""
    begins_ns = min(heard.targets.values()) + round(1e9 * _SETTLED_S)
    hands = {stamp: wall for stamp, wall in heard.hands.items() if stamp > begins_ns}
    answered = {stamp: wall for stamp, wall in heard.targets.items() if stamp in hands}
    # The last hands may not have been answered when listening ended.
    last = max(answered, default=0)
    due = [stamp for stamp in hands if stamp <= last]
    states = np.sort([stamp for stamp in heard.joint_states if stamp > begins_ns])
    state_age_ms = _latency_ms({stamp: heard.joint_states[stamp] for stamp in states.tolist()})
    stamps = np.sort(list(answered))
    rate_hz = _median_rate_hz(stamps)
    positions = np.array(heard.target_position)
    return {
        "live_rate_hz": rate_hz,
        **_percentiles("live_latency_ms", _latency_ms(answered)),
        **_percentiles("live_retargeting_ms", np.array(heard.retargeting_ms)),
        **_percentiles("live_command_latency_ms", _latency_ms({s: w for s, w in heard.commands.items() if s in hands})),
        "live_hands": len(due),
        "live_hands_without_target": len(set(due) - set(answered)),
        "live_joint_states_hz": _median_rate_hz(states),
        **_percentiles("live_joint_state_ms", state_age_ms),
        "live_joint_travel_rad": float(np.ptp(positions, axis=0).max()),
        "live_guard_interventions": heard.interventions,
        "load_average": os.getloadavg()[0],
        "cores": os.cpu_count() or 0,
    }


def _latency_ms(arrivals: Arrivals) -> np.ndarray:
    return np.array([(wall - stamp) * 1e-6 for stamp, wall in arrivals.items()])


def _percentiles(name: str, samples: np.ndarray) -> dict[str, Figure]:
    return {f"{name}_p{p}": float(np.percentile(samples, p)) if len(samples) else None for p in (50, 99)}


def _median_rate_hz(stamp_ns: np.ndarray) -> float | None:
    return float(1e9 / np.median(np.diff(stamp_ns))) if len(stamp_ns) > 1 else None


def _failed(processes: list[NodeProcess], expected: str) -> InputError:
    ended = next((process for process in processes if process.exit_code is not None), processes[0])
    last = " / ".join(ended.last_log_lines(3)) or "nothing in its log"
    return InputError(ended.log, ended.spec.name, found=last, expected=expected, remedy="see the log")


def run(output: Path = OUTPUT, task: str = "snackbox_push", seconds: float = SECONDS) -> Mapping[str, Figure]:
    """Measure, print a table, write the JSON."""
    folder = output.parent / "live_retarget"
    folder.mkdir(parents=True, exist_ok=True)
    demonstrated_hand(task, folder)
    figures = measure(task, folder.resolve(), seconds)
    publish_figures(figures, output)
    return figures


def main() -> None:
    """Entry point; exit code 2 on a task that cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="snackbox_push", help="robot and scene [default: %(default)s]")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long [default: %(default)s]")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file [default: %(default)s]")
    arguments = parser.parse_args()
    try:
        run(arguments.output, arguments.task, arguments.seconds)
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
