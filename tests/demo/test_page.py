"""The page as a server on the loopback interface, asked by Gradio's own client."""

import os
import re
from pathlib import Path

import pytest

from multimed_hf.demo.page import NOTICE, build, serve
from multimed_hf.demo.security import POLICY

from .results import result

pytest.importorskip("gradio", reason="needs the extra `demo`")


@pytest.fixture(scope="module")
def uploads(tmp_path_factory):
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def address(predictor, uploads):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(uploads))
        heads = [result(head=f"disease/{name}") for name in "abc"]
        page = build(predictor, heads)
        yield serve(page, block=False)
        page.close()


@pytest.fixture
def visitor(address):
    from gradio_client import Client

    return Client(address, verbose=False, analytics_enabled=False)


def ask(visitor, name, *values):
    return visitor.predict(*values, api_name=f"/{name}")


def kept(uploads):
    """Files with content: Gradio leaves an empty one behind for each upload."""
    return [path for path in uploads.rglob("*") if path.is_file() and path.stat().st_size]


def test_uploads_are_read_and_gone(visitor, uploads, png, scan, edf):
    from gradio_client import handle_file

    assert "image of 30 x 20" in ask(visitor, "read_xray", handle_file(str(png)))[0]
    assert "6 x 5 x 4 voxels" in ask(visitor, "read_ct", handle_file(str(scan)))[0]
    assert "2 channels" in ask(visitor, "read_eeg", handle_file(str(edf)), 160)[0]
    assert kept(uploads) == []
    html = ask(visitor, "predict", "no effusion", "", "MKV")[0]
    assert "From X-ray, CT, EEG, text, protein." in html


def test_no_times_of_presses_are_kept(predictor):
    queue = build(predictor)._queue
    queue.event_analytics = {"one": {"time": 0}, "two": {"time": 0}}
    queue.events_recorded = 2
    assert queue.compute_analytics_summary([{"function": "predict"}]) == {"functions": {}}
    assert queue.ANALYTICS_MAX_EVENTS == 1


def test_bad_uploads_are_one_sentence_and_gone(visitor, uploads, tmp_path):
    from gradio_client import handle_file

    for name, endpoint in (
        ("x.png", "read_xray"),
        ("x.nii.gz", "read_mri"),
        ("x.h5ad", "read_scrna"),
        ("x.exe", "read_oct"),
    ):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        words = ask(visitor, endpoint, handle_file(str(tmp_path / name)))[0]
        assert 'role="alert"' in words and "Traceback" not in words and str(uploads) not in words
    assert kept(uploads) == []


def test_a_large_file_is_turned_away_before_it_is_stored(address, uploads):
    import httpx

    from multimed_hf.demo.limits import MOST_BYTES

    block = bytes(1024 * 1024)

    def body():
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        for _ in range(MOST_BYTES // len(block) + 5):
            yield block
        yield b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = httpx.post(f"{address}gradio_api/upload", content=body(), headers=headers, timeout=60)
    assert answer.status_code == 413
    assert sum(path.stat().st_size for path in kept(uploads)) <= MOST_BYTES


def test_visitors_who_upload_the_same_file_do_not_take_it_from_each_other(address, uploads, png):
    from concurrent.futures import ThreadPoolExecutor

    from gradio_client import Client, handle_file

    def visit(_):
        visitor = Client(address, verbose=False, analytics_enabled=False)
        return ask(visitor, "read_xray", handle_file(str(png)))[0], ask(visitor, "predict", "", "", "")[0]

    with ThreadPoolExecutor(8) as visitors:
        for read, said in visitors.map(visit, range(8)):
            assert "image of 30 x 20" in read and "From X-ray." in said
    assert kept(uploads) == []


def test_visitors_do_not_see_each_other(address, png):
    from gradio_client import Client, handle_file

    first, second = (Client(address, verbose=False, analytics_enabled=False) for _ in range(2))
    ask(first, "read_xray", handle_file(str(png)))
    assert "something to read first" in ask(second, "predict", "", "", "")[0]
    assert "From X-ray." in ask(first, "predict", "", "", "")[0]


def test_other_actions(visitor):
    html = ask(visitor, "answer", "is there an effusion?", "yes, no", "", "", "")
    assert "question/pubmedqa" in str(html)
    assert "disease/named" in str(ask(visitor, "compare", "heart, lungs", "no effusion", "", ""))
    # Which heads there are to explain is known once something was predicted.
    ask(visitor, "predict", "no effusion", "", "")
    assert "data:image/png" in str(ask(visitor, "explain", "cell_type/ten", "no effusion", "", ""))
    assert "synthetic example" in ask(visitor, "example", "protein")[0]


def test_the_page_asks_no_other_server_for_anything(address):
    import httpx

    answer = httpx.get(address)
    assert answer.headers["content-security-policy"] == POLICY
    loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?(https?://[^\"' >]+)", answer.text)
    assert [url for url in loaded if not url.startswith(address)] == []
    config = httpx.get(f"{address}config").json()
    assert config["analytics_enabled"] is False and os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    theme = httpx.get(f"{address}theme.css").text
    assert all(url.startswith("data:") for url in re.findall(r"url\([\"']?([^)]+)\)", theme)) and "@import" not in theme
    assert NOTICE.split(".")[0] in str(config) and config["run_history"] is False


def test_without_results_the_leaderboard_says_how_to_get_them(predictor):
    config = build(predictor).get_config_file()
    assert "multimed evaluate" in str(config) and "Dataframe" not in {part["type"] for part in config["components"]}


def test_the_space_starts_what_its_variable_names(monkeypatch):
    import runpy

    from multimed_hf import resources
    from multimed_hf.demo import command

    app, started = str(Path(resources.folder("space")) / "app.py"), []
    monkeypatch.setattr(command, "start", started.append)
    monkeypatch.delenv("MULTIMED_CHECKPOINT", raising=False)
    with pytest.raises(SystemExit, match="MULTIMED_CHECKPOINT"):
        runpy.run_path(app, run_name="__main__")
    monkeypatch.setenv("MULTIMED_CHECKPOINT", "org/model")
    runpy.run_path(app, run_name="__main__")
    assert started == ["org/model"]
