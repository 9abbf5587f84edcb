"""Scores of cell types: classification, agreement of clusters with types, and rejection of types never trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multimed_hf.metrics import checks
from multimed_hf.metrics.arrays import BoolArray, FloatArray, IntArray
from multimed_hf.metrics.classification import CLASSIFICATION, ClassificationRows
from multimed_hf.metrics.confusion import divide
from multimed_hf.metrics.ranking import auroc
from multimed_hf.metrics.rows import Metric, Part, mean
from multimed_hf.wording import counted

UNSEEN = -1
_RESTARTS = 10
_STEPS = 300


def cell_type(
    predictions: ArrayLike,
    references: ArrayLike,
    labels: Sequence[str] | None = None,
    clusters: ArrayLike | None = None,
    embeddings: ArrayLike | None = None,
    rejection_scores: ArrayLike | None = None,
    rejection_threshold: float | None = None,
) -> dict[str, float]:
    """Scores of cell type probabilities. Cells of a type that was not trained on ("unseen") take part in the
    rejection only, all other scores are of the cells of seen types.

    Args:
        predictions: probabilities `(n, types)`, each row adding up to 1 within 1e-3.
        references: type indices `(n,)` in [0, types), or -1 for a cell of an unseen type.
        labels: type names in the order of the columns; adds the scores of each type.
        clusters: the cluster of each cell `(n,)`, numbers or names.
        embeddings: instead of clusters, what to cluster `(n, dimensions)`, taken as they are: k-means with as many
            clusters as types occur, the best of 10 starts by k-means++ (Arthur & Vassilvitskii 2007) from seed 0.
            The order of the cells is without effect. All cells of seen types are clustered once: a bootstrap draws
            cells with their clusters.
        rejection_scores: `(n,)`, higher where a cell is less likely of a seen type; by default 1 - the highest
            probability (Hendrycks & Gimpel 2017).
        rejection_threshold: a cell is rejected where its rejection score is above it. Choose it on validation rows,
            never on the rows scored here.

    Returns:
        - all keys of `classification` over the cells of seen types; NaN without such cells.
        - with clusters or embeddings, `ari`: adjusted Rand index of clusters and types (Hubert & Arabie 1985), at most
          1, 0 expected by chance; and `nmi`: their mutual information over the arithmetic mean of both entropies
          (Strehl & Ghosh 2002 with that mean), in [0, 1]. Both are 1 where clusters and types are one and the same
          partition, also where that is a single group, and NaN without cells of seen types.
        - `unseen`: how many cells are of unseen types.
        - with unseen cells, `rejection_auroc`: how often one has a higher rejection score than a seen cell, ties
          counting half; NaN where no cell is seen.
        - with unseen cells, `rejection_fpr95`: the share of them that pass as seen at the lowest threshold at which at
          least 95 % of the seen cells are kept, in [0, 1], lower is better (false positive rate at 95 % true positive
          rate with seen types as positives; Liang et al. 2018); NaN where no cell is seen.
        - with `rejection_threshold`, `accuracy_with_rejection`: the share of all cells that are unseen and rejected,
          or seen, not rejected and of the predicted type; `seen_rejected` and `unseen_rejected`: the share of either
          that is rejected, NaN where there are none.

    Raises:
        ValueError: what `classification` refuses, a reference below -1, both clusters and embeddings, or clusters,
            embeddings, rejection scores or a threshold of another shape, missing or not finite.
    """
    return CELL_TYPE(predictions, references, labels, clusters, embeddings, rejection_scores, rejection_threshold)


@dataclass(frozen=True)
class CellTypeRows(ClassificationRows):
    """Those of `classification`, where an `unseen` cell has reference 0 and weight 0; `clusters` as names `(n,)`,
    `embeddings` `(n, dimensions)`, `rejection` scores `(n,)`.
    """

    unseen: BoolArray
    clusters: NDArray[np.str_] | None
    embeddings: FloatArray | None
    rejection: FloatArray
    threshold: float | None

    @cached_property
    def cluster_indices(self) -> IntArray | None:
        """The cluster of each cell `(n,)` from 0, that of an unseen one without meaning; None without clusters."""
        if self.clusters is not None:
            return np.unique(self.clusters, return_inverse=True)[1]
        if self.embeddings is None:
            return None
        seen, groups = ~self.unseen, np.zeros(len(self), dtype=np.int64)
        if seen.any():
            groups[seen] = _k_means(self.embeddings[seen], len(np.unique(self.references[seen])))
        return groups


def _update(
    predictions: ArrayLike,
    references: ArrayLike,
    labels: Sequence[str] | None = None,
    clusters: ArrayLike | None = None,
    embeddings: ArrayLike | None = None,
    rejection_scores: ArrayLike | None = None,
    rejection_threshold: float | None = None,
) -> CellTypeRows:
    checks.check_lengths(predictions, references)
    true = checks.integers(references, "references", "(n,)")
    if (true < UNSEEN).any():
        raise ValueError(
            f"Expected references that are type indices or -1 (unseen type), got {true.min()} "
            f"({counted(int((true < UNSEEN).sum()), 'such row')}); leave out cells without a type."
        )
    unseen = true == UNSEEN
    known = cast(ClassificationRows, CLASSIFICATION.update(predictions, np.where(unseen, 0, true), labels))
    if clusters is not None and embeddings is not None:
        raise ValueError("Expected clusters or embeddings, got both; leave out the embeddings to score your clusters.")
    if rejection_threshold is not None and not np.isfinite(rejection_threshold):
        raise ValueError(f"Expected a finite rejection_threshold, got {rejection_threshold}; choose it on validation.")
    n = len(unseen)
    return CellTypeRows(
        **vars(known),
        unseen=unseen,
        clusters=None if clusters is None else checks.row_names(clusters, "clusters", n),
        embeddings=None if embeddings is None else _embeddings(embeddings, n),
        rejection=_rejection_scores(rejection_scores, known.probabilities),
        threshold=None if rejection_threshold is None else float(rejection_threshold),
    )


def _embeddings(embeddings: ArrayLike, n: int) -> FloatArray:
    values = checks.matrix(embeddings, "embeddings", "dimensions")
    if len(values) != n:
        raise ValueError(f"Expected embeddings of {n} rows, got {len(values)}; give one row per cell.")
    return values


def _rejection_scores(scores: ArrayLike | None, probabilities: FloatArray) -> FloatArray:
    if scores is None:
        return 1.0 - probabilities.max(axis=1)
    values = np.asarray(scores)
    if values.dtype.kind not in "iuf" or values.shape != (len(probabilities),) or not np.isfinite(values).all():
        raise ValueError(
            f"Expected rejection_scores as {len(probabilities)} finite numbers, got {values.dtype} of shape "
            f"{values.shape}; give one per cell, without NaN or infinity."
        )
    return values.astype(np.float64)


def _k_means(points: FloatArray, clusters: int) -> IntArray:
    """The cluster of each point `(n,)`; points of one place share theirs, so there may be fewer than asked for."""
    # Sorted distinct places make the draws independent of the order of the points.
    places, index, counts = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    places = places - np.average(places, axis=0, weights=counts)  # distances between far off points would lose digits
    generator = np.random.default_rng(0)
    starts = [_spread_centres(places, counts, min(clusters, len(places)), generator) for _ in range(_RESTARTS)]
    found = [_descend(places, counts, centres) for centres in starts]
    return min(found, key=lambda result: result[1])[0][index.reshape(-1)]


def _spread_centres(places: FloatArray, counts: IntArray, clusters: int, generator: np.random.Generator) -> FloatArray:
    """k-means++: each centre is a place drawn by its squared distance from the centres before it."""
    chosen = [generator.choice(len(places), p=counts / counts.sum())]
    distance = np.full(len(places), np.inf)
    while len(chosen) < clusters:
        distance = np.minimum(distance, ((places - places[chosen[-1]]) ** 2).sum(axis=1))
        chance = counts * distance
        chosen.append(generator.choice(len(places), p=chance / chance.sum()))
    return places[chosen]


def _descend(places: FloatArray, counts: IntArray, centres: FloatArray) -> tuple[IntArray, float]:
    """Lloyd's steps from `centres` until no place moves: the cluster of each place and the sum of squares within."""
    nearest = np.full(len(places), -1)
    for _ in range(_STEPS):
        before = nearest
        nearest = ((centres**2).sum(axis=1) - 2.0 * places @ centres.T).argmin(axis=1)
        if np.array_equal(nearest, before):
            break
        members = (nearest == np.arange(len(centres))[:, None]) * counts
        sizes = members.sum(axis=1, keepdims=True)
        centres = np.where(sizes > 0, members @ places / np.maximum(sizes, 1), centres)
    return nearest, float((counts * ((places - centres[nearest]) ** 2).sum(axis=1)).sum())


def _of_seen(part: Part) -> Part:
    """A part of `classification` without the unseen cells; NaN where only these have weight."""

    def weighted(rows: CellTypeRows, weights: FloatArray) -> dict[str, FloatArray]:
        of_seen = np.where(rows.unseen, 0.0, weights)
        some = of_seen.sum(axis=1) > 0
        scores = part(rows, np.where(some[:, None], of_seen, 1.0))
        return {key: np.where(some, values, np.nan) for key, values in scores.items()}

    return weighted


def _agreement(rows: CellTypeRows, weights: FloatArray) -> dict[str, FloatArray]:
    groups = rows.cluster_indices
    if groups is None:
        return {}
    columns = int(groups.max()) + 1
    cells = rows.references * columns + groups
    counts = [np.bincount(cells, row, rows.classes * columns) for row in np.where(rows.unseen, 0.0, weights)]
    tables = np.array(counts, dtype=np.float64).reshape(-1, rows.classes, columns)
    return {
        "ari": np.array([_adjusted_rand(table) for table in tables]),
        "nmi": np.array([_mutual_information(table) for table in tables]),
    }


def _adjusted_rand(table: FloatArray) -> float:
    """Adjusted Rand index of counts `(types, clusters)` in the form of pairs of cells, NaN without cells."""
    total, together = table.sum(), (table**2).sum()
    same_type, same_cluster = (table.sum(axis=1) ** 2).sum(), (table.sum(axis=0) ** 2).sum()
    both, only_type, only_cluster = together - total, same_type - together, same_cluster - together
    neither = total**2 - same_type - same_cluster + together
    if only_type == only_cluster == 0:
        return 1.0 if total else float("nan")
    spread = (both + only_type) * (only_type + neither) + (both + only_cluster) * (only_cluster + neither)
    return float(2.0 * (both * neither - only_type * only_cluster) / spread)


def _mutual_information(table: FloatArray) -> float:
    """Mutual information over the mean of both entropies, of counts `(types, clusters)`; NaN without cells."""
    if not table.any():
        return float("nan")
    share = table / table.sum()
    types, clusters, cells = (_entropy(part) for part in (share.sum(axis=1), share.sum(axis=0), share))
    if types == clusters == 0:
        return 1.0
    return float(np.clip(2.0 * (types + clusters - cells) / (types + clusters), 0.0, 1.0))


def _entropy(shares: FloatArray) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())


def _rejection(rows: CellTypeRows, weights: FloatArray) -> dict[str, FloatArray]:
    if not rows.unseen.any():
        return {"unseen": np.zeros(len(weights))}
    return {
        "unseen": weights @ rows.unseen,
        "rejection_auroc": auroc(rows.rejection, rows.unseen, weights=weights),
        "rejection_fpr95": _false_positive_rate(rows, weights),
    }


def _false_positive_rate(rows: CellTypeRows, weights: FloatArray) -> FloatArray:
    values, place = np.unique(rows.rejection, return_inverse=True)

    def at_or_below(counted_rows: FloatArray) -> FloatArray:
        """Rows `(weightings, values)` whose score is at most each value."""
        return np.cumsum([np.bincount(place, row, len(values)) for row in counted_rows], axis=1)

    seen, unseen = at_or_below(weights * ~rows.unseen), at_or_below(weights * rows.unseen)
    lowest = (20 * seen >= 19 * seen[:, -1:]).argmax(axis=1)  # 95 %, exact in whole numbers
    passed = np.take_along_axis(unseen, lowest[:, None], axis=1)[:, 0]
    return np.where(seen[:, -1] > 0, divide(passed, unseen[:, -1]), np.nan)


def _rejection_at_threshold(rows: CellTypeRows, weights: FloatArray) -> dict[str, FloatArray]:
    if rows.threshold is None:
        return {}
    rejected = rows.rejection > rows.threshold
    right = np.where(rows.unseen, rejected, ~rejected & (rows.predicted == rows.references))
    return {
        "accuracy_with_rejection": mean(right.astype(np.float64), weights),
        "seen_rejected": mean(np.where(rows.unseen, np.nan, rejected), weights),
        "unseen_rejected": mean(np.where(rows.unseen, rejected, np.nan), weights),
    }


CELL_TYPE = Metric(_update, (*map(_of_seen, CLASSIFICATION.parts), _agreement, _rejection, _rejection_at_threshold))
