"""Streamable HTTP in front of our stdio server, for clients that speak HTTP only: the official conformance suite.

It transports and translates, and adds as little as it can: ids and tokens are renamed where several HTTP clients share one pipe, an error's
code chooses the HTTP status, and tools get the names the suite asks for (`test_simple_text` is the WIT function `test-simple-text`).
Handshake sessions have a server process each, as they would over stdio; all requests of the stateless era share one. Host and
Origin are not looked at: that is HTTP's.
"""

from __future__ import annotations

import itertools
import json
import queue
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.patience import LONG

Message = dict[str, Any]
STATUS = {-32700: 400, -32600: 400, -32602: 400, -32020: 400, -32021: 400, -32022: 400, -32601: 404}
TOKEN, SUBSCRIPTION = "progressToken", "io.modelcontextprotocol/subscriptionId"


class Names:
    """The suite's tool names and ours. `made` tools exist in no component: they stand for a call of a built-in tool."""

    def __init__(self, made: dict[str, Callable[[], tuple[str, Message]]]) -> None:
        self._made = made

    def inward(self, params: Message) -> Message:
        name = params.get("name")
        if name in self._made:
            inner, arguments = self._made[name]()
            return {**params, "name": inner, "arguments": arguments}
        return {**params, "name": name.replace("_", "-")} if isinstance(name, str) and name.startswith("test_") else params

    def outward(self, tools: list[Message]) -> list[Message]:
        renamed = [{**tool, "name": tool["name"].replace("-", "_")} if tool["name"].startswith("test-") else tool for tool in tools]
        return renamed + [{"name": name, "description": "A built-in tool.", "inputSchema": {"type": "object"}} for name in self._made]


class Pipe:
    """One server process; each request has its own queue of what belongs to it, which ends with its answer."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], names: Names) -> None:
        self._names = names
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[Message, queue.SimpleQueue[Message]]] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, message: Message) -> tuple[int, queue.SimpleQueue[Message]]:
        """Sends a request under an id of the pipe's own; returns it and the queue."""
        number, answers = next(self._ids), queue.SimpleQueue[Message]()
        sent = {**message, "id": number}
        params = message.get("params")
        if isinstance(params, dict):
            params = self._names.inward(params) if message.get("method") == "tools/call" else params
            meta = params.get("_meta")
            if isinstance(meta, dict) and TOKEN in meta:
                params = {**params, "_meta": {**meta, TOKEN: number}}
            sent["params"] = params
        with self._lock:
            self._waiting[number] = (message, answers)
        self.send(sent)
        return number, answers

    def send(self, message: Message) -> None:
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def tell(self, message: Message) -> None:
        """Sends a notification; one that names a request names it by the pipe's id."""
        params = message.get("params") or {}
        if "requestId" in params:
            with self._lock:
                number = next((number for number, (asked, _) in self._waiting.items() if asked["id"] == params["requestId"]), None)
            message = {**message, "params": {**params, "requestId": number}}
        self.send(message)

    def give_up(self, number: int) -> None:
        """Cancels a request whose client has gone."""
        with self._lock:
            gone = self._waiting.pop(number, None)
        if gone is not None:
            self.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}})

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(LONG)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._route(json.loads(line))

    def _route(self, message: Message) -> None:
        params = message.get("params") or {}
        meta = params.get("_meta") or {}
        with self._lock:
            if "method" not in message:
                owner = self._waiting.pop(message["id"], None)
            elif TOKEN in params:
                owner = self._waiting.get(params[TOKEN])
            elif SUBSCRIPTION in meta:
                owner = self._waiting.get(meta[SUBSCRIPTION])
            else:  # a log message names no request: it goes to the newest
                owner = next(reversed(self._waiting.values()), None)
        if owner is not None:
            asked, answers = owner
            answers.put(self._translated(message, asked))

    def _translated(self, message: Message, asked: Message) -> Message:
        if "method" not in message:
            message = {**message, "id": asked["id"]}
            tools = message.get("result", {}).get("tools")
            return message if tools is None else {**message, "result": {**message["result"], "tools": self._names.outward(tools)}}
        params = dict(message.get("params") or {})
        if TOKEN in params:
            params[TOKEN] = asked["params"]["_meta"][TOKEN]
        if SUBSCRIPTION in params.get("_meta", {}):
            params["_meta"] = {**params["_meta"], SUBSCRIPTION: asked["id"]}
        return {**message, "params": params} if params else message


class Bridge(ThreadingHTTPServer):
    """The HTTP server; `url` is where it listens."""

    daemon_threads = True

    def __init__(self, command: Sequence[str], environment: dict[str, str], made: dict[str, Callable[[], tuple[str, Message]]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.sessions: dict[str, Pipe] = {}
        self._open: Callable[[], Pipe] = lambda: Pipe(command, environment, Names(made))
        self._stateless: Pipe | None = None
        self._lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/mcp"

    def __enter__(self) -> Bridge:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        for pipe in [*self.sessions.values(), *([self._stateless] if self._stateless else [])]:
            pipe.close()

    def new_session(self) -> tuple[str, Pipe]:
        name = secrets.token_hex(16)
        self.sessions[name] = self._open()
        return name, self.sessions[name]

    def stateless(self) -> Pipe:
        with self._lock:
            if self._stateless is None:
                self._stateless = self._open()
                opening = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
                self._stateless.ask({"jsonrpc": "2.0", "id": 0, "method": "server/discover", "params": {"_meta": opening}})[1].get()
            return self._stateless


class Handler(BaseHTTPRequestHandler):
    """One HTTP request."""

    protocol_version = "HTTP/1.1"
    server: Bridge

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the suite prints enough."""

    def do_GET(self) -> None:
        self._reply(405)

    def do_DELETE(self) -> None:
        pipe = self.server.sessions.pop(self.headers.get("Mcp-Session-Id", ""), None)
        if pipe is not None:
            pipe.close()
        self._reply(200 if pipe is not None else 404)

    def do_POST(self) -> None:
        try:
            message = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        except ValueError:
            self._reply(400, {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "not JSON"}})
            return
        if self.headers.get("MCP-Protocol-Version", "") >= "2026" or self._has_envelope(message):
            self._exchange(self.server.stateless(), message, {}, statuses=True)
        elif message.get("method") == "initialize":
            name, pipe = self.server.new_session()
            self._exchange(pipe, message, {"Mcp-Session-Id": name}, statuses=False)
        else:
            known = self.server.sessions.get(self.headers.get("Mcp-Session-Id", ""))
            if known is None:
                self._reply(404 if "Mcp-Session-Id" in self.headers else 400)
            else:
                self._exchange(known, message, {}, statuses=False)

    @staticmethod
    def _has_envelope(message: Any) -> bool:
        return "io.modelcontextprotocol/protocolVersion" in ((message.get("params") or {}).get("_meta") or {})

    def _exchange(self, pipe: Pipe, message: Message, headers: dict[str, str], *, statuses: bool) -> None:
        if "id" not in message or "method" not in message:
            pipe.tell(message)
            self._reply(202)
            return
        number, answers = pipe.ask(message)
        first = answers.get()
        if "method" not in first:
            self._reply(STATUS.get(first.get("error", {}).get("code"), 200) if statuses else 200, first, headers)
            return
        self.send_response(200)
        for name, value in {"Content-Type": "text/event-stream", "Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        try:
            for item in self._following(first, answers):
                self.wfile.write(b"event: message\ndata: " + json.dumps(item).encode() + b"\n\n" if item else b":\n\n")
                self.wfile.flush()
        except OSError:
            pipe.give_up(number)

    @staticmethod
    def _following(first: Message, answers: queue.SimpleQueue[Message]) -> Iterator[Message | None]:
        """`first` and what comes after it up to the answer; None now and then, to notice a client that has gone."""
        item: Message | None = first
        while True:
            yield item
            if item is not None and "method" not in item:
                return
            try:
                item = answers.get(timeout=0.1)
            except queue.Empty:
                item = None

    def _reply(self, status: int, body: Message | None = None, headers: dict[str, str] | None = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(data)),
            **({"Content-Type": "application/json"} if data else {}),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
