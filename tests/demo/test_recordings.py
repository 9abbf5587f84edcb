import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from multimed_hf.demo.limits import Refused
from multimed_hf.demo.recordings import read_edf, read_microvolts


def test_the_first_seconds_of_the_electrodes(edf):
    import edfio

    found = read_edf(edf)
    assert found["channels"] == ["Fz", "Cz"] and found["sampling_rate"] == 100
    wanted = np.stack([signal.data[:1000] for signal in edfio.read_edf(edf).signals[:2]])
    np.testing.assert_allclose(found["signal"], wanted, rtol=1e-5)


@pytest.mark.parametrize(("start", "number"), [(236, b"99999999"), (252, b"9999"), (252, b"-1  "), (184, b"x       ")])
def test_a_header_that_lies(edf, start, number):
    content = edf.read_bytes()
    edf.write_bytes(content[:start] + number + content[start + len(number) :])
    with pytest.raises(Refused, match="not as long as its header says") as caught:
        read_edf(edf)
    assert str(edf.parent) not in str(caught.value)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    # Numbers, dates, words and what no header holds: in the fields of the file (256 bytes) and of three signals, and behind.
    changes=st.lists(
        st.tuples(st.integers(0, 256 * 4) | st.integers(0, 7000), st.sampled_from(b" 0189-.+eEnaif/:,u\0\xff\xb5")),
        min_size=1,
        max_size=12,
    ),
    cut=st.integers(0, 400),
)
def test_whatever_stands_in_a_file_is_read_or_refused(edf, tmp_path, changes, cut):
    content = bytearray(edf.read_bytes())
    for place, byte in changes:
        content[place] = byte
    path = tmp_path / "changed.edf"
    path.write_bytes(content[: len(content) - max(0, cut - 200)])
    try:
        found = read_edf(path)
    except Refused as refused:
        assert str(tmp_path) not in str(refused)
    else:
        assert found["signal"].shape[0] == len(found["channels"]) and np.isfinite(found["signal"]).all()
        assert found["sampling_rate"] >= 1 and found["signal"].shape[1] <= 10 * found["sampling_rate"] + 1


def test_a_recording_without_electrodes(edf):
    content = edf.read_bytes()
    edf.write_bytes(content.replace(b"Fz ", b"EOG").replace(b"Cz ", b"EMG"))
    with pytest.raises(Refused, match="10-20 system"):
        read_edf(edf)


def test_a_table_of_microvolts(tmp_path):
    values = np.random.default_rng(0).normal(size=(300, 2)).round(3)
    lines = ["EEG Fz,c3", *(f"{a},{b}" for a, b in values)]
    (tmp_path / "x.csv").write_text("\n".join(lines))
    found = read_microvolts(tmp_path / "x.csv", 25)
    assert (found["channels"], found["sampling_rate"]) == (["Fz", "C3"], 25.0)
    np.testing.assert_allclose(found["signal"], values[:250].T, rtol=1e-6)
    for rate in (0, -1, float("nan"), 1e9):
        with pytest.raises(Refused, match="sampling rate"):
            read_microvolts(tmp_path / "x.csv", rate)
    (tmp_path / "x.csv").write_text("Fz,Fz\n1,2\n")
    with pytest.raises(Refused, match="each once"):
        read_microvolts(tmp_path / "x.csv", 25)
