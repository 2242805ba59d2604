"""OpenBao as a team would run it on one machine: integrated storage, one listener, the file audit device on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from measure import BenchError
from process import HOST, Api, Server, free_port

CONFIG = """
storage "raft" {{
  path    = "{folder}/raft"
  node_id = "bench"
}}
listener "tcp" {{
  address         = "{host}:{port}"
  cluster_address = "{host}:{cluster}"
  tls_disable     = true
}}
audit "file" "bench" {{
  options {{
    file_path = "{folder}/audit.log"
  }}
}}
api_addr     = "http://{host}:{port}"
cluster_addr = "https://{host}:{cluster}"
"""

POLICY = 'path "secret/data/app/*" { capabilities = ["read"] }'


class OpenBao(Server):
    """A server with `secrets` in KV version 2, read by a service token that holds one policy."""

    path = "/v1/secret/data/app/SECRET_00050"

    def __init__(self, binary: Path, folder: Path, secrets: int, value: str) -> None:
        super().__init__("OpenBao", folder)
        self._write_config()
        self.spawn([str(binary), "server", f"-config={folder}/config.hcl"], {})
        self.wait_ready("/v1/sys/health", {200, 429, 472, 473, 501, 503})
        self.root = self._initialize()
        self._store(secrets, value)
        self.headers = {"X-Vault-Token": self._service_token()}
        self._check(value)
        time.sleep(1.0)
        self.rss_idle = self.rss()

    def _write_config(self) -> None:
        (self.folder / "raft").mkdir()
        config = CONFIG.format(folder=self.folder, host=HOST, port=self.port, cluster=free_port())
        (self.folder / "config.hcl").write_text(config)

    def _initialize(self) -> Api:
        """One key share, unsealed; returns a client with the root token."""
        api = Api(self.port)
        keys = api.call("PUT", "/v1/sys/init", {"secret_shares": 1, "secret_threshold": 1})
        api.call("PUT", "/v1/sys/unseal", {"key": keys["keys_base64"][0]})
        self.wait_ready("/v1/sys/health", {200})
        api.headers["X-Vault-Token"] = keys["root_token"]
        return api

    def _store(self, secrets: int, value: str) -> None:
        self.fill("secret", "app/SECRET", secrets, value)

    def fill(self, mount: str, prefix: str, secrets: int, value: str) -> None:
        """Mounts KV version 2 and writes this many secrets."""
        self.root.call("POST", f"/v1/sys/mounts/{mount}", {"type": "kv", "options": {"version": "2"}})
        self._first_write(f"/v1/{mount}/data/{prefix}_00000", value)
        for index in range(secrets):
            self.root.call("POST", f"/v1/{mount}/data/{prefix}_{index:05}", {"data": {"value": value}})

    def _first_write(self, path: str, value: str) -> None:
        """A new KV mount refuses writes for a moment while it prepares its metadata."""
        for _ in range(200):
            status, answer, _ = self.root.ask("POST", path, {"data": {"value": value}})
            if status == 200:
                return
            time.sleep(0.05)
        raise BenchError(f"OpenBao takes no secrets: {answer}")

    def root_token(self) -> str:
        """The token that may read everything."""
        return self.root.headers["X-Vault-Token"]

    def _service_token(self) -> str:
        self.root.call("PUT", "/v1/sys/policies/acl/reader", {"policy": POLICY})
        wanted = {"policies": ["reader"], "no_default_policy": True, "type": "service", "ttl": "1h"}
        answer: Any = self.root.call("POST", "/v1/auth/token/create", wanted)
        return str(answer["auth"]["client_token"])

    def _check(self, value: str) -> None:
        """The measured call returns the value, and leaves a line in the audit file."""
        audit = self.folder / "audit.log"
        before = audit.stat().st_size
        answer = Api(self.port, self.headers).call("GET", self.path)
        if answer["data"]["data"]["value"] != value:
            raise BenchError("OpenBao returned another value")
        if audit.stat().st_size <= before:
            raise BenchError("OpenBao did not audit a read")
