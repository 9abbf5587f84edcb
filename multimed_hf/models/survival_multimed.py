"""Survival: a log risk, learnt from the order in which events come, of which some are censored."""

import torch
from torch import nn


def cox_losses(risk, time, event, ties="efron"):
    """Terms of the negative log partial likelihood (Cox, 1972), of which only rows with an event have one that is not zero.

    With r the log risk and R(t) the rows whose time is t or later, the term of an event at t is, with Breslow's treatment
    of ties (1974), `log(sum over R(t) of exp(r)) - r_i`. Efron (1977) lets the d events of one time leave one after the
    other: the term of the k-th of them, k = 0 ... d - 1, counts the events of that time with weight 1 - k / d only. The
    sum over ties does not depend on which comes first. Without ties the two are the same.

    Args:
        risk: `(n,)` log risk, higher for an earlier event.
        time: `(n,)` of the event or of the end of follow-up, in any unit.
        event: `(n,)` bool, whether the event was seen.
        ties: "efron" or "breslow".

    Returns:
        `(n,)` float32, on which `risk` acts by its differences only.
    """
    risk = risk.float()
    weight = (time[None, :] >= time[:, None]).float()  # of row j in the risk set of row i
    if ties == "efron":
        tied = (time[None, :] == time[:, None]) & event[None, :] & event[:, None]
        place = tied.tril(-1).sum(1)
        weight = weight - tied * (place / tied.sum(1).clamp(min=1))[:, None]
    at_risk = torch.logsumexp(risk[None, :] + weight.log(), dim=1)
    return torch.where(event, at_risk - risk, torch.zeros_like(risk))


class MultiMedSurvivalHead(nn.Module):
    """Cox's proportional hazards. Logits `(batch, 1)`, the log risk; labels `(batch, 2)` float, the time in days and whether
    the event was seen (1) or the sample was censored then (0), NaN where not asked.

    The risk set is the part of the batch that asks this task: one process, one step. It stands for that of the whole data
    as well as the batch does, and small batches bias the estimate: of a batch with one event and nobody who outlasts it,
    nothing is learnt. Give batches of dozens of samples that ask it. A log risk has no zero: only differences count.
    """

    def __init__(self, config, task):
        super().__init__()
        self.ties = task.get("ties", "efron")
        self.dropout = nn.Dropout(config.head_dropout)
        # A constant would cancel.
        self.out = nn.Linear(config.hidden_size, 1, bias=False)

    def forward(self, pooled):
        return self.out(self.dropout(pooled))

    def loss(self, logits, labels):
        """The term of each sample in the negative log partial likelihood `(batch,)`; zero where censored or not asked."""
        asked = torch.nonzero(~torch.isnan(labels).any(1))[:, 0]
        time, event = labels[asked].float().unbind(1)
        terms = cox_losses(logits[asked, 0], time, event > 0, self.ties)
        return terms.new_zeros(len(logits)).index_copy(0, asked, terms)
