"""What is measured and how: CPU and memory from /proc, load by wrk, this disk's fdatasync."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
LOAD_SCRIPT = Path(__file__).with_name("load.lua")


class BenchError(Exception):
    """Something could not be measured; the text says what."""


def reason(error: Exception) -> str:
    """What went wrong, in one line."""
    return str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"


@dataclass(frozen=True)
class Load:
    """One run of wrk against one address. Times in microseconds."""

    requests: int
    per_second: float
    cpu: float
    p50: float
    p99: float


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads. Resolution: one tick, 10 ms."""
    # The command's name, in parentheses, may hold spaces: count the fields behind it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def wrk(pid: int, url: str, headers: dict[str, str], connections: int, seconds: float) -> Load:
    """Loads `url` over kept-alive connections; CPU is that of process `pid` per answered request."""
    env = {**os.environ, "BENCH_HEADERS": "\n".join(f"{name}: {value}" for name, value in headers.items())}
    threads = min(connections, 2)
    whole = max(1, round(seconds))
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{whole}s", "--timeout", "5s", "-s", str(LOAD_SCRIPT), url]
    before = cpu_seconds(pid)
    run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=whole + 30, check=False)
    used = cpu_seconds(pid) - before
    if run.returncode != 0:
        raise BenchError(f"wrk failed: {run.stderr.strip() or run.stdout.strip()}")
    said = json.loads(run.stdout.strip().splitlines()[-1])
    requests = said["requests"]
    if said["failed"] or not requests:
        raise BenchError(f"{said['failed']} of {requests} requests failed: {url}")
    return Load(requests, requests / (said["micros"] / 1e6), used / requests * 1e6, said["p50"], said["p99"])


def fdatasync_p50(folder: Path, count: int = 300) -> float:
    """Microseconds for a 4 KiB write and fdatasync within a file that is there already: what a commit waits for."""
    page, pages = os.urandom(4096), 256
    path = folder / "fdatasync"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(handle, page * pages, 0)
        os.fsync(handle)
        took = []
        for index in range(count):
            start = time.perf_counter()
            os.pwrite(handle, page, (index % pages) * len(page))
            os.fdatasync(handle)
            took.append((time.perf_counter() - start) * 1e6)
    finally:
        os.close(handle)
        path.unlink()
    return statistics.median(took)


def percentile(values: list[float], percent: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
