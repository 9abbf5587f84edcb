"""Classes that are named, not numbered: a sample is compared with the texts of its labels, be they known or new."""

import math

import torch
from torch import nn

from .heads_multimed import MultiMedClassHead, MultiMedLabelsHead

MAX_SCALE = 100.0
"""The highest factor on a cosine, as in CLIP: beyond it training becomes unstable."""


class MultiMedLabelTextHead(nn.Module):
    """One of several labels, by what their texts say (CLIP, Radford et al., 2021).

    With x the sample's vector, t_k that of label k read as a text by the same network, P and Q linear maps:
    `logit_k = s * cos(P x, Q t_k)`, s learnt and 1 / 0.07 at first. Logits `(batch, labels)`; labels `(batch,)` int64.
    """

    loss = MultiMedClassHead.loss

    def __init__(self, config, task):
        super().__init__()
        self.dropout = nn.Dropout(config.head_dropout)
        self.sample = nn.Linear(config.hidden_size, config.hidden_size)
        self.label = nn.Linear(config.hidden_size, config.hidden_size)
        self.log_scale = nn.Parameter(torch.zeros(1))
        self.bias = None

    def reset_scalars(self, init):
        """First values of what is no matrix; `init` is `transformers.initialization`."""
        init.constant_(self.log_scale, math.log(1 / 0.07))
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, pooled, texts):
        """`pooled` `(batch, hidden)` and `texts` `(labels, hidden)`, the vectors of samples and of label texts."""
        sample, label = self.sample(self.dropout(pooled)), self.label(texts)
        # Half precision has too few digits for cosines of vectors that nearly agree, which are then multiplied.
        with torch.autocast(pooled.device.type, enabled=False):
            sample, label = (nn.functional.normalize(part.float(), dim=-1) for part in (sample, label))
            logits = sample @ label.T * self.log_scale.float().exp().clamp(max=MAX_SCALE)
            return logits if self.bias is None else logits + self.bias.float()


class MultiMedLabelTextsHead(MultiMedLabelTextHead):
    """Any of several labels, by what their texts say: `logit_k = s * cos(P x, Q t_k) + b` (SigLIP, Zhai et al., 2023).

    Logits `(batch, labels)`; labels `(batch, labels)` float, 0, 1 or -100 for unknown.
    """

    loss = MultiMedLabelsHead.loss

    def __init__(self, config, task):
        super().__init__(config, task)
        # Whether a label is present is not relative to the other labels.
        self.bias = nn.Parameter(torch.zeros(1))
