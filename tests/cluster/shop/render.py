#!/usr/bin/env python3
"""Prints the workloads of the demo shop as a JSON list for kubectl; what all services share is written once.

    render.py [SERVICE...]      only these; without one, all of them and the step that makes the tables
"""

import json
import pathlib
import sys

NAMESPACE = "shop-test"
here = pathlib.Path(__file__).parent
schema = (here / "../../../packaging/demo/db/schema.sql").read_text()

# name: (port, plain variables, variables from the secret, the path that says ready; none: the port answers)
SERVICES = {
    "db": (5432, {"DATABASE_USER": "shop", "DATABASE_NAME": "shop"}, ["DATABASE_PASSWORD"], None),
    "queue": (6379, {}, ["QUEUE_PASSWORD"], None),
    "catalog": (8080, {}, ["DATABASE_URL"], "/readyz"),
    "orders": (8080, {}, ["DATABASE_URL", "QUEUE_URL", "WORKER_TOKEN"], "/readyz"),
    "worker": (8080, {"ORDERS_URL": "http://orders:8080"}, ["QUEUE_URL", "WORKER_TOKEN"], "/readyz"),
    "web": (8080, {"CATALOG_URL": "http://catalog:8080", "ORDERS_URL": "http://orders:8080"}, [], "/healthz"),
}
RESTRICTED_POD = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001,
                  "seccompProfile": {"type": "RuntimeDefault"}}
RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
RESOURCES = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "192Mi"}}


def environment(plain, secret):
    from_secret = [{"name": n, "valueFrom": {"secretKeyRef": {"name": "shop", "key": n}}} for n in secret]
    return [{"name": n, "value": v} for n, v in plain.items()] + from_secret


def pod(container, volumes, **more):
    container |= {"imagePullPolicy": "Never", "securityContext": RESTRICTED, "resources": RESOURCES}
    container["volumeMounts"] = [{"name": "tmp", "mountPath": "/tmp"}, *container.get("volumeMounts", [])]
    return {"securityContext": RESTRICTED_POD, "automountServiceAccountToken": False, "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}, *volumes], "terminationGracePeriodSeconds": 10, **more}


def service(name, port, plain, secret, path):
    labels = {"app.kubernetes.io/name": name}
    probe = {"httpGet": {"path": path, "port": port}} if path else {"tcpSocket": {"port": port}}
    container = {"name": name, "image": f"localhost/shop-{name}:1", "env": environment(plain, secret),
                 "ports": [{"containerPort": port}], "readinessProbe": {**probe, "periodSeconds": 1}}
    volumes = []
    if name in ("db", "queue"):
        container["volumeMounts"] = [{"name": "data", "mountPath": "/var/lib/data"}]
        source = {"persistentVolumeClaim": {"claimName": "db"}} if name == "db" else {"emptyDir": {}}
        volumes = [{"name": "data", **source}]
    yield {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": NAMESPACE},
           "spec": {"selector": {"matchLabels": labels}, "strategy": {"type": "Recreate" if volumes else "RollingUpdate"},
                    "template": {"metadata": {"labels": labels}, "spec": pod(container, volumes)}}}
    yield {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NAMESPACE},
           "spec": {"selector": labels, "ports": [{"port": port}]}}


def schema_job():
    run = "until psql \"$DATABASE_URL\" -v ON_ERROR_STOP=1 -qf /schema/schema.sql; do sleep 0.3; done"
    container = {"name": "schema", "image": "localhost/shop-db:1", "command": ["sh", "-c", run],
                 "env": environment({"PATH": "/usr/lib/postgresql/15/bin:/usr/bin:/bin"}, ["DATABASE_URL"]),
                 "volumeMounts": [{"name": "schema", "mountPath": "/schema"}]}
    spec = pod(container, [{"name": "schema", "configMap": {"name": "schema"}}], restartPolicy="Never")
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "schema", "namespace": NAMESPACE},
           "data": {"schema.sql": schema}}
    yield {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "schema", "namespace": NAMESPACE},
           "spec": {"backoffLimit": 0, "activeDeadlineSeconds": 60, "template": {"spec": spec}}}


wanted = sys.argv[1:] or list(SERVICES)
items = [item for name in wanted for item in service(name, *SERVICES[name])] + ([] if sys.argv[1:] else list(schema_job()))
print(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
