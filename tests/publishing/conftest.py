"""What the tests of publishing share: a Hub, and a user who publishes folders to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ..hub.client import environment
from ..hub.server import Hub

_USER = """
import json, os, sys, traceback
from dataclasses import asdict
from pathlib import Path
from multimed_hf.publishing.plan import Plan, from_folder
from multimed_hf.publishing.publish import publish
from multimed_hf.publishing.session import PublishError

for line in sys.stdin:
    asked = json.loads(line)
    os.environ.pop("HF_TOKEN", None)
    if asked["token"]:
        os.environ["HF_TOKEN"] = asked["token"]
    plan = Plan(asked["repo_type"], asked["repo"], "MIT", {}, from_folder(Path(asked["folder"])), owned=("old/*", "*.bin"))
    try:
        published = publish([plan], asked["private"], asked["tag"], waits=(0.05, 0.05, 0.05))
        answer = asdict(published[0])
    except PublishError as error:
        answer = {"error": str(error)}
    except Exception:
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
"""


class User:
    """A process that publishes what it is told to; one for all tests, since importing takes its time."""

    def __init__(self, hub: Hub, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _USER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(hub, home),
        )

    def ask(self, **asked: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps(asked) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"error": "killed"}

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                assert stream
                stream.close()


@pytest.fixture(scope="session")
def session_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


@pytest.fixture
def hub(session_hub: Hub) -> Iterator[Hub]:
    """A Hub without repositories, on which nothing was asked yet."""
    session_hub.store.repos.clear()
    for content in session_hub.store.folder.iterdir():
        content.unlink()
    session_hub.reset()
    yield session_hub
    session_hub.reset()


@pytest.fixture(scope="session")
def _user(session_hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    user = User(session_hub, tmp_path_factory.mktemp("home"))
    yield user
    user.close()


@pytest.fixture
def publish(hub: Hub, tmp_path: Path, _user: User) -> Callable[..., dict[str, Any]]:
    """`publish(files)`: makes the model `org/thing` of path to content, and gives what came out, or the error."""

    def publish(files: Mapping[str, bytes], user: User = _user, **more: Any) -> dict[str, Any]:
        folder = tmp_path / f"files-{len(list(tmp_path.iterdir()))}"
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        asked = {"repo_type": "model", "repo": "org/thing", "private": False, "tag": "v1", "token": "hf_write"}
        return user.ask(**asked | more, folder=str(folder))

    return publish
