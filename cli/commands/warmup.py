"""``tgrad warmup``: compile ahead."""

from __future__ import annotations

import sys

import click


@click.command("warmup")
@click.option("--all", "everything", is_flag=True, help="Also float64 and broadcast operands.")
@click.option(
    "--profile",
    metavar="FILE",
    help="Only what a program asked for that ran with TGRAD_JIT_PROFILE=FILE in its environment.",
)
def cli(everything: bool, profile: str | None) -> None:
    """Compile kernels into the cache, so that the first large operation of a program need not wait for its own.

    Run it once after installing, or while making a container image. TGRAD_CACHE_DIR names another folder than the user's cache.
    """
    from tgrad import cpu

    shown = sys.stderr.isatty()

    def progress(done: int, of: int) -> None:
        if shown:
            click.echo(f"\r{done} of {of} kernels", err=True, nl=False)

    try:
        warmed = cpu.warmup(everything, profile, progress)
    except (OSError, ValueError) as error:
        click.echo(f"tgrad: {error}", err=True)
        raise SystemExit(2) from None
    if shown:
        click.echo("\r", err=True, nl=False)
    click.echo(f"{warmed.ready} kernels are ready in {warmed.folder}")
    if warmed.failed:
        click.echo(f"tgrad: {warmed.failed} kernels could not be compiled; these operations stay with numpy", err=True)
        raise SystemExit(1)
