"""Figures: what was measured, and the floor or the ceiling that it is held against."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol


@dataclass(frozen=True)
class Figure:
    """One value with the bound that it should keep: `at_least` or `at_most`, in the same unit."""

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        assert (self.at_least is None) != (self.at_most is None), "a figure has one bound"

    @property
    def met(self) -> bool:
        if self.at_least is not None:
            return self.value >= self.at_least
        assert self.at_most is not None
        return self.value <= self.at_most

    @property
    def bound(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"


@dataclass(frozen=True)
class Observation:
    """One value as this machine gave it, held against nothing: for whoever compares machines."""

    name: str
    value: float
    unit: str


class Measured(Protocol):
    """What a measurement returns."""

    @property
    def figures(self) -> list[Figure]: ...

    @property
    def observations(self) -> list[Observation]: ...


def promised(figures: Iterable[Figure]) -> dict[str, Any]:
    """The object of `hooklog bench --json`."""
    return {"figures": [_with_its_bound(figure) for figure in figures]}


def _with_its_bound(figure: Figure) -> dict[str, Any]:
    fields = {"name": figure.name, "value": figure.value, "unit": figure.unit}
    if figure.at_least is not None:
        return fields | {"at_least": figure.at_least}
    return fields | {"at_most": figure.at_most}


def ratio(measured: Sequence[float], reference: Sequence[float]) -> float:
    """The median of the ratios of runs that took turns, so that what slows the machine slows both."""
    return round(median(one / other for one, other in zip(measured, reference, strict=True)), 3)


def percentile(values: Sequence[float], part: float) -> float:
    """The value that `part` (0 to 1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[int(part * (len(ordered) - 1))]
