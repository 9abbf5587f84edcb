"""Rows for every metric, such that every key that its docstring promises comes back."""

import numpy as np

GENERATOR = np.random.default_rng(0)
N = 40

PROBABILITIES, CLASSES = GENERATOR.dirichlet(np.ones(3), N), GENERATOR.integers(3, size=N)
LABELS = ["a", "b", "c"]
TYPES = np.where(np.arange(N) % 5 == 0, -1, CLASSES)
CHAINS = [np.cumsum(GENERATOR.normal(size=(8 + row % 3, 3)), axis=0) for row in range(N)]
UNRESOLVED = [np.where(np.arange(len(chain))[:, None] == 2, np.nan, chain) for chain in CHAINS]
MASKS = [GENERATOR.integers(0, 3, (4 + row % 2, 5)) for row in range(N)]
REGIONS = [GENERATOR.random((4, 5)) < 0.3 for _ in range(N)]
for region in REGIONS:
    region[0, 0] = True
OUTCOMES = np.stack([GENERATOR.uniform(1, 1000, N), GENERATOR.integers(0, 2, N)], axis=1)
CURVES = np.sort(GENERATOR.random((N, 2)))[:, ::-1]


def boxes(scored):
    corners = GENERATOR.uniform(0, 50, (2, 2))
    found = {"boxes": np.concatenate([corners, corners + 20], axis=1), "labels": GENERATOR.integers(0, 2, 2)}
    return {**found, "scores": GENERATOR.random(2)} if scored else found


# Predictions, references and further arguments.
ROWS = {
    "classification": (PROBABILITIES, CLASSES, {"labels": LABELS, "top_k": [2]}),
    "multilabel": (GENERATOR.random((N, 2)), GENERATOR.integers(-1, 2, (N, 2)), {"labels": ["a", "b"]}),
    "ordinal": (PROBABILITIES, CLASSES, {"positive_from": 1, "within": [1]}),
    "eeg": (PROBABILITIES, CLASSES, {"labels": LABELS, "subjects": ["S1", "S2"] * (N // 2)}),
    "cell_type": (
        PROBABILITIES,
        TYPES,
        {"labels": LABELS, "embeddings": GENERATOR.normal(size=(N, 2)), "rejection_threshold": 0.4},
    ),
    "expression": (
        GENERATOR.normal(size=(N, 3)),
        np.where(GENERATOR.random((N, 3)) < 0.1, np.nan, GENERATOR.normal(size=(N, 3))),
        {"train_mean": [0.0] * 3, "strata": ["B", "T"] * (N // 2), "strata_mean": {"B": [1.0] * 3, "T": [0.0] * 3}},
    ),
    "structure": ([chain + GENERATOR.normal(size=chain.shape) for chain in CHAINS], UNRESOLVED, {}),
    "answer": (
        ["yes", "no"] * (N // 2),
        ["yes"] * N,
        {"answer_types": ["closed", "closed", "open", "open"] * (N // 4), "question_types": ["organ"] * N},
    ),
    "segmentation": (MASKS, [np.roll(mask, 1) for mask in MASKS], {"labels": ["a", "b"]}),
    "grounding": ([GENERATOR.random((4, 5)) for _ in range(N)], REGIONS, {}),
    "detection": ([boxes(True) for _ in range(N)], [boxes(False) for _ in range(N)], {"labels": ["a", "b"]}),
    "survival": (GENERATOR.normal(size=N), OUTCOMES, {"horizons": [200, 400], "curves": CURVES}),
    "retrieval": (GENERATOR.random((N, 12)), GENERATOR.integers(12, size=N), {}),
    "calibration": (PROBABILITIES, CLASSES, {}),
}

# Where the task fixes arguments that want other rows.
TASK_ROWS = {
    "bone_age_classification": (
        GENERATOR.dirichlet(np.ones(20), N),
        GENERATOR.integers(20, size=N),
        {"reference_values": GENERATOR.uniform(0, 239, N)},
    ),
    "diabetic_retinopathy_classification": (GENERATOR.dirichlet(np.ones(5), N), GENERATOR.integers(5, size=N), {}),
}
