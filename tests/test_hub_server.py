"""The Hub of the tests, asked by the unpatched clients, each in a process of its own."""

import hashlib
import json
import time
import urllib.request

import numpy as np
import pytest

from .hub.client import run
from .hub.faults import Drop, Fault, Status, Truncate
from .hub.server import Hub

LARGE = 20_000_000


@pytest.fixture
def hub(tmp_path):
    with Hub(tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def ask(hub, tmp_path):
    """`ask(code, token)`: what code of a user prints as its last line, read as JSON."""

    def ask(code, token="hf_write"):
        before = "import json, os\nfrom huggingface_hub import *\nfrom huggingface_hub.errors import *\napi = HfApi()\n"
        return json.loads(run(hub, tmp_path / "home", before + code, token).splitlines()[-1])

    return ask


def test_files_come_back_as_they_went(hub, ask, tmp_path):
    folder = tmp_path / "folder"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---\nKräuter\n", encoding="utf-8")
    (folder / "deep/er/empty.txt").touch()
    (folder / "deep/weights.safetensors").write_bytes(b"\0" * 1000)
    # Above `part_size`, so that it goes in three parts, the last one shorter.
    (folder / "large.bin").write_bytes(np.random.default_rng(0).bytes(LARGE))
    seen = ask(f"""if 1:
        import filecmp
        from pathlib import Path
        folder = {str(folder)!r}
        api.create_repo("org/files", repo_type="dataset")
        api.upload_folder(repo_id="org/files", repo_type="dataset", folder_path=folder)
        first = api.repo_info("org/files", repo_type="dataset").sha
        api.upload_file(path_or_fileobj=b"new", path_in_repo="small file.txt", repo_id="org/files", repo_type="dataset")
        back = snapshot_download("org/files", repo_type="dataset")
        names = ["README.md", "deep/er/empty.txt", "deep/weights.safetensors", "large.bin"]
        same = filecmp.cmpfiles(folder, back, names, shallow=False)[0] == names
        old = snapshot_download("org/files", repo_type="dataset", revision=first)
        api.delete_file("small file.txt", "org/files", repo_type="dataset")
        infos = api.get_paths_info("org/files", ["large.bin", "deep"], repo_type="dataset")
        print(json.dumps({{
            "same": same,
            "new": (Path(back) / "small file.txt").read_text(),
            "old": (Path(old) / "small file.txt").exists(),
            "tree": sorted(each.path for each in api.list_repo_tree("org/files", recursive=True, repo_type="dataset")),
            "top": sorted(each.path for each in api.list_repo_tree("org/files", repo_type="dataset")),
            "lfs": [infos[0].lfs.sha256, infos[0].size, type(infos[1]).__name__],
            "titles": [each.title for each in api.list_repo_commits("org/files", repo_type="dataset")],
            "exists": [api.file_exists("org/files", name, repo_type="dataset") for name in ("large.bin", "none.bin")],
        }}))""")
    entry = hub.store.repos["dataset", "org/files"].resolve("main").files["large.bin"]
    assert seen["same"] and seen["new"] == "new" and not seen["old"]
    assert seen["top"] == [".gitattributes", "README.md", "deep", "large.bin"]
    inner = ["deep/er", "deep/er/empty.txt", "deep/weights.safetensors"]
    assert seen["tree"] == [".gitattributes", "README.md", "deep", *inner, "large.bin"]
    assert seen["lfs"] == [entry.sha256, LARGE, "RepoFolder"]
    assert len(seen["titles"]) == 4 and seen["titles"][-1] == "initial commit"
    assert seen["exists"] == [True, False]
    assert [request.size for request in hub.asked("PUT /storage/.*/")] == [8 << 20, 8 << 20, LARGE - (16 << 20)]


def test_tags_branches_and_parents(hub, ask):
    seen = ask("""if 1:
        seen = []
        def name(call):
            try:
                call()
            except Exception as error:
                seen.append([type(error).__name__, getattr(getattr(error, "response", None), "status_code", None)])
        api.create_repo("org/model")
        first = api.upload_file(path_or_fileobj=b"1", path_in_repo="a.txt", repo_id="org/model").oid
        api.create_tag("org/model", tag="v1")
        api.create_branch("org/model", branch="work")
        api.upload_file(path_or_fileobj=b"2", path_in_repo="a.txt", repo_id="org/model")
        api.upload_file(path_or_fileobj=b"3", path_in_repo="a.txt", repo_id="org/model", revision="work")
        read = [open(hf_hub_download("org/model", "a.txt", revision=each)).read() for each in ("v1", "main", "work", first)]
        refs = api.list_repo_refs("org/model")
        put = lambda: api.upload_file(
            path_or_fileobj=b"4", path_in_repo="a.txt", repo_id="org/model", parent_commit=first
        )
        name(put)
        name(lambda: api.create_tag("org/model", tag="v1"))
        name(lambda: api.create_repo("org/model"))
        name(lambda: hf_hub_download("org/model", "a.txt", revision="v2"))
        name(lambda: hf_hub_download("org/model", "b.txt"))
        name(lambda: api.upload_file(path_or_fileobj=b"---\\na: [\\n---", path_in_repo="README.md", repo_id="org/model"))
        api.delete_tag("org/model", tag="v1")
        name(lambda: api.delete_tag("org/model", tag="v1"))
        api.delete_repo("org/model")
        name(lambda: api.repo_info("org/model"))
        tagged = [each.target_commit == first for each in refs.tags]
        print(json.dumps([read, [each.name for each in refs.branches], tagged, seen]))
    """)
    assert seen[:3] == [["1", "2", "3", "1"], ["main", "work"], [True]]
    assert seen[3] == [
        ["HfHubHTTPError", 412],
        ["HfHubHTTPError", 409],
        ["HfHubHTTPError", 409],
        ["RevisionNotFoundError", 404],
        ["RemoteEntryNotFoundError", 404],
        ["ValueError", None],
        ["RevisionNotFoundError", 404],
        ["RepositoryNotFoundError", 404],
    ]


def test_tokens_open_what_they_may(hub, ask):
    hub.store.change(hub.store.create("model", "org/private", private=True), "a file", {"a.txt": b"1"})
    seen = ask("""if 1:
        def name(call):
            try:
                call()
                return ""
            except LocalEntryNotFoundError as error:
                error = error.__cause__
            except Exception as caught:
                error = caught
            return f"{type(error).__name__} {error.response.status_code}" if hasattr(error, "response") else repr(error)
        seen = {}
        for token in (False, "hf_wrong", "hf_stranger", "hf_none", "hf_read", "hf_write"):
            api = HfApi(token=token)
            seen[str(token)] = [
                name(lambda: token and api.whoami()),
                name(lambda: api.hf_hub_download("org/private", "a.txt", local_dir=str(token))),
                name(lambda: api.upload_file(path_or_fileobj=b"2", path_in_repo="b.txt", repo_id="org/private")),
                name(lambda: api.create_repo("org/new")),
            ]
        print(json.dumps(seen))""")
    hidden, forbidden, wrong = "RepositoryNotFoundError 404", "HfHubHTTPError 403", "HfHubHTTPError 401"
    assert seen == {
        "False": ["", "RepositoryNotFoundError 401", "RepositoryNotFoundError 401", wrong],
        "hf_wrong": [wrong, wrong, wrong, wrong],
        "hf_stranger": ["", hidden, hidden, forbidden],
        "hf_none": ["", hidden, hidden, forbidden],
        "hf_read": ["", "", forbidden, forbidden],
        "hf_write": ["", "", "", ""],
    }


def test_lists_show_what_a_user_may_see(hub, ask):
    for kind, name, private in (
        ("model", "org/one", False),
        ("model", "org/hidden", True),
        ("model", "owner/two", False),
        ("dataset", "org/three", False),
    ):
        hub.store.create(kind, name, private)
    seen = ask("""if 1:
        def names(found):
            return [each.id for each in found]
        stranger = HfApi(token=False)
        print(json.dumps([
            names(api.list_models(author="org")),
            names(stranger.list_models(author="org")),
            names(api.list_models(search="TW")),
            names(api.list_datasets(author="org")),
            names(api.list_spaces(author="org")),
        ]))""")
    assert seen == [["org/hidden", "org/one"], ["org/one"], ["owner/two"], ["org/three"], []]


def test_faults_strike_the_request_they_name(hub, ask):
    hub.store.change(hub.store.create("model", "org/model", private=False), "a file", {"a.bin": bytes(100_000)})
    hub.faults = [
        Fault("^GET /storage/", Drop(), times=1),
        Fault("^POST .*/preupload/", Status(503)),
        Fault("^POST .*/batch$", Status(429, retry_after=0)),
        Fault("^PUT /storage/", Drop(body=1000)),
        Fault("^GET /api/models/org/model/refs$", Truncate(5)),
        Fault("^POST .*/tag/", Drop(before=False)),
    ]
    begin = time.monotonic()
    seen = ask("""if 1:
        size = os.path.getsize(hf_hub_download("org/model", "a.bin"))
        api.upload_file(path_or_fileobj=bytes(200_000), path_in_repo="b.bin", repo_id="org/model")
        lost = []
        for call in (lambda: api.list_repo_refs("org/model"), lambda: api.create_tag("org/model", tag="v1")):
            try:
                call()
            except Exception as error:
                lost.append(type(error).__name__)
        print(json.dumps([size, lost]))""")
    assert seen == [100_000, ["RemoteProtocolError", "RemoteProtocolError"]]
    assert [fault.seen for fault in hub.faults] == [2, 2, 2, 2, 1, 1]
    assert len(hub.store.read("model", "org/model", "b.bin")) == 200_000
    # What only its answer was lost of has happened.
    assert list(hub.store.repos["model", "org/model"].tags) == ["v1"]
    assert time.monotonic() - begin < 20


def test_a_download_goes_on_where_it_was_cut(hub, ask):
    content = np.random.default_rng(1).bytes(LARGE)
    hub.store.change(hub.store.create("model", "org/model", private=False), "a file", {"a.bin": content})
    hub.faults = [Fault("^GET /storage/", Truncate(15_000_000))]
    seen = ask("""if 1:
        import hashlib
        content = open(hf_hub_download("org/model", "a.bin"), "rb").read()
        print(json.dumps(hashlib.sha256(content).hexdigest()))""")
    asked = [(request.headers.get("Range"), request.status) for request in hub.asked("^GET /storage/")]
    assert seen == hashlib.sha256(content).hexdigest()
    # The client keeps whole pieces of 10 MiB.
    assert asked == [(None, 200), (f"bytes={10 << 20}-", 206)]


def test_a_broken_upload_is_not_kept(hub, ask):
    """What arrives with another hash than it was announced with is refused, and nothing is committed."""
    hub.store.create("model", "org/model", private=False)
    seen = ask("""if 1:
        from huggingface_hub.lfs import UploadInfo
        operation = CommitOperationAdd("a.bin", b"content")
        operation.upload_info = UploadInfo(size=7, sample=b"content", sha256=bytes(32))
        try:
            api.create_commit("org/model", [operation], commit_message="a")
        except RuntimeError as error:
            print(json.dumps(error.__cause__.response.status_code))""")
    assert seen == 400
    assert list(hub.store.repos["model", "org/model"].resolve("main").files) == [".gitattributes"]
    assert not hub.store.holds("00" * 32)


@pytest.mark.slow
def test_data_sets_models_and_metrics_load(hub, ask, tmp_path):
    from multimed_hf.data.build import build
    from multimed_hf.resources import folder

    out = build(["eeg"], ["synthetic"], rows=40, out=tmp_path / "multimed").out
    expected = ask(f"""if 1:
        import evaluate
        from tests.hub.checkpoint import tiny_checkpoint
        api.create_repo("org/multimed", repo_type="dataset")
        api.upload_folder(repo_id="org/multimed", repo_type="dataset", folder_path={str(out)!r})
        model, processor = tiny_checkpoint()
        for each, auto in ((model.config, "AutoConfig"), (model, "AutoModel"), (processor, "AutoProcessor")):
            type(each).register_for_auto_class(auto)
        model.push_to_hub("org/model")
        processor.push_to_hub("org/model")
        logits = model.eval()(**processor(text=["a heart"])).logits["question/yes"]
        api.create_repo("org/eye_state", repo_type="space", space_sdk="gradio")
        api.upload_folder(
            repo_id="org/eye_state", repo_type="space", folder_path={str(folder("evaluate_metrics") / "eye_state")!r}
        )
        metric = evaluate.load("org/eye_state")
        scores = metric.compute(predictions=[[0.9, 0.1], [0.2, 0.8]], references=[0, 1])
        print(json.dumps({{"logits": logits.tolist(), "score": scores["balanced_accuracy"]}}))""")
    assert expected["score"] == 1.0
    # A user without the package: what the model runs is what travelled with the weights.
    seen = ask(
        """if 1:
        import sys
        from datasets import load_dataset
        from transformers import AutoModel, AutoProcessor
        sys.modules["multimed_hf"] = None
        whole = load_dataset("org/multimed", "eeg")
        stream = load_dataset("org/multimed", "eeg", streaming=True)
        ids = {split: whole[split]["id"][:] for split in whole}
        model = AutoModel.from_pretrained("org/model", trust_remote_code=True)
        processor = AutoProcessor.from_pretrained("org/model", trust_remote_code=True)
        print(json.dumps({
            "same": ids == {split: [row["id"] for row in stream[split]] for split in stream},
            "rows": sum(map(len, ids.values())),
            "features": stream["test"].features == whole["test"].features,
            "logits": model.eval()(**processor(text=["a heart"])).logits["question/yes"].tolist(),
        }))""",
        token="",
    )
    assert (seen["same"], seen["rows"], seen["features"]) == (True, 40, True)
    np.testing.assert_allclose(seen["logits"], expected["logits"], atol=1e-6)


def test_what_can_be_read_can_be_asked_about(hub):
    """Mirrors look whether a repository is there before they ask for anything in it."""
    hub.store.create("model", "org/model", private=False)
    for path in ("/api/models/org/model", "/api/models/org/model/tree/main"):
        with urllib.request.urlopen(hub.url + path) as whole:
            length = len(whole.read())
        with urllib.request.urlopen(urllib.request.Request(hub.url + path, method="HEAD")) as head:
            assert head.read() == b"" and head.headers["Content-Length"] == str(length)
