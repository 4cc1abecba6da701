"""`hooklog test`: the tests, on servers that they start and stop themselves."""

import os
import sys

import click

from workers.command import ROOT


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def suite(arguments: tuple[str, ...]) -> None:
    """Run all tests, or pass pytest ARGUMENTS, as tests/test_event.py -k name."""
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])  # noqa: S606
