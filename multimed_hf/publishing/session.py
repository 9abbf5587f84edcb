"""Asking the Hub: again where that may help, and with one sentence where it does not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from huggingface_hub import HfApi

WAITS = (1.0, 4.0, 15.0)
"""Seconds before the second and each later attempt, unless the Hub names a time."""

_LONGEST_WAIT = 300.0
_PASSING = (408, 429, 500, 502, 503, 504)

Given = TypeVar("Given")


class PublishError(OSError):
    """Why something is not published, in one sentence that says what to do."""


class Conflict(PublishError):
    """The Hub refuses a change since something else has changed meanwhile, or is there already."""


class Missing(PublishError):
    """The Hub does not have it, or does not show it to this user."""


class Session:
    """A user of the Hub.

    Args:
        waits: seconds before the second and each later attempt.

    Raises:
        PublishError: the libraries were told to stay offline.
    """

    def __init__(self, waits: Sequence[float] = WAITS) -> None:
        from huggingface_hub import HfApi, constants

        if constants.is_offline_mode():
            raise PublishError("Publishing needs the Hub, but HF_HUB_OFFLINE is set: unset it, or give --dry-run.")
        self.api: HfApi = HfApi(library_name="multimed_hf")
        self.waits = waits

    def check(self, org: str) -> None:
        """Looks whether the user's token may publish under `org`, before anything is prepared or sent.

        Raises:
            PublishError: there is no token, the Hub does not know it, it may only read, or not write there.
        """
        account = self.ask(self.api.whoami)
        if account.get("auth", {}).get("accessToken", {}).get("role") == "read":
            raise PublishError(
                f"The token of {account['name']} may only read: give one that may write (hf auth login, or HF_TOKEN)."
            )
        if org in (account["name"], *(each["name"] for each in account.get("orgs", ()))):
            return
        try:
            self.ask(self.api.get_organization_overview, org)
        except Missing:
            raise PublishError(
                f"There is no organisation {org!r} on the Hub: create it there, or name another."
            ) from None
        raise PublishError(
            f"{account['name']} does not belong to {org}: ask to be let in, or name another organisation."
        )

    def ask(self, call: Callable[..., Given], *args: Any, **more: Any) -> Given:
        """The answer of a method of `HfApi`.

        Raises:
            PublishError: there is none, and asking again did not help or would not.
        """
        waits = list(self.waits)
        while True:
            try:
                return call(*args, **more)
            except Exception as error:
                cause = _cause(error)
                if not waits or not _passes(cause):
                    explained = _explained(cause, self.api.endpoint)
                    if explained is None:
                        raise
                    raise explained from error
                time.sleep(min(max(waits.pop(0), _asked_wait(cause)), _LONGEST_WAIT))


def _cause(error: BaseException) -> BaseException:
    """What the Hub or the network said; an upload wraps it into an error of its own."""
    from huggingface_hub.errors import HfHubHTTPError

    while isinstance(error, RuntimeError) and not isinstance(error, HfHubHTTPError) and error.__cause__:
        error = error.__cause__
    return error


def _passes(error: BaseException) -> bool:
    """Whether it may be otherwise in a moment."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if isinstance(error, HfHubHTTPError):
        return error.response is not None and error.response.status_code in _PASSING
    if isinstance(error, OfflineModeIsEnabled):
        return False
    return _of_network(error) or isinstance(error, json.JSONDecodeError)


def _of_network(error: BaseException) -> bool:
    """Whether the connection failed; what stands for that depends on the library that `huggingface_hub` talks through."""
    from huggingface_hub.errors import HfHubHTTPError

    return isinstance(error, (ConnectionError, TimeoutError, *HfHubHTTPError.__bases__[:1])) and not isinstance(
        error, HfHubHTTPError
    )


def _asked_wait(error: BaseException) -> float:
    """Seconds that the Hub asks to wait, 0 if it does not say."""
    from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

    response = getattr(error, "response", None)
    if response is None:
        return 0.0
    limit = parse_ratelimit_headers(response.headers)
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isdigit() else 0.0


def _explained(error: BaseException, endpoint: str) -> PublishError | None:
    """An error of a client as a sentence for whoever publishes; None for a defect."""
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

    if isinstance(error, LocalTokenNotFoundError):
        return PublishError("Expected a token of the Hub, found none: run hf auth login, or set HF_TOKEN.")
    if isinstance(error, OfflineModeIsEnabled):
        return PublishError(
            "Publishing needs the Hub, but the libraries were told to stay offline: unset HF_HUB_OFFLINE."
        )
    if isinstance(error, HfHubHTTPError):
        return _explained_status(error, endpoint)
    if type(error) is ValueError and "README.md" in str(error):
        return PublishError(f"The Hub refuses the card: {' '.join(str(error).split())}")
    if isinstance(error, json.JSONDecodeError):
        return PublishError(f"{endpoint} answers with something else than the Hub does: check HF_ENDPOINT and proxies.")
    if _of_network(error):
        return PublishError(
            f"{endpoint} cannot be reached ({str(error) or type(error).__name__}): check the network and run the command "
            "again; what is there already is not sent again."
        )
    return None


def _explained_status(error: Any, endpoint: str) -> PublishError:
    status = error.response.status_code if error.response is not None else 0
    said = error.server_message or str(error).strip().splitlines()[0]
    if status == 401:
        return PublishError("The Hub does not know this token: give a valid one (hf auth login, or HF_TOKEN).")
    if status == 403:
        return PublishError(f"The token may not do this ({said}): give one with the right to write there.")
    if status == 404:
        return Missing(f"The Hub does not have it, or does not show it to this token ({said}).")
    if status in (409, 412):
        return Conflict(said)
    if status == 429:
        return PublishError(
            "The Hub asks to slow down (429): run the command again later; what is there is not sent again."
        )
    if status >= 500:
        return PublishError(
            f"{endpoint} is out of order ({status}): run the command again later; what is there is not sent again."
        )
    return PublishError(f"{endpoint} refuses ({status}): {said}")
