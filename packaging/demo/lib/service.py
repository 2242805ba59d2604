"""What the shop's Python services share: configuration, logs, health, requests, an orderly end.

Configuration comes from environment variables only. Logs are one JSON object a line on stdout, and never hold a value
that came from a variable. Standard library only.
"""

import json
import os
import signal
import sys
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGEST_BODY = 64 * 1024
SECONDS_FOR_A_REQUEST = 30
LEVELS = ("debug", "info", "warning", "error")


class Refused(Exception):
    """A request that cannot be granted: the status, and a sentence for whoever asked."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def variable(name, default=None):
    """An environment variable; one that is missing ends the program with its name."""
    value = os.environ.get(name, default)
    if value is None or value == "":
        print(json.dumps({"level": "error", "message": "variable is not set", "variable": name}), flush=True)
        sys.exit(78)  # EX_CONFIG
    return value


class Log:
    """One JSON object a line."""

    def __init__(self, service):
        self.service = service
        level = os.environ.get("LOG_LEVEL", "info")
        self.least = LEVELS.index(level) if level in LEVELS else LEVELS.index("info")
        self.lock = threading.Lock()

    def write(self, level, message, **fields):
        if LEVELS.index(level) < self.least:
            return
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"time": now, "level": level, "service": self.service, "message": message, **fields})
        with self.lock:
            print(line, flush=True)

    def info(self, message, **fields):
        self.write("info", message, **fields)

    def error(self, message, **fields):
        self.write("error", message, **fields)


def serve(name, routes, ready, log):
    """Serves until SIGTERM: then it is no longer ready, finishes what it began, and returns.

    `routes` maps ("GET", "/path") to a function of (body, headers) that returns what becomes JSON. `ready` raises
    when a dependency does not answer.
    """
    stopping = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = SECONDS_FOR_A_REQUEST

        def do_GET(self):
            self.answer("GET")

        def do_POST(self):
            self.answer("POST")

        def answer(self, method):
            began = time.monotonic()
            path = self.path.split("?", 1)[0]
            try:
                body = self.read_body()
                status, content = 200, self.dispatch(method, path, body)
            except Refused as refused:
                status, content = refused.status, {"error": str(refused)}
            except Exception as failure:  # the caller learns nothing of the inside; the log does
                log.error("request failed", path=path, kind=type(failure).__name__)
                status, content = 500, {"error": "internal error"}
            self.send(status, content)
            if path not in ("/healthz", "/readyz"):
                took = round((time.monotonic() - began) * 1000, 1)
                log.info("request", method=method, path=path, status=status, milliseconds=took)

        def read_body(self):
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 <= length <= LARGEST_BODY:
                self.close_connection = True
                raise Refused(413, f"a body has at most {LARGEST_BODY} bytes")
            raw = self.rfile.read(length)
            if not raw:
                return None
            try:
                return json.loads(raw)
            except ValueError:
                raise Refused(400, "the body is not JSON") from None

        def dispatch(self, method, path, body):
            if path == "/healthz":
                return {"status": "alive"}
            if path == "/readyz":
                return self.readiness()
            route = routes.get((method, path))
            if route is None:
                raise Refused(404, "there is nothing at this path")
            return route(body, self.headers)

        def readiness(self):
            if stopping.is_set():
                raise Refused(503, "stopping")
            try:
                ready()
            except Exception as failure:
                raise Refused(503, f"not ready: {type(failure).__name__}") from None
            return {"status": "ready"}

        def send(self, status, content):
            data = json.dumps(content, default=str).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # closing waits for the requests that have begun
        block_on_close = True

    server = Server(("", int(variable("PORT", "8080"))), Handler)

    def stop(_signal, _frame):
        stopping.set()
        log.info("stopping")
        # `shutdown` waits for the loop that this signal has interrupted: another thread has to say it.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log.info("started", port=server.server_port)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    log.info("stopped")
