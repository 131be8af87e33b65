"""The entry point. Sub-commands are imported when they are called, so that ``tgrad --version`` is quick."""

from __future__ import annotations

import importlib
import sys

import click

_COMMANDS = {
    "run": "Run a PyTorch script, notebook or tutorial.",
    "graph": "Run a file and draw its computation graph.",
    "repl": "Start the interactive prompt.",
    "warmup": "Compile kernels for large tensors ahead.",
}


class _LazyGroup(click.Group):
    """Knows the names of its commands and a line about each; the rest is imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        return importlib.import_module(f"{__package__}.commands.{cmd_name}").cli

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from tgrad.version import __version__

        click.echo(f"tgrad {__version__}")
        ctx.exit()


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version."
)
def group() -> None:
    """PyTorch's tensors, autograd and echo, without PyTorch.

    \b
    Examples:
      tgrad repl                       type PyTorch, see tensors and their graph
      tgrad run train.py --epochs 3    a script: `import torch` gives tgrad
      tgrad run --echo tutorial.md     a tutorial, with what each cell echoes
      tgrad graph train.py -o net.svg  a picture of what backward() went through
    """


def main(argv: list[str] | None = None) -> None:
    """Runs the ``tgrad`` command with ``argv`` (default: the process's arguments) and exits."""
    group.main(args=sys.argv[1:] if argv is None else argv, prog_name="tgrad")


if __name__ == "__main__":
    main()
