"""What goes into pre-trained encoders: their own tokenizers and image processors, made, used, saved and loaded."""

import os

import numpy as np
from transformers import AutoImageProcessor, AutoTokenizer

from .image_processing_multimed import as_pil, image_and_volume
from .pretrained_configuration_multimed import SEQUENCES, encoder_config

_HUB = ("cache_dir", "force_download", "local_files_only", "revision", "token")


def load_encoder_processor(modality, name, **kwargs):
    """The tokenizer, or for images the image processor, that lies in a folder or on the Hub.

    Raises:
        FileNotFoundError: there is none.
    """
    kind, what = (AutoTokenizer, "tokenizer") if modality in SEQUENCES else (AutoImageProcessor, "image processor")
    try:
        made = kind.from_pretrained(name, **kwargs)
        # Without its files, transformers may make a tokenizer to which every word is unknown.
        if kind is AutoTokenizer and not made.get_vocab().keys() - set(made.all_special_tokens):
            raise ValueError("a vocabulary of special tokens alone")
        return made
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"Expected {name!r} to hold the {what} of its model, in a folder or on the Hub, found none that can be loaded."
        ) from error


def pretrained_processors(config):
    """Modality to the tokenizer or image processor of its pre-trained encoder, for all of `config.encoders`.

    Tokenizers know the longest sequence that the model takes: `model_max_length`.
    """
    made = {}
    for entry in config.encoders:
        made[entry["modality"]] = processor = load_encoder_processor(entry["modality"], entry["model"])
        if entry["modality"] in SEQUENCES:
            processor.model_max_length = min(processor.model_max_length, _positions(encoder_config(entry)))
    return made


def save_encoder_processors(processors, folder):
    """Saves each in a folder of its own: parts that transformers looks for by itself would shadow one another."""
    for modality, processor in processors.items():
        processor.save_pretrained(os.path.join(folder, _folder(modality)))


def load_encoder_processors(modalities, name, subfolder="", **kwargs):
    """What `save_encoder_processors` saved, from a folder or the Hub; other arguments than those of the Hub are ignored."""
    options = {key: value for key, value in kwargs.items() if key in _HUB}
    return {
        modality: load_encoder_processor(
            modality, name, subfolder=os.path.join(subfolder, _folder(modality)), **options
        )
        for modality in modalities
    }


def tokenize_sequences(tokenizer, modality, sequences):
    """Packs sequences of letters by a pre-trained model's tokenizer.

    Args:
        tokenizer: the tokenizer.
        modality: "genomics", read as the tokenizer cuts it, or "protein", read residue by residue: then `kept` says which ids
            are residues, so that there is one token a residue.
        sequences: strings in upper case.

    Returns:
        `input_ids` `(ids,)`, `lengths` `(sequences,)`, and for proteins `kept` `(ids,)` bool.

    Raises:
        ValueError: a sequence that is longer than the model takes, or a tokenizer that does not tell residues apart.
    """
    # What is too long is said below, and not by a warning of the tokenizer.
    encoded = tokenizer(list(sequences), return_special_tokens_mask=True, verbose=False)
    if modality == "protein" and not _by_residue(encoded, sequences):
        # Tokenizers of words, as ProtBert and AntiBERTy have, tell residues apart by blanks; to others blanks are letters.
        spaced = [" ".join(sequence) for sequence in sequences]
        encoded = tokenizer(spaced, return_special_tokens_mask=True, verbose=False)
        if not _by_residue(encoded, sequences):
            raise ValueError(
                "Expected a tokenizer with one token a residue for proteins, got one that joins or splits them."
            )
    lengths = np.array([len(ids) for ids in encoded["input_ids"]])
    if lengths.max() > tokenizer.model_max_length:
        raise ValueError(
            f"Expected a sequence of at most {tokenizer.model_max_length} tokens of the encoder of {modality!r}, got "
            f"{lengths.max()}."
        )
    packed = {"input_ids": np.concatenate([np.array(ids) for ids in encoded["input_ids"]]), "lengths": lengths}
    if modality == "protein":
        packed["kept"] = np.concatenate([np.array(mask) == 0 for mask in encoded["special_tokens_mask"]])
    return packed


def _by_residue(encoded, sequences):
    """Whether each sequence became one token a residue, and special ones."""
    masks = encoded["special_tokens_mask"]
    return all(mask.count(0) == len(sequence) for mask, sequence in zip(masks, sequences, strict=True))


def process_images(image_processor, modality, entries, volume_processor):
    """Images and the slices of volumes, in colour whatever they were, by a pre-trained model's image processor.

    Args:
        image_processor: the image processor.
        modality: which of the imaging modalities.
        entries: an image for each sample, or what [`MultiMedImageProcessor`] takes for ct and mri.
        volume_processor: that [`MultiMedImageProcessor`], which cuts volumes into slices.

    Returns:
        `pixel_values` `(images, channels, height, width)`. Where there are volumes also `lengths` `(samples,)` images of each,
        `slices` `(slices, channels, height, width)` of all volumes end to end, `places` `(slices, 1)` of each from the middle
        of its volume in mm, and `volume_lengths` `(samples,)` slices of each.
    """
    pairs = [image_and_volume(entry, modality) for entry in entries]
    images = [image for image, _ in pairs if image is not None]
    cut = [None if scan is None else volume_processor.slices_of(scan, modality) for _, scan in pairs]
    volumes = [each for each in cut if each is not None]
    if not volumes:
        return {"pixel_values": _pixels(image_processor, images)}
    slices = _pixels(image_processor, [each for stack, _ in volumes for each in stack])
    return {
        "pixel_values": _pixels(image_processor, images) if images else slices[:0],
        "lengths": np.array([int(image is not None) for image, _ in pairs]),
        "slices": slices,
        "places": np.concatenate([places for _, places in volumes]),
        "volume_lengths": np.array([0 if each is None else len(each[0]) for each in cut]),
    }


def _pixels(image_processor, images):
    pictures = [as_pil(image, 3) for image in images]
    # As tensors, since that of timm gives nothing else.
    return np.asarray(image_processor(pictures, return_tensors="pt")["pixel_values"], np.float32)


def _folder(modality):
    return f"{modality}_encoder"


def _positions(config):
    """Tokens for which a model has positions; those of RoBERTa's kind count them from after the padding token."""
    most = getattr(config, "max_position_embeddings", None) or 2**31
    learnt = getattr(config, "position_embedding_type", "") == "absolute"
    return most - config.pad_token_id - 1 if learnt and config.model_type in ("esm", "roberta") else most
