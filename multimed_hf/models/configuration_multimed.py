"""Configuration of the MultiMed models."""

from transformers import PreTrainedConfig

MODALITIES = ["text", "eeg", "genomics", "scrna", "protein"]
"""The modalities this version has encoders for, in the order in which their tokens follow one another in a sample."""

KINDS = ["single_label", "multi_label", "ordinal", "regression", "structure", "answer"]
"""The kinds of target this version has heads for."""


class MultiMedConfig(PreTrainedConfig):
    """Configuration of [`MultiMedModel`] and [`MultiMedForMultitask`].

    Orders matter and live in lists: `config.json` sorts the keys of dictionaries.

    Args:
        modalities (`list[str]`): modalities with an encoder.
        tasks (`list[dict]`): one entry per head, `{"name": str, "kind": str, "labels": list[str]}`; regression gives
            `"num_targets": int` instead of labels, structure and answer give neither. `"weight": float` scales its loss.
        hidden_size (`int`): width of tokens.
        num_hidden_layers (`int`): layers of the fused backbone.
        num_attention_heads (`int`): attention heads of each layer.
        intermediate_size (`int`): width of the feed-forward part.
        hidden_dropout (`float`): dropout on what each block adds.
        attention_dropout (`float`): dropout on attention weights.
        input_dropout (`float`): share of text tokens, residues, nucleotides windows, genes and EEG patches that are hidden
            from the model in training.
        head_dropout (`float`): dropout on the pooled sample before the heads.
        drop_path_rate (`float`): share of samples in training whose heads see what the encoders gave without what the
            backbone adds.
        layer_norm_eps (`float`): epsilon of the layer norms.
        initializer_range (`float`): standard deviation of the initial weights.
        vocab_size (`int`): entries of the tokenizer of texts.
        pad_token_id (`int`): padding token of texts; never fed, samples are packed.
        eeg_sampling_rate (`float`): rate in Hz to which signals are resampled.
        eeg_patch_size (`int`): samples per EEG token, an even number.
        genomics_window (`int`), genomics_stride (`int`): nucleotides seen by a token, and from token to token.
        genomics_places (`int`): places from the start of a sequence at which single nucleotides are told apart; 0 for none.
        protein_window (`int`): residues seen by a token; there is one token a residue.
        num_genes (`int`): genes that the scRNA encoder knows.
        scrna_tokens (`int`): tokens into which the expressed genes of a cell are pooled.
    """

    model_type = "multimed"
    # `Trainer.predict` then returns logits alone; which losses there are differs from batch to batch.
    keys_to_ignore_at_inference = ["losses", "pooler_output"]

    modalities: list[str] | None = None
    tasks: list[dict] | None = None
    hidden_size: int = 128
    num_hidden_layers: int = 2
    num_attention_heads: int = 4
    intermediate_size: int = 256
    hidden_dropout: float = 0.1
    attention_dropout: float = 0.0
    input_dropout: float = 0.1
    head_dropout: float = 0.1
    drop_path_rate: float = 0.1
    layer_norm_eps: float = 1e-5
    initializer_range: float = 0.02
    vocab_size: int = 8192
    pad_token_id: int | None = 0
    eeg_sampling_rate: float = 128.0
    eeg_patch_size: int = 64
    genomics_window: int = 9
    genomics_stride: int = 3
    genomics_places: int = 256
    protein_window: int = 5
    num_genes: int = 1024
    scrna_tokens: int = 4

    def __post_init__(self, **kwargs):
        self.modalities = list(MODALITIES) if self.modalities is None else list(self.modalities)
        self.tasks = [] if self.tasks is None else [dict(task) for task in self.tasks]
        self._check()
        super().__post_init__(**kwargs)

    def _check(self):
        unknown = [name for name in self.modalities if name not in MODALITIES]
        if unknown or not self.modalities or len(set(self.modalities)) != len(self.modalities):
            raise ValueError(f"`modalities` must name one or more of {MODALITIES}, each once, got {self.modalities}.")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"`hidden_size` must be a multiple of `num_attention_heads`, got {self.hidden_size} and "
                f"{self.num_attention_heads}."
            )
        names = [task.get("name") for task in self.tasks]
        if len(set(names)) != len(names):
            raise ValueError(f"`tasks` must have distinct names, got {names}.")
        for task in self.tasks:
            self._check_task(task)

    def _check_task(self, task):
        name, kind = task.get("name"), task.get("kind")
        if not name or "." in name or kind not in KINDS:
            raise ValueError(f"A task needs a `name` without dots and a `kind` among {KINDS}, got {task}.")
        if kind in ("single_label", "multi_label", "ordinal") and not task.get("labels"):
            raise ValueError(f"Task {name!r} of kind {kind!r} needs `labels`, a list of names, got {task}.")
        if kind == "regression" and int(task.get("num_targets", 0)) < 1:
            raise ValueError(f"Task {name!r} of kind 'regression' needs `num_targets` of at least 1, got {task}.")
        if kind == "structure" and "protein" not in self.modalities:
            raise ValueError(f"Task {name!r} of kind 'structure' needs the modality 'protein', got {self.modalities}.")
        if kind == "answer" and "text" not in self.modalities:
            raise ValueError(f"Task {name!r} of kind 'answer' needs the modality 'text', got {self.modalities}.")


__all__ = ["MultiMedConfig"]
