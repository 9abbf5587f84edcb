"""A small WordPiece tokenizer, trained on the texts at hand and the same on every run."""

from __future__ import annotations

from collections.abc import Iterable

from transformers import PreTrainedTokenizerFast

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def train_tokenizer(texts: Iterable[str], vocab_size: int = 8192) -> PreTrainedTokenizerFast:
    """A lower-cased WordPiece tokenizer; pairs become `[CLS] a [SEP] b [SEP]`.

    Equal texts give equal tokenizers, whatever their order: the model's embeddings depend on the ids.

    Args:
        texts: texts of the train split only.
        vocab_size: the most entries that the vocabulary may have; few texts give fewer.

    Raises:
        ValueError: no text, or a `vocab_size` that does not hold the special tokens and all characters.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    known = [text for text in texts if text.strip()]
    if not known:
        raise ValueError("Expected at least one text to train a tokenizer on, got none.")
    normalizer, pre_tokenizer = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()

    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer, learner.pre_tokenizer = normalizer, pre_tokenizer
    characters = sorted({letter for text in known for letter in normalizer.normalize_str(text) if not letter.isspace()})
    # The trainer numbers continuations as a hash table yields them, and breaks ties between merges by those numbers.
    # Handed in beforehand, in order, they fix both.
    continuations = [f"##{letter}" for letter in characters]
    reserved = [*SPECIAL_TOKENS, *continuations]
    least = len(reserved) + len(characters)
    if vocab_size < least:
        raise ValueError(f"Expected a vocab_size of at least {least}, one entry a character, got {vocab_size}.")
    learner.train_from_iterator(
        known, trainers.WordPieceTrainer(vocab_size=vocab_size, special_tokens=reserved, show_progress=False)
    )

    # Continuations count as special tokens for the learner, which must not stay so: only the vocabulary is kept.
    tokenizer = Tokenizer(models.WordPiece(vocab=learner.get_vocab(), unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    begin, end = (SPECIAL_TOKENS.index(name) for name in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", end), ("[CLS]", begin))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
