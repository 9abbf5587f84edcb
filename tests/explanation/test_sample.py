"""One sample, its copies, and a model that is left as it was."""

import pytest
import torch

from multimed_hf.explanation import attention_shares, contributions, saliency
from multimed_hf.explanation.sample import PackedSample, undisturbed
from multimed_hf.models.configuration_multimed import MODALITIES

SOME = ["text", "eeg", "xray"]


@torch.no_grad()
def test_copies_are_what_the_processor_would_pack(tester, columns):
    model, inputs = tester.model(), columns(MODALITIES)
    present = [MODALITIES, ["text"], ["ct", "eeg"], MODALITIES[3:]]
    sample = PackedSample.of(model, tester.processor, inputs)
    columns_of_all = {name: [inputs[name][0] if name in names else None for names in present] for name in MODALITIES}
    expected = model(**tester.processor(**columns_of_all, choices=inputs["choices"] * len(present))).logits
    found = model(**sample.copies(present)).logits
    assert found.keys() == expected.keys()
    for name, logits in expected.items():
        torch.testing.assert_close(found[name], logits, atol=1e-5, rtol=1e-5)


def state(model):
    return (
        [module.training for module in model.modules()],
        [(parameter.requires_grad, parameter.grad, parameter.dtype) for parameter in model.parameters()],
        model.config._attn_implementation,
        [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()],
    )


@pytest.mark.parametrize("failing", [False, True])
def test_the_model_is_left_as_it_was(tester, columns, failing):
    model, inputs = tester.model(tester.config(SOME, ["single_label"])).train(), columns(SOME)
    model.multimed.layers[0].eval()
    model.multimed.norm.weight.requires_grad_(False)
    model.heads.tasks["cell_type/ten"].out.bias.grad = torch.ones(3)
    before = state(model)
    calls = [
        lambda: contributions(model, tester.processor, inputs, "cell_type/ten"),
        lambda: saliency(model, tester.processor, inputs, "cell_type/ten", steps=2),
        lambda: attention_shares(model, tester.processor, inputs),
    ]
    if failing:
        fail = model.multimed.encoders["xray"].register_forward_hook(lambda *_: 1 / 0)
        before = state(model)
    for call in calls:
        if failing:
            with pytest.raises(ZeroDivisionError):
                call()
        else:
            call()
        assert state(model) == before
    if failing:
        fail.remove()


def test_explanations_work_under_inference_mode_and_are_the_same(tester, columns):
    model, inputs = tester.model(tester.config(SOME, ["single_label"])), columns(SOME)
    expected = saliency(model, tester.processor, inputs, "cell_type/ten", modality="text", steps=4)["text"]
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        found = saliency(model, tester.processor, inputs, "cell_type/ten", modality="text", steps=4)["text"]
    assert found.values.tolist() == pytest.approx(expected.values.tolist(), abs=1e-6)


def test_half_precision_is_computed_in_single(tester, columns):
    model, inputs = tester.model(tester.config(SOME, ["multi_label"])).bfloat16(), columns(SOME)
    asked = (inputs, "findings/openi", "x")
    found = contributions(model, tester.processor, *asked)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    expected = contributions(model.float(), tester.processor, *asked)
    assert found.shapley == pytest.approx(expected.shapley, abs=1e-5)


def test_an_error_restores_attention(tester):
    model = tester.model(tester.config(["text"], ["single_label"]))
    with pytest.raises(KeyError), undisturbed(model, eager=True) as ready:
        assert ready.config._attn_implementation == "eager"
        raise KeyError
    assert model.config._attn_implementation == "sdpa"


def test_one_sample_at_a_time_of_modalities_that_are_read(tester, columns):
    model, inputs = tester.model(tester.config(["text"], ["single_label"])), columns(SOME)
    with pytest.raises(ValueError, match=r"which the model reads, got \['text', 'eeg', 'xray'\]"):
        contributions(model, tester.processor, inputs, "cell_type/ten")
    with pytest.raises(ValueError, match=r"those of one sample, got lengths {'text': 2}"):
        contributions(model, tester.processor, {"text": ["yes", "no"]}, "cell_type/ten")
