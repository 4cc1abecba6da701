"""How many events a second one web process accepts, durably, beside a bare route that reads the same body."""

from dataclasses import dataclass
from statistics import median

from bench.figures import Figure, Observation, ratio
from bench.pipeline import Pipeline
from bench.rig import Advance, Rig
from bench.scale import Scale
from bench.sending import sent


@dataclass(frozen=True)
class Web:
    """Answers a second, a turn each."""

    accepted: list[float]
    bare: list[float]

    @property
    def alone(self) -> float:
        return median(self.accepted)

    @property
    def figures(self) -> list[Figure]:
        value = ratio(self.accepted, self.bare)
        return [Figure("accepted and durable ÷ bare route", value, "ratio", at_least=0.20)]

    @property
    def observations(self) -> list[Observation]:
        return [
            Observation("accepted and durable, one web process alone", round(self.alone), "events/s"),
            Observation("bare Starlette route, same load generator", round(median(self.bare)), "requests/s"),
        ]


def measure(rig: Rig, scale: Scale, advance: Advance) -> Web:
    """Web and the bare route take turns under the same load."""
    accepted, bare = [], []
    with Pipeline.on(rig, "web") as pipeline, pipeline.web() as (web, _), rig.bare_route() as route:
        for url in (route, web):  # the first requests find nothing warm
            sent(url, scale.web_requests // 10)
        for _ in range(scale.web_turns):
            bare.append(sent(route, scale.bare_requests).rate)
            advance(0.5 / scale.web_turns)
            accepted.append(sent(web, scale.web_requests).rate)
            pipeline.forget_log()
            advance(0.5 / scale.web_turns)
    return Web(accepted, bare)
