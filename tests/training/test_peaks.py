"""Models learn from open chromatin alone."""

from __future__ import annotations

from itertools import count

import numpy as np
import torch

from multimed_hf.data import SampleDataset, heads_in
from multimed_hf.evaluation.predict import predict
from multimed_hf.simulation import Simulation
from multimed_hf.simulation.generator import generator_of
from multimed_hf.training.checkpoint import alignment, heads_of_model, new_model
from multimed_hf.training.genes import AlignedSamples
from multimed_hf.training.train import Settings, make_trainer, training_arguments

TYPES, TRAIN, TEST = 8, 200, 100


def test_cell_types_are_learnt_from_peaks_alone(make, tmp_path):
    generator = generator_of("scrna", Simulation(prevalence="balanced"))
    rows: list[dict] = []
    for index in count():
        # Even members of a donor are cells to be typed.
        row = generator.row(index) if generator.place(index)[1] % 2 == 0 else {}
        if "peak_index" in row and "cell_type" in row:
            kept = {name: row[name] for name in ("id", "group", "peak_index", "cell_type")}
            rows.append({**kept, "source": "synthetic", "has_genomics": True})
        if len(rows) == TRAIN + TEST:
            break
    train, test = ([("scrna", make("scrna", part))] for part in (rows[:TRAIN], rows[TRAIN:]))
    heads, peaks = heads_in({"scrna": [train[0][1]]}), {"scrna": generator.peaks}
    settings = Settings(epochs=20, config={"hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 32})
    torch.manual_seed(0)
    model, processor = new_model(train, heads, {}, 500, settings.config, peaks)
    genes = alignment(model.config, processor, {}, peaks)
    arguments = training_arguments(tmp_path, settings, 0, progress=False)
    make_trainer(
        model, processor, heads_of_model(heads, model.config), genes, train, [], arguments, settings, 0
    ).train()
    samples = AlignedSamples(SampleDataset(test), genes)
    (found,) = predict(model, processor, samples, heads, progress=False).values()
    recall = [
        (np.argmax(found.predictions[found.references == kind], 1) == kind).mean() for kind in set(found.references)
    ]
    # By chance 1 / 8.
    assert len(recall) == TYPES and np.mean(recall) > 0.5
