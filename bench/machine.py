"""What was measured on: no figure tells anything without it."""

import os
import platform
import time
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from redis import Redis

from workers.servers.embedded import Embedded
from workers.servers.machine import memory

GIBIBYTE = 1024**3
SYNCS = 200


def describe(servers: Embedded, directory: Path) -> dict[str, str]:
    """The machine and the servers, by what is told; nothing that names the one or the other."""
    with Redis.from_url(servers.redis_url) as redis:
        info: Any = redis.info("server")
    with psycopg.connect(servers.database_url) as connection:
        [(postgres,)] = connection.execute("SHOW server_version").fetchall()
    return {
        "processor": f"{os.cpu_count()} x {processor()}",
        "memory": f"{memory() / GIBIBYTE:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "fsync of 4 KiB": f"{fsync_seconds(directory) * 1000:.2f} ms, median",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "Python": platform.python_version(),
        "Valkey": info.get("valkey_version", info["redis_version"]),
        "PostgreSQL": postgres,
    }


def processor() -> str:
    """The processor's model, or at least its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def fsync_seconds(directory: Path) -> float:
    """How long a small append takes to reach the disk that the servers use."""
    took = []
    with (directory / "fsync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            began = time.monotonic()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            took.append(time.monotonic() - began)
    return median(took)
