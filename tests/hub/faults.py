"""What can go wrong on the way to a Hub, for the requests that a test picks."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Drop:
    """The connection ends: `before` the request is carried out, after so many bytes of its body, or, not `before`, after
    it was carried out, so that only the answer is lost."""

    before: bool = True
    body: int = 0


@dataclass(frozen=True)
class Status:
    """The answer is an error."""

    code: int
    retry_after: int | None = None
    message: str = "out of order"


@dataclass(frozen=True)
class Truncate:
    """The answer promises its length and ends after so many bytes."""

    size: int = 10


@dataclass
class Fault:
    """Something that happens to the `first` and the following `times` requests that match.

    Args:
        pattern: regular expression, looked for in `METHOD /path?query`.
        effect: what happens; a function is called, and the request then carried out as usual.
        first: the number of the first request it happens to, from 1.
        times: to how many.
    """

    pattern: str
    effect: Drop | Status | Truncate | Callable[[], object]
    first: int = 1
    times: int = 1
    seen: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def strikes(self, request: str) -> bool:
        """Whether it happens to this request, which is counted."""
        if not re.search(self.pattern, request):
            return False
        with self._lock:
            self.seen += 1
            return self.first <= self.seen < self.first + self.times
