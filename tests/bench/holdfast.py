"""Holdfast under measurement: the release binary, rate limits off, everything else as it starts for anybody."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import BenchError
from process import HOST, Api, Server

BATCH = 5_000
ENVIRONMENT_SECRETS = 10_000
PROJECT = "/api/v1/projects/bench"
WAL_BYTES = 64 * 1024 * 1024
ROTATION_SECONDS = 60

# A reader that stays at its snapshot: the server's checkpoints cannot start the WAL over while it is there.
HOLD_SNAPSHOT = """
import sqlite3, sys
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, isolation_level=None)
database.execute("BEGIN")
database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
print("held", flush=True)
sys.stdin.read()
"""


class Holdfast(Server):
    """A server whose organization has `secrets` secrets, read by a service account with one grant."""

    path = f"{PROJECT}/environments/main/secrets/SECRET_00050?reveal=true"

    def __init__(self, name: str, binary: Path, folder: Path, secrets: int, value: str) -> None:
        super().__init__(name, folder)
        self.binary = binary
        self.value = value
        self.data = folder / "data"
        self.owner = Api(self.port)
        self.start()
        self._set_up()
        self._fill(secrets)
        self.token = self.service_token("main")
        self.headers = {"Authorization": f"Bearer {self.token}"}
        self._check()

    def start(self) -> float:
        """Starts the server; returns the milliseconds until `/readyz` answered 200."""
        command = [str(self.binary), "serve", "--data-dir", str(self.data), "--listen", f"{HOST}:{self.port}"]
        begin = time.perf_counter()
        self.spawn(command, {"HOLDFAST_RATE_LIMITS_ENABLED": "false"})
        self.wait_ready("/readyz", {200})
        return (time.perf_counter() - begin) * 1e3

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends the server; the owner's connection to it is of no use to the next one."""
        super().end(how)
        self.owner.close()

    def cli(self, *arguments: str, token: str) -> tuple[list[str], dict[str, str]]:
        """A command of the client and its environment."""
        env = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.folder),
            "HOLDFAST_CONFIG_DIR": str(self.folder / "config"),
            "HOLDFAST_URL": f"http://{HOST}:{self.port}",
            "HOLDFAST_TOKEN": token,
        }
        return [str(self.binary), *arguments], env

    def make_environment(self, slug: str) -> None:
        """An environment of its own for one measurement."""
        self.owner.call("POST", f"{PROJECT}/environments", {"slug": slug})

    def service_token(self, environment: str) -> str:
        """The key of a new service account: developer at this environment and nothing else."""
        where = {"project": "bench", "environment": environment}
        account = {"name": f"reader-{environment}", **where, "grants": [{"role": "developer", **where}]}
        made = self.owner.call("POST", "/api/v1/service-accounts", account)
        key = self.owner.call("POST", f"/api/v1/service-accounts/{made['id']}/keys", {"expires_in": "1d"})
        return str(key["token"])

    def write(self, environment: str, secrets: dict[str, str], **more: object) -> None:
        """Writes these secrets in transactions of at most a few thousand."""
        items = [{"name": name, "value": value, **more} for name, value in secrets.items()]
        for start in range(0, len(items), BATCH):
            body = {"items": items[start : start + BATCH]}
            self.owner.call("POST", f"{PROJECT}/environments/{environment}/secrets/batch", body)

    def _set_up(self) -> None:
        body = {
            "setup_token": (self.data / "setup-token").read_text().strip(),
            "organization": "bench",
            "email": "owner@example.com",
            "password": "a bench needs no good password",
        }
        token = self.owner.call("POST", "/api/v1/setup", body)["token"]
        self.owner.headers["Authorization"] = f"Bearer {token}"
        self.owner.call("POST", "/api/v1/projects", {"slug": "bench"})

    def _fill(self, secrets: int) -> None:
        """At most ten thousand in an environment; the measured one is the first, and as full as any."""
        for number, start in enumerate(range(0, secrets, ENVIRONMENT_SECRETS)):
            slug = "main" if number == 0 else f"more-{number}"
            self.make_environment(slug)
            count = min(ENVIRONMENT_SECRETS, secrets - start)
            self.write(slug, {f"SECRET_{index:05}": self.value for index in range(count)})

    def _check(self) -> None:
        """The measured call returns the value, and leaves an event in the ledger."""
        before = self.ledger_size()
        answer = Api(self.port, self.headers).call("GET", self.path)
        if answer["value"] != self.value:
            raise BenchError("Holdfast returned another value")
        if self.ledger_size() <= before:
            raise BenchError("Holdfast did not record a read")

    def rotation(self) -> dict[str, Any]:
        """How far the rotation of the organization's key is."""
        return dict(self.owner.call("GET", "/api/v1/keys/rotation"))

    def rotation_begun(self) -> dict[str, Any]:
        """Begins a rotation; returns it once its background work has begun, at latest with the next tick."""
        self.owner.call("POST", "/api/v1/keys/rotate")
        return self._rotation_until(lambda now: now["seen"] > 0)

    def rotation_done(self) -> dict[str, Any]:
        """The rotation once it does not run any more."""
        return self._rotation_until(lambda now: now["state"] != "running")

    def _rotation_until(self, there: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + ROTATION_SECONDS
        while time.monotonic() < end:
            now = self.rotation()
            if there(now):
                return now
            time.sleep(0.005)
        raise BenchError(f"a rotation is where it was after {ROTATION_SECONDS} s: {self.rotation()}")

    def ledger_size(self) -> int:
        """The sequence number of the newest event: how many there are, or one less."""
        newest = self.owner.call("GET", "/api/v1/audit/events?limit=1")["items"]
        return int(newest[0]["seq"])

    def database(self) -> Path:
        """The database file: the one with a WAL beside it."""
        for wal in self.data.glob("*-wal"):
            return wal.with_name(wal.name.removesuffix("-wal"))
        raise BenchError(f"no WAL in {self.data}")

    def kill_with_long_wal(self) -> None:
        """Lets the WAL grow beyond 64 MiB, then kills the server."""
        database = self.database()
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD_SNAPSHOT, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            if not holder.stdout or holder.stdout.readline().strip() != b"held":
                raise BenchError("no snapshot to keep the WAL from starting over")
            self._grow_wal(database.with_name(database.name + "-shm"))
            self.end(signal.SIGKILL)
        finally:
            # Killed as a power cut would: a reader that closes could tidy the WAL away.
            holder.kill()
            holder.communicate()

    def _grow_wal(self, index: Path) -> None:
        for attempt in range(60):
            if wal_bytes(index) >= WAL_BYTES:
                return
            filler = f"{attempt:08}" * 256  # 2 KiB, another one each time
            self.write("main", {f"SECRET_{number:05}": filler for number in range(BATCH)})
        raise BenchError(f"the WAL did not grow beyond {wal_bytes(index):,} bytes")


def wal_bytes(index: Path) -> int:
    """Bytes of the WAL in use, from its shared index: the file itself may be longer, because SQLite overwrites it.

    The index begins with its header (https://sqlite.org/walformat.html): page size at 14, valid frames at 16.
    """
    with index.open("rb") as file:
        page, frames = struct.unpack_from("=HI", file.read(20), 14)
    return int(frames) * ((65_536 if page == 1 else int(page)) + 24)
