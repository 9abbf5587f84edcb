import pytest

from multimed_hf.demo.limits import Refused
from multimed_hf.demo.sequences import read_sequence


def test_letters_and_fasta():
    assert read_sequence(">name of it\nacg t\nNN\n", "genomics") == "ACGTNN"
    assert read_sequence("mkv", "protein") == "MKV"


@pytest.mark.parametrize(
    ("text", "modality", "words"),
    [
        ("ACGU", "genomics", "Expected letters of DNA, ACGTN, found 'U'"),
        ("<b>", "protein", "found '<', '>', 'B'"),
        (">only a name", "genomics", "found none"),
        (">a\nAC\n>b\nGT", "genomics", "several FASTA records"),
        ("A" * 20_001, "protein", "20,001 letters"),
    ],
)
def test_what_is_no_sequence(text, modality, words):
    with pytest.raises(Refused, match=words):
        read_sequence(text, modality)
