"""How much is measured: enough to tell, or just enough to show that it runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Counts are of requests or events, durations in seconds; runs that are compared take turns."""

    web_turns: int
    web_requests: int
    bare_requests: int
    drain_turns: int
    drain_events: int
    end_to_end_seconds: float
    latency_seconds: float
    checkout_seconds: float
    memory_events: int
    history_turns: int
    history_events: int
    rolled_up_turns: int
    rolled_up_payments: int
    dashboard_payments: int


FULL = Scale(
    web_turns=5,
    web_requests=20_000,
    bare_requests=50_000,
    drain_turns=5,
    drain_events=25_000,
    end_to_end_seconds=60.0,
    latency_seconds=30.0,
    checkout_seconds=60.0,
    memory_events=1_000_000,
    history_turns=5,
    history_events=5_000_000,
    rolled_up_turns=3,
    rolled_up_payments=10_000_000,
    dashboard_payments=1_000_000,
)

SHORT = Scale(
    web_turns=1,
    web_requests=4_000,
    bare_requests=8_000,
    drain_turns=1,
    drain_events=3_000,
    end_to_end_seconds=5.0,
    latency_seconds=3.0,
    checkout_seconds=5.0,
    memory_events=20_000,
    history_turns=1,
    history_events=50_000,
    rolled_up_turns=1,
    rolled_up_payments=50_000,
    dashboard_payments=50_000,
)
