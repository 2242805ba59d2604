"""Times what environments take on a real cluster: `bench.sh` starts the cluster and the appliance, this measures.

What the slowest service takes by itself is measured, not taken from its pod: the database of the shop, alone, by kubectl on
the same cluster, without gate, order or policies of ours, from the first object to readiness. Its volume is in that, which a
local cluster makes with a pod of its own. What is beyond it is Holdfast's: gates, order, and the services that wait for
others. The pods' own words (from the start of a program to its readiness) are given beside it, and the six by kubectl in
any order. Pulling is none, since every image is on the node.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

ENVIRONMENTS = 200
WATCH_SECONDS = 60
UPS = 3
LAST = 300.0


@dataclass
class Row:
    """One line of the table."""

    what: str
    value: float
    unit: str
    limit: float | None
    note: str = ""

    @property
    def met(self) -> str:
        if self.limit is None:
            return ""
        return "yes" if self.value <= self.limit else "NO"


class Bench:
    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.rows: list[Row] = []

    def hf(self, *words: str, check: bool = True) -> str:
        done = subprocess.run([self.args.binary, *words], capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            sys.exit(f"holdfast {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def kubectl(self, *words: str) -> str:
        command = [self.args.kubectl, "--kubeconfig", self.args.kubeconfig, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def timed(self, *words: str) -> float:
        began = time.monotonic()
        self.hf(*words)
        return time.monotonic() - began

    def status(self) -> dict[str, Any]:
        return json.loads(self.hf("env", "status", "--json"))

    def namespace(self) -> str:
        return self.status()["namespace"]

    def pods(self) -> list[dict[str, Any]]:
        return json.loads(self.kubectl("-n", self.namespace(), "get", "pods", "-o", "json"))["items"]

    def audit_size(self) -> int:
        return os.path.getsize(self.args.audit)

    def asked_since(self, offset: int) -> list[dict[str, Any]]:
        """What the appliance asked of the API server since a place of its audit log, without what stays open."""
        with open(self.args.audit, encoding="utf-8") as log:
            log.seek(offset)
            asked = [json.loads(line) for line in log if line.endswith("\n")]
        return [event for event in asked if event["verb"] != "watch"]

    def row(self, what: str, value: float, unit: str, limit: float | None, note: str = "") -> None:
        self.rows.append(Row(what, value, unit, limit, note))
        print(f"{what}: {value:.3g} {unit}", file=sys.stderr)

    # -- the rows

    def up_and_down(self) -> None:
        ups, programs, downs, gates = [], [], [], []
        alone = statistics.median(self.plain("db") for _ in range(UPS))
        six = statistics.median(self.plain() for _ in range(UPS))
        for _ in range(UPS):
            ups.append(self.timed("env", "up", "--file", self.args.shop, "--wait", "--timeout", "180s"))
            pods = self.pods()
            programs.append(max(own_start(pod) for pod in pods if own_start(pod) is not None))
            gates += [gate for pod in pods if (gate := gate_time(pod)) is not None]
            if len(downs) + 1 < UPS:
                downs.append(self.destroy())
        up = statistics.median(ups)
        self.row("six services, `env up` to ready, beyond the slowest service's own start", up - alone, "s", 10)
        self.row("  `env up` to ready in all", up, "s", None, ", ".join(f"{took:.1f}" for took in ups))
        self.row("  the slowest service alone, by kubectl", alone, "s", None)
        self.row("  the longest from the start of a program to its readiness", statistics.median(programs), "s", None)
        self.row("  the six by kubectl, in no order and not isolated", six, "s", None, f"{up / six:.2f} times that")
        self.row("gate's delay before a pod's first container, p50", statistics.median(gates) * 1000, "ms", 500, f"{len(gates)} pods")
        self.again()
        self.changed()
        downs.append(self.destroy())
        self.row("destroy of an environment", statistics.median(downs), "s", 10)

    def plain(self, *services: str) -> float:
        """The shop, or only these services of it, by kubectl: from the first object to readiness, in seconds."""
        folder = Path(__file__).parent / "shop"
        secret = secrets.token_hex(16)
        ground = (folder / "shop.yaml").read_text(encoding="utf-8").replace("@SECRET@", secret)
        render = subprocess.run([sys.executable, folder / "render.py", *services], capture_output=True, text=True, check=True)
        began = time.monotonic()
        self.apply(ground)
        # The account of pods comes a moment after their namespace; without it they are refused.
        while not self.kubectl("-n", "shop-test", "get", "serviceaccount", "default", "--ignore-not-found", "-o", "name"):
            time.sleep(0.05)
        self.apply(render.stdout)
        self.kubectl("-n", "shop-test", "wait", "--for=condition=Available", "deployment", "--all", "--timeout=120s")
        took = time.monotonic() - began
        self.kubectl("delete", "namespace", "shop-test", "--wait", "--timeout=120s")
        return took

    def apply(self, objects: str) -> None:
        command = [self.args.kubectl, "--kubeconfig", self.args.kubeconfig, "apply", "-f", "-"]
        subprocess.run(command, input=objects, text=True, check=True, capture_output=True)

    def destroy(self) -> float:
        space = self.namespace()
        took = self.timed("env", "destroy", "--confirm", "staging", "--wait", "--timeout", "120s")
        left = self.kubectl("get", "namespace", space, "--ignore-not-found", "-o", "name").strip()
        if left:
            sys.exit(f"{left} is left")
        return took

    def again(self) -> None:
        time.sleep(2)
        offset = self.audit_size()
        took = [self.timed("env", "up", "--wait", "--timeout", "30s") for _ in range(5)]
        time.sleep(1)
        writes = [e for e in self.asked_since(offset) if is_write(e)]
        self.row("second `env up` with nothing changed", statistics.median(took) * 1000, "ms", 300)
        self.row("writes to the API server meanwhile", len(writes), "", 0, ", ".join(sorted({told(e) for e in writes})))

    def changed(self) -> None:
        """One changed variable of `worker`, which nobody waits for, until its new pod is ready. The cluster tells whole seconds."""
        command = [self.args.binary, "secrets", "set", "QUEUE_URL"]
        beyond = []
        for number in range(UPS):
            # Other texts that lead to the same place: its pods work with them.
            value = "redis://:${QUEUE_PASSWORD}@queue:6379" + "/0" * (1 - number % 2)
            old = self.uids("worker")
            began = time.time()
            subprocess.run(command, input=value, text=True, check=True, capture_output=True)
            pod = self.next_ready("worker", old)
            beyond.append(ready_at(pod) - began - (own_start(pod) or 0.0))
            self.hf("env", "up", "--wait", "--timeout", "120s")
        told = ", ".join(f"{took:.1f}" for took in beyond)
        self.row("one changed variable to the new pod ready, beyond its own start", statistics.median(beyond), "s", 5, told)

    def uids(self, service: str) -> set[str]:
        return {pod["metadata"]["uid"] for pod in self.pods() if pod["metadata"]["labels"].get("holdfast.dev/service") == service}

    def next_ready(self, service: str, old: set[str]) -> dict[str, Any]:
        end = time.monotonic() + LAST
        while time.monotonic() < end:
            for pod in self.pods():
                of = pod["metadata"]["labels"].get("holdfast.dev/service")
                if of == service and pod["metadata"]["uid"] not in old and ready_at(pod) and "deletionTimestamp" not in pod["metadata"]:
                    return pod
            time.sleep(0.2)
        sys.exit(f"{service} did not become ready again")

    def many(self) -> None:
        before = rss(self.args.pid)
        blueprint = Path(self.args.work) / "one.yaml"
        blueprint.write_text(ONE, encoding="utf-8")
        for number in range(ENVIRONMENTS):
            name = f"e{number:03}"
            self.hf("environments", "create", name)
            self.hf("env", "up", "--environment", name, "--file", str(blueprint))
            self.hf("env", "stop", "--environment", name)
        end = time.monotonic() + 900
        while time.monotonic() < end:
            states = [one["state"] for one in json.loads(self.hf("env", "list", "--limit", str(ENVIRONMENTS), "--json"))["items"]]
            if states.count("stopped") >= ENVIRONMENTS:
                break
            time.sleep(1)
        else:
            sys.exit("the environments did not come to rest")
        time.sleep(10)
        offset, cpu, began = self.audit_size(), cpu_seconds(self.args.pid), time.monotonic()
        time.sleep(WATCH_SECONDS)
        span = time.monotonic() - began
        used = (cpu_seconds(self.args.pid) - cpu) / span * 100
        asked = self.asked_since(offset)
        self.row(f"{ENVIRONMENTS} environments known: part of a core", used, "%", 1)
        self.row("requests to the API server beyond watches", len(asked) / span, "/s", 1, ", ".join(sorted({told(e) for e in asked})[:6]))
        self.row("more memory than before they were there", (rss(self.args.pid) - before) / 1e6, "MB", 30)


ONE = """name: one
services:
  - name: app
    image: localhost/shell:1
    command: [sleep, "86400"]
    resources: {requests: {cpu: 1m, memory: 4Mi}, limits: {memory: 16Mi}}
    security: {user: 10001}
"""


def instant(text: str | None) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else 0.0


def ready_at(pod: dict[str, Any]) -> float:
    for condition in pod["status"].get("conditions", []):
        if condition["type"] == "Ready" and condition["status"] == "True":
            return instant(condition["lastTransitionTime"])
    return 0.0


def own_start(pod: dict[str, Any]) -> float | None:
    """From the start of its first container of ours to readiness; none for what is no pod of a service."""
    if any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences", [])):
        return None
    started = [instant(c["state"]["running"]["startedAt"]) for c in pod["status"].get("containerStatuses", []) if "running" in c["state"]]
    return max(0.0, ready_at(pod) - min(started)) if started and ready_at(pod) else None


def gate_time(pod: dict[str, Any]) -> float | None:
    """What the gate says it took; its clock is finer than the kubelet's seconds."""
    for status in pod["status"].get("initContainerStatuses", []):
        done = status["state"].get("terminated")
        if status["name"] == "gate" and done:
            try:
                return float(json.loads(done.get("message", "{}"))["milliseconds"]) / 1000
            except (ValueError, KeyError, TypeError):
                return None
    return None


def is_write(event: dict[str, Any]) -> bool:
    of = event.get("objectRef", {}).get("resource")
    return event["verb"] in {"create", "update", "patch", "delete", "deletecollection"} and of != "leases"


def told(event: dict[str, Any]) -> str:
    return f"{event['verb']} {event.get('objectRef', {}).get('resource', event['requestURI'])}"


def rss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("binary", "kubectl", "kubeconfig", "audit", "shop", "work", "json"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--only", choices=["up", "many"])
    args = parser.parse_args()
    bench = Bench(args)
    if args.only != "many":
        bench.up_and_down()
    if args.only != "up":
        bench.many()
    width = max(len(row.what) for row in bench.rows)
    for row in bench.rows:
        limit = "" if row.limit is None else f"<= {row.limit:g}"
        print(f"{row.what:<{width}}  {row.value:>8.3g} {row.unit:<3} {limit:>8}  {row.met:<3} {row.note}")
    Path(args.json).write_text(json.dumps([{**asdict(row), "met": row.met} for row in bench.rows], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
