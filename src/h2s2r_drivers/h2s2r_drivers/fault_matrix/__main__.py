"""The fault matrix of the drivers: `python -m h2s2r_drivers.fault_matrix`. Exit code 1 when a fault was not held."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from h2s2r_drivers.fault_matrix import arm_rows, fuzz, hand_rows, process_rows
from h2s2r_drivers.fault_matrix.row import table
from h2s2r_drivers.figures import publish_figures


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fuzz", type=int, default=100_000, metavar="N", help="fuzzed packets")
    parser.add_argument("--output", type=Path, default=Path("build/bench/driver_faults.json"))
    arguments = parser.parse_args()
    rows = [*arm_rows.rows(), *hand_rows.rows(), *process_rows.rows(), fuzz.row(arguments.fuzz)]
    print(table(rows), end="\n\n")
    braking = [row.braking_cycles for row in rows if row.braking_cycles is not None]
    publish_figures(
        {
            "faults_injected": len(rows),
            "faults_held": sum(row.held for row in rows),
            "limits_broken": sum(not row.in_limits for row in rows),
            "braking_cycles_max": max(braking),
            "standing_ms_max": max(row.standing_ms for row in rows if row.standing_ms is not None),
            "fuzzed_packets": arguments.fuzz,
        },
        arguments.output,
    )
    sys.exit(0 if all(row.held for row in rows) else 1)


if __name__ == "__main__":
    main()
