"""What a run found, as a table for people and as the files that are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from rich.console import Group
from rich.table import Table

from bench.figures import Figure, Observation, promised

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Report:
    """All figures of one run, what was seen beside them, and the machine."""

    machine: Mapping[str, str]
    figures: Sequence[Figure]
    observations: Sequence[Observation]

    def tables(self) -> Group:
        """For a terminal."""
        figures = Table("figure", title="Held against a bound", title_justify="left")
        for heading in ("value", "bound", ""):
            figures.add_column(heading, justify="right")
        for figure in self.figures:
            met = "[green]met[/]" if figure.met else "[red]missed[/]"
            figures.add_row(figure.name, shown(figure), figure.bound, met)
        observations = Table("on this machine", title="Absolute", title_justify="left")
        observations.add_column("value", justify="right")
        for observation in self.observations:
            observations.add_row(observation.name, shown(observation))
        return Group(figures, observations)

    def markdown(self) -> str:
        """For whoever reads it later."""
        lines = [
            "# Measured",
            "",
            f"By `./run bench --long --keep` on {datetime.now(UTC):%Y-%m-%d}; without `--long` the last rows",
            "are missing. Everything, the load generator included, runs on this one machine:",
            "",
            "| machine | |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in self.machine.items()),
            "",
            "| figure | value | bound | |",
            "|---|--:|--:|---|",
            *(
                f"| {figure.name} | {shown(figure)} | {figure.bound} | {'met' if figure.met else 'missed'} |"
                for figure in self.figures
            ),
            "",
            "| absolute | |",
            "|---|--:|",
            *(f"| {observation.name} | {shown(observation)} |" for observation in self.observations),
            "",
        ]
        return "\n".join(lines)

    def keep(self, directory: Path = HERE) -> list[Path]:
        """Write results.json and RESULTS.md; returns where."""
        told = {
            "machine": self.machine,
            **promised(self.figures),
            "observations": [asdict(observation) for observation in self.observations],
        }
        files = {
            "results.json": orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n",
            "RESULTS.md": self.markdown().encode(),
        }
        for name, content in files.items():
            (directory / name).write_bytes(content)
        return [directory / name for name in files]


def shown(one: Figure | Observation) -> str:
    """The value as people read it."""
    return f"{one.value:,g}" if one.unit == "ratio" else f"{one.value:,} {one.unit}"
