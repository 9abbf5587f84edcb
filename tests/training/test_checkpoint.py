import io
import shutil
from dataclasses import replace

import pytest
import torch
from PIL import Image
from transformers import AutoModel

from multimed_hf.data.heads import by_label_text, heads_in
from multimed_hf.data.samples import MultiMedCollator, SampleDataset
from multimed_hf.models import MultiMedForMultitask
from multimed_hf.training.checkpoint import (
    alignment,
    carried,
    extended_model,
    heads_of_model,
    load_checkpoint,
    new_model,
)
from multimed_hf.training.genes import AlignedSamples

from ..models.pretrained import words, write

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
GENES = {"scrna": ["A", "B", "C", "D"]}
TYPING, EXPRESSION = "cell_type_classification/pbmc68k", "expression_prediction/pbmc68k"


def cells(make, expression=True, typing=True):
    rows = []
    for number in range(6):
        row = {"id": f"pbmc68k/{number}", "source": "pbmc68k", "group": str(number), "has_scrna": True}
        row |= {"gene_index": [0, 2], "gene_value": [1.0, 0.5 + number]}
        if number % 2 and typing:
            row |= {"cell_type": "Dendritic"}
        elif expression:
            row |= {"expression_index": [1, 3], "expression": [1.0, float(number)]}
        rows.append(row)
    return [("scrna", make("scrna", rows))]


def reports(make):
    rows = [
        {
            "id": f"openi_reports/{n}",
            "source": "openi_reports",
            "group": str(n),
            "has_text": True,
            "text": f"report {n}",
        }
        | {"report_findings": {"normal": "present"}}
        for n in range(4)
    ]
    return [("text", make("text", rows))]


def heads_of(parts):
    return heads_in({subset: [data] for subset, data in parts})


@pytest.fixture
def saved(make, tmp_path):
    """A checkpoint that knows cells only."""
    parts = cells(make)
    torch.manual_seed(0)
    model, processor = new_model(parts, heads_of(parts), GENES, 500, SMALL)
    model.set_target_statistics(EXPRESSION, [1.0, 2.0], [3.0, 4.0])
    folder = tmp_path / "saved"
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def logits(model, processor, parts, genes):
    samples = AlignedSamples(SampleDataset(parts), alignment(model.config, processor, genes))
    with torch.no_grad():
        return model.eval()(**MultiMedCollator(processor)(samples.__getitems__(range(len(samples))))).logits


def test_a_new_model_fits_the_rows(make):
    parts = cells(make) + reports(make)
    model, processor = new_model(parts, heads_of(parts), GENES, 500, SMALL)
    assert model.config.modalities == carried(parts) == ["text", "scrna"]
    assert model.config.num_genes == 4 and processor.scrna_feature_extractor.genes == GENES["scrna"]
    assert model.config.vocab_size == len(processor.tokenizer)
    assert "report" in processor.tokenizer.get_vocab()
    tasks = {task["name"]: task for task in model.config.tasks}
    assert tasks[EXPRESSION]["targets"] == ["B", "D"] and tasks[EXPRESSION]["num_targets"] == 2
    assert len(logits(model, processor, parts, GENES)) == 3


def test_a_new_model_knows_the_peaks_of_the_rows_by_name(make):
    row = {"id": "sortseq_lac/1", "source": "sortseq_lac", "group": "1", "has_genomics": True, "peak_index": [2, 0]}
    parts = [*cells(make), ("genomics", make("genomics", [row]))]
    lists = {"scrna": ["x"], "genomics": ["p", "q", "r"]}
    model, processor = new_model(parts, heads_of(parts[:1]), GENES, 500, SMALL, lists)
    # No row of the other subset carries any.
    assert model.config.num_peaks == 3 and processor.peak_feature_extractor.peaks == ["p", "q", "r"]
    aligned = AlignedSamples(SampleDataset(parts[1:]), alignment(model.config, processor, GENES, lists))
    assert aligned[0]["inputs"]["genomics"]["peaks"].tolist() == [2, 0]
    without, processor = new_model(parts[:1], heads_of(parts[:1]), GENES, 500, SMALL, lists)
    assert without.config.num_peaks == 0 and processor.peak_feature_extractor.peaks == []
    spared, processor = new_model(parts, heads_of(parts[:1]), GENES, 500, {**SMALL, "num_peaks": 0}, lists)
    assert spared.config.num_peaks == 0 and processor.peak_feature_extractor.peaks == []


def test_a_new_model_takes_over_pretrained_encoders(make, tmp_path):
    bert = write("bert", tmp_path / "bert")
    parts = cells(make) + reports(make)
    encoders = [{"modality": "text", "model": bert, "training": "lora"}]
    model, processor = new_model(parts, heads_of(parts), GENES, 500, {**SMALL, "encoders": encoders})
    own = AutoModel.from_pretrained(bert, add_pooling_layer=False).state_dict()
    found = model.multimed.encoders["text"].model.state_dict()
    assert own.keys() == found.keys() and all(torch.equal(own[name], found[name]) for name in own)
    assert processor.tokenizer.get_vocab() == words().get_vocab()
    assert model.config.vocab_size == 40 and processor.scrna_feature_extractor.genes == GENES["scrna"]
    model.save_pretrained(tmp_path / "saved")
    processor.save_pretrained(tmp_path / "saved")
    shutil.rmtree(bert)
    extended, processor, new = extended_model(tmp_path / "saved", parts, heads_of(parts), GENES, {})
    assert new == []
    expected, again = (logits(one, processor, parts, GENES) for one in (model, extended))
    assert all(torch.equal(expected[name], again[name]) for name in expected)


def test_rows_without_text_still_give_a_processor_that_can_be_saved(saved):
    model, processor = load_checkpoint(saved)
    assert model.config.modalities == ["scrna"]
    assert len(processor.tokenizer) > 5


def questions(make, opened=True, closed=True):
    common = {"source": "synthetic", "has_text": True, "text": "indication", "question": "where is it?"}
    kinds = [{"choices": ["yes", "no"], "answer": "no"}] * closed + [{"answer": "hilum"}] * opened
    rows = [{**common, "id": f"synthetic/{n}", "group": str(n), **kind} for n, kind in enumerate(kinds * 3)]
    return [("vqa", make("vqa", rows))]


CLOSED = "medical_visual_question_answering/synthetic"
OPEN = f"{CLOSED}/open"


def test_answers_that_are_written_are_words_of_a_new_model(make, monkeypatch):
    from multimed_hf.training import checkpoint

    learnt = []
    train = checkpoint.train_tokenizer
    monkeypatch.setattr(
        checkpoint, "train_tokenizer", lambda texts, size: learnt.append(list(texts)) or train(texts, size)
    )
    parts = questions(make)
    model, processor = new_model(parts, heads_of(parts), {}, 500, SMALL)
    # Those that are chosen stand among the choices, once.
    assert learnt[0].count("hilum") == 3 and learnt[0].count("no") == 3 == learnt[0].count("yes")
    end = processor.tokenizer.sep_token_id
    assert model.config.tasks == [
        {"name": CLOSED, "kind": "answer"},
        {"name": OPEN, "kind": "answer", "head": "decoder", "end_token_id": end},
    ]
    heads = heads_of_model(heads_of(parts), model.config)
    assert [head.end_token_id for head in heads] == [-1, end]
    labels = MultiMedCollator(processor, heads)(SampleDataset(parts).__getitems__(range(6)))["labels"][OPEN]
    assert processor.decode_answers(labels, end) == ["", "hilum"] * 3


def test_labels_are_read_as_texts(make):
    parts = cells(make, expression=False)
    heads = [by_label_text(head) for head in heads_of(parts)]
    model, processor = new_model(parts, heads, GENES, 500, SMALL)
    # The cells bring no text, but their labels are one.
    assert model.config.modalities == ["text", "scrna"]
    (entry,) = model.config.tasks
    assert entry["head"] == "label_text" and len(entry["label_ids"]) == len(entry["labels"]) == 10
    texts = processor.tokenizer.batch_decode(entry["label_ids"], skip_special_tokens=True)
    assert texts[-1] == "dendritic" and not any("[UNK]" in text for text in texts)
    (found,) = logits(model, processor, parts, GENES).values()
    assert found.shape == (6, 10)


def test_open_answers_are_added_to_a_checkpoint(make, tmp_path):
    parts = questions(make, opened=False)
    model, processor = new_model(parts, heads_of(parts), {}, 500, SMALL)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    both = questions(make)
    extended, _, new = extended_model(tmp_path, both, heads_of(both), {}, {})
    assert new == [OPEN] and extended.config.tasks[1]["head"] == "decoder"
    before, after = (logits(one, processor, parts, {})[CLOSED] for one in (model, extended))
    torch.testing.assert_close(before, after, rtol=0, atol=0)


def test_a_head_keeps_its_form(make, saved, tmp_path):
    parts = cells(make, expression=False)
    heads = heads_of(parts)
    with pytest.raises(ValueError, match=f"Head '{TYPING}' of .* has head None, the data ask label_text"):
        extended_model(saved, parts, [by_label_text(head) for head in heads], GENES, {})
    named, processor = new_model(parts, [by_label_text(head) for head in heads], GENES, 500, SMALL)
    named.save_pretrained(tmp_path / "named")
    processor.save_pretrained(tmp_path / "named")
    extended, _, new = extended_model(tmp_path / "named", parts, heads, GENES, {})
    assert new == [] and extended.config.tasks == named.config.tasks


def test_open_answers_need_embeddings_as_wide_as_the_model(make, tmp_path):
    encoders = [{"modality": "text", "model": write("bert", tmp_path / "bert")}]
    parts = questions(make)
    with pytest.warns(UserWarning, match=rf"of width 16, hidden_size, and those .* have 24: {OPEN}\."):
        model, _ = new_model(parts, heads_of(parts), {}, 500, {**SMALL, "encoders": encoders})
    assert [task["name"] for task in model.config.tasks] == [CLOSED]
    assert [head.name for head in heads_of_model(heads_of(parts), model.config)] == [CLOSED]
    with pytest.raises(ValueError, match="Expected a tokenizer with a separator or an end token"):
        new_model(parts, heads_of(parts), {}, 500, {**SMALL, "hidden_size": 24, "encoders": encoders})


def test_genes_of_subsets_without_cells_are_no_vocabulary(make):
    parts = cells(make, expression=False)
    symbols = {**GENES, "genomics": ["lacZ"]}
    row = {"id": "sortseq_lac/1", "source": "sortseq_lac", "group": "1", "has_genomics": True, "dna": "ACGT"}
    parts += [("genomics", make("genomics", [row | {"expression_index": [0], "expression": [1.0]}]))]
    model, processor = new_model(parts, heads_of(parts), symbols, 500, SMALL)
    assert processor.scrna_feature_extractor.genes == GENES["scrna"]
    targets = {task["name"]: task.get("targets") for task in model.config.tasks}
    assert targets == {TYPING: None, "expression_prediction/sortseq_lac": ["lacZ"]}


def test_heads_of_the_checkpoint_stay_and_others_are_added(make, saved, tmp_path):
    typing = cells(make, expression=False)
    model, processor = new_model(typing, heads_of(typing), GENES, 500, SMALL)
    model.save_pretrained(tmp_path / "typing")
    processor.save_pretrained(tmp_path / "typing")
    expression = cells(make, typing=False)
    extended, _, new = extended_model(tmp_path / "typing", expression, heads_of(expression), GENES, {})
    assert new == [EXPRESSION]
    assert [task["name"] for task in extended.config.tasks] == [TYPING, EXPRESSION]
    before, after = (logits(one, processor, typing, GENES)[TYPING] for one in (model, extended))
    torch.testing.assert_close(before, after, rtol=0, atol=0)
    assert torch.isfinite(logits(extended, processor, expression, GENES)[EXPRESSION]).all()


@pytest.mark.parametrize("balancing", ["uncertainty", "dynamic"])
def test_what_balances_losses_is_kept_and_starts_anew_for_added_heads(make, tmp_path, balancing):
    typing, expression = cells(make, expression=False), cells(make, typing=False)
    model, processor = new_model(typing, heads_of(typing), GENES, 500, {**SMALL, "loss_balancing": balancing})
    for value in model.heads.balancing.state_dict().values():
        value.fill_(3)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    extended, _, _ = extended_model(tmp_path, expression, heads_of(expression), GENES, {})
    state = extended.heads.balancing.state_dict()
    assert {name: value.item() for name, value in state.items()} == {
        name: 3 if TYPING in name else 0 for name in state
    } and len(state) == 2 * len(model.heads.balancing.state_dict())


def test_statistics_of_a_head_that_stays_are_kept(make, saved):
    parts = cells(make)
    model, _, new = extended_model(saved, parts, heads_of(parts), GENES, {})
    assert new == []
    assert model.heads.tasks[EXPRESSION].mean.tolist() == [1.0, 2.0]
    assert model.heads.tasks[EXPRESSION].scale.tolist() == [3.0, 4.0]


def test_another_order_of_genes_gives_the_same_predictions(make, saved):
    model, processor = load_checkpoint(saved)
    rows = [
        {"id": f"pbmc68k/{n}", "source": "pbmc68k", "group": str(n), "has_scrna": True}
        | {"gene_index": [3, 1], "gene_value": [1.0, 0.5 + n], "expression_index": [2, 0], "expression": [1.0, n + 0.0]}
        for n in range(6)
    ]
    # Gene by gene what `cells` holds, but the subset counts D, C, B, A.
    other = [("scrna", make("scrna", rows))]
    for name, expected in logits(model, processor, cells(make), GENES).items():
        torch.testing.assert_close(logits(model, processor, other, {"scrna": list("DCBA")})[name], expected)
    heads = heads_of_model(heads_of(other), model.config)
    aligned = AlignedSamples(SampleDataset(other), alignment(model.config, processor, {"scrna": list("DCBA")}))
    labels = MultiMedCollator(processor, heads)([aligned[5]])["labels"][EXPRESSION]
    assert labels.tolist() == [[1.0, 5.0]]


def test_dropout_may_be_changed_and_nothing_else(make, saved):
    parts = cells(make)
    model, _, _ = extended_model(saved, parts, heads_of(parts), GENES, {"head_dropout": 0.5})
    assert model.config.head_dropout == 0.5
    with pytest.raises(ValueError, match=r"only dropout rates in config.*got hidden_size"):
        extended_model(saved, parts, heads_of(parts), GENES, {"hidden_size": 32})


def test_a_modality_that_the_checkpoint_does_not_read_is_refused(make, saved):
    parts = reports(make)
    with pytest.raises(ValueError, match=r"carry text, which .* does not read \(scrna\)"):
        extended_model(saved, parts, heads_of(parts), GENES, {})


def test_a_head_that_means_something_else_is_refused(make, saved):
    parts = cells(make)
    heads = [replace(head, labels=head.labels[::-1]) for head in heads_of(parts)]
    with pytest.raises(ValueError, match=f"Head '{TYPING}' of .* has labels"):
        extended_model(saved, parts, heads, GENES, {})


def test_what_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="to be a checkpoint folder or a model of the Hub: there is no such"):
        load_checkpoint(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match=r"Expected a checkpoint of MultiMedForMultitask, got .*'bert'"):
        load_checkpoint(tmp_path)


def test_a_truncated_checkpoint_is_refused(saved):
    (saved / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"to be a checkpoint folder.*model.safetensors"):
        load_checkpoint(saved)


def test_an_adapter_is_merged_and_finds_its_base_after_both_have_moved(make, saved, tmp_path):
    from peft import LoraConfig, get_peft_model

    run = tmp_path / "run"
    run.mkdir()
    shutil.copytree(saved, run / "base")
    base = MultiMedForMultitask.from_pretrained(run / "base")
    base.name_or_path = str(run / "base")
    adapted = get_peft_model(base, LoraConfig(target_modules=["q_proj", "fc1"], modules_to_save=["heads"]))
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    adapted.save_pretrained(run / "checkpoint")
    _, processor = load_checkpoint(saved)
    processor.save_pretrained(run / "checkpoint")
    run.rename(tmp_path / "elsewhere")
    merged, processor = load_checkpoint(tmp_path / "elsewhere" / "checkpoint")
    assert type(merged) is MultiMedForMultitask
    parts = cells(make)
    original = logits(load_checkpoint(saved)[0], processor, parts, GENES)
    for name, expected in logits(adapted, processor, parts, GENES).items():
        torch.testing.assert_close(logits(merged, processor, parts, GENES)[name], expected, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(original[name], expected)


def test_images_are_cut_as_the_configuration_says_and_reports_beside_them_are_no_input(make):
    buffer = io.BytesIO()
    Image.new("L", (64, 48), 99).save(buffer, "PNG")
    row = {
        "id": "synthetic/1",
        "source": "synthetic",
        "group": "1",
        "has_xray": True,
        "xray": {"bytes": buffer.getvalue(), "path": None},
        "has_text": True,
        "text": "No acute disease.",
        "disease": "cyst",
    }
    parts = [("xray", make("xray", [row]))]
    sizes = {
        "image_size": 32,
        "image_patch_size": 8,
        "volume_voxel_size": [3.0, 2.0, 1.0],
        "volume_patch_size": [2, 3, 4],
    }
    model, processor = new_model(parts, heads_of(parts), {}, 300, {**SMALL, **sizes})
    assert model.config.modalities == ["xray"]
    cut = processor.patch_image_processor
    assert (cut.image_size, cut.patch_size, cut.voxel_size, cut.volume_patch_size) == tuple(sizes.values())
    (found,) = logits(model, processor, parts, {}).values()
    assert found.shape == (1, 5)
