"""Configuration, processor and models. Importing this folder registers them with transformers' Auto classes.

The folder depends on nothing else of the package, so that it can travel with a checkpoint.
"""

from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, AutoProcessor
from transformers.pipelines import PIPELINE_REGISTRY

from .configuration_multimed import MultiMedConfig
from .feature_extraction_multimed import (
    MultiMedCellFeatureExtractor,
    MultiMedPeakFeatureExtractor,
    MultiMedSequenceFeatureExtractor,
    MultiMedSignalFeatureExtractor,
)
from .image_processing_multimed import MultiMedImageProcessor
from .modeling_multimed import MultiMedModel, MultiMedModelOutput, MultiMedPreTrainedModel
from .modeling_multimed_multitask import MultiMedForMultitask, MultiMedOutput
from .pipeline_multimed import MultiMedPipeline
from .processing_multimed import MultiMedProcessor

AutoConfig.register("multimed", MultiMedConfig, exist_ok=True)
AutoModel.register(MultiMedConfig, MultiMedForMultitask, exist_ok=True)
AutoProcessor.register(MultiMedConfig, MultiMedProcessor, exist_ok=True)
AutoFeatureExtractor.register(MultiMedConfig, MultiMedSignalFeatureExtractor, exist_ok=True)
PIPELINE_REGISTRY.register_pipeline(
    "multimed-classification", pipeline_class=MultiMedPipeline, pt_model=AutoModel, type="multimodal"
)

__all__ = [
    "MultiMedCellFeatureExtractor",
    "MultiMedConfig",
    "MultiMedForMultitask",
    "MultiMedImageProcessor",
    "MultiMedModel",
    "MultiMedModelOutput",
    "MultiMedOutput",
    "MultiMedPeakFeatureExtractor",
    "MultiMedPipeline",
    "MultiMedPreTrainedModel",
    "MultiMedProcessor",
    "MultiMedSequenceFeatureExtractor",
    "MultiMedSignalFeatureExtractor",
]
