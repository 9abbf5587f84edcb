import asyncio
import json

import pytest

from multimed_hf.demo.waiting import CountUploads, arrived, remove


def test_a_file_goes_with_the_last_who_waits_for_it(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"x")
    arrived(str(path))
    arrived(str(path))
    remove(path)
    assert path.exists()
    remove(path)
    assert not path.exists()
    # Nothing is left behind: the next one goes at once, also if nobody noted it.
    path.write_bytes(b"x")
    remove(path)
    assert not path.exists()


@pytest.mark.parametrize(("status", "counted"), [(200, True), (413, False)])
def test_uploads_are_counted_by_what_the_server_answers(tmp_path, status, counted):
    path = tmp_path / "x"
    path.write_bytes(b"x")
    sent = []
    body = json.dumps([str(path)]).encode()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body[:5], "more_body": True})
        await send({"type": "http.response.body", "body": body[5:]})

    async def send(message):
        sent.append(message)

    for asked in ("/gradio_api/upload", "/gradio_api/upload", "/elsewhere"):
        asyncio.run(CountUploads(app)({"type": "http", "path": asked}, None, send))
    assert len(sent) == 9
    remove(path)
    assert path.exists() is counted
    remove(path)
    assert not path.exists()
