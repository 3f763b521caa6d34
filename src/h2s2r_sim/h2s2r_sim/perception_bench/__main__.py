"""How well objects are followed, hands are found, and objects without a click: `make bench-perception`.

Follows every object in every condition, on sequences that are generated anew (`conditions` states the rules),
by the tracker and by two ICP peers; the real hands of `--data` are measured too where they are. A run that is
stopped goes on where it stopped: outcomes of single sequences are kept under `build/bench/perception/`, in
folders named after the code that made them. Tune on `--split dev` only.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from pathlib import Path

from h2s2r_perception.artefact import InputError
from h2s2r_perception.artefact.figures import publish_figures
from h2s2r_sim.perception_bench.conditions import CONDITIONS, OBJECTS, SPLITS
from h2s2r_sim.perception_bench.measuring import METHODS, TRACKER, Job
from h2s2r_sim.perception_bench.report import publish_results, table
from h2s2r_sim.perception_bench.running import Workers, found_without_click, tracker_fps
from h2s2r_sim.perception_bench.summary import Figure, headline, summarise

OUTPUT = Path("build/bench/perception.json")


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; the exit status is 0, or 130 when it was stopped."""
    options = _parser().parse_args(arguments)
    places = itertools.product(range(options.sequences), options.conditions, options.objects)
    methods = METHODS if options.peers else (TRACKER,)
    sequences = [[Job(options.split, item, name, index, m) for m in methods] for index, name, item in places]
    try:
        with Workers(options.jobs) as workers:
            outcomes = workers.measured(sequences)
            overlaps = workers.overlaps_without_click(options.split, options.recordings)
        figures: dict[str, Figure] = summarise(outcomes)
        figures["tracker_fps_one_core"] = tracker_fps(options.split)
        figures |= _hands(options.data)
        figures |= found_without_click(overlaps)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    figures |= {"split": options.split, "sequences": len(sequences)}
    text = table(outcomes, figures)
    print(text)
    publish_figures(figures, options.output, headline(figures))
    if options.publish is not None:
        publish_results(options.publish, options.output, text)
    return 0


def _hands(data: Path) -> dict[str, Figure]:
    """The figures of `bench-hand` that belong here; None where the real hands are not there."""
    from h2s2r_perception.hand_pose.bench import hand_figures

    figures = hand_figures(data)
    return {name: figures.get(name) for name in ("hand_pa_mpjpe_mm", "hand_missed_fraction")}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="perception_bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--split", choices=tuple(SPLITS), default="test", help="[default: %(default)s]")
    parser.add_argument("--sequences", type=int, default=20, help="per object and condition [default: %(default)s]")
    parser.add_argument("--objects", nargs="+", choices=OBJECTS, default=OBJECTS, metavar="OBJECT", help="[all]")
    parser.add_argument("--conditions", nargs="+", choices=tuple(CONDITIONS), default=tuple(CONDITIONS), help="[all]")
    parser.add_argument(
        "--recordings", type=int, default=20, help="for the object without a click [default: %(default)s]"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes [default: %(default)s]")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="the tracker only")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="real hands [default: %(default)s]")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file [default: %(default)s]")
    parser.add_argument("--publish", type=Path, metavar="REPOSITORY", help="put results and table into its docs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
