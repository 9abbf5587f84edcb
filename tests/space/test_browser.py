"""The page in a real browser: Debian's Chromium, driven by playwright. Set MULTIMED_SCREENSHOTS to a folder to keep pictures."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from multimed_hf.demo.page import build, serve

from ..demo.conftest import png, predictor
from ..demo.results import result

CHROMIUM = shutil.which("chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, the driver of the browser")
pytest.importorskip("gradio", reason="needs the extra `demo`")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs the browser chromium on the PATH")

__all__ = ["png", "predictor"]

WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def address(predictor):
    scores = {"a": 0.2, "b": 0.9, "c": 0.5}
    page = build(predictor, [result(head=f"disease/{name}", score=score) for name, score in scores.items()])
    yield serve(page, block=False)
    page.close()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser, address):
    """`visit(width, scheme)`: the page, loaded; the test fails if it asked another server, or raised an error."""
    opened, complaints = [], []

    def open_page(width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.on(
            "request", lambda asked: asked.url.startswith((address, "data:", "blob:")) or complaints.append(asked.url)
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        page.get_by_role("button", name="Predict").wait_for()
        opened.append(context)
        return page

    yield open_page
    for context in opened:
        context.close()
    assert complaints == []


def give(page, modality, path):
    page.locator(f"#input-{modality} button").first.click()
    page.locator(f"#file-{modality} input[type=file]").set_input_files(str(path))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", WIDTHS)
def test_an_image_is_uploaded_and_answered(visit, png, size, scheme):
    page = visit(WIDTHS[size], scheme)
    assert page.get_by_text("Not a medical device").is_visible()
    give(page, "xray", png)
    page.get_by_text("Read: image of 30 x 20 pixels.").wait_for()
    page.get_by_role("button", name="Predict").click()
    page.locator("#answers h3").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    if folder := os.environ.get("MULTIMED_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{size}-{scheme}.png", full_page=True)


def test_a_bad_upload_is_one_sentence(visit, tmp_path):
    page = visit()
    (tmp_path / "bad.png").write_bytes(b"<b>no image</b>")
    give(page, "xray", tmp_path / "bad.png")
    shown = page.locator("#read-xray [role=alert]")
    shown.wait_for()
    assert shown.inner_text() == "The file is no whole PNG or JPEG image."


def test_markup_is_shown_as_text(visit):
    page = visit()
    page.locator("#input-genomics button").first.click()
    page.locator("#type-genomics textarea").fill("<img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Predict").click()
    page.locator("#answers [role=alert]").wait_for()
    assert page.locator("#answers img").count() == 0


def test_the_leaderboard_is_sorted_by_a_click(visit):
    page = visit()
    page.get_by_role("tab", name="Leaderboard").click()
    table = page.locator("#leaderboard")
    table.get_by_text("Score", exact=True).first.click()
    scores = [float(text) for text in re.findall(r"\b0\.[259]\b", table.inner_text())]
    shown = [score for score in scores if score in (0.2, 0.5, 0.9)]
    assert shown[:3] in ([0.2, 0.5, 0.9], [0.9, 0.5, 0.2])


def test_every_button_is_reached_by_the_keyboard(visit):
    page = visit()
    reached = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.innerText"))
    assert {"predict", "load-example", "clear"} <= reached
