import base64
from html.parser import HTMLParser

from multimed_hf.demo.predictor import Answer
from multimed_hf.demo.views import answers, given, notice, picture, problem

MARKUP = "<script>alert(1)</script><img src=x onerror='a'>\""


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def test_nothing_that_was_given_becomes_markup():
    answer = Answer(MARKUP, "single_label", [(MARKUP, 0.5)], True, MARKUP, MARKUP)
    plain = Answer("x", "regression", [(MARKUP, 2.5)])
    for html in (
        answers([answer, plain], MARKUP),
        given(MARKUP),
        notice(MARKUP),
        problem(MARKUP),
        picture(b"", MARKUP),
    ):
        parsed = Tags(html)
        assert "script" not in parsed.tags and "<script>" not in html
        assert MARKUP in parsed.text or parsed.tags == ["div", "img"]
    assert Tags(picture(b"", MARKUP)).tags == ["div", "img"]


def test_what_an_answer_shows():
    many = Answer("h", "single_label", [(f"label {place}", 0.01) for place in range(20)], True)
    html = answers([many])
    assert html.count("<tr>") == 12 and "and 8 more" in html and "width:1.0%" in html
    assert "and 5 more" in answers([Answer("h", "regression", [("a", 1.0)], more=5)])
    assert given("") == ""


def test_an_image_has_its_text():
    html = picture(b"abc", "what it shows")
    assert 'alt="what it shows"' in html and base64.b64encode(b"abc").decode() in html
