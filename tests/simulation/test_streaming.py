"""Streams: rows without files and without end, the same as those of a build."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from multimed_hf.data.schema import features_of
from multimed_hf.simulation import Simulation, generator_of, stream
from multimed_hf.tasks import UnknownNameError


def ids(rows, count: int) -> list[str]:
    return [row["id"] for row in itertools.islice(rows, count)]


def test_rows_come_in_order_with_typed_columns():
    rows = stream("eeg")
    generator = generator_of("eeg")
    assert rows.features == features_of("eeg")
    assert ids(rows, 45) == [generator.row(index)["id"] for index in range(45)]
    first = next(iter(rows))
    assert first["source"] == "synthetic" and isinstance(first["motor_imagery"], int)


def test_a_split_has_its_rows_alone():
    generator = generator_of("eeg")
    expected = [generator.row(index)["id"] for index in range(200) if generator.split(index) == "test"]
    assert ids(stream("eeg", split="test"), len(expected)) == expected


def test_shards_share_the_rows():
    whole = set(ids(stream("protein"), 12))
    sharded = stream("protein", num_shards=3)
    assert sharded.num_shards == 3
    parts = [ids(sharded.shard(num_shards=3, index=index), 4) for index in range(3)]
    assert set().union(*parts) == whole and sum(map(len, parts)) == 12


def test_workers_of_a_dataloader_share_the_rows():
    from torch.utils.data import DataLoader

    loader = DataLoader(stream("protein", num_shards=2), batch_size=None, num_workers=2)
    assert set(ids(loader, 8)) == set(ids(stream("protein"), 8))


def test_a_stream_goes_on_where_it_stopped():
    rows = stream("protein")
    iterator = iter(rows)
    taken = [next(iterator)["id"] for _ in range(3)]
    state = rows.state_dict()
    again = stream("protein")
    again.load_state_dict(state)
    assert taken + ids(again, 3) == ids(stream("protein"), 6)


def test_settings_reach_the_rows():
    plain, other = (next(iter(stream("eeg", Simulation(seed=seed))))["eeg"] for seed in (0, 1))
    assert not np.array_equal(plain, other)


def test_what_is_refused():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'eeg'"):
        stream("egg")
    with pytest.raises(ValueError, match="Expected a split among train, validation, test"):
        stream("eeg", split="dev")
    with pytest.raises(ValueError, match="at least 1 shard"):
        stream("eeg", num_shards=0)
    with pytest.raises(ValueError, match="Synthetic eeg cannot hold out 'organ'"):
        stream("eeg", Simulation(shift="organ"))
