"""A Hub on the loopback interface, for the unpatched clients: who asks, what goes wrong, what was asked.

Contents are kept in large file storage by the old protocol, with Xet switched off in the clients; see `client.py`.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from .faults import Drop, Fault, Status, Truncate
from .store import Repo, Store


@dataclass(frozen=True)
class Account:
    """Whose token it is, and what it may do: `write`, `read` (private repositories too) or `none`."""

    name: str
    role: str = "write"
    orgs: tuple[str, ...] = ("org",)

    def may_read(self, repo: Repo) -> bool:
        return not repo.private or (self.role != "none" and self.belongs(repo.namespace))

    def may_write(self, namespace: str) -> bool:
        return self.role == "write" and self.belongs(namespace)

    def belongs(self, namespace: str) -> bool:
        return namespace in (self.name, *self.orgs)


class Refusal(Exception):
    """An error as the Hub answers it."""

    def __init__(self, status: int, message: str, code: str = "", **more: Any) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.more = status, message, code, more


@dataclass
class Answer:
    """A status, headers and a body: bytes, something for JSON, or pieces with a `Content-Length` among the headers."""

    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass
class Request:
    """A request as it was handled: for a PUT, `size` are the bytes of its body that came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    account: Account | None
    pieces: Iterator[bytes]
    base: str
    size: int = 0
    status: int = 0

    def json(self) -> Any:
        return json.loads(b"".join(self.pieces) or b"{}")


TOKENS = {
    "hf_write": Account("owner"),
    "hf_read": Account("reader", "read"),
    "hf_none": Account("nobody", "none"),
    "hf_stranger": Account("stranger", "write", ()),
}


class Hub:
    """The server; use it in a `with` statement.

    Args:
        folder: where it keeps contents.
        tokens: token to whose it is.
        part_size: the bytes of an upload above which it is taken in parts.
    """

    def __init__(self, folder: Path, tokens: Mapping[str, Account] = TOKENS, part_size: int = 8 << 20) -> None:
        self.store = Store(folder)
        self.tokens, self.part_size = tokens, part_size
        self.faults: list[Fault] = []
        self.log: list[Request] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        # Another host name, as the Hub's own storage has: clients treat it as one that must not see the token.
        self.storage_url = f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> Hub:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def organisations(self) -> set[str]:
        return {org for account in self.tokens.values() for org in account.orgs}

    def asked(self, pattern: str) -> list[Request]:
        """The requests so far that match a regular expression, looked for in `METHOD /path`."""
        return [request for request in self.log if re.search(pattern, f"{request.method} {request.path}")]

    def stored(self) -> int:
        """How many contents, or parts of them, were sent to large file storage so far."""
        return len(self.asked("^PUT /storage/"))

    def reset(self) -> None:
        """Forgets what was asked, and what should go wrong."""
        self.faults.clear()
        self.log.clear()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    from .routes import route

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in two writes; without this, each answer waits for the other side's acknowledgement.
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (TimeoutError, ConnectionError):
                self.close_connection = True

        def _do(self) -> None:
            split = urllib.parse.urlsplit(self.path)
            pieces = _body(self)
            request = Request(
                self.command,
                split.path,
                dict(urllib.parse.parse_qsl(split.query)),
                self.headers,
                None,
                pieces,
                hub.url,
            )
            hub.log.append(request)
            effect: Any = None
            for fault in [fault for fault in hub.faults if fault.strikes(f"{self.command} {self.path}")]:
                effect = fault.effect
            if isinstance(effect, Drop) and effect.before:
                self._drop(effect.body)
                return
            if callable(effect):
                effect()
            try:
                if isinstance(effect, Status):
                    raise Refusal(effect.code, effect.message, retry_after=effect.retry_after)
                request.account = self._account()
                answer = route(hub, request)
            except Refusal as refusal:
                answer = _refused(refusal)
            for _ in pieces:
                pass  # A body that nobody read would be taken for the next request.
            request.status = answer.status
            if isinstance(effect, Drop):
                self._drop(0)
                return
            self._send(answer, effect.size if isinstance(effect, Truncate) else None)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _do

        def _account(self) -> Account | None:
            given = self.headers.get("Authorization", "").removeprefix("Bearer ").strip()
            if given and given not in hub.tokens:
                raise Refusal(401, "Invalid credentials in Authorization header")
            return hub.tokens[given] if given else None

        def _send(self, answer: Answer, cut: int | None) -> None:
            body = answer.body
            if isinstance(body, (dict, list)):
                body = json.dumps(body).encode()
            headers = {"Content-Type": "application/json", **answer.headers}
            if isinstance(body, bytes):
                headers.setdefault("Content-Length", str(len(body)))
                body = [body]
            self.send_response(answer.status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            for piece in body:
                self.wfile.write(piece[:cut])
                if cut is not None and (cut := cut - len(piece)) <= 0:
                    self._drop(0)
                    return

        def _drop(self, received: int) -> None:
            self.rfile.read(received)
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    return Handler


def _refused(refusal: Refusal) -> Answer:
    headers = {"X-Error-Message": refusal.message}
    if refusal.code:
        headers["X-Error-Code"] = refusal.code
    if refusal.more.get("retry_after") is not None:
        headers["Retry-After"] = str(refusal.more.pop("retry_after"))
    return Answer({"error": refusal.message, **refusal.more}, headers, refusal.status)


def _body(handler: BaseHTTPRequestHandler) -> Iterator[bytes]:
    """The body of a request in pieces, whichever way its length is told.

    Raises:
        ConnectionError: it ends before that.
    """
    if handler.headers.get("Transfer-Encoding", "").lower() == "chunked":
        while length := int(handler.rfile.readline().strip() or b"0", 16):
            yield _read(handler, length)
            handler.rfile.readline()
        handler.rfile.readline()
        return
    left = int(handler.headers.get("Content-Length") or 0)
    while left > 0:
        piece = _read(handler, min(left, 1 << 20))
        left -= len(piece)
        yield piece


def _read(handler: BaseHTTPRequestHandler, length: int) -> bytes:
    piece = handler.rfile.read(length)
    if len(piece) < length:
        raise ConnectionError("The body ended early.")
    return piece
