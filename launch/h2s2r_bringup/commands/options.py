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
    """Which task, and where its run lies."""

    name_or_file: str
    root: Path

    def load(self) -> Task:
        """Read the task file."""
        from h2s2r_sim.task import load_task

        return load_task(self.name_or_file)

    @property
    def run(self) -> RunFolder:
        """The run folder, `<root>/<task>/`."""
        name = Path(self.name_or_file)
        return RunFolder(self.root / (name.stem if name.suffix in {".yaml", ".yml"} else self.name_or_file))


def task_options(function: Function) -> Function:
    """Add `--task` and `--root`; the command receives one `selection`."""

    def combine(*, task_name: str, root: Path, **values: Any) -> Any:
        return function(selection=TaskSelection(task_name, root), **values)

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
