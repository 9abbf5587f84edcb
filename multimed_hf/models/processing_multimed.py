"""One processor for all modalities: raw values of a batch to the packed tensors that the model takes."""

import numpy as np
from transformers.feature_extraction_utils import BatchFeature
from transformers.processing_utils import ProcessorMixin

from .feature_extraction_multimed import (
    AMINO_ACIDS,
    NUCLEOTIDES,
    MultiMedCellFeatureExtractor,
    MultiMedSequenceFeatureExtractor,
    MultiMedSignalFeatureExtractor,
)


class MultiMedProcessor(ProcessorMixin):
    """Routes every modality to its tokenizer or feature extractor and packs the batch without padding.

    Args:
        tokenizer (`PreTrainedTokenizerFast`): for texts, questions and answers.
        eeg_feature_extractor ([`MultiMedSignalFeatureExtractor`]): for EEG.
        genomics_feature_extractor ([`MultiMedSequenceFeatureExtractor`]): for DNA.
        scrna_feature_extractor ([`MultiMedCellFeatureExtractor`]): for single-cell expression.
        protein_feature_extractor ([`MultiMedSequenceFeatureExtractor`]): for protein sequences.
        max_text_tokens (`int`): longer texts are cut at the end.
    """

    def __init__(
        self,
        tokenizer=None,
        eeg_feature_extractor=None,
        genomics_feature_extractor=None,
        scrna_feature_extractor=None,
        protein_feature_extractor=None,
        max_text_tokens=512,
        **kwargs,
    ):
        self.max_text_tokens = max_text_tokens
        super().__init__(
            tokenizer,
            eeg_feature_extractor or MultiMedSignalFeatureExtractor(),
            genomics_feature_extractor or MultiMedSequenceFeatureExtractor(NUCLEOTIDES),
            scrna_feature_extractor or MultiMedCellFeatureExtractor(),
            protein_feature_extractor or MultiMedSequenceFeatureExtractor(AMINO_ACIDS),
            **kwargs,
        )

    @classmethod
    def get_possibly_dynamic_module(cls, module_name):
        # Feature extractors are looked up by class name among those that transformers knows; ours are right here.
        if module_name in globals():
            return globals()[module_name]
        return ProcessorMixin.get_possibly_dynamic_module(module_name)

    def __call__(
        self, text=None, eeg=None, genomics=None, scrna=None, protein=None, choices=None, return_tensors="pt", **kwargs
    ):
        """Packs a batch. Every argument is a list with one entry per sample, None where the sample lacks the modality.

        Args:
            text: strings, or (question, context) pairs.
            eeg: `{"signal": (channels, time) microvolt, "channels": names, "sampling_rate": Hz}`.
            genomics: DNA strings.
            scrna: `{"genes": symbols or indices, "values": log1p counts per 10,000}`.
            protein: residue strings.
            choices: lists of candidate answers.
            return_tensors: "pt" or "np".

        Returns:
            `sample_ids` `(batch,)`, `inputs` by modality, each with `samples` `(segments,)`, and `choices` if there are any:
            what `MultiMedForMultitask.forward` takes.

        Raises:
            ValueError: something else than lists, lists of different lengths or without any sample, an unknown modality,
                a sample without any, or values a modality does not allow.
        """
        given = {"text": text, "eeg": eeg, "genomics": genomics, "scrna": scrna, "protein": protein}
        if kwargs:
            raise ValueError(f"Expected modalities among {list(given)} and `choices`, got {sorted(kwargs)} as well.")
        given = {name: values for name, values in given.items() if values is not None}
        lists = {**given, "choices": choices} if choices is not None else given
        single = [name for name, values in lists.items() if isinstance(values, (str, dict))]
        if single:
            raise ValueError(f"Expected a list with one entry per sample, got a single value for {single}.")
        sizes = {name: len(values) for name, values in lists.items()}
        if not given or len(set(sizes.values())) > 1 or 0 in sizes.values():
            raise ValueError(f"Expected one or more modalities with one entry per sample each, got lengths {sizes}.")
        size = next(iter(sizes.values()))
        bare = [i for i in range(size) if all(values[i] is None for values in given.values())]
        if bare:
            raise ValueError(f"Expected at least one modality for every sample, got none for samples {bare[:5]}.")
        inputs = {}
        for name, values in given.items():
            present = [index for index, value in enumerate(values) if value is not None]
            if present:
                packed = self._process(name, [values[index] for index in present])
                inputs[name] = {**packed, "samples": np.array(present)}
        batch = {"sample_ids": np.arange(size), "inputs": inputs}
        if choices is not None and any(choices):
            if any(isinstance(answers, str) for answers in choices):
                raise ValueError("Expected a list of candidate answers for each sample of `choices`, got a string.")
            batch["choices"] = self._pack_choices(choices)
        return BatchFeature(_to_tensors(batch) if return_tensors == "pt" else batch)

    def _process(self, name, values):
        if name == "text":
            return self._pack_texts(values)
        extractor = getattr(self, f"{name}_feature_extractor")
        return dict(extractor(values))

    def _pack_texts(self, texts):
        ids = self.tokenizer(texts, truncation=True, max_length=self.max_text_tokens)["input_ids"]
        if not all(ids):
            raise ValueError("Expected texts with at least one token, got an empty one: give None instead.")
        return {
            "input_ids": np.concatenate([np.array(part) for part in ids]),
            "lengths": np.array([len(part) for part in ids]),
        }

    def _pack_choices(self, choices):
        distinct = list(dict.fromkeys(answer for answers in choices for answer in answers or ()))
        place = {answer: index for index, answer in enumerate(distinct)}
        index = np.full((len(choices), max(len(answers or ()) for answers in choices)), -1)
        for row, answers in enumerate(choices):
            index[row, : len(answers or ())] = [place[answer] for answer in answers or ()]
        return {**self._pack_texts(distinct), "index": index}

    @property
    def model_input_names(self):
        return ["sample_ids", "inputs", "choices"]


def _to_tensors(value):
    import torch

    if isinstance(value, dict):
        return {key: _to_tensors(item) for key, item in value.items()}
    return torch.from_numpy(np.ascontiguousarray(value))


__all__ = ["MultiMedProcessor"]
