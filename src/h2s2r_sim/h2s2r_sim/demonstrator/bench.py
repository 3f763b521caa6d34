"""How long perception takes for a 10 s recording, and how far off it is: `python -m h2s2r_sim.demonstrator.bench`.

Renders a demonstration of 10 s once (300 frames, 640x480), perceives it, compares with the truth. The mesh's caches
are cold, as they are for a user. Prints a table, writes a flat JSON.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from h2s2r_perception.accuracy import compare_with_ground_truth
from h2s2r_perception.artefact.figures import publish_figures
from h2s2r_perception.perceive import PerceiveConfiguration, perceive
from h2s2r_perception.perceive_object import ObjectConfiguration
from h2s2r_perception.recording import Recording
from h2s2r_sim.demonstrator.demonstrate import DemonstratorConfiguration, demonstrate, is_demonstrated
from h2s2r_sim.demonstrator.motion import MotionConfiguration
from h2s2r_sim.task import load_task

OUTPUT = Path("build/bench/offline.json")
TEN_SECONDS = MotionConfiguration(
    hidden_s=1.0, reach_s=1.5, pause_s=1.0, close_s=1.0, push_s=4.0, rest_s=0.5, retreat_s=1.0
)


def measure(folder: Path) -> dict[str, float]:
    """Render the recording into a folder unless it is there, perceive it, and compare."""
    task = load_task("snackbox_push")
    recording, truth, demonstration = folder / "recording", folder / "ground_truth", folder / "demonstration"
    configuration = DemonstratorConfiguration(motion=TEN_SECONDS)
    if not is_demonstrated(task, recording, truth, configuration):
        demonstrate(task, recording, truth, configuration)
    settings = PerceiveConfiguration(object=ObjectConfiguration(symmetry=task.object.symmetry))
    wall, cpu = time.perf_counter(), time.process_time()
    perceive(recording, task.object.mesh, demonstration, settings)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    opened = Recording.open(recording)
    duration_s = float(opened.stamp_ns[-1] - opened.stamp_ns[0]) * 1e-9
    return {
        "recording_s": duration_s,
        "frames": opened.frame_count,
        "perceive_wall_s": wall,
        "perceive_cpu_s": cpu,
        **compare_with_ground_truth(demonstration, truth),
    }


def run(output: Path = OUTPUT) -> dict[str, float]:
    """Measure, print a table, write the JSON."""
    figures = measure(output.parent / "offline")
    publish_figures(figures, output)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file [default: %(default)s]")
    run(parser.parse_args().output)
