"""Self-attention over packed sequences, by any kernel that transformers knows."""

from collections.abc import Callable

import torch
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .configuration_multimed import MultiMedConfig
from .packing_multimed import Packing


def eager_attention_forward(module, query, key, value, attention_mask, scaling, dropout=0.0, **kwargs):
    """Plain softmax attention: `(batch, heads, time, head)` queries, keys, values to `(batch, time, heads, head)` and weights."""
    weights = torch.matmul(query, key.transpose(2, 3)) * scaling
    weights = nn.functional.softmax(weights, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


@torch.compiler.disable
def attend_blocks(module, attend, parts, packing, arguments):
    """Attention within sequences, those of one length at a time.

    How many lengths there are differs from batch to batch. `torch.compile` leaves this part alone: a graph of it would be
    made anew for each number.

    Args:
        module: what attends, handed on to `attend`.
        attend: an attention function as transformers has them.
        parts: queries, keys and values, each `(tokens, heads, head)` in packed order.
        packing: where each sequence lies.
        arguments: other arguments of `attend`.

    Returns:
        `(tokens, hidden)`, and weights as [`MultiMedAttention`] gives them.
    """
    # Sequences of one length are neighbours, so each run of them is a plain batch: a view, not a copy. Split, not sliced
    # one by one: the gradient of each slice would be as large as the whole batch.
    sizes = [count * length for count, length in packing.blocks]
    runs, weights = [], []
    for (count, length), *run in zip(packing.blocks, *(part.split(sizes) for part in parts), strict=True):
        views = (part.view(count, length, *part.shape[1:]).transpose(1, 2) for part in run)
        mixed, weight = attend(module, *views, attention_mask=None, **arguments)
        runs.append(mixed.reshape(count * length, -1))
        weights.append(weight)
    return torch.cat(runs), None if weights[0] is None else weights


class MultiMedAttention(nn.Module):
    """Self-attention within each sequence of a packed batch, a sample or a modality of it; none ever sees another."""

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
        """Mixes the tokens of each sequence.

        Args:
            hidden_states: `(tokens, hidden)` in packed order.
            packing: where each sequence lies.

        Returns:
            `(tokens, hidden)`, and the attention weights `(count, heads, length, length)` of each of the blocks of `packing`;
            None with kernels that do not give any.
        """
        implementation = self.config._attn_implementation or "eager"
        attend: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(implementation, eager_attention_forward)
        arguments = {"scaling": self.scaling, "dropout": self.config.attention_dropout if self.training else 0.0}
        parts = [
            projection(hidden_states).view(-1, self.num_heads, self.head_dim)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        ]
        if "flash" in implementation or implementation == "flex_attention":
            # These kernels take the whole batch as one sequence, and its boundaries: numbers, or as a mask of blocks.
            longest = packing.blocks[-1][1]
            boundaries = {
                "attention_mask": None,
                "cu_seq_lens_q": packing.cumulative,
                "cu_seq_lens_k": packing.cumulative,
                "max_length_q": longest,
                "max_length_k": longest,
            }
            if implementation == "flex_attention":
                boundaries = {"attention_mask": packing.block_mask}
            mixed, _ = attend(self, *(part.transpose(0, 1)[None] for part in parts), **boundaries, **arguments)
            return self.o_proj(mixed.reshape(hidden_states.shape)), None
        mixed, weights = attend_blocks(self, attend, parts, packing, arguments)
        return self.o_proj(mixed), weights
