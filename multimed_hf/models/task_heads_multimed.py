"""All heads of a model behind one module, and how their losses become one."""

import torch
from torch import nn

from .answer_decoder_multimed import MultiMedAnswerDecoder
from .balancing_multimed import BALANCINGS
from .configuration_multimed import MultiMedConfig
from .heads_multimed import HEADS, is_present
from .label_text_multimed import MultiMedLabelTextHead, MultiMedLabelTextsHead
from .labels_multimed import check_form, out_of_range, range_error

NAMED_HEADS = {
    ("label_text", "single_label"): MultiMedLabelTextHead,
    ("label_text", "multi_label"): MultiMedLabelTextsHead,
    ("decoder", "answer"): MultiMedAnswerDecoder,
}
"""The `head` that a task's entry may name, and its kind, to the head."""


def build_head(config, task):
    """The head of an entry of `config.tasks`."""
    named = task.get("head")
    return (NAMED_HEADS[named, task["kind"]] if named else HEADS[task["kind"]])(config, task)


class MultiMedHeads(nn.Module):
    """All heads, and what their balancing learns, behind one module: PEFT's `modules_to_save=["heads"]` copies it."""

    def __init__(self, config: MultiMedConfig):
        super().__init__()
        self.kinds = {task["name"]: task["kind"] for task in config.tasks}
        self.tasks = nn.ModuleDict({task["name"]: build_head(config, task) for task in config.tasks})
        self.balancing = BALANCINGS[config.loss_balancing](config)

    def add(self, config, task):
        """A new head, or one in place of that of the same name. Its weights are as torch made them."""
        self.kinds[task["name"]] = task["kind"]
        self.tasks[task["name"]] = build_head(config, task)
        self.balancing.add(config, task)

    def forward(self, pooled, besides):
        """Logits of every task; those of a task whose input no sample has are empty, so that all batches have one form.

        Args:
            pooled: `(batch, hidden)`.
            besides: task name to what its head takes besides, a tuple; a task may be missing.
        """
        return {name: head(pooled, *besides.get(name, ())) for name, head in self.tasks.items()}

    @torch.compiler.disable
    def losses(self, logits, labels, targets=None):
        """Per task, the losses of the samples that ask it, `(asking,)`; tasks that no sample asks are left out.

        Which tasks are asked, Python decides: not compiled.

        Args:
            logits: what `forward` gave.
            labels: task name to labels.
            targets: name of a regression task to those of its targets that the logits and labels are of.

        Raises:
            ValueError: labels of a task that there is not, of the wrong kind or shape, or out of range.
        """
        losses = {}
        for name, target in labels.items():
            if name not in self.kinds:
                raise ValueError(f"Expected labels of tasks among {list(self.kinds)}, got {name!r}.")
            if not logits[name].numel():
                continue
            form = "decoder" if isinstance(self.tasks[name], MultiMedAnswerDecoder) else self.kinds[name]
            shape = logits[name].shape
            check_form(form, name, target, shape)
            present = is_present(self.kinds[name], target)
            # One wait for the device.
            any_present, wrong = torch.stack([present.any(), out_of_range(form, target, shape)]).tolist()
            if wrong:
                raise range_error(form, name, shape)
            if any_present:
                asked = (targets[name],) if targets and name in targets else ()
                losses[name] = self.tasks[name].loss(logits[name], target, *asked)[present]
        return losses
