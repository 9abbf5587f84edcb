"""From official releases to Parquet that plain `load_dataset` reads, and from rows to packed batches."""

from .heads import Head, heads_in
from .samples import MultiMedCollator, SampleDataset

__all__ = ["Head", "MultiMedCollator", "SampleDataset", "heads_in"]
