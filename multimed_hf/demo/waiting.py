"""Uploaded files that somebody still waits for: visitors who upload the same file share one copy on the server."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from .security import App, Message, Receive, Send

_lock = threading.Lock()
_waiting: Counter[str] = Counter()


def arrived(path: str) -> None:
    """Notes that a file was uploaded once more."""
    with _lock:
        _waiting[str(Path(path).resolve())] += 1


def remove(path: Path) -> None:
    """Removes a file once it was read for each of its uploads: Gradio keeps equal files in one place."""
    name = str(path.resolve())
    with _lock:
        _waiting[name] -= 1
        if _waiting[name] > 0:
            return
        del _waiting[name]
        path.unlink(missing_ok=True)


class CountUploads:
    """Middleware (ASGI) that tells `arrived` of every upload.

    Args:
        app: the application.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if not str(scope.get("path", "")).endswith("/upload"):
            await self.app(scope, receive, send)
            return
        status, body = 0, b""

        async def read(message: Message) -> None:
            nonlocal status, body
            status = message.get("status", status)
            body += message.get("body", b"")
            # Counted before the visitor can ask to read it.
            if message["type"] == "http.response.body" and not message.get("more_body") and status == 200:
                for path in _paths(body):
                    arrived(path)
            await send(message)

        await self.app(scope, receive, read)


def _paths(body: bytes) -> list[str]:
    try:
        found: Any = json.loads(body)
    except ValueError:
        return []
    return [path for path in found if isinstance(path, str)] if isinstance(found, list) else []
