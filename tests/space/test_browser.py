"""The page in a real browser: Debian's Chromium, driven by playwright. Set MULTIMED_SCREENSHOTS to a folder to keep pictures."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from multimed_hf.demo.page import build, serve

from ..demo.conftest import edf, png, predictor, scan
from ..demo.results import result
from ..models.conftest import GENES

CHROMIUM = shutil.which("chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, the driver of the browser")
pytest.importorskip("gradio", reason="needs the extra `demo`")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs the browser chromium on the PATH")

__all__ = ["edf", "png", "predictor", "scan"]

WIDTHS = {"desktop": 1280, "phone": 390}

CONTRAST = """
element => {
  const context = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const chain = [];
  for (let each = element; each; each = each.parentElement) chain.unshift(each);
  const paint = colour => { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); };
  const luminance = () => {
    const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map(value => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  paint("white");
  for (const each of chain) paint(getComputedStyle(each).backgroundColor);
  const behind = luminance();
  paint(getComputedStyle(element).color);
  const [low, high] = [behind, luminance()].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
"""
"""Contrast of an element's words with what is behind them, as WCAG 2.2 defines it; it asks for 4.5."""


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
    """`visit(width, scheme)`: the page, loaded; the test fails if it asked another server, or complained in the console."""
    opened, complaints = [], []

    def open_page(width=1280, scheme="light"):
        phone = width == WIDTHS["phone"]
        size = {"width": width, "height": 900}
        context = browser.new_context(viewport=size, color_scheme=scheme, has_touch=phone, is_mobile=phone)
        page = context.new_page()
        page.on(
            "request", lambda asked: asked.url.startswith((address, "data:", "blob:")) or complaints.append(asked.url)
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
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


def picture(page, name):
    if folder := os.environ.get("MULTIMED_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", WIDTHS)
def test_an_image_is_uploaded_answered_and_explained(visit, png, size, scheme):
    page = visit(WIDTHS[size], scheme)
    assert page.get_by_text("Not a medical device").is_visible()
    give(page, "xray", png)
    page.get_by_text("Read: image of 30 x 20 pixels.").wait_for()
    page.locator("#predict").click()
    page.locator("#answers h3").first.wait_for()
    page.get_by_role("button", name="Why?").click()
    page.locator("#explain").click()
    drawn = page.locator("#explanation img")
    drawn.wait_for()
    assert drawn.evaluate("image => image.decode().then(() => image.naturalWidth)") > 500
    # Too small to read below this, also on a phone, where it is moved aside within its frame.
    assert drawn.bounding_box()["width"] > 600 and fits(page)
    for words in (
        "#answers .mm-given",
        ".mm-head p",
        "#answers h3",
        "#answers th",
        "#read-xray p",
        ".mm-notice",
        "#predict",
    ):
        assert page.locator(words).first.evaluate(CONTRAST) >= 4.5, words
    page.locator("#predict").hover()
    page.wait_for_timeout(400)
    assert page.locator("#predict").evaluate(CONTRAST) >= 4.5
    picture(page, f"{size}-{scheme}")


def test_each_kind_of_file_is_read(visit, png, scan, edf, tmp_path):
    page = visit()
    (tmp_path / "cell.csv").write_text(f"gene,count\n{GENES[0]},3\n{GENES[1]},10\n")
    (tmp_path / "protein.fasta").write_text(">one\nMKV\n")
    (tmp_path / "note.txt").write_text("no effusion")
    files = {
        "xray": (png, "image of 30 x 20 pixels"),
        "ct": (scan, "volume of 6 x 5 x 4 voxels"),
        "eeg": (edf, "2 channels, 10.0 s at 100 Hz"),
        "scrna": (tmp_path / "cell.csv", "2 expressed genes"),
        "protein": (tmp_path / "protein.fasta", "3 letters"),
        "text": (tmp_path / "note.txt", "11 letters"),
    }
    for modality, (path, words) in files.items():
        give(page, modality, path)
        page.locator(f"#read-{modality}").get_by_text(words).wait_for()
    assert page.locator("#type-protein textarea").input_value() == "MKV"
    page.locator("#predict").click()
    page.locator("#answers [role=status], #answers [role=alert]").first.wait_for()
    said = page.locator("#answers").inner_text()
    assert said.startswith("From X-ray, CT, EEG, cell, text, protein."), said
    page.locator("#clear").click()
    page.locator("#answers h3").first.wait_for(state="detached")
    page.locator("#predict").click()
    page.get_by_text("something to read first").wait_for()


@pytest.mark.parametrize("width", WIDTHS.values())
def test_the_words_above_a_drop_area_do_not_cover_it(visit, width):
    page = visit(width)
    for modality in ("xray", "ct", "text"):
        page.locator(f"#input-{modality} button").first.click()
        area = page.locator(f"#file-{modality}")
        label, icon = (area.locator(part).first.bounding_box() for part in ("label", ".wrap svg, .icon-wrap svg"))
        assert label["y"] + label["height"] <= icon["y"], modality


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


@pytest.mark.parametrize("width", WIDTHS.values())
def test_the_leaderboard_is_sorted_by_a_click(visit, width):
    page = visit(width)
    page.get_by_role("tab", name="Leaderboard").click()
    header = page.locator("#leaderboard [role=columnheader]").filter(has_text="Score").first
    cells = page.locator(f"#leaderboard [role=gridcell][aria-colindex='{header.get_attribute('aria-colindex')}']")
    playwright.expect(cells).to_have_text(["0.2", "0.9", "0.5"])
    header.evaluate("header => header.scrollIntoView({inline: 'center'})")
    for order, scores in (("Sort ascending", ["0.2", "0.5", "0.9"]), ("Sort descending", ["0.9", "0.5", "0.2"])):
        if width == WIDTHS["desktop"]:
            header.hover()
        menu = header.locator(".cell-menu-button")
        assert menu.is_visible()
        menu.click()
        page.get_by_text(order).click()
        playwright.expect(cells).to_have_text(scores)
    # The model stays in sight beside its scores.
    table = page.locator("#leaderboard .virtual-table-viewport")
    table.evaluate("table => table.scrollLeft = table.scrollWidth")
    model = page.locator("#leaderboard [role=gridcell][aria-colindex='1']").first.bounding_box()
    assert model["x"] >= table.bounding_box()["x"] and fits(page)
    picture(page, f"leaderboard-{width}")


def test_all_is_reached_and_done_by_the_keyboard(visit):
    page = visit()

    def go_to(element):
        for _ in range(120):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id || document.activeElement.innerText") == element:
                return
        raise AssertionError(f"{element} is not reached by Tab")

    for element, answer in (
        ("load-example", "synthetic example, made by a program"),
        ("predict", "From OCT."),
        ("clear", ""),
        ("predict", "something to read first"),
    ):
        go_to(element)
        page.keyboard.press("Enter")
        if answer:
            page.get_by_text(answer).first.wait_for()
        else:
            page.get_by_text("From OCT.").wait_for(state="detached")


def test_the_leaderboard_is_sorted_by_the_keyboard(visit):
    page = visit()
    page.get_by_role("tab", name="Leaderboard").focus()
    page.keyboard.press("Enter")
    page.locator("#sort-by input").wait_for()
    while page.evaluate("!document.activeElement.closest('#sort-by')"):
        page.keyboard.press("Tab")
    page.keyboard.type("Score")
    page.keyboard.press("Enter")
    header = page.locator("#leaderboard [role=columnheader]").filter(has_text="Score").first
    cells = page.locator(f"#leaderboard [role=gridcell][aria-colindex='{header.get_attribute('aria-colindex')}']")
    playwright.expect(cells).to_have_text(["0.9", "0.5", "0.2"])
    while page.evaluate("!document.activeElement.closest('#sort-ascending')"):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    playwright.expect(cells).to_have_text(["0.2", "0.5", "0.9"])
