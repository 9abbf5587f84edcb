import os
import subprocess
import sys

import pytest

from ..hub.client import environment
from ..hub.faults import Drop, Fault, Status, Truncate
from .conftest import User

FILES = {"README.md": b"---\nlicense: mit\n---\n", "a.bin": b"a" * 1000, "deep/b.bin": b"b" * 1000, "c.txt": b"c"}
COMMIT, TAG = "^POST /api/models/org/thing/commit/", "^POST /api/models/org/thing/tag/"


def repo(hub, name="org/thing", kind="model"):
    return hub.store.repos[kind, name]


def held(hub, revision="main"):
    files = repo(hub).resolve(revision).files
    return {path: hub.store.path(entry.sha256).read_bytes() for path, entry in files.items() if path[0] != "."}


def test_a_new_repository_holds_what_was_planned(hub, publish):
    published = publish(FILES)
    assert published == {
        "repo": "org/thing",
        "repo_type": "model",
        "commit": repo(hub).tags["v1"],
        "tag": "v1",
        "sent": 4,
        "removed": 0,
    }
    assert held(hub) == held(hub, "v1") == FILES
    # One commit: nobody ever sees a part of it.
    assert len(repo(hub).commits) == 2 and not repo(hub).private


def test_the_same_again_sends_nothing(hub, publish):
    first = publish(FILES)
    hub.reset()
    second = publish(FILES)
    assert second == first | {"sent": 0}
    assert hub.stored() == 0 and not hub.asked("^POST .*/(commit|preupload|tag)/|batch$")


def test_only_what_changed_is_sent(hub, publish):
    publish({**FILES, "old/x.bin": b"x", "old/y.txt": b"y"})
    hub.store.change(repo(hub), "by hand", {"notes.md": b"mine", ".hidden": b""})
    hub.reset()
    published = publish({**FILES, "a.bin": b"A" * 1000}, tag="v2")
    assert (published["sent"], published["removed"]) == (1, 2)
    assert hub.stored() == 1
    assert held(hub) == {**FILES, "a.bin": b"A" * 1000, "notes.md": b"mine"}
    assert "old/x.bin" in held(hub, "v1") and held(hub, "v1")["a.bin"] == b"a" * 1000


def test_a_tag_never_moves(hub, publish):
    first = publish(FILES)
    hub.reset()
    refused = publish({**FILES, "a.bin": b"A"})
    assert refused["error"].startswith("The tag v1 of org/thing names a revision with other files")
    assert hub.stored() == 0 and repo(hub).tags == {"v1": first["commit"]}


def test_many_files_come_in_pages(hub, publish):
    files = {f"{number:03d}.bin": bytes([number]) * 10 for number in range(130)}
    assert publish(files)["sent"] == 130
    assert held(hub) == files


def test_an_interrupted_upload_goes_on(hub, publish, tmp_path):
    files = {f"{number:03d}.bin": bytes([number]) * 10 for number in range(50)}
    user = User(hub, tmp_path / "home")
    hub.faults = [Fault("^PUT /storage/", user.process.kill, first=30)]
    assert publish(files, user) == {"error": "killed"}
    user.close()
    assert not held(hub) and not repo(hub).tags
    sent = hub.stored()
    assert 30 <= sent < 50
    hub.reset()
    assert publish(files)["sent"] == 50
    assert held(hub) == held(hub, "v1") == files
    # Threads were under way when the process was killed; what they brought is kept, or was not all there.
    assert 50 - sent <= hub.stored() <= 50 - sent + 5


@pytest.mark.parametrize(
    "fault",
    [
        Fault("^PUT /storage/", Drop(body=500)),
        Fault("^PUT /storage/", Drop(before=False)),
        Fault("^GET /api/whoami", Status(500)),
        Fault("^POST /api/repos/create", Drop(before=False)),
        Fault("^GET .*/tree/", Truncate(20), first=2),
        Fault("^GET /api/models/org/thing$", Truncate(20)),
        Fault(COMMIT, Status(429, retry_after=0), times=2),
        Fault(COMMIT, Status(503)),
        Fault(COMMIT, Drop()),
        Fault(COMMIT, Drop(before=False)),
        Fault(TAG, Drop(before=False)),
        Fault("^GET .*/refs", Drop()),
    ],
    ids=lambda fault: f"{fault.pattern} {fault.effect}",
)
def test_a_passing_fault_is_overcome(hub, publish, fault):
    fault.seen = 0
    hub.faults = [fault]
    published = publish(FILES)
    assert published.get("tag") == "v1", published
    assert fault.seen > fault.times
    assert held(hub) == held(hub, "v1") == FILES
    # What only its answer was lost of is not done twice.
    assert len(repo(hub).commits) == 2


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        (Status(503), "is out of order (503): run the command again later; what is there is not sent again."),
        (Status(429, retry_after=0), "The Hub asks to slow down (429): run the command again later"),
        (Drop(), "cannot be reached (Server disconnected without sending a response.): check the network"),
        (Status(418, message="no coffee"), "refuses (418): no coffee"),
    ],
    ids=str,
)
def test_a_lasting_fault_is_one_sentence(hub, publish, effect, said):
    hub.faults = [Fault(COMMIT, effect, times=99)]
    refused = publish(FILES)["error"]
    assert said in refused and "\n" not in refused
    assert hub.faults[0].seen == (1 if "418" in said else 4)
    assert not held(hub) and not repo(hub).tags
    hub.reset()
    assert publish(FILES)["tag"] == "v1"
    # Contents were there already.
    assert hub.stored() == 0


def test_of_two_publishers_one_is_refused(hub, publish):
    hub.faults = [Fault(COMMIT, lambda: hub.store.change(repo(hub), "another", {"a.bin": b"other"}))]
    assert publish(FILES)["error"].startswith("org/thing was changed by someone else meanwhile: run the command again")
    assert held(hub) == {"a.bin": b"other"} and not repo(hub).tags
    hub.reset()
    assert publish(FILES)["sent"] == 4
    assert held(hub) == FILES and hub.stored() == 0


def test_a_tag_that_another_publisher_gave_meanwhile_is_refused(hub, publish):
    first = publish({"c.txt": b"first"}, tag="v0")["commit"]
    hub.faults = [Fault(TAG, lambda: repo(hub).tags.update(v1=first))]
    assert publish(FILES)["error"].startswith("The tag v1 of org/thing was given to another revision meanwhile")
    assert repo(hub).tags == {"v0": first, "v1": first}


@pytest.mark.parametrize(("path", "said"), [("a.bin", "a.bin has other content"), ("c.txt", "c.txt is missing")])
def test_what_did_not_arrive_whole_gets_no_tag(hub, publish, path, said):
    def tamper():
        files = repo(hub).resolve("main").files
        if path == "c.txt":
            del files[path]
        else:
            files[path] = hub.store.entry(path, hub.store.put([b"a" * 999]))

    hub.faults = [Fault("^GET .*/tree/", tamper, first=2)]
    refused = publish(FILES)["error"]
    assert refused.startswith("org/thing is not as planned after the upload, so it gets no tag (1 problem: ")
    assert said in refused and not repo(hub).tags


@pytest.mark.parametrize(
    ("token", "org", "said"),
    [
        ("", "org", "Expected a token of the Hub, found none: run hf auth login, or set HF_TOKEN."),
        ("hf_wrong", "org", "The Hub does not know this token: give a valid one (hf auth login, or HF_TOKEN)."),
        ("hf_read", "org", "The token of reader may only read: give one that may write (hf auth login, or HF_TOKEN)."),
        (
            "hf_none",
            "org",
            "The token may not do this (You don't have the rights to create a model under the namespace",
        ),
        ("hf_stranger", "org", "stranger does not belong to org: ask to be let in, or name another organisation."),
        ("hf_write", "nowhere", "There is no organisation 'nowhere' on the Hub: create it there, or name another."),
    ],
)
def test_who_may_not_publish_is_told_why(hub, publish, token, org, said):
    assert publish(FILES, token=token, repo=f"{org}/thing")["error"].startswith(said)
    assert not hub.store.repos


def test_a_name_that_is_taken_by_something_else_is_refused(hub, publish):
    hub.faults = [Fault("^POST /api/repos/create", Status(409))]
    assert publish(FILES)["error"] == (
        "The name org/thing is taken, but by no model that this token may see: give another one with --name."
    )


def test_private_repositories(hub, publish):
    assert publish(FILES, private=True)["tag"] == "v1"
    assert repo(hub).private
    assert publish(FILES, private=True)["sent"] == 0
    repo(hub).private = False
    assert publish(FILES, private=True)["error"].startswith("org/thing is public already")


def test_the_own_name_is_as_good_as_an_organisation(hub, publish):
    assert publish(FILES, repo="owner/thing", repo_type="space")["repo"] == "owner/thing"
    assert ("space", "owner/thing") in hub.store.repos


def test_a_card_that_the_hub_refuses(hub, publish):
    refused = publish({**FILES, "README.md": b"---\na: [\n---\n"})["error"]
    assert "README.md" in refused and not held(hub)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"HF_HUB_OFFLINE": "1"},
            "multimed: Publishing needs the Hub, but HF_HUB_OFFLINE is set: unset it, or give --dry-run.",
        ),
        ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "multimed: http://127.0.0.1:9 cannot be reached ("),
    ],
)
def test_without_a_network(hub, tmp_path, more, said):
    code = (
        "import multimed_hf.publishing.session as s, multimed_hf.publishing.publish as p\n"
        "p.publish.__defaults__ = (*p.publish.__defaults__[:-1], (0.01,))\n"
        "from multimed_hf.cli import main\n"
        "raise SystemExit(main(['publish', 'metric', '--metric', 'eeg', '--org', 'org']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(hub, tmp_path / "home", "hf_write", **more),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(said)
    assert not hub.log or os.environ.get("HF_ENDPOINT")
