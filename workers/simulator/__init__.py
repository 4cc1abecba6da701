"""A business that does not exist, and what Stripe would send about it: for demo, tests and benchmarks."""

from workers.simulator.delivery import deliveries, sign
from workers.simulator.dialect import VERSIONS
from workers.simulator.simulation import Simulation, simulate, stream

__all__ = ["VERSIONS", "Simulation", "deliveries", "sign", "simulate", "stream"]
