"""Options that sub-commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from h2s2r_bringup.run_folder import DEFAULT_ROOT, RunFolder

if TYPE_CHECKING:
    from h2s2r_sim.task import Task

Function = TypeVar("Function", bound=Callable[..., Any])

DEFAULT_TASK = "snackbox_push"


@dataclass(frozen=True)
class TaskSelection:
    """Which task, for which robot, and where its run lies."""

    name_or_file: str
    root: Path
    embodiment: str | None = None
    """Name or file of a robot in the place of the task's own."""

    def load(self) -> Task:
        """Read the task file."""
        from h2s2r_sim.task import load_task

        return load_task(self.name_or_file, self.embodiment)

    @property
    def human(self) -> RunFolder:
        """Where recording and demonstration lie, `<root>/<task>/`, whatever robot is to follow them."""
        return RunFolder(self.root / _stem(self.name_or_file))

    @property
    def run(self) -> RunFolder:
        """The run folder, `<root>/<task>/`; of another robot than the task's own `<root>/<task>-<embodiment>/`."""
        from h2s2r_sim.task import load_task

        human = self.human
        if self.embodiment is None or self.embodiment == load_task(self.name_or_file).embodiment:
            return human
        return RunFolder(human.path.with_name(f"{human.path.name}-{_stem(self.embodiment)}"), human.path)


def _stem(name_or_file: str) -> str:
    path = Path(name_or_file)
    return path.stem if path.suffix in {".yaml", ".yml"} else name_or_file


def task_options(function: Function) -> Function:
    """Add `--task` and `--root`; the command receives one `selection`."""

    def combine(*, task_name: str, root: Path, embodiment: str | None = None, **values: Any) -> Any:
        return function(selection=TaskSelection(task_name, root, _absolute(embodiment)), **values)

    combine.__doc__ = function.__doc__
    combine.__name__ = function.__name__
    # click collects the options of the wrapped function from this attribute.
    combine.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
    with_root = click.option(
        "--root",
        type=click.Path(path_type=Path, file_okay=False),
        default=DEFAULT_ROOT,
        show_default=True,
        help="Folder of all runs; this task's artefacts lie in ROOT/TASK.",
    )(combine)
    return click.option(  # type: ignore[return-value]
        "--task",
        "task_name",
        default=DEFAULT_TASK,
        show_default=True,
        metavar="NAME|FILE",
        help="A bundled task by name, or a task file (.yaml).",
    )(with_root)


def robot_option(function: Function) -> Function:
    """Add `--embodiment` to a command with `task_options`."""
    return click.option(
        "--embodiment",
        metavar="NAME|FILE",
        help="Another robot than the task's own: a bundled one, or an embodiment's .yaml. Its run lies in "
        "ROOT/TASK-EMBODIMENT and follows the recording and demonstration of ROOT/TASK.",
    )(function)


def default_embodiment() -> str:
    """The robot of the default task."""
    from h2s2r_sim.task import load_task

    return load_task(DEFAULT_TASK).embodiment


def _absolute(embodiment: str | None) -> str | None:
    """Nodes are processes of their own: a file is named so that each finds it."""
    is_file = embodiment is not None and Path(embodiment).suffix in {".yaml", ".yml"}
    return str(Path(str(embodiment)).resolve()) if is_file else embodiment


force_option = click.option("--force", is_flag=True, help="Make it again although it is up to date.")

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file that overrides the stage's configuration; an unknown key is an error.",
)


class Numbers(click.ParamType):
    """Comma-separated whole numbers, as `300,200,420,310`.

    Args:
        names: What each number is; their count is the count expected.
    """

    def __init__(self, *names: str) -> None:
        self.names = names
        self.name = ",".join(names)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Parse the text; the error names what was expected."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not {self.name} in whole pixels", param, ctx)
        if len(numbers) != len(self.names):
            self.fail(f"{value!r} has {len(numbers)} numbers; {self.name} are {len(self.names)}", param, ctx)
        return numbers
