"""Pre-trained models of transformers as encoders: their hidden states, projected, are the tokens of a modality."""

import inspect

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import MODEL_MAPPING, AutoModel

from .configuration_multimed import VOLUME_MODALITIES
from .dropout_multimed import hide
from .image_encoders_multimed import BODY_WAVES, waves
from .packing_multimed import join_segments
from .peaks_multimed import MultiMedPeaksBesideDNA
from .pretrained_configuration_multimed import SEQUENCES, encoder_config, width_of

SLICES_AT_ONCE = 32
"""Slices of volumes that a pre-trained model reads at a time."""

LORA_ALPHA = 16.0
"""Scale of low-rank adapters, times their rank."""


class MultiMedLowRank(nn.Module):
    """What low-rank adaptation adds to a linear layer: `16 / rank * up(down(x))` (LoRA, Hu et al., ICLR 2022).

    It listens to the layer and is no part of it. The weights of a pre-trained model so keep their names, and a checkpoint
    that was trained with the model frozen goes on with adapters, or with all of it, and the other way round.
    """

    def __init__(self, layer, rank):
        super().__init__()
        self.scale = LORA_ALPHA / rank
        self.down = nn.Parameter(torch.zeros(rank, layer.in_features))
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))
        layer.register_forward_hook(self._add)

    def reset_parameters(self, init):
        """First values: nothing is added yet; `init` is `transformers.initialization`."""
        bound = self.down.shape[1] ** -0.5
        init.uniform_(self.down, -bound, bound)
        init.zeros_(self.up)

    def forward(self, values):
        return nn.functional.linear(nn.functional.linear(values, self.down), self.up) * self.scale

    def _add(self, layer, arguments, output):
        return output + self(arguments[0])


class MultiMedPretrainedEncoder(nn.Module):
    r"""What encoders for sequences and for images share: the pre-trained model, how it learns, and the projection.

    The model is built from the configuration alone, with random weights: `load_pretrained` gives it those it had.

    Frozen, it stays in evaluation mode and no gradient is kept for it. PEFT can still adapt it: with adapters of its own in
    place (`get_peft_model(model, LoraConfig(target_modules=r".*encoders\.text\.model\..*(query|value)"))`) gradients
    flow again.

    Args:
        config: the whole configuration.
        entry: its entry of `encoders`, complete.
    """

    main_input_name = ""

    def __init__(self, config, entry):
        super().__init__()
        self.entry, self.input_dropout = entry, config.input_dropout
        own = encoder_config(entry)
        self.model = AutoModel.from_config(own, **_without_pooler(own))
        if self.model.main_input_name != self.main_input_name:
            raise ValueError(
                f"The encoder of {entry['modality']!r} must read {self.main_input_name}, got {entry['model']!r}, a "
                f"{own.model_type!r} model, which reads {self.model.main_input_name}."
            )
        width = width_of(own)
        self.projection = nn.Linear(width if width > 0 else self.model.timm_model.num_features, config.hidden_size)
        self.adapters = nn.ModuleDict()
        if entry["training"] == "lora":
            # Linear layers of the blocks; parts that stand alone, such as a head for contacts, may not be used at all.
            for name, layer in self.model.named_modules():
                if type(layer) is nn.Linear and any(part.isdigit() for part in name.split(".")):
                    self.adapters[name.replace(".", "/")] = MultiMedLowRank(layer, entry["rank"])
            if not self.adapters:
                raise ValueError(f"LoRA needs linear layers, and {own.model_type!r} has none: train it frozen or full.")
        self.train()

    def train(self, mode=True):
        super().train(mode)
        if self.entry["training"] == "frozen":
            self.model.eval()
        if self.entry["training"] != "full":
            # Here, since loading a checkpoint replaces parameters by new ones, which learn. Those of PEFT do so too.
            for name, parameter in self.model.named_parameters():
                if "lora_" not in name:
                    parameter.requires_grad_(False)
        return self

    def load_pretrained(self):
        """Gives the model the weights of the folder or the model of the Hub that its entry names, as safetensors.

        Raises:
            FileNotFoundError: they are not there, or not as safetensors.
            ValueError: some are missing.
        """
        name, own = self.entry["model"], self.model.config
        # Random weights make room first, so that the model lies in memory once.
        for module in self.model.modules():
            for key, parameter in module.named_parameters(recurse=False):
                setattr(module, key, nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad))
        try:
            source, report = type(self.model).from_pretrained(
                name,
                config=own,
                dtype=self.projection.weight.dtype,
                use_safetensors=True,
                output_loading_info=True,
                **_without_pooler(own),
            )
        except OSError as error:
            raise FileNotFoundError(
                f"Expected weights of {name!r} as safetensors, in a folder or on the Hub, found none that can be reached."
            ) from error
        if report["missing_keys"]:
            raise ValueError(
                f"Expected {name!r} to hold all weights of a {own.model_type!r} model, "
                f"missing {sorted(report['missing_keys'])[:5]}."
            )
        # These very parameters, not copies. What is tied stays so, and the layers stay those that adapters listen to.
        self.model.load_state_dict(source.state_dict(keep_vars=True), assign=True)

    def _states(self, **inputs):
        """Hidden states of the layer that the entry names."""
        every = {"output_hidden_states": True} if self.entry["layer"] != -1 else {}
        output = self.model(**inputs, **every)
        # The last of the hidden states may lack a final norm that the last hidden state has.
        states = output.hidden_states[self.entry["layer"]] if every else getattr(output, "last_hidden_state", None)
        if states is None:
            raise ValueError(f"{self.entry['model']!r} gives no hidden states, got {sorted(output.keys())}.")
        return states

    def _tokens(self, states):
        """`(tokens, width)` states to `(tokens, hidden)`."""
        tokens = self.projection(states.to(self.projection.weight.dtype))
        return hide(tokens, self.input_dropout, self.training)


class MultiMedPretrainedSequenceEncoder(MultiMedPretrainedEncoder):
    """A pre-trained model of token ids: one for both directions, such as bert, modernbert or esm, or a causal one."""

    main_input_name = "input_ids"

    @property
    def embedding(self):
        """The model's own embedding of token ids."""
        return self.model.get_input_embeddings()

    def forward(self, input_ids, lengths, kept=None):
        """Reads packed sequences.

        Few models take packed sequences with every attention kernel. Inside, they are padded at the end and masked. All token
        types are 0: the two texts of a pair are told apart by the separators of the tokenizer.

        Args:
            input_ids: `(ids,)` of all sequences end to end, as the model's own tokenizer gives them.
            lengths: `(sequences,)` ids of each.
            kept: `(ids,)` bool, which of them become tokens; None for all.

        Returns:
            `(tokens, hidden)`, and tokens per sequence `(sequences,)`.
        """
        longest = int(lengths.max())
        inside = torch.arange(longest, device=lengths.device) < lengths[:, None]
        padding = getattr(self.model.config, "pad_token_id", None) or 0
        padded = input_ids.new_full(inside.shape, padding).masked_scatter(inside, input_ids)
        states = self._states(input_ids=padded, attention_mask=inside.long())[inside]
        if kept is not None:
            sequence = torch.repeat_interleave(lengths)
            lengths = torch.zeros_like(lengths).index_add(0, sequence, kept.to(lengths.dtype))
            states = states[kept]
        return self._tokens(states), lengths


class MultiMedPretrainedGenomicsEncoder(MultiMedPeaksBesideDNA, MultiMedPretrainedSequenceEncoder):
    """DNA, which a pre-trained model reads, open peaks, or both."""


class MultiMedPretrainedImageEncoder(MultiMedPretrainedEncoder):
    """A pre-trained model of images of one size, such as vit, dinov2 or one of timm: all its tokens, the first included."""

    main_input_name = "pixel_values"

    def forward(self, pixel_values):
        """`pixel_values` `(images, channels, height, width)`; gives `(tokens, hidden)`, and tokens per image `(images,)`."""
        states = self._grid(pixel_values)
        lengths = torch.full((len(states),), states.shape[1], device=states.device)
        return self._tokens(states.flatten(0, 1)), lengths

    def _grid(self, pixel_values):
        """`(images, tokens, width)` states."""
        states = self._states(pixel_values=pixel_values.to(self.projection.weight.dtype))
        if states.ndim == 4:
            # Maps of convolutional models: channels come first, but for some of timm.
            width = self.projection.in_features
            states = states.flatten(2).transpose(1, 2) if states.shape[1] == width else states.flatten(1, 2)
        if states.ndim != 3:
            raise ValueError(
                f"{self.entry['model']!r} must give tokens (images, tokens, width), got {tuple(states.shape)}."
            )
        return states


class MultiMedPretrainedScanEncoder(MultiMedPretrainedImageEncoder):
    """The same for images and volumes: a volume is read slice by slice, and each slice becomes one token.

    It is the mean of the tokens that the slice would have as an image, since all of them, for each of some sixty slices, would
    cost the backbone far more than everything else in a sample. The place of the slice scales and shifts it, by nothing in
    the middle of the volume, so that a volume of one slice is the mean of that image.
    """

    def __init__(self, config, entry):
        super().__init__(config, entry)
        self.gate = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.shift = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, pixel_values, lengths=None, slices=None, places=None, volume_lengths=None):
        """Images, and the slices of volumes.

        Args:
            pixel_values: `(images, channels, height, width)`.
            lengths: `(scans,)` images per scan, 0 or 1; None where every scan is an image, like what follows.
            slices: `(slices, channels, height, width)` of all volumes end to end.
            places: `(slices, 1)` of each from the middle of its volume, in mm.
            volume_lengths: `(scans,)` slices per scan, 0 for no volume.

        Returns:
            `(tokens, hidden)` in the order of the scans, the image before the volume, and tokens per scan `(scans,)`.
        """
        if slices is None:
            return super().forward(pixel_values)
        parts = []
        if len(pixel_values):
            tokens, counts = super().forward(pixel_values)
            parts.append((tokens, lengths * counts[0]))
        parts.append((self._read(slices, places), volume_lengths))
        return join_segments(parts)

    def _read(self, slices, places):
        """One token a slice: `(slices, hidden)`."""
        learns = any(part.requires_grad for part in (*self.model.parameters(), *self.adapters.parameters()))
        states = []
        for few in slices.split(SLICES_AT_ONCE):
            # What a chunk needs on the way back is worked out again then: memory is that of one chunk.
            again = learns and torch.is_grad_enabled() and len(slices) > SLICES_AT_ONCE
            states.append(checkpoint(self._mean, few, use_reentrant=False) if again else self._mean(few))
        tokens = self.projection(torch.cat(states).to(self.projection.weight.dtype))
        size = tokens.shape[-1]
        place = waves(places, size, *BODY_WAVES) - waves(torch.zeros_like(places), size, *BODY_WAVES)
        place = place.to(tokens.dtype)
        return hide(tokens * (1 + self.gate(place)) + self.shift(place), self.input_dropout, self.training)

    def _mean(self, slices):
        return self._grid(slices).mean(1)


def build_pretrained_encoder(entry, config):
    """The encoder of a complete entry of `config.encoders`."""
    if entry["modality"] == "genomics" and config.num_peaks:
        return MultiMedPretrainedGenomicsEncoder(config, entry)
    if entry["modality"] in SEQUENCES:
        return MultiMedPretrainedSequenceEncoder(config, entry)
    scans = entry["modality"] in VOLUME_MODALITIES
    return (MultiMedPretrainedScanEncoder if scans else MultiMedPretrainedImageEncoder)(config, entry)


def _without_pooler(config):
    """The argument that leaves out the pooled output, where there is one: tokens are wanted, and it would never learn."""
    if type(config) not in MODEL_MAPPING:
        raise ValueError(f"A pre-trained encoder must be a model that AutoModel can build, got {config.model_type!r}.")
    kind = MODEL_MAPPING[type(config)]
    takes = "add_pooling_layer" in inspect.signature(kind.__init__).parameters
    return {"add_pooling_layer": False} if takes else {}


__all__ = [
    "MultiMedLowRank",
    "MultiMedPretrainedGenomicsEncoder",
    "MultiMedPretrainedImageEncoder",
    "MultiMedPretrainedScanEncoder",
    "MultiMedPretrainedSequenceEncoder",
]
