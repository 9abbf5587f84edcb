import json
import os
import random
import subprocess
import sys

import pytest
from transformers import AutoTokenizer

from multimed_hf.training.tokenizer import SPECIAL_TOKENS, train_tokenizer

TEXTS = ["The heart is enlarged.", "The lungs are clear; no effusion.", "Is the HEART normal?"] * 3

# Equally frequent words, so that many merges tie.
SCRIPT = """
import json, random
from multimed_hf.training.tokenizer import train_tokenizer
random.seed(0)
texts = [" ".join("".join(random.choices("abcdefgh", k=5)) for _ in range(20)) for _ in range(60)]
print(json.dumps(train_tokenizer(texts, 120).get_vocab(), sort_keys=True))
"""


def test_pairs_are_marked_and_case_does_not_matter():
    tokenizer = train_tokenizer(TEXTS)
    ids = tokenizer("The HEART", "no Effusion")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["[CLS]", "the", "heart", "[SEP]", "no", "effusion", "[SEP]"]


def test_special_tokens_come_first_and_are_the_only_ones():
    tokenizer = train_tokenizer(TEXTS)
    assert tuple(tokenizer.convert_ids_to_tokens(range(len(SPECIAL_TOKENS)))) == SPECIAL_TOKENS
    assert set(tokenizer.all_special_tokens) == set(SPECIAL_TOKENS)
    assert tokenizer.pad_token_id == 0


def test_words_fall_apart_into_pieces_and_strange_letters_are_unknown():
    tokenizer = train_tokenizer(TEXTS)
    pieces = tokenizer.tokenize("heartlungs")
    assert len(pieces) > 1 and "[UNK]" not in pieces
    assert tokenizer.tokenize("心") == ["[UNK]"]


def test_words_are_put_together_again():
    tokenizer = train_tokenizer(TEXTS)
    assert tokenizer.decode(tokenizer("heartlungs clear", add_special_tokens=False)["input_ids"]) == "heartlungs clear"


def test_vocabulary_is_bounded():
    words = ["".join(random.Random(number).choices("abcdefgh", k=6)) for number in range(500)]
    assert len(train_tokenizer(words, vocab_size=100)) == 100


def test_order_of_texts_does_not_matter():
    assert train_tokenizer(TEXTS).get_vocab() == train_tokenizer(TEXTS[::-1]).get_vocab()


def test_every_process_learns_the_same():
    found = [
        json.loads(
            subprocess.run([sys.executable, "-c", SCRIPT], env=os.environ, capture_output=True, check=True).stdout
        )
        for _ in range(3)
    ]
    assert len(found[0]) == 120
    assert found[0] == found[1] == found[2]


def test_it_survives_saving(tmp_path):
    tokenizer = train_tokenizer(TEXTS)
    tokenizer.save_pretrained(tmp_path)
    text = "the heart", "is clear"
    assert AutoTokenizer.from_pretrained(tmp_path)(*text)["input_ids"] == tokenizer(*text)["input_ids"]


@pytest.mark.parametrize("texts", [[], ["", "  "]])
def test_no_text_is_refused(texts):
    with pytest.raises(ValueError, match="at least one text"):
        train_tokenizer(texts)


def test_a_vocabulary_smaller_than_the_alphabet_is_refused():
    with pytest.raises(ValueError, match="vocab_size of at least"):
        train_tokenizer(TEXTS, vocab_size=10)
