"""What the Hub answers to which request; the routes are those that `huggingface_hub` 2.4 asks with Xet switched off."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote

import yaml

from . import storage
from .server import Account, Answer, Hub, Refusal, Request
from .store import Commit, Entry, Repo, is_lfs

Match = re.Match[str]
_REPO = r"/api/(models|datasets|spaces)/([^/]+/[^/]+)"
_FILES = r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)"
_DATE = "2026-01-01T00:00:00.000Z"


def route(hub: Hub, request: Request) -> Answer:
    """The answer to a request.

    Raises:
        Refusal: it is an error.
    """
    # What can be read can be asked about: the answer to HEAD is that to GET without its body.
    asked = "GET" if request.method == "HEAD" else request.method
    for method, pattern, answer in _ROUTES:
        if asked == method and (match := re.fullmatch(pattern, request.path)):
            # One request at a time changes what is kept; contents come without the lock.
            if request.path.startswith("/storage/"):
                return answer(hub, request, match)
            body = b"".join(request.pieces)
            request.pieces = iter([body])
            with hub.store.lock:
                return answer(hub, request, match)
    raise Refusal(404, "Repository not found", "RepoNotFound")


def _whoami(hub: Hub, request: Request, match: Match) -> Answer:
    account = _signed_in(request)
    role = {"write": "write", "read": "read"}.get(account.role, "fineGrained")
    return Answer(
        {
            "type": "user",
            "name": account.name,
            "fullname": account.name,
            "orgs": [{"type": "org", "name": name, "roleInOrg": account.role} for name in account.orgs],
            "auth": {"type": "access_token", "accessToken": {"displayName": "test", "role": role}},
        }
    )


def _organisation(hub: Hub, request: Request, match: Match) -> Answer:
    if match[1] not in hub.organisations:
        raise Refusal(404, "This organization does not exist")
    return Answer({"name": match[1], "fullname": match[1], "avatarUrl": ""})


def _validate_yaml(hub: Hub, request: Request, match: Match) -> Answer:
    content = request.json()["content"]
    head = re.match(r"---\r?\n(.*?)\r?\n---", content, re.S)
    try:
        if head and not isinstance(yaml.safe_load(head[1]), dict):
            raise yaml.YAMLError("the head is no mapping")
    except yaml.YAMLError as error:
        errors = [{"message": str(error)}]
        raise Refusal(400, "Invalid YAML", errors=errors, warnings=[]) from None
    return Answer({"errors": [], "warnings": [] if head else [{"message": "empty or missing yaml metadata"}]})


def _create(hub: Hub, request: Request, match: Match) -> Answer:
    asked = request.json()
    account = _signed_in(request)
    kind, namespace = asked.get("type") or "model", asked.get("organization") or account.name
    if not account.may_write(namespace):
        raise Refusal(403, f'You don\'t have the rights to create a {kind} under the namespace "{namespace}"')
    name = f"{namespace}/{asked['name']}"
    url = f"{request.base}/{'' if kind == 'model' else f'{kind}s/'}{name}"
    if (kind, name) in hub.store.repos:
        raise Refusal(409, f"You already created this {kind} repo", url=url)
    private = asked.get("visibility") == "private" or bool(asked.get("private"))
    hub.store.create(kind, name, private)
    return Answer({"url": url, "name": name, "id": name})


def _delete(hub: Hub, request: Request, match: Match) -> Answer:
    asked = request.json()
    account = _signed_in(request)
    repo = _repo(
        hub, request, asked.get("type") or "model", f"{asked.get('organization') or account.name}/{asked['name']}"
    )
    _writer(request, repo)
    del hub.store.repos[repo.kind, repo.name]
    return Answer({})


def _list(hub: Hub, request: Request, match: Match) -> Answer:
    """Repositories of a type that the user may see, by author and a part of the name."""
    author, part = request.query.get("author", ""), request.query.get("search", "")
    return Answer(
        [
            _described(repo, repo.commits[repo.branches["main"]])
            for (kind, name), repo in sorted(hub.store.repos.items())
            if kind == match[1][:-1] and author in ("", repo.namespace) and part.lower() in name.lower()
            if not repo.private or (request.account and request.account.may_read(repo))
        ]
    )


def _info(hub: Hub, request: Request, match: Match) -> Answer:
    return Answer(_described(*_at(hub, request, match, unquote(match[3] or "main"))))


def _described(repo: Repo, commit: Commit) -> dict[str, Any]:
    return {
        "_id": "0",
        "id": repo.name,
        "modelId": repo.name,
        "author": repo.namespace,
        "sha": commit.oid,
        "private": repo.private,
        "gated": False,
        "disabled": False,
        "tags": [],
        "downloads": 0,
        "likes": 0,
        "lastModified": _DATE,
        "createdAt": _DATE,
        "siblings": [{"rfilename": path} for path in sorted(commit.files)],
        "cardData": {},
    }


def _tree(hub: Hub, request: Request, match: Match) -> Answer:
    _, commit = _at(hub, request, match, unquote(match[3]))
    folder = unquote(match[4] or "").strip("/")
    prefix = f"{folder}/" if folder else ""
    recursive = request.query.get("recursive", "").lower() in ("true", "1")
    found: dict[str, dict[str, Any]] = {}
    for path, entry in sorted(commit.files.items()):
        if not path.startswith(prefix):
            continue
        parts = path.removeprefix(prefix).split("/")
        depths = range(1, len(parts)) if recursive else range(1, min(len(parts), 2))
        for depth in depths:
            inner = prefix + "/".join(parts[:depth])
            found[inner] = _folder(inner)
        if recursive or len(parts) == 1:
            found[path] = _file(path, entry)
    if folder and not found:
        raise Refusal(404, f"{folder} does not exist on this revision", "EntryNotFound")
    # In pages, as the Hub answers a large folder.
    entries, begin = list(found.values()), int(request.query.get("cursor", "0"))
    headers = {}
    if begin + 100 < len(entries):
        query = f"recursive={str(recursive).lower()}&cursor={begin + 100}"
        headers["Link"] = f'<{request.base}{request.path}?{query}>; rel="next"'
    return Answer(entries[begin : begin + 100], headers)


def _paths_info(hub: Hub, request: Request, match: Match) -> Answer:
    _, commit = _at(hub, request, match, unquote(match[3]))
    entries = []
    # The one request whose body is a form.
    for path in parse_qs(b"".join(request.pieces).decode())["paths"]:
        path = path.strip("/")
        if path in commit.files:
            entries.append(_file(path, commit.files[path]))
        elif any(other.startswith(f"{path}/") for other in commit.files):
            entries.append(_folder(path))
    return Answer(entries)


def _preupload(hub: Hub, request: Request, match: Match) -> Answer:
    repo, commit = _at(hub, request, match, unquote(match[3]))
    _writer(request, repo)
    modes = []
    for file in request.json()["files"]:
        here = commit.files.get(file["path"])
        mode = "lfs" if is_lfs(file["path"], file["size"]) else "regular"
        modes.append(
            {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": here.etag if here else None}
        )
    return Answer({"files": modes})


def _batch(hub: Hub, request: Request, match: Match) -> Answer:
    _writer(request, _repo(hub, request, (match[1] or "models")[:-1], match[2]))
    return storage.batch(hub, request)


def _commit(hub: Hub, request: Request, match: Match) -> Answer:
    branch = unquote(match[3])
    repo, before = _at(hub, request, match, branch)
    _writer(request, repo)
    lines = [json.loads(line) for line in b"".join(request.pieces).splitlines()]
    header = lines[0]["value"]
    if header.get("parentCommit", before.oid) != before.oid:
        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    files = dict(before.files)
    for line in lines[1:]:
        value = line["value"]
        path = value["path"].rstrip("/")
        if line["key"] == "file":
            files[path] = hub.store.entry(path, hub.store.put([base64.b64decode(value["content"])]))
        elif line["key"] == "lfsFile":
            if not hub.store.holds(value["oid"]):
                raise Refusal(400, f"LFS pointer pointed to a file that does not exist: {path}")
            files[path] = hub.store.entry(path, value["oid"])
        else:
            gone = [other for other in files if other == path or other.startswith(f"{path}/")]
            if not gone:
                raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
            for other in gone:
                del files[other]
    made = repo.commit(branch, header["summary"], files)
    prefix = "" if repo.kind == "model" else f"{repo.kind}s/"
    url = f"{request.base}/{prefix}{repo.name}/commit/{made.oid}"
    return Answer({"success": True, "commitOid": made.oid, "commitUrl": url, "hookOutput": ""})


def _commits(hub: Hub, request: Request, match: Match) -> Answer:
    repo, commit = _at(hub, request, match, unquote(match[3]))
    return Answer(
        [
            {"id": state.oid, "title": state.title, "message": "", "date": _DATE, "authors": [{"user": "owner"}]}
            for state in repo.history(commit)
        ]
    )


def _refs(hub: Hub, request: Request, match: Match) -> Answer:
    repo = _repo(hub, request, match[1][:-1], match[2])

    def listed(kind: str, named: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": oid} for name, oid in named.items()]

    return Answer({"branches": listed("heads", repo.branches), "tags": listed("tags", repo.tags), "converts": []})


def _add_name(hub: Hub, request: Request, match: Match) -> Answer:
    """A new tag at a revision, or a new branch."""
    asked, tagged = request.json(), match[3] == "tag"
    revision = unquote(match[4]) if tagged else asked.get("startingPoint", "main")
    repo, commit = _at(hub, request, match, revision)
    _writer(request, repo)
    named, name = (repo.tags, asked["tag"]) if tagged else (repo.branches, unquote(match[4]))
    if name in named:
        raise Refusal(409, f"Reference already exists: {name}")
    named[name] = commit.oid
    return Answer({})


def _drop_name(hub: Hub, request: Request, match: Match) -> Answer:
    repo = _repo(hub, request, match[1][:-1], match[2])
    _writer(request, repo)
    named = repo.tags if match[3] == "tag" else repo.branches
    if named.pop(unquote(match[4]), None) is None:
        raise Refusal(404, "Reference not found", "RevisionNotFound")
    return Answer({})


def _resolve(hub: Hub, request: Request, match: Match) -> Answer:
    repo = _repo(hub, request, (match[1] or "models")[:-1], match[2])
    commit = _revision(repo, unquote(match[3]))
    entry = commit.files.get(unquote(match[4]))
    headers = {"X-Repo-Commit": commit.oid}
    if entry is None:
        error = {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}
        return Answer({"error": "Entry not found"}, headers | error, 404)
    headers |= {"ETag": f'"{entry.etag}"', "Accept-Ranges": "bytes"}
    if entry.lfs:
        headers |= {"X-Linked-Size": str(entry.size), "X-Linked-Etag": f'"{entry.etag}"'}
        return Answer(b"", headers | {"Location": f"{hub.storage_url}/storage/{entry.sha256}"}, 302)
    return storage.content(hub, request, entry.sha256, headers)


def _signed_in(request: Request) -> Account:
    if request.account is None:
        raise Refusal(401, "Invalid username or password.")
    return request.account


def _repo(hub: Hub, request: Request, kind: str, name: str) -> Repo:
    repo = hub.store.repos.get((kind, name))
    if repo and (not repo.private or (request.account and request.account.may_read(repo))):
        return repo
    if request.account is None:
        # The Hub does not tell strangers whether there is such a repository. Its clients know that a bare 401 means so
        # by the `https` of the address, which this one lacks: the code tells them.
        raise Refusal(401, "Invalid username or password.", "RepoNotFound")
    raise Refusal(404, "Repository not found", "RepoNotFound")


def _revision(repo: Repo, revision: str) -> Commit:
    commit = repo.resolve(revision)
    if commit is None:
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return commit


def _at(hub: Hub, request: Request, match: Match, revision: str) -> tuple[Repo, Commit]:
    repo = _repo(hub, request, match[1][:-1], match[2])
    return repo, _revision(repo, revision)


def _writer(request: Request, repo: Repo) -> None:
    if not _signed_in(request).may_write(repo.namespace):
        raise Refusal(403, "Forbidden: you must use a write token to upload to a repository.")


def _file(path: str, entry: Entry) -> dict[str, Any]:
    listed = {"type": "file", "path": path, "size": entry.size, "oid": entry.git_oid}
    if entry.lfs:
        listed["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": 130}
    return listed


def _folder(path: str) -> dict[str, Any]:
    return {"type": "directory", "path": path, "size": 0, "oid": hashlib.sha1(path.encode()).hexdigest()}


_ROUTES: list[tuple[str, str, Callable[[Hub, Request, Match], Answer]]] = [
    ("GET", "/api/whoami-v2", _whoami),
    ("GET", "/api/organizations/([^/]+)/overview", _organisation),
    ("POST", "/api/validate-yaml", _validate_yaml),
    ("POST", "/api/repos/create", _create),
    ("DELETE", "/api/repos/delete", _delete),
    ("GET", "/api/(models|datasets|spaces)", _list),
    ("GET", rf"{_REPO}(?:/revision/([^/]+))?", _info),
    ("GET", rf"{_REPO}/tree/([^/]+)(?:/(.*))?", _tree),
    ("POST", rf"{_REPO}/paths-info/([^/]+)", _paths_info),
    ("POST", rf"{_REPO}/preupload/([^/]+)", _preupload),
    ("POST", rf"{_REPO}/commit/([^/]+)", _commit),
    ("GET", rf"{_REPO}/commits/([^/]+)", _commits),
    ("GET", rf"{_REPO}/refs", _refs),
    ("POST", rf"{_REPO}/(tag|branch)/([^/]+)", _add_name),
    ("DELETE", rf"{_REPO}/(tag|branch)/([^/]+)", _drop_name),
    ("POST", rf"{_FILES}\.git/info/lfs/objects/batch", _batch),
    ("PUT", "/storage/([0-9a-f]{64})(?:/([0-9]+))?", storage.put),
    ("GET", "/storage/([0-9a-f]{64})", storage.get_stored),
    ("POST", "/api/complete/([0-9a-f]{64})", storage.complete),
    ("POST", "/api/verify/([0-9a-f]{64})", storage.verify),
    ("GET", rf"{_FILES}/resolve/([^/]+)/(.+)", _resolve),
]
