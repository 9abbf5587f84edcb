"""Large file storage: contents under their hash, sent in one piece or in parts, and read in ranges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .server import Answer, Hub, Refusal, Request

Match = re.Match[str]


def batch(hub: Hub, request: Request) -> Answer:
    """Where contents are to be sent; nowhere if they are there."""
    objects = []
    for wanted in request.json()["objects"]:
        oid, size = wanted["oid"], wanted["size"]
        answer: dict[str, Any] = {"oid": oid, "size": size}
        if not hub.store.holds(oid):
            href, header = f"{hub.storage_url}/storage/{oid}", {}
            if size > hub.part_size:
                count = -(-size // hub.part_size)
                header = {f"{part:05d}": f"{href}/{part}" for part in range(1, count + 1)}
                header["chunk_size"] = str(hub.part_size)
                href = f"{request.base}/api/complete/{oid}"
            answer["actions"] = {
                "upload": {"href": href, "header": header},
                "verify": {"href": f"{request.base}/api/verify/{oid}"},
            }
        objects.append(answer)
    return Answer({"transfer": "basic", "objects": objects}, {"Content-Type": "application/vnd.git-lfs+json"})


def put(hub: Hub, request: Request, match: Match) -> Answer:
    def counted() -> Iterator[bytes]:
        for piece in request.pieces:
            request.size += len(piece)
            yield piece

    try:
        # Of a part only the whole's hash is known; it is checked when all are there.
        sha256 = hub.store.put(counted(), "" if match[2] else match[1])
    except ValueError as error:
        raise Refusal(400, str(error)) from None
    return Answer(headers={"ETag": f'"{sha256}"'})


def complete(hub: Hub, request: Request, match: Match) -> Answer:
    parts = sorted(request.json()["parts"], key=lambda part: part["partNumber"])
    try:
        hub.store.join([part["etag"].strip('"') for part in parts], match[1])
    except (OSError, ValueError) as error:
        raise Refusal(400, str(error)) from None
    return Answer({"success": True})


def verify(hub: Hub, request: Request, match: Match) -> Answer:
    if not hub.store.holds(match[1]) or hub.store.path(match[1]).stat().st_size != request.json()["size"]:
        raise Refusal(404, "The object is not there, or of another size")
    return Answer({"success": True})


def get_stored(hub: Hub, request: Request, match: Match) -> Answer:
    if not hub.store.holds(match[1]):
        raise Refusal(404, "No such object")
    return content(hub, request, match[1], {"ETag": f'"{match[1]}"', "Accept-Ranges": "bytes"})


def content(hub: Hub, request: Request, sha256: str, headers: dict[str, str]) -> Answer:
    """A content, or the range of it that is asked for."""
    size = hub.store.path(sha256).stat().st_size
    begin, end, status = 0, size, 200
    if asked := re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range") or ""):
        begin, end, status = int(asked[1]), min(int(asked[2] or size - 1) + 1, size), 206
        if begin >= size:
            return Answer(b"", headers | {"Content-Range": f"bytes */{size}"}, 416)
        headers = {**headers, "Content-Range": f"bytes {begin}-{end - 1}/{size}"}
    headers |= {"Content-Length": str(end - begin), "Content-Type": "application/octet-stream"}
    return Answer(hub.store.pieces(sha256, begin, end), headers, status)
