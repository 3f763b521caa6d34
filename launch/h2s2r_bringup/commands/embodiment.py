"""`h2s2r embodiment`: robots of your own, from their URDF to a checked embodiment."""

from __future__ import annotations

from pathlib import Path

import click

_PATH = click.Path(path_type=Path)


_PACKAGE_PATH = click.option(
    "--package-path",
    "package_paths",
    type=_PATH,
    multiple=True,
    help="A folder that holds the packages of package:// names; may be given again.",
)
_OUTPUT = click.option("--output", type=_PATH, help="Folder for the files [default: NAME].")


@click.group("embodiment")
def command() -> None:
    """Bring in another robot, and check one.

    In: a URDF of anybody's, or two to be joined. Out: an embodiment, which is one YAML with a URDF and an MJCF
    beside it, an arm that carries a hand; and a table of what is still to be done to it.

    \b
    Examples:
      h2s2r embodiment check iiwa14_allegro
      h2s2r embodiment new --urdf my_robot.urdf --palm hand_base --name my_robot
      h2s2r embodiment join --arm arm.urdf --at flange --hand hand.urdf --hand-root palm --name my_robot
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


@command.command("new")
@click.option("--urdf", type=_PATH, required=True, help="An arm that carries a hand.")
@click.option("--palm", required=True, help="Link between them: what moves beyond it is the hand.")
@click.option("--name", help="Of the embodiment [default: the URDF's name].")
@click.option("--thumb", help="Tip frame of the thumb, where the wrong finger is taken for it.")
@_PACKAGE_PATH
@click.option("--fix", "fixed", multiple=True, metavar="JOINT=VALUE", help="Hold a joint still [rad or m].")
@_OUTPUT
def new_command(
    urdf: Path,
    palm: str,
    name: str | None,
    thumb: str | None,
    package_paths: tuple[Path, ...],
    fixed: tuple[str, ...],
    output: Path | None,
) -> None:
    """Write a first embodiment for a robot.

    In: a URDF. Out: NAME.yaml with what has to be looked at beside each value, NAME.urdf with the meshes' convex
    hulls, and NAME.xml, the MJCF with position servos. Nothing is overwritten. Then `h2s2r embodiment check`.
    """
    from h2s2r_retarget.description.urdf_reading import read_description
    from h2s2r_retarget.description.writing import write_files
    from h2s2r_retarget.proposal import propose

    robot = read_description(urdf, package_paths=package_paths, fixed=_values(fixed))
    proposal = propose(robot, palm=palm, name=name or robot.name, thumb=thumb)
    folder = output or Path(proposal.name)
    write_files(folder, proposal.files)
    print("\n".join(proposal.remarks))
    print(f"now: h2s2r embodiment check {folder / proposal.name}.yaml")


@command.command("join")
@click.option("--arm", type=_PATH, required=True, help="URDF of the arm.")
@click.option("--at", required=True, help="The arm's link that carries the hand; what hangs there is taken off.")
@click.option("--hand", type=_PATH, required=True, help="URDF of the hand, or of a robot that has it.")
@click.option("--hand-root", required=True, help="The hand's first link.")
@click.option("--xyz", type=float, nargs=3, default=(0.0, 0.0, 0.0), show_default=True, help="Of it [m].")
@click.option("--rpy", type=float, nargs=3, default=(0.0, 0.0, 0.0), show_default=True, help="And [rad].")
@click.option("--name", required=True, help="Of the new robot.")
@_PACKAGE_PATH
@click.option("--fix-arm", "arm_fixed", multiple=True, metavar="JOINT=VALUE", help="Hold a joint still [rad or m].")
@click.option("--fix-hand", "hand_fixed", multiple=True, metavar="JOINT=VALUE", help="The same, of the hand.")
@_OUTPUT
def join_command(
    arm: Path,
    at: str,
    hand: Path,
    hand_root: str,
    xyz: tuple[float, float, float],
    rpy: tuple[float, float, float],
    name: str,
    package_paths: tuple[Path, ...],
    arm_fixed: tuple[str, ...],
    hand_fixed: tuple[str, ...],
    output: Path | None,
) -> None:
    """Put a hand on an arm.

    In: two URDFs, and where the hand's root lies in the frame of the arm's link. Out: NAME.urdf and its meshes.
    """
    from h2s2r_retarget.description.joining import join
    from h2s2r_retarget.description.urdf_reading import read_description
    from h2s2r_retarget.description.writing import urdf_files, write_files

    carrier = read_description(arm, package_paths=package_paths, fixed=_values(arm_fixed), last=at)
    carried = read_description(hand, package_paths=package_paths, fixed=_values(hand_fixed), first=hand_root)
    robot = join(carrier, carried, at=at, position=xyz, rpy=rpy, name=name)
    folder = output or Path(name)
    write_files(folder, urdf_files(robot))
    print(f"{folder / name}.urdf: {sum(joint.moves for joint in robot.joints)} joints")


def _values(fixed: tuple[str, ...]) -> dict[str, float]:
    """`JOINT=VALUE` as a mapping."""
    values = {}
    for text in fixed:
        joint, _, value = text.partition("=")
        try:
            values[joint] = float(value)
        except ValueError:
            raise click.BadParameter(f"{text!r} is not JOINT=VALUE, with a number", param_hint="--fix") from None
    return values
