"""Encoders: what a token sees, written out slowly, and the symmetries of each modality."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multimed_hf.models.electrodes_multimed import position
from multimed_hf.models.encoders_multimed import SITES, MultiMedSequenceEncoder, build_encoder, hide, sinusoids
from multimed_hf.models.packing_multimed import positions_of

pytestmark = pytest.mark.usefixtures("no_grad")

lengths_of_sequences = st.lists(st.integers(1, 40), min_size=1, max_size=4)
windows = st.sampled_from([(9, 3), (5, 1), (1, 1), (4, 2), (3, 5)])


@pytest.fixture(scope="module")
def no_grad():
    with torch.no_grad():
        yield


def sequence_encoder(tester, window, stride, places=0):
    torch.manual_seed(0)
    return MultiMedSequenceEncoder(tester.config(), 5, window, stride, places).eval()


@settings(max_examples=40)
@given(lengths_of_sequences, windows, st.sampled_from([0, 1, 20]), st.integers(0, 99))
def test_sequence_windows_against_loops(tester, lengths, window_stride, known_places, seed):
    window, stride = window_stride
    encoder = sequence_encoder(tester, window, stride, known_places)
    ids = [np.random.default_rng(seed).integers(0, 5, length).tolist() for length in lengths]
    rows, places, standing = [], [], []
    for sequence in ids:
        for token in range(-(-len(sequence) // stride)):
            row = torch.zeros(encoder.embedding.weight.shape[1])
            for offset in range(window):
                place = token * stride + stride // 2 - window // 2 + offset
                letter = sequence[place] if 0 <= place < len(sequence) else 5
                row += encoder.embedding.weight[offset * 6 + letter]
            rows.append(row)
            # Near the start each letter also counts by its place in the sequence, once.
            own = torch.zeros_like(row)
            for place in range(token * stride, min(token * stride + stride, len(sequence), known_places)):
                own += encoder.place.weight[place * 5 + sequence[place]]
            standing.append(own)
            places.append(token)
    expected = encoder.position(torch.stack(rows), torch.tensor(places)) + torch.stack(standing)
    tokens, counts = encoder(torch.tensor([letter for sequence in ids for letter in sequence]), torch.tensor(lengths))
    assert counts.tolist() == [-(-length // stride) for length in lengths]
    torch.testing.assert_close(tokens, expected, atol=1e-5, rtol=1e-5)


@settings(max_examples=20)
@given(st.integers(1, 40), st.sampled_from([(9, 3), (5, 1), (4, 2)]))
def test_every_letter_is_seen(tester, length, window_stride):
    encoder = sequence_encoder(tester, *window_stride)
    ids = torch.zeros(length, dtype=torch.long)
    tokens, _ = encoder(ids, torch.tensor([length]))
    for place in range(length):
        changed = ids.clone()
        changed[place] = 1
        assert not torch.equal(encoder(changed, torch.tensor([length]))[0], tokens)


def test_text_order_matters(tester):
    encoder = build_encoder("text", tester.config()).eval()
    tokens, lengths = encoder(torch.tensor([3, 4, 5, 4, 3]), torch.tensor([3, 2]))
    assert lengths.tolist() == [3, 2]
    alone, _ = encoder(torch.tensor([4, 3]), torch.tensor([2]))
    torch.testing.assert_close(tokens[3:], alone)
    assert not torch.allclose(tokens[0], tokens[4], atol=1e-3), "one word at two places is two tokens"


def test_text_pairs_are_one_segment(tester):
    packed = tester.batch([{"text": ("the question", "maybe no")}, {"text": "normal"}, {"text": ("is", "heart")}])
    text = packed["inputs"]["text"]
    assert text["lengths"].tolist() == [4, 1, 2]
    pairs = [tester.tokenizer("the question", "maybe no"), tester.tokenizer("normal"), tester.tokenizer("is", "heart")]
    assert text["input_ids"].tolist() == [token for pair in pairs for token in pair["input_ids"]]


@settings(max_examples=20)
@given(st.integers(0, 9999))
def test_genes_have_no_order(tester, seed):
    rng = np.random.default_rng(seed)
    cell = tester.sample(rng, ["scrna"])["scrna"]
    order = rng.permutation(len(cell["genes"]))
    shuffled = {"genes": [cell["genes"][place] for place in order], "values": cell["values"][order]}
    model = tester.model(tester.config(["scrna"]))
    one, other = (model(**tester.batch([{"scrna": each}])) for each in (cell, shuffled))
    torch.testing.assert_close(one.pooler_output, other.pooler_output, atol=1e-5, rtol=1e-5)


def test_cell_values_count(tester):
    encoder = build_encoder("scrna", tester.config())
    ids, lengths = torch.tensor([3, 5, 2]), torch.tensor([2, 1])
    tokens, counts = encoder(ids, torch.tensor([1.0, 2.0, 3.0]), lengths)
    weights, size = encoder.embedding.weight, tester.config().scrna_tokens
    expected = torch.stack([weights[3] + 2 * weights[5], 3 * weights[2]]).view(2 * size, -1)
    torch.testing.assert_close(tokens, expected + encoder.bias.repeat(2, 1))
    assert counts.tolist() == [size, size]


@settings(max_examples=20)
@given(st.integers(0, 9999))
def test_channels_have_no_order_but_places(tester, seed):
    rng = np.random.default_rng(seed)
    recording = {"signal": rng.normal(size=(4, 130)) * 20, "channels": ["C3", "Fz", "Oz", "T8"], "sampling_rate": 128.0}
    order = rng.permutation(4)
    shuffled = {
        **recording,
        "signal": recording["signal"][order],
        "channels": [recording["channels"][place] for place in order],
    }
    renamed = {**recording, "channels": ["C4", "Fz", "Oz", "T8"]}
    model = tester.model(tester.config(["eeg"]))
    one, other, moved = (
        model(**tester.batch([{"eeg": each}])).pooler_output for each in (recording, shuffled, renamed)
    )
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(one, moved, atol=1e-4)


@pytest.mark.parametrize(
    "channels", [["Cz"], ["FC5", "TP10"], "Fp1 Fp2 F7 F3 Fz F4 F8 T3 C3 Cz C4 T4 T5 P3 Pz P4 T6 O1 O2".split()]
)
def test_any_montage(tester, channels):
    signal = np.random.default_rng(0).normal(size=(len(channels), 200))
    batch = tester.batch([{"eeg": {"signal": signal, "channels": channels, "sampling_rate": 128.0}}])
    output = tester.model(tester.config(["eeg"])).multimed(**batch)
    assert output.token_lengths["eeg"].tolist() == [4 * len(channels) + 1]
    assert torch.isfinite(output.pooler_output).all()


def test_patches_differ_by_wave_time_and_place(tester):
    encoder = build_encoder("eeg", tester.config()).eval()
    wave = torch.sin(torch.arange(64) / 3)
    values = torch.stack([wave, wave, wave, wave * 2])
    places = torch.tensor([[0.0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, 1]])
    tokens, lengths = encoder(values, places, torch.tensor([0, 1, 0, 0]), torch.tensor([4]))
    assert lengths.tolist() == [5]
    for other in (2, 3, 4):  # the first token is the map of power
        assert not torch.allclose(tokens[1], tokens[other], atol=1e-4)


def test_the_map_of_power_shows_where_a_rhythm_goes_not_how_strong_the_amplifier_is(tester):
    """Written out: mean power over time by channel, weighted by nearness to each site, its log less the mean over sites."""
    encoder = build_encoder("eeg", tester.config()).eval()
    channels, rng = ["C3", "Cz", "C4", "Pz"], np.random.default_rng(0)
    values = torch.from_numpy(rng.normal(size=(8, 64))).float()
    electrodes = torch.tensor([position(name) for name in channels for _ in range(2)])
    power = torch.fft.rfft(values * torch.hann_window(64))[:, 1:].abs().square() / 64 + 1e-3
    found = encoder._maps(power, electrodes, torch.tensor([8])).view(33, 32)
    for place, site in enumerate(SITES):
        near = [np.exp(40 * (np.dot(position(name), position(site)) - 1)) + 1e-6 for name in channels]
        level = sum(weight * (power[2 * i] + power[2 * i + 1]) / 2 for i, weight in enumerate(near)) / sum(near)
        torch.testing.assert_close(found[place] / 2 + found[32] * 4, level.log(), atol=1e-4, rtol=1e-4)
    louder = encoder._maps(power * 9, electrodes, torch.tensor([8])).view(33, 32)
    torch.testing.assert_close(louder[:32], found[:32], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [2, 8, 32])
def test_sinusoids(size):
    waves = sinusoids(positions_of(torch.tensor([50])), size)
    assert waves.shape == (50, size)
    torch.testing.assert_close(waves[0], torch.cat([torch.zeros(size // 2), torch.ones(size // 2)]))
    torch.testing.assert_close(waves[:, 0], torch.arange(50.0).sin())
    # sin^2 + cos^2 at every wavelength
    torch.testing.assert_close(waves.square().sum(1), torch.full((50,), size / 2))


def test_hiding_whole_tokens_in_training_only():
    tokens = torch.rand(2000, 3) + 1
    assert hide(tokens, 0.3, training=False) is tokens and hide(tokens, 0.0, training=True) is tokens
    torch.manual_seed(0)
    hidden = hide(tokens, 0.3, training=True)
    gone = (hidden == 0).all(1)
    assert torch.equal(hidden[~gone], tokens[~gone]) and 0.25 < gone.float().mean() < 0.35
