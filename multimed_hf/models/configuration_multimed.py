"""Configuration of the MultiMed models."""

from transformers import PreTrainedConfig

from .pretrained_configuration_multimed import SEQUENCES, complete_encoder, encoder_config

IMAGE_CHANNELS = {"oct": 1, "xray": 1, "fundus": 3, "pathology": 3, "ct": 1, "mri": 1}
"""The modalities that are images, and how many channels they have."""

VOLUME_MODALITIES = ["ct", "mri"]
"""Those of them of which a sample may bring a volume instead of a slice."""

MODALITIES = ["text", "eeg", "genomics", "scrna", "protein", *IMAGE_CHANNELS]
"""The modalities this version has encoders for, in the order in which their tokens follow one another in a sample."""

KINDS = ["single_label", "multi_label", "ordinal", "regression", "structure", "answer", "survival"]
"""The kinds of target this version has heads for."""

HEAD_KINDS = {"label_text": ["single_label", "multi_label"], "decoder": ["answer"]}
"""The heads that a task may name instead of the usual one of its kind, and the kinds that have them."""

LOSS_BALANCINGS = ["fixed", "uncertainty", "dynamic"]
"""How the losses of tasks are weighed against one another."""

FUSIONS = ["early", "late", "bottleneck", "tensor", "lowrank", "gated"]
"""How the modalities of a sample become one vector; what each does stands in `fusion_multimed.py`."""


class MultiMedConfig(PreTrainedConfig):
    """Configuration of [`MultiMedModel`] and [`MultiMedForMultitask`].

    Orders matter and live in lists: `config.json` sorts the keys of dictionaries.

    Args:
        modalities (`list[str]`): modalities with an encoder.
        tasks (`list[dict]`): one entry per head, `{"name": str, "kind": str, "labels": list[str]}`; regression gives
            `"num_targets": int` instead of labels, structure, answer and survival give neither. `"weight": float` scales its
            loss. A regression may give a `"rank": int` for weights of low rank, survival `"ties": "efron"` or "breslow".
            `"head": "label_text"` compares samples with the texts of labels, whose token ids are `"label_ids"`, a list for
            each label, from `processor.encode_labels`; `"head": "decoder"` writes open answers up to `"end_token_id": int`
            in `"num_layers": int` layers, 1 by default.
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
        loss_balancing (`str`): "fixed" weights of tasks, learnt "uncertainty", or "dynamic" by how fast losses fall.
        loss_balancing_window (`int`): batches that ask a task over which "dynamic" averages its loss, 1 or more.
        fusion (`str`): "early", all tokens of a sample in one sequence, or what fuses modalities that are sequences of their
            own: "late", "bottleneck", "tensor", "lowrank" or "gated".
        fusion_layer (`int`): with "bottleneck", the first layer, counted from 0, with bottleneck tokens; at least two have them.
        fusion_tokens (`int`): with "bottleneck", the number of bottleneck tokens, 1 or more.
        fusion_size (`int`): with "tensor", the width to which vectors are projected before their outer product, 1 or more.
        fusion_rank (`int`): with "lowrank", the rank of the weights, 1 or more.
        encoders (`list[dict]`): modalities that a pre-trained model of transformers reads, `{"modality": str, "model": str}`
            with the folder of the model or its name on the Hub. `"training"` is "frozen", "lora" or "full", `"layer"` the
            hidden state to take, -1 for the last, `"rank"` that of "lora"; `"config"`, the model's own configuration, is read
            when it is not given. Weights are loaded by [`~MultiMedForMultitask.from_encoders`] alone.
        layer_norm_eps (`float`): epsilon of the layer norms.
        initializer_range (`float`): standard deviation of the initial weights.
        vocab_size (`int`): entries of the tokenizer of texts; a pre-trained encoder of texts brings its own.
        pad_token_id (`int`): padding token of texts; never fed, samples are packed.
        eeg_sampling_rate (`float`): rate in Hz to which signals are resampled.
        eeg_patch_size (`int`): samples per EEG token, an even number.
        genomics_window (`int`), genomics_stride (`int`): nucleotides seen by a token, and from token to token.
        genomics_places (`int`): places from the start of a sequence at which single nucleotides are told apart; 0 for none.
        protein_window (`int`): residues seen by a token; there is one token a residue.
        num_genes (`int`): genes that the scRNA encoder knows.
        scrna_tokens (`int`): tokens into which the expressed genes of a cell are pooled.
        num_peaks (`int`): accessible peaks that the genomics encoder knows; 0 for DNA alone.
        peak_tokens (`int`): tokens into which the open peaks of a sample are pooled, 1 or more.
        image_size (`int`): pixels of the shorter side to which images are resized.
        image_patch_size (`int`): pixels of a side of an image's token.
        volume_voxel_size (`list[float]`): mm (slice, row, column) to which CT and MR volumes are resampled.
        volume_patch_size (`list[int]`): voxels of a volume's token (slice, row, column).
    """

    model_type = "multimed"
    # `Trainer.predict` then returns logits alone; which losses there are differs from batch to batch.
    keys_to_ignore_at_inference = ["losses", "pooler_output", "hidden_states", "attentions"]

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
    loss_balancing: str = "fixed"
    loss_balancing_window: int = 100
    fusion: str = "early"
    fusion_layer: int = 0
    fusion_tokens: int = 4
    fusion_size: int = 16
    fusion_rank: int = 4
    encoders: list[dict] | None = None
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
    num_peaks: int = 0
    peak_tokens: int = 2
    image_size: int = 224
    image_patch_size: int = 16
    volume_voxel_size: list[float] | None = None
    volume_patch_size: list[int] | None = None

    def __post_init__(self, **kwargs):
        self.modalities = list(MODALITIES) if self.modalities is None else list(self.modalities)
        self.tasks = [] if self.tasks is None else [dict(task) for task in self.tasks]
        self.volume_voxel_size = list(self.volume_voxel_size or (5.0, 4.0, 4.0))
        self.volume_patch_size = list(self.volume_patch_size or (4, 8, 8))
        self.encoders = [complete_encoder(entry) for entry in self.encoders or ()]
        self._check()
        for entry in self.encoders:
            if entry["modality"] == "text":
                own = encoder_config(entry)
                self.vocab_size = getattr(own, "vocab_size", self.vocab_size)
                self.pad_token_id = getattr(own, "pad_token_id", None)
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
        if not 4 <= self.image_patch_size <= self.image_size:
            raise ValueError(
                f"`image_patch_size` must be from 4 to `image_size`, got {self.image_patch_size} and {self.image_size}."
            )
        for name, least in (("volume_voxel_size", 0.1), ("volume_patch_size", 2)):
            sizes = getattr(self, name)
            if len(sizes) != 3 or min(sizes) < least:
                raise ValueError(f"`{name}` must be three numbers of at least {least}, got {sizes}.")
        if self.num_peaks < 0 or self.peak_tokens < 1:
            raise ValueError(
                f"`num_peaks` must be at least 0 and `peak_tokens` at least 1, got {self.num_peaks} and {self.peak_tokens}."
            )
        if self.num_peaks and "genomics" not in self.modalities:
            raise ValueError(f"`num_peaks` above 0 needs the modality 'genomics', got {self.modalities}.")
        if self.loss_balancing not in LOSS_BALANCINGS or self.loss_balancing_window < 1:
            raise ValueError(
                f"`loss_balancing` must be one of {LOSS_BALANCINGS} and `loss_balancing_window` at least 1, got "
                f"{self.loss_balancing!r} and {self.loss_balancing_window}."
            )
        read = [entry["modality"] for entry in self.encoders]
        allowed = [name for name in self.modalities if name in (*SEQUENCES, *IMAGE_CHANNELS)]
        if len(set(read)) != len(read) or not set(read) <= set(allowed):
            raise ValueError(f"`encoders` must name modalities among {allowed}, each once, got {read}.")
        if self.fusion not in FUSIONS:
            raise ValueError(f"`fusion` must be one of {FUSIONS}, got {self.fusion!r}.")
        small = {name: getattr(self, name) for name in ("fusion_tokens", "fusion_size", "fusion_rank")}
        if min(small.values()) < 1:
            raise ValueError(f"`fusion_tokens`, `fusion_size` and `fusion_rank` must be at least 1, got {small}.")
        if self.fusion == "bottleneck" and not 0 <= self.fusion_layer <= self.num_hidden_layers - 2:
            raise ValueError(
                f"`fusion_layer` must leave two of `num_hidden_layers` to the bottleneck, one to write and one to read, got "
                f"{self.fusion_layer} of {self.num_hidden_layers}."
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
        if kind == "ordinal" and len(task["labels"]) < 2:
            raise ValueError(f"Task {name!r} of kind 'ordinal' needs two `labels` or more, got {task}.")
        if kind == "regression" and int(task.get("num_targets", 0)) < 1:
            raise ValueError(f"Task {name!r} of kind 'regression' needs `num_targets` of at least 1, got {task}.")
        if "rank" in task and (kind != "regression" or int(task["rank"]) < 1):
            raise ValueError(f"Task {name!r}: `rank` must be at least 1 and is for regression, got {task}.")
        if task.get("ties", "efron") not in ("efron", "breslow"):
            raise ValueError(f"Task {name!r}: `ties` must be 'efron' or 'breslow', got {task['ties']!r}.")
        if task.get("head"):
            self._check_head(task)
        if kind == "structure" and "protein" not in self.modalities:
            raise ValueError(f"Task {name!r} of kind 'structure' needs the modality 'protein', got {self.modalities}.")
        if kind == "answer" and "text" not in self.modalities:
            raise ValueError(f"Task {name!r} of kind 'answer' needs the modality 'text', got {self.modalities}.")

    def _check_head(self, task):
        name, kind, head = task["name"], task["kind"], task["head"]
        if kind not in HEAD_KINDS.get(head, ()):
            raise ValueError(f"Task {name!r}: `head` must be one of {HEAD_KINDS} by kind, got {head!r} and {kind!r}.")
        if "text" not in self.modalities:
            raise ValueError(f"Task {name!r} with the head {head!r} needs the modality 'text', got {self.modalities}.")
        ids = task.get("label_ids") or []
        if head == "label_text" and (len(ids) != len(task["labels"]) or not all(ids)):
            raise ValueError(
                f"Task {name!r} needs `label_ids`, token ids for each of {len(task['labels'])} labels, got {ids}: take "
                "processor.encode_labels(labels)."
            )
        if head == "decoder" and (int(task.get("end_token_id", -1)) < 0 or int(task.get("num_layers", 1)) < 1):
            raise ValueError(
                f"Task {name!r} needs the `end_token_id` of the tokenizer, 0 or more, and `num_layers` of at least 1, got "
                f"{task}."
            )


__all__ = ["MultiMedConfig"]
