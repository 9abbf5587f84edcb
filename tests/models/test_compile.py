"""`torch.compile`: the same numbers, few graphs, and none made anew for every batch."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.testing import CompileCounter

NAMES = ["text", "genomics", "scrna"]
KINDS = ["single_label", "multi_label", "ordinal", "regression"]


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.slow
@pytest.mark.parametrize("fusion", ["early", "late", "bottleneck"])
def test_compiled_model_equals_the_eager_one_and_is_compiled_for_lengths_once(tester, fusion):
    model = tester.model(tester.config(NAMES, KINDS, fusion=fusion))
    counter = CompileCounter()
    compiled = torch.compile(model, backend=counter)
    graphs, numbers_of_lengths = [], set()
    for seed in range(5):
        samples = tester.samples(NAMES, seed)[: 6 - seed % 2]
        batch, labels = tester.batch(samples), tester.labels(model.config, samples)
        plain, found = model(**batch, labels=labels), compiled(**batch, labels=labels)
        for name, logits in plain.logits.items():
            torch.testing.assert_close(found.logits[name], logits, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found.loss, plain.loss, atol=1e-5, rtol=1e-5)
        model.zero_grad()
        plain.loss.backward()
        expected = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
        model.zero_grad()
        found.loss.backward()
        for name, gradient in expected.items():
            torch.testing.assert_close(model.get_parameter(name).grad, gradient, atol=1e-5, rtol=1e-4)
        graphs.append(counter.frame_count)
        numbers_of_lengths.add(len(model.multimed(**batch).packing.blocks))
    assert len(numbers_of_lengths) > 1
    # Once for the first batch, once more for any lengths.
    assert graphs[1] <= 2 * graphs[0] and graphs[2:] == [graphs[2]] * 3 and graphs[2] - graphs[1] <= 2, graphs


@torch.no_grad()
def test_graph_breaks_are_those_of_the_layout_and_of_attention(tester):
    model = tester.model(tester.config(NAMES, KINDS)).multimed
    found = torch._dynamo.explain(model)(**tester.batch(tester.samples(NAMES)))
    # The first break, before any operation, leaves no graph; attention of each of two layers parts its projections from
    # what follows.
    assert found.graph_break_count == 4, found.break_reasons
    assert all("compiler.disable" in reason.reason for reason in found.break_reasons)


@pytest.mark.slow
@torch.no_grad()
def test_an_encoder_can_be_compiled_by_itself(tester):
    model = tester.model(tester.config(["protein"], KINDS))
    batches = [tester.batch(tester.samples(["protein"], seed)) for seed in range(3)]
    expected = [model(**batch).pooler_output for batch in batches]
    counter = CompileCounter()
    model.multimed.encoders["protein"].compile(backend=counter)
    for batch, pooled in zip(batches, expected, strict=True):
        torch.testing.assert_close(model(**batch).pooler_output, pooled, atol=1e-5, rtol=1e-5)
    assert counter.frame_count > 0
