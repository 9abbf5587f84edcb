"""The figure of a sample: a panel for all that there is, drawn without words that overlap its frame."""

import io

import numpy as np
from PIL import Image

from multimed_hf.explanation import attention_shares, contributions, figure, saliency
from multimed_hf.explanation.strips import SHOWN_LINES, lines_of

SOME = ["text", "eeg", "scrna", "protein", "fundus", "ct"]


def test_every_form_is_drawn(tester, columns):
    model, inputs = tester.model(tester.config(SOME, ["survival"])), columns(SOME, seed=1)
    parts = saliency(model, tester.processor, inputs, "prognosis/two", steps=2)
    found = contributions(model, tester.processor, inputs, "prognosis/two")
    shares = attention_shares(model, tester.processor, inputs)
    drawn = figure(inputs, found, parts, shares, "title", "SYNTHETIC")
    assert len(drawn.subfigs) == 1 + len(parts)
    stream = io.BytesIO()
    drawn.savefig(stream)
    assert np.asarray(Image.open(stream).convert("L")).std() > 5


def test_long_sequences_show_the_lines_of_most_weight(tester, columns, linear):
    model = linear(["protein"])
    sequence = "A" * 1500
    part = saliency(model, tester.processor, {"protein": [sequence]}, "expression/pbmc", 0, steps=1)["protein"]
    part.values[1234] = 1.0
    assert [len(line) for line in lines_of(part)] == [60] * 25
    found = contributions(model, tester.processor, {"protein": [sequence]}, "expression/pbmc", 0)
    drawn = figure({"protein": [sequence]}, found, {"protein": part})
    words = [text.get_text() for text in drawn.subfigs[1].axes[0].texts]
    assert len(words) == SHOWN_LINES * 61 and str(1234 // 60 * 60 + 1) in words
    assert f"{SHOWN_LINES} lines of most weight of 25" in drawn.subfigs[1].get_suptitle()
