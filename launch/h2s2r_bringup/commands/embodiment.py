"""`h2s2r embodiment`: robots of your own, from their URDF to a checked embodiment."""

from __future__ import annotations

from pathlib import Path

import click

_PATH = click.Path(path_type=Path)


@click.group("embodiment")
def command() -> None:
    """Bring in another robot, and check one.

    In: a URDF of anybody's, or two to be joined. Out: an embodiment, which is one YAML with a URDF and an MJCF
    beside it, an arm that carries a hand; and a table of what is still to be done to it.

    \b
    Examples:
      h2s2r embodiment check iiwa14_allegro
    """  # noqa: D301


@command.command("check")
@click.argument("name_or_yaml")
@click.option(
    "--table-height", "table_height_m", type=float, default=0.155, show_default=True, help="Over the base [m]."
)
@click.option("--output", type=_PATH, help="Write embodiment_check.json and workspace.png there.")
def check_command(name_or_yaml: str, table_height_m: float, output: Path | None) -> int:
    """Measure whether an embodiment is sound.

    In: the name of a bundled embodiment, or a YAML file. Out: a table of what was measured, its bound, and what to
    do where it is not met; exit code 1 if a bound is not met. A `note` is unusual, and breaks nothing.
    """
    from h2s2r_retarget.embodiment import load_embodiment
    from h2s2r_sim.embodiment_check import check_embodiment

    path = Path(name_or_yaml)
    embodiment = load_embodiment(path if path.suffix in {".yaml", ".yml"} else name_or_yaml)
    report = check_embodiment(embodiment, table_height_m=table_height_m)
    print("\n".join(report.lines()))
    if output is not None:
        report.save(output)
        print(f"{output / 'embodiment_check.json'}, {output / 'workspace.png'}")
    if report.failures:
        print(f"{embodiment.name}: {report.failures} of {len(report.findings)} not met")
        return 1
    print(f"{embodiment.name}: passed, {len(report.findings)} figures within their bounds")
    return 0
