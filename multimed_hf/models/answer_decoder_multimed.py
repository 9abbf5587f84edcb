"""Open answers: a small decoder writes them token by token, looking at the tokens of its sample."""

import torch
from torch import nn

from .encoders_multimed import sinusoids
from .heads_multimed import IGNORE
from .labels_multimed import check_form, out_of_range, range_error


class MultiMedDecoderAttention(nn.Module):
    """Attention of the tokens of answers to one another, backwards only, or to the tokens of a sample."""

    def __init__(self, config):
        super().__init__()
        self.num_heads = config.num_attention_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states, memory=None):
        """`states` `(answers, time, hidden)`; `memory` `(answers, tokens, hidden)`, None for the answers themselves."""
        source = states if memory is None else memory
        query, key, value = (
            projection(part).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projection, part in ((self.query, states), (self.key, source), (self.value, source))
        )
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=memory is None)
        return self.out(mixed.transpose(1, 2).flatten(2))


class MultiMedDecoderLayer(nn.Module):
    """Pre-norm layer: what has been written, the sample, feed-forward."""

    def __init__(self, config):
        super().__init__()
        size, eps = config.hidden_size, config.layer_norm_eps
        self.written_norm, self.sample_norm, self.mlp_norm = (nn.LayerNorm(size, eps=eps) for _ in range(3))
        self.written, self.sample = MultiMedDecoderAttention(config), MultiMedDecoderAttention(config)
        self.expand = nn.Linear(size, config.intermediate_size)
        self.contract = nn.Linear(config.intermediate_size, size)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, states, blocks):
        """`states` `(answers, time, hidden)`; `blocks` as `memory_of` gives them."""
        states = states + self.dropout(self.written(self.written_norm(states)))
        queries = self.sample_norm(states)
        looked = torch.cat([self.sample(queries[rows], memory) for rows, memory in blocks])
        rows = torch.cat([rows for rows, _ in blocks])
        states = states + self.dropout(torch.empty_like(looked).index_copy(0, rows, looked))
        return states + self.dropout(self.contract(nn.functional.gelu(self.expand(self.mlp_norm(states)))))


class MultiMedAnswerDecoder(nn.Module):
    """Answers of any words. Logits `(batch, answer tokens, vocabulary)`, zero for samples that do not ask; labels
    `(batch, answer tokens)` int64, the tokens of the answer and the end token, -100 after it and where not asked.

    A causal transformer of `num_layers` layers, one by default. It starts from the sample's vector and looks at all tokens
    of the sample, packed as they are; it reads and predicts tokens through the embedding of the text encoder:
    `logits = states @ embedding.T`. It is trained with the answer's own tokens before each token (teacher forcing).
    """

    def __init__(self, config, task):
        super().__init__()
        self.name, self.end = task["name"], int(task["end_token_id"])
        self.start = nn.Embedding(1, config.hidden_size)
        self.layers = nn.ModuleList([MultiMedDecoderLayer(config) for _ in range(task.get("num_layers", 1))])
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.head_dropout)

    def forward(self, pooled, tokens=None, packing=None, embedding=None, labels=None):
        """Logits of every token of the answers, given those before it; `(batch, 0, 0)` without labels to go by.

        Args:
            pooled: `(batch, hidden)`, a vector per sample.
            tokens: `(tokens, hidden)`, all samples as `packing` lays them.
            packing: a `Packing`.
            embedding: `(vocabulary, hidden)`, the weights of the text encoder.
            labels: `(batch, answer tokens)`.

        Raises:
            ValueError: labels of the wrong kind or shape, or tokens that the vocabulary lacks.
        """
        if labels is None:
            return pooled.new_zeros(len(pooled), 0, 0)
        shape = (len(pooled), 0, len(embedding))
        check_form("decoder", self.name, labels, shape)
        logits = pooled.new_zeros(*labels.shape, len(embedding), dtype=torch.float32)
        asked = (labels != IGNORE).any(1)
        any_asked, wrong = torch.stack([asked.any(), out_of_range("decoder", labels, shape)]).tolist()
        if wrong:
            raise range_error("decoder", self.name, shape)
        if not any_asked:
            return logits
        rows = torch.nonzero(asked)[:, 0]
        found = self.predict(pooled[rows], memory_of(tokens, packing, rows), embedding, labels[rows, :-1].clamp(min=0))
        return logits.index_copy(0, rows, found)

    def predict(self, pooled, blocks, embedding, written):
        """Logits `(answers, time + 1, vocabulary)` of the first token and of the next after each of `written`.

        Args:
            pooled: `(answers, hidden)`, the vectors of their samples.
            blocks: the tokens of their samples, as `memory_of` gives them.
            embedding: `(vocabulary, hidden)`.
            written: `(answers, time)` int64.
        """
        first = (pooled + self.start.weight)[:, None]
        states = torch.cat([first, nn.functional.embedding(written, embedding).to(first.dtype)], 1)
        places = torch.arange(states.shape[1], device=states.device)
        states = states + sinusoids(places, states.shape[-1]).to(states.dtype)
        for layer in self.layers:
            states = layer(states, blocks)
        return nn.functional.linear(self.dropout(self.norm(states)), embedding).float()

    def loss(self, logits, labels):
        """Cross-entropy of each sample `(batch,)`, averaged over the tokens of its answer; zero where not asked."""
        each = nn.functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORE, reduction="none")
        return each.sum(1) / (labels != IGNORE).sum(1).clamp(min=1)

    @torch.no_grad()
    def generate(self, pooled, tokens, packing, embedding, max_new_tokens, fill):
        """The likeliest token, one after the other: `(batch, new tokens)` int64, `fill` after the end token of each answer.

        Answers are a few tokens long: each step reads them again from the start.
        """
        blocks = memory_of(tokens, packing, torch.arange(len(pooled), device=pooled.device))
        written = torch.zeros(len(pooled), 0, dtype=torch.int64, device=pooled.device)
        ended = torch.zeros(len(pooled), dtype=torch.bool, device=pooled.device)
        for _ in range(max_new_tokens):
            best = self.predict(pooled, blocks, embedding, written)[:, -1].argmax(-1)
            written = torch.cat([written, torch.where(ended, fill, best)[:, None]], 1)
            ended |= best == self.end
            if bool(ended.all()):
                break
        return written


def memory_of(tokens, packing, rows):
    """The packed tokens of some samples, as one plain batch for each length.

    Args:
        tokens: `(tokens, hidden)` in packed order.
        packing: where each sample's tokens lie.
        rows: `(answers,)`, the samples wanted, none twice.

    Returns:
        Pairs of places in `rows` `(count,)` and their tokens `(count, length, hidden)`, together all of `rows`.
    """
    lengths = packing.lengths[rows]
    blocks = []
    for length in torch.unique(lengths).tolist():
        places = torch.nonzero(lengths == length)[:, 0]
        index = packing.first[rows[places]][:, None] + torch.arange(length, device=tokens.device)
        blocks.append((places, tokens[index]))
    return blocks
