"""A real LRS that a test has started: where it listens, and how a sender stores statements in it."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READY_SECONDS = 60


@dataclass(frozen=True)
class RealLrs:
    """Keep it below 2,000 statements: one reads its whole file for each answer, the other holds all in memory."""

    product: str
    endpoint: str
    user: str
    password: str

    def post(self, statements: list[dict[str, Any]]) -> list[str]:
        """Store statements as a sender does; the ids that it gave or took, none where it knows them all already."""
        with urllib.request.urlopen(self._request("", json.dumps(statements).encode()), timeout=30) as answer:
            return list(json.load(answer)) if answer.status == 200 else []

    def get(self, query: str) -> dict[str, Any]:
        """One page, by a query of the test's own."""
        with urllib.request.urlopen(self._request(f"?{query}"), timeout=30) as answer:
            return dict(json.load(answer))

    def _request(self, query: str, body: bytes | None = None) -> urllib.request.Request:
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        headers = {
            "Authorization": f"Basic {login}",
            "Content-Type": "application/json",
            "X-Experience-API-Version": "1.0.3",
        }
        return urllib.request.Request(f"{self.endpoint}/statements{query}", data=body, headers=headers)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def wait(beat: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server answers anything at `beat`; RuntimeError with the end of its log if it does not."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(beat, timeout=1):
                return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            time.sleep(0.05)  # a poll with a deadline, not a wait
    raise RuntimeError(f"it did not start:\n{log.read_text(errors='replace')[-2000:]}")
