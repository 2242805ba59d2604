"""Processes of the benchmark: each is started here, on loopback, and ended by its process id."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from measure import BenchError, Load, cpu_seconds, rss_bytes, wrk

HOST = "127.0.0.1"
STOP_SECONDS = 15.0
IDLE_SECONDS = 2.0


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


class Api:
    """A JSON client over one kept-alive connection."""

    def __init__(self, port: int, headers: dict[str, str] | None = None, timeout: float = 120.0) -> None:
        self.headers = headers or {}
        self._connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
        self._used = time.monotonic()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any, http.client.HTTPMessage]:
        """Status, body (parsed where it is JSON) and headers."""
        headers = dict(self.headers)
        payload = None
        if body is not None:
            payload = json.dumps(body)
            headers["Content-Type"] = "application/json"
        if time.monotonic() - self._used > IDLE_SECONDS:
            self.close()  # the server may have closed an idle connection at any moment
        try:
            self._connection.request(method, path, payload, headers)
            answer = self._connection.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        self._used = time.monotonic()
        text = raw.decode() if raw else "null"
        parsed = json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text
        return answer.status, parsed, answer.headers

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The body of an answer that has to be a success."""
        status, answer, _ = self.ask(method, path, body)
        if not 200 <= status < 300:
            raise BenchError(f"{method} {path}: {status} {json.dumps(answer)[:300]}")
        return answer

    def close(self) -> None:
        """Gives the connection back; the next call opens another."""
        self._connection.close()


class Server:
    """A server process under measurement."""

    running: list[Server] = []

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.port = free_port()
        self.reads = 0
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise BenchError(f"{self.name} is not running")
        return self._process.pid

    def spawn(self, command: list[str], env: dict[str, str]) -> None:
        """Starts the server; its output goes to a file beside its data."""
        clean = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder), **env}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=clean, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        Server.running.append(self)

    def wait_ready(self, path: str, ready: set[int], seconds: float = 30.0) -> None:
        """Waits until `path` answers with one of these statuses; fails when the process ends or time is up."""
        end = time.monotonic() + seconds
        api = Api(self.port, timeout=5.0)
        while time.monotonic() < end:
            if self._process is None or self._process.poll() is not None:
                raise BenchError(f"{self.name} ended at its start: {self.last_words()}")
            try:
                if api.ask("GET", path)[0] in ready:
                    api.close()
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.001)
        raise BenchError(f"{self.name} was not ready within {seconds:.0f} s: {self.last_words()}")

    def last_words(self) -> str:
        """The end of its log."""
        return (self.folder / "log").read_text(errors="replace")[-600:].strip()

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends the process and waits for it."""
        process, self._process = self._process, None
        if process is None:
            return
        Server.running.remove(self)
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def rss(self) -> int:
        """Resident bytes."""
        return rss_bytes(self.pid)

    def cpu(self) -> float:
        """Seconds of CPU used so far."""
        return cpu_seconds(self.pid)

    def load(self, path: str, headers: dict[str, str], connections: int, seconds: float) -> Load:
        """Loads one path of this server and counts its reads."""
        result = wrk(self.pid, f"http://{HOST}:{self.port}{path}", headers, connections, seconds)
        self.reads += result.requests
        return result


def end_all() -> None:
    """Ends every server that still runs."""
    for server in list(Server.running):
        server.end()
