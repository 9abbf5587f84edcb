"""The fused backbone: encoders of all modalities, one transformer over packed samples."""

from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import ModelOutput
from transformers.utils.generic import can_return_tuple

from .attention_multimed import MultiMedAttention
from .configuration_multimed import MultiMedConfig
from .encoders_multimed import MultiMedCellEncoder, build_encoder
from .fusion_multimed import (
    MultiMedBottleneckFusion,
    MultiMedFactor,
    MultiMedLowRankFusion,
    MultiMedTensorFusion,
    build_fusion,
    number_sequences,
)
from .heads_multimed import THRESHOLD_RATE, MultiMedRegressionHead, MultiMedThresholds, MultiMedUnitLinear
from .image_encoders_multimed import STEM_LAYERS, stem_std
from .packing_multimed import Packing, attentions_by_sample
from .pretrained_encoders_multimed import MultiMedLowRank, MultiMedPretrainedEncoder


class MultiMedMLP(nn.Module):
    """Feed-forward part of a layer."""

    def __init__(self, config: MultiMedConfig):
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, hidden_states):
        return self.fc2(nn.functional.gelu(self.fc1(hidden_states)))


class MultiMedLayer(GradientCheckpointingLayer):
    """Pre-norm transformer layer over packed tokens."""

    def __init__(self, config: MultiMedConfig):
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention = MultiMedAttention(config)
        self.mlp_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = MultiMedMLP(config)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, hidden_states: torch.Tensor, packing: Packing, output_attentions: bool = False):
        """`(tokens, hidden)` in packed order to the same; with `output_attentions`, the weights of [`MultiMedAttention`] too."""
        mixed, weights = self.attention(self.attention_norm(hidden_states), packing)
        hidden_states = hidden_states + self.dropout(mixed)
        hidden_states = hidden_states + self.dropout(self.mlp(self.mlp_norm(hidden_states)))
        return (hidden_states, weights) if output_attentions else hidden_states


class MultiMedPooler(nn.Module):
    """One vector per sequence: the mean of its tokens as the encoders gave them, and what the backbone adds to it.

    A head so holds the linear model of its inputs, and what is linear is learnt from few samples (wide and deep learning,
    Cheng et al., DLRS 2016). In training, some samples go without what the backbone adds (stochastic depth, Huang et al.,
    ECCV 2016), so that it improves on the linear model and does not replace it.
    """

    def __init__(self, config: MultiMedConfig):
        super().__init__()
        self.drop_path_rate = config.drop_path_rate
        self.mix = nn.Linear(2 * config.hidden_size, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor, embedded: torch.Tensor, packing: Packing):
        """`hidden_states` and `embedded` `(tokens, hidden)` in packed order; gives `(sequences, hidden)`."""
        mean, first = (packing.mean(tokens).to(hidden_states.dtype) for tokens in (hidden_states, embedded))
        added = self.mix(torch.cat([mean, packing.max(hidden_states)], dim=-1))
        kept = nn.functional.dropout(torch.ones_like(added[:, :1]), self.drop_path_rate, self.training)
        return first + added * kept


_HUB = ("cache_dir", "force_download", "local_files_only", "revision", "subfolder", "token")


class MultiMedPreTrainedModel(PreTrainedModel):
    """What all MultiMed models share: configuration class, initial weights, supported attention kernels."""

    config: MultiMedConfig
    config_class = MultiMedConfig
    base_model_prefix = "multimed"
    main_input_name = "sample_ids"
    supports_gradient_checkpointing = True
    _no_split_modules = ["MultiMedLayer"]
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    @classmethod
    def from_encoders(cls, config: MultiMedConfig):
        """A new model whose pre-trained encoders hold the weights of the models that `config.encoders` names.

        The rest is random. Once saved, the model needs those models no more: `from_pretrained` brings all of it back.

        Raises:
            FileNotFoundError: one of them has no weights as safetensors, or cannot be reached.
            ValueError: one of them lacks weights.
        """
        model = cls(config)
        for module in model.modules():
            if isinstance(module, MultiMedPretrainedEncoder):
                module.load_pretrained()
        return model.eval()

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, output_loading_info=False, **kwargs):
        """As all models of transformers do it, but for an incomplete checkpoint, which is refused.

        What another `config` asks for and the checkpoint never had starts anew, with a report by transformers.

        Raises:
            ValueError: the checkpoint lacks weights that its own configuration asks for, and not just all heads.
        """
        model, report = super().from_pretrained(
            pretrained_model_name_or_path, *args, output_loading_info=True, **kwargs
        )
        if report["missing_keys"] and pretrained_model_name_or_path is not None:
            hub = {key: value for key, value in kwargs.items() if key in _HUB}
            own = MultiMedConfig.from_pretrained(pretrained_model_name_or_path, **hub)
            with torch.device("meta"):
                every = cls(own).state_dict().keys()
            heads = {key for key in every if key.startswith("heads.")}
            missing = every & set(report["missing_keys"])
            # A backbone that was saved by itself has no head at all, and is a start for a model with heads.
            missing -= heads if heads <= missing else set()
            if missing:
                raise ValueError(
                    f"Expected {pretrained_model_name_or_path} to hold all weights that its configuration asks for, missing "
                    f"{sorted(missing)[:5]}: save the whole model."
                )
        return (model, report) if output_loading_info else model

    @torch.no_grad()
    def _init_weights(self, module):
        super()._init_weights(module)
        if isinstance(module, nn.EmbeddingBag):
            init.normal_(module.weight, std=self.config.initializer_range)
            if module.padding_idx is not None:
                init.zeros_(module.weight[module.padding_idx])
        if isinstance(module, STEM_LAYERS):
            init.normal_(module.weight, std=stem_std(module))
        if isinstance(module, MultiMedCellEncoder):
            init.normal_(module.bias, std=self.config.initializer_range)
        if isinstance(module, MultiMedModel):
            init.normal_(module.summary, std=self.config.initializer_range)
            init.normal_(module.modality, std=self.config.initializer_range)
        # Custom code is only asked about modules that hold weights themselves, hence the linear layer and not its head.
        if isinstance(module, MultiMedUnitLinear):
            init.normal_(module.weight, std=module.in_features**-0.5)
        if isinstance(module, MultiMedThresholds):
            init.normal_(module.weight, std=self.config.initializer_range / THRESHOLD_RATE)
        if isinstance(module, MultiMedLowRank):
            module.reset_parameters(init)
        if isinstance(module, MultiMedFactor):
            init.ones_(module.bias)
        if isinstance(module, MultiMedBottleneckFusion):
            init.normal_(module.tokens, std=self.config.initializer_range)
        if isinstance(module, MultiMedTensorFusion):
            init.zeros_(module.bias)
        if isinstance(module, MultiMedLowRankFusion):
            # The products start near one: their mean, less one, starts as nearly linear in the modalities.
            init.constant_(module.weight, 1.0 / module.rank)
            init.constant_(module.bias, -1.0)
        if isinstance(module, MultiMedRegressionHead):
            # A head that a checkpoint lacks is built without memory: its buffers need values as its weights do.
            init.zeros_(module.mean)
            init.ones_(module.scale)


@dataclass
class MultiMedModelOutput(ModelOutput):
    """Output of [`MultiMedModel`].

    Args:
        pooler_output (`torch.FloatTensor` of shape `(batch_size, hidden_size)`): one vector per sample.
        last_hidden_state (`torch.FloatTensor` of shape `(tokens, hidden_size)`): all tokens in packed order.
        packing (`Packing`): where each sample's tokens lie: summary tokens first, one per sample with early fusion and one per
            modality otherwise, then the tokens of its modalities in the order of `config.modalities`.
        token_index (`dict[str, torch.LongTensor]`): packed position of every token of a modality, `(tokens of it,)`.
        token_lengths (`dict[str, torch.LongTensor]`): tokens per segment of a modality.
        hidden_states (`tuple[torch.FloatTensor]`): with `output_hidden_states`, what enters the first layer, what each layer
            gives, and for the last one `last_hidden_state`: each `(tokens, hidden_size)` in packed order. Bottleneck tokens
            are left out.
        attentions (`tuple[tuple[torch.FloatTensor]]`): with `output_attentions`, per layer and sample
            `(num_attention_heads, length, length)`, rows and columns in the order of the sample's tokens; zero between
            modalities unless fusion is early. What goes to bottleneck tokens is left out: rows then sum to less than one.
    """

    pooler_output: torch.FloatTensor | None = None
    last_hidden_state: torch.FloatTensor | None = None
    packing: Packing | None = None
    token_index: dict | None = None
    token_lengths: dict | None = None
    hidden_states: tuple | None = None
    attentions: tuple | None = None


@dataclass
class _Layout:
    """The tokens of a batch and where they lie.

    Attributes:
        embedded: `(tokens, hidden)` in the order of `within`.
        packing: by sample.
        within: by sequence, a sample or a modality of it.
        segments: what `within` was made of.
        owner: `(sequences,)` sample of each sequence.
        counts: modality name to its number of sequences; empty with early fusion.
        token_index, token_lengths: as in [`MultiMedModelOutput`].
    """

    embedded: torch.Tensor
    packing: Packing
    within: Packing
    segments: list
    owner: torch.Tensor
    counts: dict
    token_index: dict
    token_lengths: dict


class MultiMedModel(MultiMedPreTrainedModel):
    """Encoders, the backbone, and fusion of modalities; all samples of a batch are packed end to end.

    With early fusion, the default, every sample is one sequence of a summary token and the tokens of the modalities it has.
    With any other, each modality of a sample is a sequence of its own with its own summary token, and `config.fusion` says
    what makes one vector of the vectors of modalities. Attention stays within sequences.

    A modality that a sample lacks adds no token and so costs nothing.
    """

    def __init__(self, config: MultiMedConfig):
        super().__init__(config)
        self.encoders = nn.ModuleDict({name: build_encoder(name, config) for name in config.modalities})
        self.summary = nn.Parameter(torch.zeros(config.hidden_size))
        self.modality = nn.Parameter(torch.zeros(len(config.modalities), config.hidden_size))
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.layers = nn.ModuleList([MultiMedLayer(config) for _ in range(config.num_hidden_layers)])
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.pooler = MultiMedPooler(config)
        self.fusion = build_fusion(config)
        self._exchanges = isinstance(self.fusion, MultiMedBottleneckFusion)
        self.gradient_checkpointing = False
        self.post_init()

    def get_input_embeddings(self):
        return self.encoders["text"].embedding if "text" in self.encoders else None

    def set_input_embeddings(self, value):
        encoder = self.encoders["text"]
        if isinstance(encoder, MultiMedPretrainedEncoder):
            encoder.model.set_input_embeddings(value)
        else:
            encoder.embedding = value

    @can_return_tuple
    def forward(
        self,
        sample_ids: torch.Tensor,
        inputs: dict,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        **kwargs,
    ) -> MultiMedModelOutput:
        """Encodes a packed batch.

        Args:
            sample_ids: `(batch_size,)`, one entry per sample; only its length matters.
            inputs: modality name to what `MultiMedProcessor` made of it: the encoder's arguments and `samples`
                `(segments,)`, the sample each segment belongs to.
            output_attentions: whether to return the attention weights of all layers, which only the implementation "eager"
                has; default from the configuration.
            output_hidden_states: whether to return the hidden states of all layers; default from the configuration.

        Raises:
            ValueError: a modality without encoder, a sample without any modality, or attention weights of an
                implementation that has none.
        """
        output_attentions = self.config.output_attentions if output_attentions is None else output_attentions
        output_hidden_states = (
            self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        )
        implementation = self.config._attn_implementation or "eager"
        if output_attentions and implementation != "eager":
            raise ValueError(
                f"Expected the attention implementation 'eager' for `output_attentions`, got {implementation!r}, which gives no "
                "weights: call model.set_attn_implementation('eager')."
            )
        laid = self._lay_out(sample_ids, inputs)
        packing, within, num_samples = laid.packing, laid.within, len(sample_ids)
        hidden_states, states, attentions = self.dropout(laid.embedded), [], []
        joined = within
        for position, layer in enumerate(self.layers):
            if self._exchanges and position == self.config.fusion_layer:
                hidden_states, joined = self.fusion.join(hidden_states, within, laid.segments)
            elif self._exchanges and position > self.config.fusion_layer:
                hidden_states = self.fusion.exchange(hidden_states, joined, laid.owner, num_samples)
            if output_hidden_states:
                states.append(joined.move(hidden_states, packing))
            hidden_states = layer(hidden_states, joined, output_attentions)
            if output_attentions:
                hidden_states, weights = hidden_states
                attentions.append(attentions_by_sample(weights, joined, packing))
        hidden_states = self.norm(joined.move(hidden_states, within))
        last_hidden_state = within.move(hidden_states, packing)
        pooled = self.pooler(hidden_states, laid.embedded, within)
        if self.fusion is not None:
            pooled = self.fusion(pooled, laid.owner, laid.counts, num_samples)
        return MultiMedModelOutput(
            pooler_output=pooled,
            last_hidden_state=last_hidden_state,
            packing=packing,
            token_index=laid.token_index,
            token_lengths=laid.token_lengths,
            hidden_states=(*states, last_hidden_state) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )

    @torch.compiler.disable
    def _lay_out(self, sample_ids, inputs):
        """Encodes the modalities and lays their tokens end to end.

        All that Python decides by the lengths of a batch is decided here, so that what follows compiles.
        """
        num_samples = len(sample_ids)
        unknown = inputs.keys() - set(self.config.modalities)
        if unknown:
            raise ValueError(f"Expected modalities among {self.config.modalities}, got {sorted(unknown)} as well.")
        if "peak_ids" in inputs.get("genomics", ()) and not self.config.num_peaks:
            raise ValueError("Expected DNA alone, since `num_peaks` of the model is 0, got open peaks: leave them out.")
        every = torch.arange(num_samples, device=sample_ids.device)
        tokens, samples, lengths = [], {}, {}
        for position, name in enumerate(self.config.modalities):
            if name not in inputs or not len(inputs[name]["samples"]):
                continue
            arguments = {key: value for key, value in inputs[name].items() if key != "samples"}
            encoded, lengths[name] = self.encoders[name](**arguments)
            tokens.append(encoded + self.modality[position])
            samples[name] = inputs[name]["samples"]
        # A sample is one sequence, or as many as it has modalities; each starts with a summary token.
        owner, sequence, counts = every, samples, {}
        summary = self.summary.expand(num_samples, -1)
        if self.fusion is not None:
            owner, sequence, counts = number_sequences(every[:0], samples, lengths)
            kinds = [
                self.modality[self.config.modalities.index(name)].expand(count, -1) for name, count in counts.items()
            ]
            summary = torch.cat([summary[:0], *kinds]) + self.summary
        summaries = torch.ones_like(owner)
        total = len(owner) + sum(len(part) for part in tokens)
        own = [(owner, summaries), *zip(samples.values(), lengths.values(), strict=True)]
        packing = Packing.of(num_samples, own, total)
        if sum(count for count, length in packing.blocks if length > 1) < num_samples:
            raise ValueError("Expected at least one modality for every sample, got a sample without any.")
        segments = [
            (torch.arange(len(owner), device=owner.device), summaries),
            *zip(sequence.values(), lengths.values(), strict=True),
        ]
        within = packing if self.fusion is None else Packing.of(len(owner), segments, total)
        tokens = [summary, *tokens]
        places = torch.split(packing.index, [len(part) for part in tokens])[1:]
        return _Layout(
            embedded=within.pack(torch.cat([part.to(tokens[-1].dtype) for part in tokens])),
            packing=packing,
            within=within,
            segments=segments,
            owner=owner,
            counts=counts,
            token_index=dict(zip(samples, places, strict=True)),
            token_lengths=lengths,
        )


__all__ = ["MultiMedModel", "MultiMedModelOutput", "MultiMedPreTrainedModel"]
