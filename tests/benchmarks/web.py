"""Rows about a guest's own requests: through our gate and proxy, and whatever stands between in the other program."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.bench import Bench
from tests.benchmarks.calls import WARM
from tests.benchmarks.client import call
from tests.benchmarks.table import Row

# A process of its own, so that what it takes is the same for everybody: each connection is one request, as native wasi:http has it.
_SERVER = r"""
import socket, threading
listener = socket.create_server(("127.0.0.1", 0), backlog=256)
print(listener.getsockname()[1], flush=True)
def serve(connection):
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            data = connection.recv(65536)
            if not data:
                return
            head += data
        body = b"x" * int(head.split(b"?", 1)[1].split(b" ", 1)[0])
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


@contextmanager
def server() -> Iterator[int]:
    """The port of a server that answers `/?N` with N bytes."""
    process = subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdout.close()
    finally:
        process.kill()
        process.wait()


def requests(bench: Bench) -> Iterator[Row]:
    """One GET a call, with more and more to read."""
    with server() as port:
        for program in bench.hosts:
            # The other program's grants know no ports: a host there is all of its ports, and one with a port is none.
            allow = f"[{{host: localhost}}, {{host: 'localhost:{port}'}}]"
            policy = f"version: '1.0'\npermissions: {{network: {{allow: {allow}}}}}\n"
            (bench.folder(program, "web", ["web"]) / "web.policy.yaml").write_text(policy)
        with bench.serving("web", ["web"], bench.hosts) as clients:
            for size in (10, 100_000, 1_000_000):
                goal = "must 2.0, aim 1.2" if size == 10 else ""
                row = Row(f"call with one HTTP request, {size} bytes back", "ms", goal=goal)
                words = {"header": "", "value": "", "body": "", "filler": 0, "connect": 0, "first": 0}
                sent = {"method": 0, "scheme": 0, "authority": f"localhost:{port}", "path": f"/?{size}", **words}
                for client in clients.values():
                    answer = client.called("send", sent)
                    assert f"200,{size}," in "".join(answer["content"][0]["text"][:80].split()), answer["content"][0]["text"][:80]
                    for _ in range(min(WARM, bench.calls)):
                        client.timed(call(9, "send", sent))
                for _ in range(bench.rounds):
                    for program, client in clients.items():
                        for _ in range(max(3, bench.calls // 10)):
                            row.add(program.name, client.timed(call(9, "send", sent)))
                yield row
