"""Retargeting against mink, pink, dex-retargeting and the best possible: `make bench-retarget`.

All solve the same random human hands in one process, taking turns. Prints tables, writes a flat JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from h2s2r_perception.artefact import InputError
from h2s2r_perception.artefact.figures import Figure, publish_figures
from h2s2r_retarget.collision import CollisionWorld
from h2s2r_retarget.embodiment import bundled_embodiments, load_embodiment
from h2s2r_sim.retarget_bench.comparison import compare
from h2s2r_sim.retarget_bench.controller_cost import controller_cost
from h2s2r_sim.retarget_bench.global_optimum import best_errors
from h2s2r_sim.retarget_bench.report import headline, publish_page, tables
from h2s2r_sim.retarget_bench.success import against_the_best, lowest_success, over_a_table
from h2s2r_sim.retarget_bench.targets import random_targets
from h2s2r_sim.task import load_task

OUTPUT = Path("build/bench/retarget.json")
LIVE = Path("build/bench/live_retarget.json")
"""What `make bench-live-retarget` measured; `make bench-retarget` runs that first."""
TASK = "snackbox_push"
SEED = 2026
"""Of the hands measured. Settings were looked for on hands of other seeds."""


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; the exit status is 0, or 2 for something the user can mend."""
    options = _parser().parse_args(arguments)
    started = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - started:4.0f} s] {text}", file=sys.stderr)

    figures: dict[str, Figure] = {"hands": options.hands, "hands_of_peers": options.peer_hands, "seed": SEED}
    try:
        for name in options.embodiments:
            figures |= _robot(name, options, say)
        figures["palm_success_fraction"] = lowest_success(figures, options.embodiments)
        figures |= controller_cost(load_task(TASK))
        say("the controller is timed")
        figures["live_latency_ms_p99"] = _live_latency_ms(options.live)
        figures["bench_s"] = time.perf_counter() - started
        text = tables(figures, options.embodiments)
        print(text)
        publish_figures(figures, options.output, headline(figures))
        if options.publish is not None:
            publish_page(options.publish, options.output, text)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _robot(name: str, options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Figure]:
    embodiment = load_embodiment(name)
    figures = over_a_table(embodiment, options.hands, SEED, say)
    targets = random_targets(embodiment, options.hands, SEED, CollisionWorld())
    best = best_errors(embodiment, targets.fingertips_palm)
    say(f"{name}: the best possible is found")
    figures |= against_the_best(embodiment, targets, best)
    with_arm = name == load_task(TASK).embodiment
    some = slice(0, options.peer_hands if with_arm else options.peer_hands // 2)
    compared = compare(embodiment, targets[some], best[some], say, with_arm=with_arm)
    return figures | (compared if with_arm else {f"{key}_{name}": value for key, value in compared.items()})


def _live_latency_ms(figures: Path) -> float | None:
    """From the live benchmark's file; None where it was not run."""
    try:
        value = json.loads(figures.read_text(encoding="utf-8"))["live_latency_ms_p99"]
    except (OSError, ValueError, KeyError):
        return None
    return None if value is None else float(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="retarget_bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hands", type=int, default=500, help="random hands for each robot [default: %(default)s]")
    parser.add_argument(
        "--peer-hands",
        type=int,
        default=200,
        help="how many of them the peers solve too; half as many for robots that no task uses [default: %(default)s]",
    )
    parser.add_argument(
        "--embodiments", nargs="+", default=bundled_embodiments(), metavar="NAME", help="[those that come along]"
    )
    parser.add_argument("--live", type=Path, default=LIVE, help="figures of the live node [default: %(default)s]")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file [default: %(default)s]")
    parser.add_argument("--publish", type=Path, metavar="REPOSITORY", help="put results and tables into its docs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
