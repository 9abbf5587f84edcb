"""Saliency: sums are complete, linear models give their terms, what was planted is found, every part has its shape."""

import numpy as np
import pytest
import torch

from multimed_hf.explanation import saliency
from multimed_hf.models import MultiMedForMultitask, MultiMedProcessor
from multimed_hf.models.configuration_multimed import FUSIONS, MODALITIES

from ..models.conftest import GENES
from ..models.pretrained import write

LINEAR = "expression/pbmc"


def strongest(found):
    return np.unravel_index(np.abs(found.values).argmax(), found.values.shape)


@pytest.fixture
def planted(tester, linear):
    """`planted(modality, value, fill)`: the saliency by both methods after `fill(encoder)` set weights by hand."""

    def explain(modality, value, fill):
        model = linear([modality])
        with torch.no_grad():
            fill(model.multimed.encoders[modality])
        inputs = {modality: [value]}
        found = [
            saliency(model, tester.processor, inputs, LINEAR, 0, method=method)
            for method in ("integrated_gradients", "occlusion")
        ]
        for each in found:
            for part in each.values():
                assert abs(part.explained.value - part.baseline_value) > 1e-3
                assert part.gap == pytest.approx(0, abs=1e-3 * abs(part.explained.value - part.baseline_value))
        return found

    return explain


@pytest.mark.parametrize("fusion", FUSIONS)
def test_integrated_gradients_are_complete(tester, columns, fusion):
    some = MODALITIES if fusion == "early" else ["text", "eeg", "genomics", "scrna", "fundus"]
    model = tester.model(tester.config(some, ["multi_label"], fusion=fusion, initializer_range=0.05))
    inputs = columns(some, seed=3)
    found = saliency(model, tester.processor, inputs, "findings/openi", "x", steps=64, batch_size=32)
    assert {part.removesuffix("_volume") for part in found} == set(some)
    for part in found.values():
        change = part.explained.value - part.baseline_value
        assert part.values.sum() - change == pytest.approx(part.gap, abs=1e-5)
        # The pooler's maximum has kinks, at which any rule for integrals errs.
        assert abs(part.gap) < 0.01 + 0.05 * np.abs(part.values).sum(), part.part
        assert part.values.shape == tuple(map(len, part.coordinates)) and len(part.axes) == part.values.ndim
        assert np.isfinite(part.values).all()


@torch.no_grad()
def test_the_baseline_is_what_the_model_says_to_it(tester, columns):
    some = ["genomics", "protein", "scrna", "eeg"]
    model, inputs = tester.model(tester.config(some, ["survival"])), columns(some)
    found = saliency(model, tester.processor, inputs, "prognosis/two", steps=1)
    still = {
        "genomics": "N" * len(inputs["genomics"][0]),
        "protein": "X" * len(inputs["protein"][0]),
        "scrna": {**inputs["scrna"][0], "values": np.zeros(len(inputs["scrna"][0]["values"]))},
        "eeg": {**inputs["eeg"][0], "signal": np.zeros_like(inputs["eeg"][0]["signal"])},
    }
    for name, value in still.items():
        given = {other: inputs[other] for other in some} | {name: [value]}
        expected = model(**tester.processor(**given)).logits["prognosis/two"]
        assert found[name].baseline_value == pytest.approx(float(expected), abs=1e-5)


def test_a_linear_model_of_words_gives_its_terms(planted, tester):
    text, weights = "heart size is normal", {"heart": 2.0, "size": -1.0, "normal": 0.5}

    def fill(encoder):
        for word, weight in weights.items():
            encoder.embedding.weight[tester.tokenizer.vocab[word], 0] = weight

    for found in planted("text", text, fill):
        assert list(found["text"].coordinates[0]) == text.split()
        # The mean over four words and the summary.
        np.testing.assert_allclose(found["text"].values, [0.4, -0.2, 0.0, 0.1], atol=1e-6)


@pytest.mark.parametrize(
    ("modality", "letters", "letter"), [("genomics", 5, "ACGTN"), ("protein", 21, "ACDEFGHIKLMNPQRSTVWYX")]
)
def test_the_letter_that_decides_is_found(planted, modality, letters, letter):
    sequence = ["A"] * 24
    sequence[13] = "G"

    def fill(encoder):
        for offset in range(encoder.window):
            encoder.embedding.weight[offset * (letters + 1) + letter.index("G"), 0] = 1.0

    for found in planted(modality, "".join(sequence), fill):
        assert strongest(found[modality]) == (13,) and found[modality].coordinates[0][13] == "G"
        np.testing.assert_allclose(np.delete(found[modality].values, 13), 0, atol=1e-6)


def test_the_place_that_decides_is_found(planted):
    def fill(encoder):
        encoder.place.weight[7 * 5 + "ACGTN".index("T"), 0] = 1.0

    for found in planted("genomics", "ATTGATTTACCA", fill):
        assert strongest(found["genomics"]) == (7,)


def test_the_gene_that_decides_is_found(planted):
    def fill(encoder):
        encoder.embedding.weight[GENES.index("GENE5")] = 1.0

    cell = {"genes": ["GENE1", "GENE5", "GENE9"], "values": [3.0, 1.0, 2.0]}
    for found in planted("scrna", cell, fill):
        assert strongest(found["scrna"]) == (1,) and found["scrna"].coordinates[0][1] == "GENE5"


def test_the_peak_that_decides_is_found(tester, linear):
    model = linear(["genomics"], num_peaks=8, peak_tokens=1)
    with torch.no_grad():
        model.multimed.encoders["genomics"].peaks.embedding.weight[6, 0] = 1.0
    for value in ({"peaks": [1, 6, 3]}, {"dna": "ACGT", "peaks": [1, 6, 3]}):
        found = saliency(model, tester.processor, {"genomics": [value]}, LINEAR, 0)
        part = found["genomics_peaks"]
        assert (
            strongest(part) == (1,)
            and part.coordinates[0][1] in (*tester.processor.peak_feature_extractor.peaks[6:7], "6")
            and abs(part.gap) < 1e-4
        )
        assert ("genomics" in found) == ("dna" in value)


def test_the_second_that_decides_is_found(planted):
    signal = np.zeros((3, 320))
    signal[1, 128:192] = 40 * np.sign(np.sin(np.arange(64)))

    def fill(encoder):
        # Values of one sign on the wave.
        encoder.projection.weight[0, :64] = torch.from_numpy(np.sign(np.sin(np.arange(64)))).float()

    eeg = {"signal": signal, "channels": ["C3", "Cz", "C4"], "sampling_rate": 128.0}
    for found in planted("eeg", eeg, fill):
        part = found["eeg"]
        channel, place = strongest(part)
        assert part.coordinates[0][channel] == "Cz" and 1.0 <= part.coordinates[1][place] < 1.5
        assert part.values.shape == signal.shape


def test_the_bright_spot_that_decides_is_found(planted):
    image = np.full((48, 64), 128, np.uint8)
    image[24:36, 40:52] = 255

    def fill(encoder):
        # Brightness of a patch.
        encoder.slices.statistics.weight[0, 0] = 1.0

    for found in planted("xray", image, fill):
        row, column = strongest(found["xray"])
        # Resizing blurs, and occlusion knows patches only.
        assert 20 <= row < 40 and 32 <= column < 60
        assert found["xray"].values.shape == image.shape


def test_the_voxels_that_decide_are_found(planted):
    volume = np.full((8, 16, 16), -1000, np.int16)
    volume[4:6, 8:12, 4:8] = 1000

    def fill(encoder):
        encoder.volumes.statistics.weight[0, 0] = 1.0

    for found in planted("ct", {"volume": volume, "spacing": [4.0, 2.0, 2.0]}, fill):
        each, row, column = strongest(found["ct_volume"])
        assert 4 <= each < 6 and 8 <= row < 12 and 4 <= column < 8


@pytest.mark.parametrize(
    ("family", "modality", "value"),
    [
        ("bert", "text", "heart size is normal"),
        ("esm", "protein", "ACDWGH"),
        ("vit", "xray", np.random.default_rng(0).random((20, 30))),
    ],
)
@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion"])
def test_pretrained_encoders_are_explained(tester, tmp_path, family, modality, value, method):
    entry = {"modality": modality, "model": write(family, tmp_path)}
    config = tester.config([modality], ["multi_label"], encoders=[entry])
    model = MultiMedForMultitask.from_encoders(config)
    processor = MultiMedProcessor.from_encoders(config, tester.tokenizer)
    inputs = {modality: [value]}
    found = saliency(model, processor, inputs, "findings/openi", "x", method=method, steps=64)[modality]
    expected = (20, 30) if modality == "xray" else (4,) if modality == "text" else (6,)
    assert found.values.shape == expected and np.abs(found.values).max() > 1e-5
    change = found.explained.value - found.baseline_value
    if method == "integrated_gradients":
        assert abs(found.gap) < 0.01 + 0.05 * abs(change)
    if family == "bert":
        assert list(found.coordinates[0]) == value.split()


def test_the_texts_of_answers_are_left_alone(tester, columns):
    model, inputs = tester.model(tester.config(["text"], ["answer"])), columns(["text"])
    inputs["text"] = ["yes no maybe"]
    found = saliency(model, tester.processor, inputs, "question/pubmedqa", steps=4)["text"]
    # With the text at its baseline, zeros as embeddings, the candidates are what they are.
    with torch.no_grad():
        hook = model.multimed.encoders["text"].embedding.register_forward_hook(
            lambda module, given, output: (
                output * 0 if len(given[0]) == 3 and not seen.append(1) and len(seen) == 1 else None
            )
        )
        seen = []
        logits = model(**tester.processor(**inputs)).logits["question/pubmedqa"][0]
        hook.remove()
    chances = logits.softmax(0)[found.explained.index]
    assert found.baseline_value == pytest.approx(float(torch.logit(chances)), abs=1e-4)


def test_requests_that_are_wrong_are_refused(tester, columns):
    model, inputs = tester.model(tester.config(["text"], ["survival"])), columns(["text"])
    with pytest.raises(ValueError, match=r"method among .*, got 'lime'"):
        saliency(model, tester.processor, inputs, "prognosis/two", method="lime")
    with pytest.raises(ValueError, match=r"modality of the sample, one of \['text'\], got 'eeg'"):
        saliency(model, tester.processor, inputs, "prognosis/two", modality="eeg")
