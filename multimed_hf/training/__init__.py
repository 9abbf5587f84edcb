"""Fine-tuning of one model on a mixture of tasks."""
