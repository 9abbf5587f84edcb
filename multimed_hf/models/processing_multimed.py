"""One processor for all modalities: raw values of a batch to the packed tensors that the model takes."""

import os
import re

import numpy as np
from transformers.feature_extraction_utils import BatchFeature
from transformers.processing_utils import ProcessorMixin

from .configuration_multimed import IMAGE_CHANNELS
from .feature_extraction_multimed import (
    AMINO_ACIDS,
    NUCLEOTIDES,
    MultiMedCellFeatureExtractor,
    MultiMedPeakFeatureExtractor,
    MultiMedSequenceFeatureExtractor,
    MultiMedSignalFeatureExtractor,
    dna_and_peaks,
)
from .image_processing_multimed import MultiMedImageProcessor
from .pretrained_configuration_multimed import SEQUENCES
from .pretrained_processors_multimed import (
    load_encoder_processors,
    pretrained_processors,
    process_images,
    save_encoder_processors,
    tokenize_sequences,
)


class MultiMedProcessor(ProcessorMixin):
    """Routes every modality to its tokenizer or feature extractor and packs the batch without padding.

    Args:
        tokenizer (`PreTrainedTokenizerFast`): for texts, questions and answers.
        eeg_feature_extractor ([`MultiMedSignalFeatureExtractor`]): for EEG.
        genomics_feature_extractor ([`MultiMedSequenceFeatureExtractor`]): for DNA.
        scrna_feature_extractor ([`MultiMedCellFeatureExtractor`]): for single-cell expression.
        protein_feature_extractor ([`MultiMedSequenceFeatureExtractor`]): for protein sequences.
        patch_image_processor ([`MultiMedImageProcessor`]): for images and volumes of all kinds.
        peak_feature_extractor ([`MultiMedPeakFeatureExtractor`]): for open chromatin, a part of genomics.
        max_text_tokens (`int`): longer texts are cut at the end.
        encoder_processors (`dict`): modality to the tokenizer or image processor of the pre-trained model that reads it, in
            place of the parts above; that of texts is `tokenizer`.
    """

    def __init__(
        self,
        tokenizer=None,
        eeg_feature_extractor=None,
        genomics_feature_extractor=None,
        scrna_feature_extractor=None,
        protein_feature_extractor=None,
        patch_image_processor=None,
        peak_feature_extractor=None,
        max_text_tokens=512,
        encoder_processors=None,
        **kwargs,
    ):
        self.max_text_tokens = max_text_tokens
        self.encoder_processors = encoder_processors or {}
        super().__init__(
            tokenizer,
            eeg_feature_extractor or MultiMedSignalFeatureExtractor(),
            genomics_feature_extractor or MultiMedSequenceFeatureExtractor(NUCLEOTIDES),
            scrna_feature_extractor or MultiMedCellFeatureExtractor(),
            protein_feature_extractor or MultiMedSequenceFeatureExtractor(AMINO_ACIDS),
            patch_image_processor or MultiMedImageProcessor(),
            peak_feature_extractor or MultiMedPeakFeatureExtractor(),
            **kwargs,
        )

    @classmethod
    def from_encoders(cls, config, tokenizer=None, max_text_tokens=512, **parts):
        """The processor of a model with pre-trained encoders.

        Args:
            config: the model's configuration.
            tokenizer: for texts if no pre-trained encoder reads them; else its own is taken, for questions and answers too.
            max_text_tokens: longer texts are cut at the end, or where the encoder of texts has no more positions.
            **parts: other arguments of the class.

        Raises:
            FileNotFoundError: a pre-trained model comes without its tokenizer or image processor.
        """
        own = pretrained_processors(config)
        if "text" in own:
            tokenizer = own.pop("text")
            max_text_tokens = min(max_text_tokens, tokenizer.model_max_length)
        images = MultiMedImageProcessor(
            config.image_size,
            config.image_patch_size,
            voxel_size=config.volume_voxel_size,
            volume_patch_size=config.volume_patch_size,
        )
        parts = {"patch_image_processor": images, **parts}
        return cls(tokenizer, max_text_tokens=max_text_tokens, encoder_processors=own, **parts)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, **kwargs):
        processor = super().from_pretrained(pretrained_model_name_or_path, **kwargs)
        # From the file come the names of the modalities, from folders of their own what belongs to them.
        processor.encoder_processors = load_encoder_processors(
            processor.encoder_processors, pretrained_model_name_or_path, **kwargs
        )
        return processor

    def save_pretrained(self, save_directory, push_to_hub=False, **kwargs):
        files = super().save_pretrained(save_directory)
        save_encoder_processors(self.encoder_processors, save_directory)
        if push_to_hub:
            self.push_to_hub(kwargs.pop("repo_id", os.path.basename(save_directory)), **kwargs)
        return files

    def to_dict(self):
        saved = super().to_dict()
        del saved["encoder_processors"]
        return {**saved, "encoder_processors": list(self.encoder_processors)} if self.encoder_processors else saved

    @classmethod
    def get_possibly_dynamic_module(cls, module_name):
        # Feature extractors are looked up by class name among those that transformers knows; ours are right here.
        if module_name in globals():
            return globals()[module_name]
        return ProcessorMixin.get_possibly_dynamic_module(module_name)

    @classmethod
    def _get_arguments_from_pretrained(cls, pretrained_model_name_or_path, processor_dict=None, **kwargs):
        # Processors were saved without these parts when models could not read what they are for.
        later = {
            "patch_image_processor": MultiMedImageProcessor,
            "peak_feature_extractor": MultiMedPeakFeatureExtractor,
        }
        stored = {**{name: kind().to_dict() for name, kind in later.items()}, **(processor_dict or {})}
        return super()._get_arguments_from_pretrained(pretrained_model_name_or_path, stored, **kwargs)

    def __call__(
        self,
        text=None,
        eeg=None,
        genomics=None,
        scrna=None,
        protein=None,
        choices=None,
        return_tensors="pt",
        **images,
    ):
        """Packs a batch. Every argument is a list with one entry per sample, None where the sample lacks the modality.

        Args:
            text: strings, or (question, context) pairs.
            eeg: `{"signal": (channels, time) microvolt, "channels": names, "sampling_rate": Hz}`.
            genomics: DNA strings, or `{"dna": string, "peaks": names or indices of open peaks}` with either or both.
            scrna: `{"genes": symbols or indices, "values": log1p counts per 10,000}`.
            protein: residue strings.
            choices: lists of candidate answers.
            return_tensors: "pt" or "np".
            **images: oct, xray, fundus, pathology: PIL images or arrays. ct, mri: these, or `{"volume": (slices, rows,
                columns), "spacing": mm (slice, row, column)}`. See [`MultiMedImageProcessor`].

        Returns:
            `sample_ids` `(batch,)`, `inputs` by modality, each with `samples` `(segments,)`, and `choices` if there are any:
            what `MultiMedForMultitask.forward` takes.

        Raises:
            ValueError: something else than lists, lists of different lengths or without any sample, an unknown modality,
                a sample without any, or values a modality does not allow.
        """
        given = {"text": text, "eeg": eeg, "genomics": genomics, "scrna": scrna, "protein": protein}
        unknown = sorted(images.keys() - IMAGE_CHANNELS.keys())
        if unknown:
            known = [*given, *IMAGE_CHANNELS]
            raise ValueError(f"Expected modalities among {known} and `choices`, got {unknown} as well.")
        given |= images
        given = {name: values for name, values in given.items() if values is not None}
        lists = {**given, "choices": choices} if choices is not None else given
        single = [
            name
            for name, values in lists.items()
            if isinstance(values, (str, dict, np.ndarray)) or not hasattr(values, "__len__")
        ]
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
        if name == "genomics":
            return self._pack_genomics(values)
        return self._read(name, values)

    def _read(self, name, values):
        if name in self.encoder_processors:
            return self._process_for_encoder(name, values)
        if name in IMAGE_CHANNELS:
            return dict(self.patch_image_processor(values, name))
        extractor = getattr(self, f"{name}_feature_extractor")
        return dict(extractor(values))

    def _pack_genomics(self, values):
        sequences, peaks = zip(*map(dna_and_peaks, values), strict=True)
        present = [index for index, dna in enumerate(sequences) if dna is not None]
        packed = {"input_ids": np.zeros(0, np.int64), "lengths": np.zeros(0, np.int64)}
        if present:
            packed = self._read("genomics", [sequences[index] for index in present])
        if any(map(len, peaks)):
            lengths = np.zeros(len(values), np.int64)
            lengths[present] = packed["lengths"]
            packed |= {"lengths": lengths, **self.peak_feature_extractor(peaks)}
        return packed

    def _process_for_encoder(self, name, values):
        own = self.encoder_processors[name]
        if name not in SEQUENCES:
            return process_images(own, name, values, self.patch_image_processor)
        # What is no sequence of this modality is refused whoever reads it.
        getattr(self, f"{name}_feature_extractor")(values)
        return tokenize_sequences(own, name, [sequence.upper() for sequence in values])

    def _pack_texts(self, texts):
        ids = self.tokenizer(texts, truncation=True, max_length=self.max_text_tokens)["input_ids"]
        if not all(ids):
            raise ValueError("Expected texts with at least one token, got an empty one: give None instead.")
        return {
            "input_ids": np.concatenate([np.array(part) for part in ids]),
            "lengths": np.array([len(part) for part in ids]),
        }

    def encode_labels(self, labels):
        """Token ids of label texts, a list for each: what a task with the head "label_text" has as `label_ids`."""
        packed = self._pack_texts(list(labels))
        ends = np.cumsum(packed["lengths"])
        return [part.tolist() for part in np.split(packed["input_ids"], ends[:-1])]

    def encode_answers(self, answers, end_token_id, return_tensors="pt"):
        """Answers as labels of a task with the head "decoder".

        Args:
            answers: a text for each sample, None where it does not ask.
            end_token_id: that of the task.
            return_tensors: "pt" or "np".

        Returns:
            `(batch, answer tokens)` int64: the tokens of each answer and `end_token_id`, then -100.
        """
        texts = [answer for answer in answers if answer is not None]
        encoded = self.tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
        found = iter([*ids[: self.max_text_tokens], end_token_id] for ids in encoded)
        rows = [[] if answer is None else next(found) for answer in answers]
        labels = np.full((len(rows), max([1, *map(len, rows)])), -100)
        for row, ids in enumerate(rows):
            labels[row, : len(ids)] = ids
        return _to_tensors(labels) if return_tensors == "pt" else labels

    def decode_answers(self, ids, end_token_id):
        """The texts that a task with the head "decoder" wrote, the inverse of `encode_answers`.

        Args:
            ids: `(batch, answer tokens)`, as `generate_answers` gives them.
            end_token_id: that of the task.

        Returns:
            A text for each sample. Where the tokenizer does not keep spaces, there is one between words and marks, but none
            around a point between digits nor around an apostrophe: "1.5", "crohn's", but "x - ray".
        """
        texts = []
        for row in np.asarray(ids).tolist():
            kept = row[: row.index(end_token_id)] if end_token_id in row else row
            text = self.tokenizer.decode(
                [token for token in kept if token >= 0], skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            # Tokenizers of words that were saved without a decoder leave the marks of continuations.
            text = re.sub(r"(?<=\d) ?\. ?(?=\d)|(?<=\w) ?(['\u2019]) ?(?=\w)", _joined, text.replace(" ##", ""))
            texts.append(text.strip())
        return texts

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


def _joined(match):
    return match[0].strip()


def _to_tensors(value):
    import torch

    if isinstance(value, dict):
        return {key: _to_tensors(item) for key, item in value.items()}
    return torch.from_numpy(np.ascontiguousarray(value))


__all__ = ["MultiMedProcessor"]
