"""What is said and how long is waited for answers that a Hub seldom gives; the rest is in test_publish.py."""

import time
from types import SimpleNamespace

import pytest
from huggingface_hub.errors import HfHubHTTPError

from multimed_hf.publishing.session import PublishError, Session


@pytest.fixture
def session(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return Session(waits=(1.0, 4.0))


@pytest.fixture
def slept(monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def failing(status, times=99, **headers):
    """A call that the Hub refuses so many times, and how often it was made."""
    calls = []

    def call():
        calls.append(1)
        if len(calls) <= times:
            response = SimpleNamespace(status_code=status, headers=headers, request=SimpleNamespace(url="x"))
            raise HfHubHTTPError("refused", response=response)
        return "done"

    return call, calls


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, [1.0, 4.0]),
        ({"Retry-After": "3"}, [3.0, 4.0]),
        ({"Retry-After": "soon"}, [1.0, 4.0]),
        ({"Retry-After": "86400"}, [300.0, 300.0]),
        ({"ratelimit": '"api";r=0;t=55'}, [55.0, 55.0]),
        ({"ratelimit": '"api";r=7;t=55'}, [1.0, 4.0]),
    ],
)
def test_the_hub_says_how_long_to_wait(session, slept, headers, expected):
    call, calls = failing(429, **headers)
    with pytest.raises(PublishError, match="asks to slow down"):
        session.ask(call)
    assert slept == expected and len(calls) == 3


def test_what_comes_in_the_end_is_given(session, slept):
    call, _ = failing(502, times=2)
    assert session.ask(call) == "done" and slept == [1.0, 4.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412])
def test_a_refusal_is_not_asked_again(session, slept, status):
    call, calls = failing(status)
    with pytest.raises(PublishError):
        session.ask(call)
    assert len(calls) == 1 and not slept


def test_what_an_upload_wraps_is_seen(session, slept):
    call, _ = failing(503, times=1)

    def upload():
        try:
            return call()
        except HfHubHTTPError as error:
            raise RuntimeError("Error while uploading 'a' to the Hub.") from error

    assert session.ask(upload) == "done" and slept == [1.0]


def test_a_defect_is_shown_as_it_is(session, slept):
    with pytest.raises(KeyError, match="url"):
        session.ask({}.__getitem__, "url")
    assert not slept
