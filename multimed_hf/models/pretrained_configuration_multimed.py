"""Pre-trained encoders as entries of `MultiMedConfig.encoders`: checked, and with all it takes to build them again."""

from transformers import AutoConfig

SEQUENCES = ["text", "genomics", "protein"]
"""The modalities that models of token ids can read; those that are images are read by models of images."""

TRAINING = ["frozen", "lora", "full"]
"""How a pre-trained encoder learns: not at all, by low-rank adapters alone, with all its weights."""

DEFAULTS = {"training": "frozen", "layer": -1, "rank": 8}
"""What an entry need not say."""

# Where a model came from and what else was made of it: nothing that its hidden states depend on.
_LEFT_OUT = "_name_or_path architectures auto_map dtype id2label label2id problem_type transformers_version".split()


def complete_encoder(entry):
    """An entry of `MultiMedConfig.encoders` with all its fields.

    An entry without `"config"` has it read from the `config.json` of its `"model"`, once: what is saved holds it.

    Raises:
        ValueError: unknown fields or values, or a model that gives no tokens.
        FileNotFoundError: there is no such model.
    """
    known = ["modality", "model", *DEFAULTS, "config"]
    if not isinstance(entry, dict) or not isinstance(entry.get("model"), str) or not entry.keys() <= set(known):
        raise ValueError(
            f"An entry of `encoders` must be a dict with `modality` and `model` and fields of {known}, got {entry}."
        )
    entry = {**DEFAULTS, **entry}
    if entry["training"] not in TRAINING:
        raise ValueError(f"`training` of an encoder must be one of {TRAINING}, got {entry['training']!r}.")
    if not isinstance(entry["rank"], int) or entry["rank"] < 1:
        raise ValueError(f"`rank` of an encoder must be a whole number of at least 1, got {entry['rank']!r}.")
    if not entry.get("config"):
        settings = _read(entry["model"]).to_diff_dict()
        entry["config"] = {name: value for name, value in settings.items() if name not in _LEFT_OUT}
    config = encoder_config(entry)
    if config.is_encoder_decoder or width_of(config) == 0:
        raise ValueError(
            f"A pre-trained encoder must give tokens, one kind of them: {entry['model']!r} is a {config.model_type!r} model, "
            "which is a pair of networks or has no hidden states; name a model of one part, such as bert, esm or vit."
        )
    # The output of the embeddings, and of each layer.
    states = 1 + (getattr(config, "num_hidden_layers", None) or 0)
    if not isinstance(entry["layer"], int) or not (entry["layer"] == -1 or -states <= entry["layer"] < states):
        raise ValueError(
            f"`layer` of {entry['model']!r} must be -1, its last state, or from {-states} to {states - 1}, got "
            f"{entry['layer']!r}."
        )
    return entry


def encoder_config(entry):
    """The configuration of the pre-trained model of a complete entry, with nothing read from anywhere."""
    settings = dict(entry["config"])
    config = AutoConfig.for_model(settings.pop("model_type", ""), **settings)
    # Every sequence is read once: keys and values of earlier tokens need not be kept.
    if hasattr(config, "use_cache"):
        config.use_cache = False
    return config


def width_of(config):
    """Width of the hidden states; 0 for a model without any, -1 where timm alone knows."""
    if config.model_type == "timm_wrapper":
        return -1
    sizes = getattr(config, "hidden_sizes", None) or [0]
    return getattr(config, "hidden_size", None) or sizes[-1]


def _read(name):
    try:
        return AutoConfig.from_pretrained(name)
    except OSError as error:
        # The libraries say it over several lines, and may speak of names of repositories where a folder was meant.
        raise FileNotFoundError(
            f"Expected {name!r} to be a folder with a config.json or a model of the Hub that can be reached, found neither."
        ) from error


__all__ = ["complete_encoder", "encoder_config", "width_of"]
