"""The rows of the table: what each compares, and what it must reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab import Lab

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Result:
    """One measured row; numbers in the row's unit, `ratio` is ours divided by what the target names."""

    measured: float
    target: str
    met: bool
    openbao: float | None = None
    ratio: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A line of the table; `loads` are the samples it needs from the rounds."""

    key: str
    what: str
    unit: str
    loads: tuple[str, ...]
    measure: Callable[[Lab], Result]


def against_openbao(lab: Lab, ours: str, theirs: str, field: str, factor: float, words: str) -> Result:
    """At most `factor` of OpenBao's; at least, where the factor is above one."""
    measured, openbao = lab.median(ours, field), lab.median(theirs, field)
    ratio = measured / openbao
    met = ratio >= factor if factor > 1 else ratio <= factor
    return Result(measured, words, met, openbao, ratio)


def against_ourselves(lab: Lab, ours: str, base: str, factor: float, note: str) -> Result:
    """CPU of one of our own loads as a multiple of another."""
    measured, other = lab.median(ours, "cpu"), lab.median(base, "cpu")
    ratio = measured / other
    return Result(measured, f"<= {factor:g}x", ratio <= factor, ratio=ratio, note=f"{note} {other:.1f} us")


def at_most(measured: float, limit: float, words: str, openbao: float | None = None, note: str = "") -> Result:
    """A number with a limit of its own; OpenBao's beside it is for orientation."""
    ratio = measured / openbao if openbao else None
    return Result(measured, words, measured <= limit, openbao, ratio, note)


def wall_after_sync(lab: Lab, name: str, beyond_us: float, words: str, openbao: str | None = None) -> Result:
    """The median of a load at one connection, in ms, against this disk's fdatasync and an allowance."""
    limit = (lab.sync + beyond_us) / 1e3
    theirs = lab.median(openbao, "p50") / 1e3 if openbao else None
    return at_most(lab.median(name, "p50") / 1e3, limit, f"<= {limit:.2f} ms", theirs, words)


def beside_now(lab: Lab, factor: float) -> Result:
    """Variables of the past as a multiple of the variables of now, of the same environment."""
    measured, now = lab.past["values"], lab.past["now"]
    ratio = measured / now
    return Result(measured, f"<= {factor:g}x", ratio <= factor, ratio=ratio, note=f"now {now:.1f} ms")


def verify_rate(lab: Lab) -> Result:
    """More is better here."""
    rate = lab.verified_per_second
    return Result(rate, ">= 200,000", rate >= 200_000)


def scan_rate(lab: Lab) -> Result:
    """More is better here, too."""
    return Result(lab.scanned_per_second / MEGABYTE, ">= 50 MB/s", lab.scanned_per_second >= 50 * MEGABYTE)


def rotation_rate(lab: Lab) -> Result:
    """More is better here."""
    rate = lab.rotated_per_second
    return Result(rate, ">= 20,000", rate >= 20_000)


def reads_while_rotating(lab: Lab) -> Result:
    """The tail of reads while the key is replaced, as a multiple of what it is before."""
    quiet, within = lab.reads_while_rotating
    ratio = within / quiet
    return Result(within, "<= 2x", ratio <= 2, ratio=ratio, note=f"before {quiet:.0f} us")


def binary_size(lab: Lab) -> Result:
    """As built, stripped by the release profile."""
    ours = lab.binary.stat().st_size / MEGABYTE
    return at_most(ours, 40, "<= 40 MB", lab.openbao_binary.stat().st_size / MEGABYTE)


def rows(secrets: int, reads: int, imported: int) -> list[Row]:
    """All rows in the order of the table."""
    many = f"{secrets:,} secrets"
    return [
        Row("cpu_16", "CPU per read of one secret, 16 connections", "us", ("read_16", "openbao_16"),
            lambda lab: against_openbao(lab, "read_16", "openbao_16", "cpu", 0.1, "<= 1/10")),
        Row("floor", "the same against our own /healthz", "us", ("read_16", "floor_16"),
            lambda lab: against_ourselves(lab, "read_16", "floor_16", 6, "floor")),
        Row("throughput", "reads per second, 16 connections", "/s", ("read_16", "openbao_16"),
            lambda lab: against_openbao(lab, "read_16", "openbao_16", "per_second", 6, ">= 6x")),
        Row("p99", "p99 of a read, 16 connections", "us", ("read_16", "openbao_16"),
            lambda lab: against_openbao(lab, "read_16", "openbao_16", "p99", 0.25, "<= 1/4")),
        Row("cpu_1", "CPU per read of one secret, 1 connection", "us", ("read_1", "openbao_1"),
            lambda lab: against_openbao(lab, "read_1", "openbao_1", "cpu", 1 / 3, "<= 1/3")),
        Row("wall_1", "p50 of a read, 1 connection", "ms", ("read_1", "openbao_1"),
            lambda lab: wall_after_sync(lab, "read_1", 500, "fdatasync + 0.5 ms", "openbao_1")),
        Row("large", f"CPU per read with {many} instead of 100", "us", ("large_16", "read_16"),
            lambda lab: against_ourselves(lab, "large_16", "read_16", 1.3, "with 100")),
        Row("variables", "500 variables, 1/3 references, depth 3, p50", "ms", ("variables",),
            lambda lab: wall_after_sync(lab, "variables", 5_000, "fdatasync + 5 ms")),
        Row("unchanged", "the same unchanged: 304, p50", "ms", ("unchanged",),
            lambda lab: at_most(lab.median("unchanged", "p50") / 1e3, 1, "<= 1 ms")),
        Row("run", "holdfast run -- true beyond true, p95", "ms", (),
            lambda lab: at_most(lab.run_beyond_true, 50, "<= 50 ms")),
        Row("start", f"start to /readyz, {many}", "ms", (),
            lambda lab: at_most(lab.restart[0], 100, "<= 100 ms")),
        Row("start_wal", "start after SIGKILL with a 64 MiB WAL", "ms", (),
            lambda lab: at_most(lab.restart_after_kill, 1_000, "<= 1 s")),
        Row("rss_idle", f"memory idle, {many}", "MB", (),
            lambda lab: at_most(lab.restart[1] / MEGABYTE, 40, "<= 40 MB", lab.openbao_rss[0] / MEGABYTE)),
        Row("rss_reads", f"memory after {reads:,} reads", "MB", (),
            lambda lab: at_most(lab.restart[2] / MEGABYTE, 64, "<= 64 MB", lab.openbao_rss[1] / MEGABYTE)),
        Row("import", f"import of {imported:,} secrets", "s", (),
            lambda lab: at_most(lab.import_seconds, 1, "<= 1 s")),
        Row("import_bao", f"import of {imported:,} secrets from OpenBao", "s", (),
            lambda lab: at_most(lab.import_from_openbao_seconds, 30, "<= 30 s")),
        Row("at_names", "a page of 10,000 names x 50 versions, --at the middle, p50", "ms", (),
            lambda lab: at_most(lab.past["names"], 50, "<= 50 ms")),
        Row("at_values", "variables of the same, all 10,000 values, p50", "ms", (),
            lambda lab: beside_now(lab, 1.5)),
        Row("verify", "audit verify: events per CPU second", "/s", (), verify_rate),
        Row("scan", "holdfast scan: text per CPU second", "MB/s", (), scan_rate),
        Row("rotate", f"keys rotate-org, {many}: rows per second", "/s", (), rotation_rate),
        Row("rotate_reads", "p99 of a read meanwhile, 16 connections", "us", (), reads_while_rotating),
        Row("binary", "size of the release binary", "MB", (), binary_size),
    ]
