"""A repository of the Hub: what it holds, and how it becomes what a plan says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .plan import Plan, PlannedFile
from .session import Conflict, Missing, PublishError, Session

_BATCH = 20
"""Files that are sent at a time: what is complete, the Hub keeps whatever happens to the rest."""


@dataclass(frozen=True)
class State:
    """A commit of a repository: its hash, and its files by path as the Hub tells their size and hash."""

    commit: str
    files: Mapping[str, Any]


class Remote:
    """One repository of the Hub.

    Args:
        session: who asks.
        plan: what it is to hold.
    """

    def __init__(self, session: Session, plan: Plan) -> None:
        self.session, self.plan = session, plan
        self.name = plan.repo
        self._additions: list[Any] = []
        self._which: dict[str, Any] = {"repo_id": plan.repo, "repo_type": plan.repo_type}

    def open(self, private: bool) -> None:
        """Creates the repository unless it is there.

        Raises:
            PublishError: it cannot be created, or is public though `private` is asked for.
        """
        api, ask = self.session.api, self.session.ask
        sdk = {"space_sdk": "gradio"} if self.plan.repo_type == "space" else {}
        try:
            info: Any = ask(api.repo_info, **self._which)
        except Missing:
            # A conflict is an attempt whose answer was lost, another publisher's, or something else of this name.
            with suppress(Conflict):
                ask(api.create_repo, **self._which, private=private, **sdk)
            try:
                info = ask(api.repo_info, **self._which)
            except Missing:
                raise PublishError(
                    f"The name {self.name} is taken, but by no {self.plan.repo_type} that this token may see: give "
                    "another one with --name."
                ) from None
        if private and not info.private:
            raise PublishError(f"{self.name} is public already: make it private on the Hub, or leave out --private.")

    def state(self, revision: str = "main") -> State:
        """What a revision holds."""
        api = self.session.api
        commit: Any = self.session.ask(api.repo_info, **self._which, revision=revision).sha

        def listed() -> list[Any]:
            return list(api.list_repo_tree(**self._which, revision=commit, recursive=True))

        entries = self.session.ask(listed)
        return State(commit, {entry.path: entry for entry in entries if hasattr(entry, "blob_id")})

    def tags(self) -> dict[str, str]:
        """Tag to the hash of its commit."""
        return {
            ref.name: ref.target_commit for ref in self.session.ask(self.session.api.list_repo_refs, **self._which).tags
        }

    def tag(self, name: str, commit: str) -> None:
        """Names a commit.

        Raises:
            PublishError: the name was given to another one meanwhile.
        """
        try:
            self.session.ask(self.session.api.create_tag, **self._which, tag=name, revision=commit)
        except Conflict:
            # Of an attempt whose answer was lost, or of someone else.
            if self.tags().get(name) != commit:
                raise PublishError(
                    f"The tag {name} of {self.name} was given to another revision meanwhile: give another one with --tag."
                ) from None

    def send(self, missing: Sequence[PlannedFile]) -> Iterator[int]:
        """Sends the contents of files that are kept in large file storage, and yields how many were looked at so far.

        A revision changes only when they are committed; what was sent before is not sent again.
        """
        from huggingface_hub import CommitOperationAdd

        self._additions.clear()
        for begin in range(0, len(missing), _BATCH):
            batch = []
            for file in missing[begin : begin + _BATCH]:
                content = file.content if isinstance(file.content, bytes) else str(file.content)
                batch.append(CommitOperationAdd(file.path, content))
                # Known already, and hashing gigabytes takes its time.
                batch[-1].upload_info.sha256 = bytes.fromhex(file.record.sha256)
            self.session.ask(self.session.api.preupload_lfs_files, **self._which, additions=batch, free_memory=False)
            self._additions += batch
            yield min(begin + _BATCH, len(missing))

    def commit(self, before: State, stale: Sequence[str], message: str) -> State:
        """Puts what was sent into one commit on top of `before`, and removes files of earlier versions with it.

        One commit, so that whoever reads the main branch finds the old version or the new one and nothing between.

        Raises:
            PublishError: something else was committed meanwhile.
        """
        from huggingface_hub import CommitOperationDelete

        removals = [CommitOperationDelete(path, is_folder=False) for path in stale]
        try:
            self.session.ask(
                self.session.api.create_commit,
                **self._which,
                operations=[*removals, *self._additions],
                commit_message=message,
                parent_commit=before.commit,
            )
        except Conflict:
            # Of an attempt whose answer was lost, or of someone else.
            after = self.state()
            if self.problems(after):
                raise PublishError(
                    f"{self.name} was changed by someone else meanwhile: run the command again; what is there is not "
                    "sent again."
                ) from None
            return after
        return self.state()

    def problems(self, state: State) -> list[str]:
        """What of the plan a state of the repository does not hold as planned, by size and hash; one sentence each."""
        found = []
        for file in self.plan.files:
            if file.path not in state.files:
                found.append(f"{file.path} is missing")
            elif not file.is_at(state.files[file.path]):
                found.append(f"{file.path} has other content than was sent")
        return found + [f"{path} of an earlier version is still there" for path in self.plan.stale(state.files)]
