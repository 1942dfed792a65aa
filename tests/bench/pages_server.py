"""A loopback LRS in a process of its own that serves prepared pages: `python -m tests.bench.pages_server COUNT`."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from tests.lrs.samples import moodle

PAGE = 200


def prepared(count: int) -> list[bytes]:
    """Pages of Moodle statements of about 2.3 kB, each learner completing ten courses."""
    pages = []
    for first in range(0, count, PAGE):
        numbers = range(first, min(first + PAGE, count))
        more = f"/xapi/statements?page={first // PAGE + 1}" if first + PAGE < count else ""
        pages.append(orjson.dumps({"statements": [_statement(number) for number in numbers], "more": more}))
    return pages


def _statement(number: int) -> dict[str, Any]:
    when = f"2026-03-{1 + number // 86400 % 28:02d}T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}"
    learner, course = divmod(number, 10)
    sent = moodle(number + 1, timestamp=f"{when}.000Z", stored=f"{when}.500Z")
    sent["actor"] = moodle(learner)["actor"]
    sent["object"] = sent["object"] | {"id": f"https://moodle.example.org/course/view.php?id={course}"}
    return sent


def serve(count: int) -> None:
    """Print the endpoint and the mean size of a statement, then serve until killed."""
    pages = prepared(count)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = pages[int(self.path.partition("page=")[2] or 0)]
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: {self.date_time_string()}\r\n"
            self.wfile.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]}/xapi {sum(map(len, pages)) // count}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
