"""From a plan to a verified and tagged revision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .. import __version__
from ..wording import counted
from .plan import Plan
from .remote import Remote
from .session import WAITS, PublishError, Session

DEFAULT_TAG = f"v{__version__}"


@dataclass(frozen=True)
class Published:
    """A revision that holds what was planned, file by file.

    Attributes:
        repo: organisation and name.
        repo_type: what kind of repository.
        commit: hash of the revision.
        tag: its name.
        sent: how many files were new or had changed.
        removed: how many files of earlier versions went.
    """

    repo: str
    repo_type: str
    commit: str
    tag: str
    sent: int
    removed: int


def publish(
    plans: Sequence[Plan],
    private: bool = False,
    tag: str = DEFAULT_TAG,
    report: Callable[[str], object] = lambda line: None,
    waits: Sequence[float] = WAITS,
) -> list[Published]:
    """Makes repositories of the Hub hold what is planned, checks every file, and only then gives the revision its tag.

    What is there already is not sent again, so that after an interruption the same call goes on. A tag never moves.

    Args:
        plans: the repositories, in order.
        private: whether new repositories are private.
        tag: name of the revision.
        report: called with a line on each step.
        waits: seconds before the second and each later attempt where the Hub is out of order.

    Raises:
        PublishError: why not, in one sentence; what was published before stays.
    """
    session = Session(waits)
    for org in dict.fromkeys(plan.repo.split("/")[0] for plan in plans):
        session.check(org)
    return [_publish(Remote(session, plan), private, tag, report) for plan in plans]


def _publish(remote: Remote, private: bool, tag: str, report: Callable[[str], object]) -> Published:
    plan = remote.plan
    remote.open(private)
    tagged = remote.tags().get(tag)
    if tagged and remote.problems(remote.state(tagged)):
        raise PublishError(
            f"The tag {tag} of {remote.name} names a revision with other files, and a tag never moves: give another one "
            "with --tag."
        )
    state = remote.state()
    missing = [file for file in plan.files if not file.is_at(state.files.get(file.path))]
    stale = plan.stale(state.files)
    if missing or stale:
        for done in remote.send(missing):
            report(f"{remote.name}: {done:,} of {counted(len(missing), 'file')} sent")
        state = remote.commit(state, stale, f"Publish {tag} with multimed_hf {__version__}")
    problems = remote.problems(state)
    if problems:
        raise PublishError(
            f"{remote.name} is not as planned after the upload, so it gets no tag ({counted(len(problems), 'problem')}: "
            f"{problems[0]}): run the command again."
        )
    if not tagged:
        remote.tag(tag, state.commit)
    kept = len(plan.files) - len(missing)
    report(
        f"{remote.name}: {tag} at {state.commit[:12]}, {counted(len(plan.files), 'file')} verified, {kept:,} were there, "
        f"{counted(len(stale), 'old file')} removed"
    )
    return Published(remote.name, plan.repo_type, state.commit, tag, len(missing), len(stale))
