"""The measurements behind the rows: what is loaded, in which order, and what is kept of it."""

from __future__ import annotations

import functools
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast import PROJECT, Holdfast
from measure import BenchError, Load, fdatasync_p50, percentile, reason
from openbao import OpenBao
from process import HOST, Api, Server

VALUE = "value " * 33 + "ok"  # 200 bytes
SMALL = 100
READS = 100_000
VARIABLES = 500
SCAN_COPIES = 20


@dataclass(frozen=True)
class Plan:
    """How much is done. `quick` is for trying the benchmark out, not for numbers to keep."""

    rounds: int
    seconds: float
    large: int
    reads: int
    imported: int
    runs: int
    versions: int


FULL = Plan(rounds=3, seconds=5.0, large=100_000, reads=READS, imported=10_000, runs=100, versions=50)
QUICK = Plan(rounds=1, seconds=1.0, large=20_000, reads=20_000, imported=10_000, runs=25, versions=5)


@dataclass(frozen=True)
class Subject:
    """One thing that is loaded in every round."""

    server: Server
    path: str
    headers: dict[str, str]
    connections: int


class Lab:
    """Starts servers when a measurement first needs them and keeps what was measured."""

    def __init__(self, binary: Path, openbao: Path, folder: Path, plan: Plan) -> None:
        self.binary = binary
        self.openbao_binary = openbao
        self.folder = folder
        self.plan = plan
        self.samples: dict[str, list[Load]] = {}
        self.syncs: list[float] = []
        self.broken: dict[str, str] = {}

    # Servers

    @functools.cached_property
    def bao(self) -> OpenBao:
        """OpenBao with as many secrets as the small Holdfast."""
        say("starting OpenBao")
        return OpenBao(self.openbao_binary, self.folder / "bao", SMALL, VALUE)

    @functools.cached_property
    def small(self) -> Holdfast:
        """Holdfast, an organization of 100 secrets."""
        say(f"starting Holdfast with {SMALL} secrets")
        return Holdfast("Holdfast", self.binary, self.folder / "small", SMALL, VALUE)

    @functools.cached_property
    def large(self) -> Holdfast:
        """Holdfast, an organization of 100,000 secrets."""
        say(f"starting Holdfast with {self.plan.large:,} secrets")
        return Holdfast("Holdfast, large", self.binary, self.folder / "large", self.plan.large, VALUE)

    @functools.cached_property
    def resolved(self) -> dict[str, str]:
        """Makes the environment of 500 variables; returns headers with its token and its ETag."""
        self.small.make_environment("shared")
        self.small.make_environment("resolved")
        self.small.write("shared", {f"SHARED_{index:03}": VALUE for index in range(10)})
        self.small.write("resolved", resolved_values(), interpolate=True)
        headers = {"Authorization": f"Bearer {self.small.service_token('resolved')}"}
        api = Api(self.small.port, headers)
        status, answer, fields = api.ask("GET", self.variables_path)
        if status != 200:
            raise BenchError(f"variables: {status} {answer}")
        check_resolved(answer["variables"])
        fresh = {**headers, "If-None-Match": str(fields["ETag"])}
        status = Api(self.small.port, fresh).ask("GET", self.variables_path)[0]
        if status != 304:
            raise BenchError(f"variables with If-None-Match answered {status}, not 304")
        return fresh

    variables_path = f"{PROJECT}/environments/resolved/variables"

    # Loads, in interleaved rounds

    def subject(self, name: str) -> Subject | None:
        """What a sample's name stands for; its server is started, and what is wrong with it kept."""
        try:
            return self._subjects[name]()
        except (BenchError, OSError, KeyError) as error:
            self.broken[name] = reason(error)
            return None

    @functools.cached_property
    def _subjects(self) -> dict[str, Callable[[], Subject]]:
        def read(server: Callable[[], OpenBao | Holdfast], connections: int) -> Callable[[], Subject]:
            return lambda: Subject(server(), server().path, server().headers, connections)

        def variables(fresh: bool) -> Subject:
            dropped = () if fresh else ("If-None-Match",)
            headers = {name: value for name, value in self.resolved.items() if name not in dropped}
            return Subject(self.small, self.variables_path, headers, 1)

        return {
            "openbao_16": read(lambda: self.bao, 16),
            "read_16": read(lambda: self.small, 16),
            "floor_16": lambda: Subject(self.small, "/healthz", {}, 16),
            "large_16": read(lambda: self.large, 16),
            "openbao_1": read(lambda: self.bao, 1),
            "read_1": read(lambda: self.small, 1),
            "variables": lambda: variables(fresh=False),
            "unchanged": lambda: variables(fresh=True),
        }

    def run_rounds(self, names: Iterable[str]) -> None:
        """Each round measures every subject once, so that what else the machine does falls on all of them."""
        wanted = set(names)
        subjects = {name: self.subject(name) for name in self._subjects if name in wanted}
        for number in range(1, self.plan.rounds + 1):
            say(f"round {number} of {self.plan.rounds}: {', '.join(subjects) or 'fdatasync'}")
            self.syncs.append(fdatasync_p50(self.folder))
            for name, subject in subjects.items():
                if subject is not None and name not in self.broken:
                    self._sample(name, subject)

    def _sample(self, name: str, subject: Subject) -> None:
        """One load of a subject, after a second to warm up; a failure is kept for the rows that need it."""
        server, how = subject.server, (subject.path, subject.headers, subject.connections)
        try:
            server.load(*how, 1)
            self.samples.setdefault(name, []).append(server.load(*how, self.plan.seconds))
        except (BenchError, OSError) as error:
            self.broken[name] = reason(error)

    def median(self, name: str, field: str) -> float:
        """The median over the rounds of one field of a subject's loads."""
        if name in self.broken:
            raise BenchError(self.broken[name])
        return statistics.median(float(getattr(load, field)) for load in self.samples[name])

    @property
    def sync(self) -> float:
        """This disk's fdatasync in microseconds, the median over the rounds."""
        return statistics.median(self.syncs)

    def read_more(self, server: OpenBao | Holdfast, reads: int) -> None:
        """Loads a server until it answered this many further reads."""
        end = time.monotonic() + 120
        goal = server.reads + reads
        while server.reads < goal:
            if time.monotonic() > end:
                raise BenchError(f"{server.name} did not answer {reads:,} reads in two minutes")
            server.load(server.path, server.headers, 16, 2)

    # Single measurements

    @functools.cached_property
    def run_beyond_true(self) -> float:
        """Milliseconds (p95) of `holdfast run -- true` beyond the median of `true`."""
        say("holdfast run -- true")
        where = ("--project", "bench", "--environment", "main")
        command, env = self.small.cli("run", *where, "--", "true", token=self.small.token)
        with_it, without = [], []
        for _ in range(self.plan.runs):
            without.append(wall_ms(["true"], env, self.small.folder))
            with_it.append(wall_ms(command, env, self.small.folder))
        return percentile(with_it, 95) - statistics.median(without)

    @functools.cached_property
    def import_seconds(self) -> float:
        """Wall seconds of `holdfast import` of a dotenv file with 10,000 secrets, the client included."""
        say(f"importing {self.plan.imported:,} secrets")
        file = self.small.folder / "import.env"
        file.write_text("".join(f"IMPORTED_{index:05}='{VALUE}'\n" for index in range(self.plan.imported)))
        owner = self.small.owner.headers["Authorization"].removeprefix("Bearer ")
        took = []
        for number in range(self.plan.rounds):
            slug = f"import-{number}"
            self.small.make_environment(slug)
            where = ("--project", "bench", "--environment", slug)
            command, env = self.small.cli("import", str(file), *where, token=owner)
            took.append(wall_ms(command, env, self.small.folder) / 1e3)
            self.small.owner.call("GET", f"{PROJECT}/environments/{slug}/secrets/IMPORTED_{self.plan.imported - 1:05}")
        return statistics.median(took)

    @functools.cached_property
    def import_from_openbao_seconds(self) -> float:
        """Wall seconds of `holdfast import vault` of 10,000 secrets of KV version 2, listing and metadata included."""
        say(f"filling OpenBao with {self.plan.imported:,} secrets")
        self.bao.fill("bulk", "moved", self.plan.imported, VALUE)
        say(f"importing {self.plan.imported:,} secrets from OpenBao")
        owner = self.small.owner.headers["Authorization"].removeprefix("Bearer ")
        took = []
        for number in range(self.plan.rounds):
            slug = f"moved-{number}"
            self.small.make_environment(slug)
            where = ("--address", f"http://{HOST}:{self.bao.port}", "--project", "bench", "--environment", slug)
            command, env = self.small.cli("import", "vault", "bulk", "--yes", *where, token=owner)
            env = {**env, "VAULT_TOKEN": self.bao.root_token()}
            took.append(wall_ms(command, env, self.small.folder) / 1e3)
            last = f"{PROJECT}/environments/{slug}/secrets/VALUE?path=/moved_{self.plan.imported - 1:05}"
            self.small.owner.call("GET", last)
        return statistics.median(took)

    @functools.cached_property
    def past(self) -> dict[str, float]:
        """Milliseconds (p50) of what is asked of an environment of 10,000 secrets as it was half its versions ago."""
        say(f"writing 10,000 secrets, {self.plan.versions} versions of each")
        server = Holdfast("Holdfast, with a past", self.binary, self.folder / "past", SMALL, VALUE)
        server.make_environment("past")
        middle = 0
        for number in range(self.plan.versions):
            server.write("past", {f"SECRET_{index:05}": f"{number:03} {VALUE}" for index in range(10_000)})
            if number == self.plan.versions // 2:
                middle = server.ledger_size()
        headers = {"Authorization": f"Bearer {server.service_token('past')}"}
        where = f"{PROJECT}/environments/past"
        api = Api(server.port, headers)
        check_past(api.call("GET", f"{where}/variables?at={middle}")["variables"], self.plan.versions // 2)
        asked = {"names": f"secrets?limit=500&at={middle}", "values": f"variables?at={middle}", "now": "variables"}
        loads = {what: server.load(f"{where}/{path}", headers, 1, self.plan.seconds) for what, path in asked.items()}
        return {what: load.p50 / 1e3 for what, load in loads.items()}

    @functools.cached_property
    def verified_per_second(self) -> float:
        """Events that `audit verify` checks in a second of the server's CPU."""
        self.read_more(self.small, max(0, self.plan.reads - self.small.ledger_size()))
        say("verifying the ledger")
        rates: list[float] = []
        for _ in range(self.plan.rounds):
            before = self.small.cpu()
            report = self.small.owner.call("POST", "/api/v1/audit/verify", {})
            used = self.small.cpu() - before
            if not report["ok"]:
                raise BenchError(f"the ledger does not verify: {report}")
            rates.append(report["size"] / max(used, 0.01))
        return statistics.median(rates)

    @functools.cached_property
    def scanned_per_second(self) -> float:
        """Bytes that `scan` reads in a second of its CPU: our own sources, again and again."""
        say("scanning sources")
        tree = self.folder / "sources"
        root = Path(__file__).resolve().parents[2]
        for number in range(SCAN_COPIES):
            for part in ("src", "tests"):
                shutil.copytree(root / part, tree / str(number) / part)
        size = sum(file.stat().st_size for file in tree.rglob("*") if file.is_file())
        command = [str(self.binary), "scan", "--no-ignore", "--threads", "1", "--json", str(tree)]
        rates: list[float] = []
        for _ in range(self.plan.rounds):
            before = os.times()
            run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
            after = os.times()
            if run.returncode not in (0, 7):
                raise BenchError(f"scan exited {run.returncode}: {run.stderr.decode(errors='replace')[:300]}")
            used = after.children_user + after.children_system - before.children_user - before.children_system
            rates.append(size / max(used, 0.01))
        shutil.rmtree(tree)
        return statistics.median(rates)

    @functools.cached_property
    def restart(self) -> tuple[float, int, int]:
        """The large server started again: milliseconds to ready, bytes resident idle, bytes after the reads."""
        server = self.large
        took = []
        for _ in range(self.plan.rounds):
            server.end()
            took.append(server.start())
        say("idle, then reads: memory")
        time.sleep(2)
        idle = server.rss()
        self.read_more(server, self.plan.reads)
        return statistics.median(took), idle, server.rss()

    @functools.cached_property
    def restart_after_kill(self) -> float:
        """Milliseconds to ready after SIGKILL with a WAL of 64 MiB."""
        took = []
        for _ in range(self.plan.rounds):
            say("SIGKILL with a WAL of 64 MiB")
            self.large.kill_with_long_wal()
            took.append(self.large.start())
        return statistics.median(took)

    @functools.cached_property
    def rotated_per_second(self) -> float:
        """Rows of the large server that `keys rotate-org` seals anew in a second, with nothing else to do."""
        say(f"rotating the key of {self.plan.large:,} secrets")
        rates = []
        for _ in range(self.plan.rounds):
            first = self.large.rotation_begun()
            begin, seen = time.perf_counter(), int(first["seen"])
            done = self.large.rotation_done()
            took = time.perf_counter() - begin
            if done["state"] != "done":
                raise BenchError(f"the rotation is {done['state']}: {done['reason']}")
            rates.append((int(done["seen"]) - seen) / max(took, 1e-3))
        return statistics.median(rates)

    @functools.cached_property
    def reads_while_rotating(self) -> tuple[float, float]:
        """p99 of reads in microseconds, before a rotation of the large server and within it."""
        server = self.large
        quiet, within = [], []
        for _ in range(self.plan.rounds):
            say("reads before and within a rotation")
            how = (server.path, server.headers, 16, 1)
            server.load(*how)
            quiet.append(server.load(*how).p99)
            server.rotation_begun()
            load = server.load(*how)
            # A load that outlasts the rotation says too little of it.
            if server.rotation()["state"] == "running":
                within.append(load.p99)
            server.rotation_done()
        if not within:
            raise BenchError("the rotation was over before a second of reads: fill it with more secrets")
        return statistics.median(quiet), statistics.median(within)

    @functools.cached_property
    def openbao_rss(self) -> tuple[int, int]:
        """Bytes of OpenBao resident idle and after the reads."""
        idle = self.bao.rss_idle
        self.read_more(self.bao, max(0, self.plan.reads - self.bao.reads))
        return idle, self.bao.rss()

    def facts(self) -> dict[str, Any]:
        """The machine and the versions, for the file of results."""
        return {
            "taken_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "cpus": os.cpu_count(),
            "machine": platform.machine(),
            "kernel": platform.release(),
            "load_average": os.getloadavg()[0],
            "fdatasync_us": round(self.sync, 1) if self.syncs else None,
            "holdfast": version(self.binary, "--version"),
            "openbao": version(self.openbao_binary, "version"),
        }


def resolved_values() -> dict[str, str]:
    """500 values, a third of them references; a chain of three ends in another environment or in a plain value."""
    references = VARIABLES // 3
    plain = {f"PLAIN_{index:03}": VALUE for index in range(VARIABLES - references)}
    chained = {}
    for index in range(references):
        step, group = index % 3, index // 3
        end = f"${{shared.SHARED_{group % 10:03}}}" if group % 2 else f"${{PLAIN_{group:03}}}"
        target = end if step == 0 else f"${{REF_{index - 1:03}}}"
        chained[f"REF_{index:03}"] = f"before {target} after"
    return {**plain, **chained}


def check_resolved(variables: dict[str, str]) -> None:
    """Every name is there and the longest chain arrived."""
    wanted = "before " * 3 + VALUE + " after" * 3
    if len(variables) != VARIABLES or variables["REF_005"] != wanted:
        raise BenchError("variables did not resolve as they should")


def check_past(variables: dict[str, str], version: int) -> None:
    """Every value is the one of then."""
    if len(variables) != 10_000 or any(not value.startswith(f"{version:03} ") for value in variables.values()):
        raise BenchError("the past is not what it was")


def wall_ms(command: list[str], env: dict[str, str], folder: Path) -> float:
    """Milliseconds of one command that has to succeed."""
    begin = time.perf_counter()
    run = subprocess.run(
        command, env=env, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    took = (time.perf_counter() - begin) * 1e3
    if run.returncode != 0:
        raise BenchError(f"{' '.join(command)} exited {run.returncode}: {run.stderr.decode(errors='replace')[:300]}")
    return took


def version(binary: Path, argument: str) -> str:
    """What a binary says of itself."""
    run = subprocess.run([binary, argument], capture_output=True, text=True, timeout=30, check=False)
    return run.stdout.strip()


def say(words: str) -> None:
    """Progress, to stderr."""
    print(f"  {words}", file=sys.stderr, flush=True)
