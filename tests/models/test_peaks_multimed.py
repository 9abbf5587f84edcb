"""Open peaks: sets of any size and order become a few tokens beside those of DNA."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from multimed_hf.models import MultiMedConfig, MultiMedForMultitask, MultiMedPeakFeatureExtractor, MultiMedProcessor
from multimed_hf.models.encoders_multimed import MultiMedGenomicsEncoder, MultiMedSequenceEncoder, build_encoder
from multimed_hf.models.peaks_multimed import MultiMedPeakEncoder

from .conftest import PEAKS
from .pretrained import words, write

TASK = {"name": "sort/two", "kind": "single_label", "labels": ["a", "b"]}


def config(**more):
    return MultiMedConfig(
        **{
            "modalities": ["genomics"],
            "hidden_size": 16,
            "num_peaks": 9000,
            "input_dropout": 0.0,
            "tasks": [TASK],
            **more,
        }
    )


def encoder(**more):
    torch.manual_seed(0)
    made = MultiMedPeakEncoder(config(**more))
    with torch.no_grad():
        made.embedding.weight.normal_(std=0.02)
    return made.eval()


def packed(sets):
    return torch.tensor([peak for each in sets for peak in each]), torch.tensor([len(each) for each in sets])


@torch.no_grad()
def test_tokens_are_the_plain_sum():
    sets, made = [[3, 1, 7], [2], [0, 8]], encoder(num_peaks=9, peak_tokens=3)
    tokens, counts = made(*packed(sets))
    assert counts.tolist() == [3, 3, 3] and tokens.shape == (9, 16)
    weight, slope, bias = (part.double().numpy() for part in (made.embedding.weight, *made.depth.parameters()))
    for place, peaks in enumerate(sets):
        expected = sum(np.log(1 + 10_000 / len(peaks)) * weight[peak] for peak in peaks)
        expected = expected + slope[:, 0] * (np.log(len(peaks) / 10_000) / 4 + 1) + bias
        np.testing.assert_allclose(tokens[3 * place : 3 * place + 3].flatten(), expected, atol=1e-5)


@torch.no_grad()
def test_order_of_peaks_means_nothing():
    rng, made = np.random.default_rng(0), encoder()
    peaks = rng.permutation(9000)[:500]
    one, other = (made(*packed([each]))[0] for each in (peaks, rng.permutation(peaks)))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_depth_hardly_changes_how_long_a_token_is():
    rng, made = np.random.default_rng(0), encoder(hidden_size=64)
    made.depth.weight.zero_(), made.depth.bias.zero_()
    lengths = [made(*packed([rng.permutation(9000)[:count]]))[0].norm().item() for count in (250, 1000, 4000, 8000)]
    # A plain sum would differ by sqrt(32), and a mean by as much the other way round.
    assert max(lengths) / min(lengths) < 1.6


def test_peaks_are_hidden_in_training():
    made = encoder(input_dropout=0.5).train()
    given = packed([range(2000)])
    one, other = made(*given)[0], made(*given)[0]
    assert not torch.equal(one, other)
    # On average nothing is lost.
    mean = torch.stack([made(*given)[0] for _ in range(400)]).mean(0)
    torch.testing.assert_close(mean, made.eval()(*given)[0], atol=0.3, rtol=0)


def test_without_peaks_the_encoder_is_that_of_dna():
    assert type(build_encoder("genomics", config(num_peaks=0))) is MultiMedSequenceEncoder
    assert type(build_encoder("genomics", config())) is MultiMedGenomicsEncoder
    assert type(build_encoder("protein", config(modalities=["genomics", "protein"]))) is MultiMedSequenceEncoder


@torch.no_grad()
def test_what_a_sample_lacks_costs_nothing(tester):
    model = tester.model(tester.config(["genomics"], ["single_label"], num_peaks=len(PEAKS), peak_tokens=3))
    dna, peaks = "ACGTACGTAC", PEAKS[2:7]
    samples = [{"dna": dna, "peaks": peaks}, {"peaks": peaks}, dna, {"dna": dna}]
    batch = tester.processor(genomics=samples)
    output = model.multimed(**batch)
    assert output.token_lengths["genomics"].tolist() == [4 + 3, 3, 4, 4]
    for place, sample in enumerate(samples):
        alone = model.multimed(**tester.processor(genomics=[sample]))
        torch.testing.assert_close(alone.pooler_output[0], output.pooler_output[place], atol=1e-5, rtol=1e-5)
    # DNA reads the same with or without the part for peaks in the batch, and tokens of DNA come first.
    encoded = [model.multimed.encoders["genomics"](torch.tensor([0, 1, 2, 3] * 2 + [0, 1]), torch.tensor([10]))[0]]
    given = {name: value for name, value in batch["inputs"]["genomics"].items() if name != "samples"}
    tokens, _ = model.multimed.encoders["genomics"](**given)
    for start in (0, 10, 14):
        torch.testing.assert_close(tokens[start : start + 4], encoded[0], atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(tokens[4:7], tokens[7:10], atol=1e-6, rtol=1e-6)


def test_nothing_is_run_for_what_a_batch_lacks(tester):
    model = tester.model(tester.config(["genomics"], ["single_label"], num_peaks=len(PEAKS)))
    ran = []
    for name in ("place", "peaks"):
        part = getattr(model.multimed.encoders["genomics"], name)
        part.register_forward_hook(lambda *_, name=name: ran.append(name))
    model(**tester.processor(genomics=["ACGT"]))
    model(**tester.processor(genomics=[{"peaks": [1]}]))
    assert ran == ["place", "peaks"]


def test_a_checkpoint_of_dna_alone_goes_on_with_peaks(tester, tmp_path):
    old = tester.model(tester.config(["genomics"], ["single_label"]))
    old.save_pretrained(tmp_path)
    new, report = MultiMedForMultitask.from_pretrained(tmp_path, num_peaks=len(PEAKS), output_loading_info=True)
    assert {name.split(".")[3] for name in report["missing_keys"]} == {"peaks"} and not report["unexpected_keys"]
    batch = tester.processor(genomics=["ACGTAC", "TTT"])
    torch.testing.assert_close(new(**batch).pooler_output, old(**batch).pooler_output, atol=0, rtol=0)


def test_peaks_for_a_model_of_dna_alone_are_refused(tester):
    model = tester.model(tester.config(["genomics"], ["single_label"]))
    with pytest.raises(ValueError, match="`num_peaks` of the model is 0, got open peaks"):
        model(**tester.processor(genomics=[{"peaks": [1]}]))


@torch.no_grad()
def test_peaks_stand_beside_a_pretrained_encoder_of_dna(tmp_path):
    folder = write("bert", tmp_path)
    made = config(encoders=[{"modality": "genomics", "model": folder, "training": "lora"}], num_peaks=len(PEAKS))
    torch.manual_seed(0)
    model = MultiMedForMultitask.from_encoders(made)
    processor = MultiMedProcessor.from_encoders(
        made, words(), peak_feature_extractor=MultiMedPeakFeatureExtractor(PEAKS)
    )
    samples = [{"dna": "ACGT", "peaks": PEAKS[:2]}, {"peaks": PEAKS[3:]}, "ACGTT"]
    batch = processor(genomics=samples)
    assert batch["inputs"]["genomics"]["lengths"].tolist() == [3, 0, 3]
    output = model.multimed(**batch)
    assert output.token_lengths["genomics"].tolist() == [3 + 2, 2, 3]
    for place, sample in enumerate(samples):
        alone = model(**processor(genomics=[sample])).pooler_output[0]
        torch.testing.assert_close(alone, output.pooler_output[place], atol=1e-5, rtol=1e-5)
    model.save_pretrained(tmp_path / "saved")
    loaded = MultiMedForMultitask.from_pretrained(tmp_path / "saved")
    torch.testing.assert_close(loaded(**batch).pooler_output, output.pooler_output)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_peaks": -1}, "`num_peaks` must be at least 0 and `peak_tokens` at least 1, got -1 and 2"),
        ({"peak_tokens": 0}, "got 9000 and 0"),
        ({"modalities": ["scrna"]}, r"`num_peaks` above 0 needs the modality 'genomics', got \['scrna'\]"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        config(**wrong)
