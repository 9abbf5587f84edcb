"""Predictions, scores, baselines, results and their tables."""
