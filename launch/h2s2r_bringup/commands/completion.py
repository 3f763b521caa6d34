"""`h2s2r completion`: the script that teaches a shell our options."""

from __future__ import annotations

import click


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for a shell.

    In: the shell's name. Out: a script on standard output.

    \b
    Examples:
      h2s2r completion bash >> ~/.bashrc
      h2s2r completion zsh > "${fpath[1]}/_h2s2r"
      h2s2r completion fish > ~/.config/fish/completions/h2s2r.fish
    """  # noqa: D301
    from click.shell_completion import get_completion_class

    from h2s2r_bringup.cli import cli

    kind = get_completion_class(shell)
    if kind is None:  # the choice above keeps this from happening
        raise click.UsageError(f"click knows no completion for {shell}")
    click.echo(kind(cli, {}, "h2s2r", "_H2S2R_COMPLETE").source())
