"""The `h2s2r` command: one human video in, one policy that runs on the robot out."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

import click

EXIT_INPUT = 2
"""The user's input is unusable."""
EXIT_INTERRUPTED = 130
"""Ctrl-C, as shells count it."""

COMMANDS = {
    "demo": "demo",
    "demonstrate": "demonstrate",
    "calibrate": "calibrate",
    "twin": "twin",
    "embodiment": "embodiment",
    "record": "record",
    "import": "import_recording",
    "export": "export",
    "perceive": "perceive",
    "accuracy": "accuracy",
    "retarget": "retarget",
    "train": "train",
    "evaluate": "evaluate",
    "up": "up",
    "report": "report",
    "completion": "completion",
}
"""Sub-command -> module under `commands/`, in the order of the pipeline."""


class _Commands(click.Group):
    """Loads a sub-command's module only when it is asked for, so that completion stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the pipeline."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module that holds the command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"h2s2r_bringup.commands.{COMMANDS[cmd_name]}").command
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="h2s2r_bringup", prog_name="h2s2r")
def cli() -> None:
    """One human RGB-D video in, one policy that runs on the robot out.

    Each sub-command is one stage: it reads the artefacts before it from the run folder, `runs/<task>/`,
    and writes one more. A stage whose inputs and configuration are unchanged is not made again.

    \b
    recording -perceive-> demonstration -retarget-> retargeting -train-> policy -up-> robot
                                                                           └-evaluate-> report

    \b
    Examples:
      h2s2r demo                              all of it, with a rendered human, in minutes
      h2s2r perceive --recording my/video --box 300,200,420,310
      h2s2r train --profile cpu
      h2s2r <command> --help                  what goes in, what comes out, an example
    """  # noqa: D301 - click reads the backspace as "keep these lines"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What follows `h2s2r`; taken from the process when not given.

    Returns:
        0 when all went well, 2 for unusable input (one line on standard error), 130 after Ctrl-C,
        1 for an error of ours, with its traceback.
    """
    for library in ("OMP", "OPENBLAS", "MKL"):
        # Batches and processes are our parallelism; more threads only get in each other's way.
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    try:
        status = cli.main(args=None if arguments is None else list(arguments), prog_name="h2s2r", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _complain("stopped; finished stages and checkpoints are kept, so the same command goes on where it stopped")
        return EXIT_INTERRUPTED
    except Exception as error:
        message = _input_message(error)
        if message is None:
            traceback.print_exc()
            return 1
        _complain(message)
        return EXIT_INPUT
    return status if isinstance(status, int) else 0


def _complain(message: str) -> None:
    print(f"h2s2r: {message}", file=sys.stderr, flush=True)


def _input_message(error: Exception) -> str | None:
    """The line for an error that the user can mend; None for an error of ours."""
    # Imported here: a correct command line never needs it, and it brings NumPy.
    from h2s2r_perception.artefact import InputError

    if isinstance(error, InputError):
        return str(error)
    full = _full_disk(error)
    if full is None:
        return None
    place = full.filename or "the run folder"
    return f"{place}: disk: expected room to write, found {full.strerror}; free some space or choose another --root"


def _full_disk(error: BaseException | None) -> OSError | None:
    """The full disk at the bottom of an error, if that is what it is: libraries wrap it in errors of their own."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return error
        error = error.__cause__ or error.__context__
    return None


if __name__ == "__main__":
    sys.exit(main())
