import pytest

from multimed_hf.licences import LICENCES, hub_licence, strictest_licence
from multimed_hf.sources import SOURCES


def test_strictest_licence():
    assert strictest_licence(["MIT", "CC0-1.0"]) == "MIT"
    assert strictest_licence(["CC-BY-NC-ND-4.0", "GPL-2.0-only", "CC-BY-4.0"]) == "CC-BY-NC-ND-4.0"
    assert strictest_licence(["CC-BY-NC-ND-4.0", "unknown: ask"]) == "unknown: ask"


@pytest.mark.parametrize("source", SOURCES.values(), ids=lambda source: source.name)
def test_every_declared_licence_has_its_rank_or_is_called_unknown(source):
    stricter_than_all = strictest_licence(["CC-BY-NC-ND-4.0", f"{source.licence}"]) == source.licence
    assert source.licence.startswith("unknown: ") or source.licence == "CC-BY-NC-ND-4.0" or not stricter_than_all


def test_hub_licence():
    assert [hub_licence([licence.name]) for licence in LICENCES] == [licence.hub for licence in LICENCES]
    assert hub_licence(["MIT", "MIT"]) == "mit"
    assert hub_licence(["MIT", "Apache-2.0"]) == hub_licence(["unknown: ask"]) == "other"
