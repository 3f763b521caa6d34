"""`python -m h2s2r_sim.hand_bench`: prints the figures and a reliability table, writes the JSON."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from h2s2r_perception.artefact.figures import publish_figures
from h2s2r_sim.hand_bench.measure import FIRST_SEED, Figures, Outcome, hand_in_object_figures

OUTPUT = Path("build/bench/hand_in_object.json")


def _tell(seed: int, outcome: Outcome) -> None:
    held = outcome.frame_error[outcome.held]
    found = np.isfinite(held).all(axis=1)
    middle = f"{1e3 * np.median(held[found]):5.1f} mm" if found.any() else "no hand "
    confidence = np.median(outcome.confidence[outcome.held])
    print(f"{seed:5}  {outcome.name:22} found {found.mean():4.0%}  {middle}  confidence {confidence:.2f}", flush=True)


def _print_reliability(figures: Figures) -> None:
    print("\nconfidence   hands    said    true   median error")
    for name in [key[: -len("_count")] for key in figures if key.endswith("_count") and key.startswith("reliab")]:
        band = name.removeprefix("reliability_").replace("_", "-")
        count, said, true = (figures[f"{name}_{part}"] for part in ("count", "said", "true"))
        row = "" if said is None else f"{said:8.2f}{true:8.2f}{figures[f'{name}_error_mm']:10.1f} mm"
        print(f"{band:>8} %{count:8}{row}")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Hand joints with an object in the hand, on rendered recordings.")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="JSON file [default: %(default)s]")
    parser.add_argument("--recordings", type=int, default=20, help="how many [default: %(default)s]")
    parser.add_argument("--split", choices=sorted(FIRST_SEED), default="test", help="seeds [default: %(default)s]")
    arguments = parser.parse_args()
    figures = hand_in_object_figures(arguments.recordings, arguments.split, done=_tell)
    print()
    publish_figures(
        {**figures, "split": arguments.split},
        arguments.output,
        printed={name: value for name, value in figures.items() if not name.startswith("reliability")},
    )
    _print_reliability(figures)


if __name__ == "__main__":
    main()
