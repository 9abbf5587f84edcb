"""How the losses of many tasks become one: fixed weights, learnt uncertainty, or by how fast each of them falls."""

import torch
from torch import nn

TEMPERATURE = 2.0
"""Of the softmax of dynamic weights, as in Liu et al."""


class MultiMedFixedBalancing(nn.Module):
    """Weights that stay: `sum over tasks k and samples i that ask k of w_k * L_ki`, w_k the `weight` of the task or 1.

    What other schemes learn about each task is in `tasks`, empty here.
    """

    def __init__(self, config):
        super().__init__()
        self.weights, self.tasks = {}, nn.ModuleDict()
        for task in config.tasks:
            self.add(config, task)

    def add(self, config, task):
        """Takes in a new task, or one whose head has been replaced."""
        self.weights[task["name"]] = float(task.get("weight", 1.0))

    def forward(self, losses):
        """`losses`, task name to those of the samples that ask it `(asking,)`, to their weighted sum, a scalar.

        A task that no sample asks is not in `losses`, and has no influence on the others.
        """
        return sum(each.sum() * self.weights[name] for name, each in losses.items())


class MultiMedUncertainty(nn.Module):
    """The learnt uncertainty of one task: s = log(sigma^2), `(1,)`, zero at first; `factor` is that of its loss."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor
        self.log_variance = nn.Parameter(torch.zeros(1))

    def reset_scalars(self, init):
        """First values; `init` is `transformers.initialization`."""
        init.zeros_(self.log_variance)

    def forward(self, losses):
        """`(asking,)` losses of samples to what each of them costs under the uncertainty, `(asking,)`."""
        log_variance = self.log_variance.float()
        return self.factor * torch.exp(-log_variance) * losses + 0.5 * log_variance


class MultiMedUncertaintyBalancing(MultiMedFixedBalancing):
    """Weights from learnt variances (Kendall, Gal and Cipolla, CVPR 2018).

    Regression is the likelihood of a Gaussian, `L / (2 sigma^2) + log sigma`, L a squared error; all other tasks take
    the form for classification, `L / sigma^2 + log sigma`, which is the likelihood of logits divided by sigma^2, up to an
    approximation that is exact at sigma = 1. With s = log(sigma^2):

        regression: `w * (exp(-s) * L / 2 + s / 2)`; others: `w * (exp(-s) * L + s / 2)`.

    Every sample that asks the task pays both terms, so that s settles where exp(s) is the mean of L, or of 2 L, whatever
    the share of samples that ask. The total may be negative.
    """

    def add(self, config, task):
        super().add(config, task)
        self.tasks[task["name"]] = MultiMedUncertainty(0.5 if task["kind"] == "regression" else 1.0)

    def forward(self, losses):
        return super().forward({name: self.tasks[name](each) for name, each in losses.items()})


class MultiMedLossHistory(nn.Module):
    """Mean losses of a task over the last two full windows of batches that asked it, and over the window under way."""

    def __init__(self, window):
        super().__init__()
        self.window = window
        self.register_buffer("count", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(1))
        # Zero stands for a window that has not been.
        self.register_buffer("recent", torch.zeros(1))
        self.register_buffer("before", torch.zeros(1))

    def reset_scalars(self, init):
        """First values; `init` is `transformers.initialization`."""
        for buffer in (self.count, self.mean, self.recent, self.before):
            init.zeros_(buffer)

    @torch.no_grad()
    def update(self, loss):
        """Takes in the mean loss of one batch. Branches would wait for the device."""
        self.count.add_(1)
        self.mean.add_((loss.to(self.mean.dtype) - self.mean) / self.count)
        full = self.count == self.window
        self.before.copy_(torch.where(full, self.recent, self.before))
        self.recent.copy_(torch.where(full, self.mean, self.recent))
        # A loss that overflowed is over with its window.
        self.mean.masked_fill_(full, 0)
        self.count.masked_fill_(full, 0)

    def ratio(self):
        """`L(t - 1) / L(t - 2)` of the last two windows `(1,)`, 1 until there are two."""
        known = self.before > 0
        return torch.where(known, self.recent / torch.where(known, self.before, 1), 1).float()


class MultiMedDynamicBalancing(MultiMedFixedBalancing):
    """Dynamic weight average (Liu, Johns and Davison, CVPR 2019): what falls slowly weighs more. It needs no gradients.

    With `r_k = L_k(t - 1) / L_k(t - 2)`, means over the last two windows, and T = 2, for the K tasks of the batch:

        `lambda_k = K * exp(r_k / T) / sum over tasks i of the batch of exp(r_i / T)`, and the loss is
        `sum over tasks and samples of w_k * lambda_k * L_ki`.

    The paper's windows are epochs; here they are `loss_balancing_window` batches that ask the task, of which the model
    keeps count itself, in buffers that are saved with it. Only the tasks of the batch share the weights: one that no
    sample asks has no influence. Several processes each see their own losses; DistributedDataParallel gives all of them
    the history of the first.
    """

    def add(self, config, task):
        super().add(config, task)
        self.tasks[task["name"]] = MultiMedLossHistory(config.loss_balancing_window)

    def forward(self, losses):
        if not losses:
            return super().forward(losses)
        ratios = torch.cat([self.tasks[name].ratio() for name in losses])
        shares = torch.softmax(ratios / TEMPERATURE, 0) * len(losses)
        total = super().forward(
            {name: each * share for (name, each), share in zip(losses.items(), shares, strict=True)}
        )
        if self.training:
            for name, each in losses.items():
                self.tasks[name].update(each.detach().mean())
        return total


BALANCINGS = {
    "fixed": MultiMedFixedBalancing,
    "uncertainty": MultiMedUncertaintyBalancing,
    "dynamic": MultiMedDynamicBalancing,
}
