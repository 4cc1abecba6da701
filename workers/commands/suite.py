"""`hooklog test`: the tests, on servers that they start and stop themselves."""

import os
import sys

import click

from workers.command import ROOT

ALL_TESTS = ("--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder")
"""A file's tests stay together, since they share the stacks that they start. Files begin in the order of
tests/conftest.py."""


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def suite(arguments: tuple[str, ...]) -> None:
    """Run all tests, two files at a time, or pass pytest ARGUMENTS, as tests/test_event.py -k name."""
    os.chdir(ROOT)
    chosen = arguments or ALL_TESTS
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *chosen])  # noqa: S606 - it takes our place
