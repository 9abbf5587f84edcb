"""The fused backbone: encoders of all modalities, one transformer over packed samples."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import ModelOutput
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.utils.generic import can_return_tuple

from .configuration_multimed import MultiMedConfig
from .encoders_multimed import MultiMedCellEncoder, build_encoder
from .heads_multimed import MultiMedRegressionHead, MultiMedUnitLinear
from .packing_multimed import Packing


def eager_attention_forward(module, query, key, value, attention_mask, scaling, dropout=0.0, **kwargs):
    """Plain softmax attention: `(batch, heads, time, head)` queries, keys, values to `(batch, time, heads, head)` and weights."""
    weights = torch.matmul(query, key.transpose(2, 3)) * scaling
    weights = nn.functional.softmax(weights, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


class MultiMedAttention(nn.Module):
    """Self-attention within each sample of a packed batch; no sample ever sees another."""

    def __init__(self, config: MultiMedConfig):
        super().__init__()
        self.config = config
        self.num_heads = config.num_attention_heads
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.scaling = self.head_dim**-0.5
        self.is_causal = False
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.k_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.v_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor, packing: Packing):
        """`hidden_states` `(tokens, hidden)` in packed order; gives the same shape."""
        implementation = self.config._attn_implementation or "eager"
        attend: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(implementation, eager_attention_forward)
        dropout = self.config.attention_dropout if self.training else 0.0
        query, key, value = (
            projection(hidden_states).view(-1, self.num_heads, self.head_dim)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        if "flash" in implementation:
            # Variable-length kernels take the boundaries themselves.
            longest = packing.blocks[-1][1]
            mixed, _ = attend(
                self,
                *(part.transpose(0, 1)[None] for part in (query, key, value)),
                attention_mask=None,
                scaling=self.scaling,
                dropout=dropout,
                cu_seq_lens_q=packing.cumulative,
                cu_seq_lens_k=packing.cumulative,
                max_length_q=longest,
                max_length_k=longest,
            )
            return self.o_proj(mixed.reshape(hidden_states.shape))
        # Samples of one length are neighbours, so each run of them is a plain batch: a view, not a copy. Split, not sliced one
        # by one: the gradient of each slice would be as large as the whole batch.
        sizes = [count * length for count, length in packing.blocks]
        runs = []
        for (count, length), *parts in zip(
            packing.blocks, *(part.split(sizes) for part in (query, key, value)), strict=True
        ):
            q, k, v = (part.view(count, length, self.num_heads, self.head_dim).transpose(1, 2) for part in parts)
            mixed, _ = attend(self, q, k, v, attention_mask=None, scaling=self.scaling, dropout=dropout)
            runs.append(mixed.reshape(count * length, -1))
        return self.o_proj(torch.cat(runs))


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

    def forward(self, hidden_states: torch.Tensor, packing: Packing):
        hidden_states = hidden_states + self.dropout(self.attention(self.attention_norm(hidden_states), packing))
        return hidden_states + self.dropout(self.mlp(self.mlp_norm(hidden_states)))


class MultiMedPooler(nn.Module):
    """One vector per sample: the mean of its tokens as the encoders gave them, and what the backbone adds to it.

    A head so holds the linear model of its inputs, and what is linear is learnt from few samples (wide and deep learning,
    Cheng et al., DLRS 2016). In training, some samples go without what the backbone adds (stochastic depth, Huang et al.,
    ECCV 2016), so that it improves on the linear model and does not replace it.
    """

    def __init__(self, config: MultiMedConfig):
        super().__init__()
        self.drop_path_rate = config.drop_path_rate
        self.mix = nn.Linear(2 * config.hidden_size, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor, embedded: torch.Tensor, packing: Packing):
        """`hidden_states` and `embedded` `(tokens, hidden)` in packed order; gives `(samples, hidden)`."""
        mean, first = (packing.mean(tokens).to(hidden_states.dtype) for tokens in (hidden_states, embedded))
        added = self.mix(torch.cat([mean, packing.max(hidden_states)], dim=-1))
        kept = nn.functional.dropout(torch.ones_like(added[:, :1]), self.drop_path_rate, self.training)
        return first + added * kept


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
    _supports_attention_backend = True

    @torch.no_grad()
    def _init_weights(self, module):
        super()._init_weights(module)
        if isinstance(module, nn.EmbeddingBag):
            init.normal_(module.weight, std=self.config.initializer_range)
            if module.padding_idx is not None:
                init.zeros_(module.weight[module.padding_idx])
        if isinstance(module, MultiMedCellEncoder):
            init.normal_(module.bias, std=self.config.initializer_range)
        if isinstance(module, MultiMedModel):
            init.normal_(module.summary, std=self.config.initializer_range)
            init.normal_(module.modality, std=self.config.initializer_range)
        # Custom code is only asked about modules that hold weights themselves, hence the linear layer and not its head.
        if isinstance(module, MultiMedUnitLinear):
            init.normal_(module.weight, std=module.in_features**-0.5)
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
        packing (`Packing`): where each sample's tokens lie.
        token_index (`dict[str, torch.LongTensor]`): packed position of every token of a modality, `(tokens of it,)`.
        token_lengths (`dict[str, torch.LongTensor]`): tokens per segment of a modality.
    """

    pooler_output: torch.FloatTensor | None = None
    last_hidden_state: torch.FloatTensor | None = None
    packing: Packing | None = None
    token_index: dict | None = None
    token_lengths: dict | None = None


class MultiMedModel(MultiMedPreTrainedModel):
    """Encoders and the fused backbone: every sample becomes one sequence of a summary token and the tokens of the
    modalities it has (early fusion), all samples of a batch are packed end to end, and attention stays within samples.

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
        self.gradient_checkpointing = False
        self.post_init()

    def get_input_embeddings(self):
        return self.encoders["text"].embedding if "text" in self.encoders else None

    def set_input_embeddings(self, value):
        self.encoders["text"].embedding = value

    @can_return_tuple
    def forward(self, sample_ids: torch.Tensor, inputs: dict, **kwargs) -> MultiMedModelOutput:
        """Encodes a packed batch.

        Args:
            sample_ids: `(batch_size,)`, one entry per sample; only its length matters.
            inputs: modality name to what `MultiMedProcessor` made of it: the encoder's arguments and `samples`
                `(segments,)`, the sample each segment belongs to.

        Raises:
            ValueError: a modality without encoder, or a sample without any modality.
        """
        num_samples = len(sample_ids)
        unknown = inputs.keys() - set(self.config.modalities)
        if unknown:
            raise ValueError(f"Expected modalities among {self.config.modalities}, got {sorted(unknown)} as well.")
        every = torch.arange(num_samples, device=sample_ids.device)
        segments = [(every, torch.ones_like(every))]
        tokens, kinds = [self.summary.expand(num_samples, -1)], []
        for position, name in enumerate(self.config.modalities):
            if name not in inputs or not len(inputs[name]["samples"]):
                continue
            arguments = {key: value for key, value in inputs[name].items() if key != "samples"}
            encoded, lengths = self.encoders[name](**arguments)
            tokens.append(encoded + self.modality[position])
            segments.append((inputs[name]["samples"], lengths))
            kinds.append(name)
        packing = Packing.of(num_samples, segments)
        if packing.blocks and packing.blocks[0][1] == 1:
            raise ValueError("Expected at least one modality for every sample, got a sample without any.")
        embedded = packing.pack(torch.cat([part.to(tokens[-1].dtype) for part in tokens]))
        hidden_states = self.dropout(embedded)
        for layer in self.layers:
            hidden_states = layer(hidden_states, packing)
        hidden_states = self.norm(hidden_states)
        sizes = [int(lengths.sum()) for _, lengths in segments]
        places = torch.split(packing.index, sizes)[1:]
        return MultiMedModelOutput(
            pooler_output=self.pooler(hidden_states, embedded, packing),
            last_hidden_state=hidden_states,
            packing=packing,
            token_index=dict(zip(kinds, places, strict=True)),
            token_lengths={name: lengths for name, (_, lengths) in zip(kinds, segments[1:], strict=True)},
        )


__all__ = ["MultiMedModel", "MultiMedModelOutput", "MultiMedPreTrainedModel"]
