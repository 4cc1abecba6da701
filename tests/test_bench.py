"""What the benchmark promises to say; what it measures is no test's matter."""

import json
from typing import Any

import pytest

from bench.checkout import Checkout
from bench.dashboard import Dashboard
from bench.drain import Drain
from bench.end_to_end import EndToEnd
from bench.figures import Figure, Measured, Observation, promised, ratio
from bench.history_size import HistorySize
from bench.latency import Latency
from bench.memory import Memory
from bench.report import Report
from bench.rollups import Rollups
from bench.web import Web

MEASURED: list[Measured] = [
    Web(accepted=[5_000.0, 4_000.0, 6_000.0], bare=[20_000.0, 20_000.0, 20_000.0]),
    Drain(drained=[5_000.0], copied=[40_000.0], mean_bytes=2_800.0),
    EndToEnd(visible=1_500.0, accepted=3_000.0, web_alone=6_000.0, drain_alone=5_000.0),
    Latency(seconds=[0.010] * 98 + [0.100, 0.200], gaps=[0.002]),
    Checkout(waited=[0.12] * 98 + [0.5, 0.6], stripe=[0.1] * 100, bulk=900),
    Memory(web=[60_000_000] * 20, drain=[80_000_000] * 18 + [90_000_000] * 2, events=1_000_000),
    HistorySize(beside=[4_600.0], alone=[5_000.0], events=5_000_000),
    Rollups(rows=[12.0], rolled_up=[0.1], payments=10_000_000),
    Dashboard(opened=[180.0, 200.0, 400.0], anew=[390.0], payments=1_000_000),
]


def figures() -> list[Figure]:
    return [figure for measured in MEASURED for figure in measured.figures]


def told() -> dict[str, Any]:
    return {figure["name"]: figure for figure in json.loads(json.dumps(promised(figures())))["figures"]}


def test_a_run_ends_in_one_object_of_figures() -> None:
    assert set(promised(figures())) == {"figures"}
    assert len(told()) == len(figures())


@pytest.mark.parametrize("figure", promised(figures())["figures"], ids=lambda figure: str(figure["name"]))
def test_a_figure_has_a_name_a_value_a_unit_and_one_bound(figure: dict[str, Any]) -> None:
    assert set(figure) in ({"name", "value", "unit", "at_least"}, {"name", "value", "unit", "at_most"})
    assert isinstance(figure["name"], str)
    assert isinstance(figure["value"], float)


def test_every_row_of_the_table_of_floors_is_measured() -> None:
    bounds = [(f["value"], f["unit"], f.get("at_least", f.get("at_most"))) for f in told().values()]
    assert bounds == [
        (0.25, "ratio", 0.2),
        (0.125, "ratio", 0.12),
        (0.3, "ratio", 0.4),
        (100.0, "ms", 150.0),
        (20.0, "ms", 50.0),
        (60.0, "MB", 100.0),
        (0.0, "MB", 5.0),
        (90.0, "MB", 150.0),
        (10.0, "MB", 5.0),
        (0.92, "ratio", 0.9),
        (120.0, "ratio", 50),
        (200.0, "ms", 300.0),
    ]


def test_a_figure_is_met_at_its_bound_and_not_beyond() -> None:
    assert [Figure("", value, "ratio", at_least=0.4).met for value in (0.4, 0.39)] == [True, False]
    assert [Figure("", value, "ms", at_most=150.0).met for value in (150.0, 150.1)] == [True, False]


def test_runs_that_took_turns_are_compared_in_pairs() -> None:
    assert ratio([10.0, 1.0, 30.0], [100.0, 10.0, 50.0]) == 0.1


def test_what_is_kept_names_the_machine_every_figure_and_whether_it_was_met(tmp_path: Any) -> None:
    report = Report({"processor": "2 x Abacus"}, figures(), [Observation("bare", 20_000, "requests/s")])
    results, table = report.keep(tmp_path)
    assert json.loads(results.read_text()) == {
        "machine": {"processor": "2 x Abacus"},
        **promised(figures()),
        "observations": [{"name": "bare", "value": 20_000, "unit": "requests/s"}],
    }
    lines = table.read_text().splitlines()
    assert "| processor | 2 x Abacus |" in lines
    assert "| bare | 20,000 requests/s |" in lines
    assert [line.split(" | ")[-1] for line in lines if "≥" in line or "≤" in line] == [
        "met |" if figure.met else "missed |" for figure in figures()
    ]
