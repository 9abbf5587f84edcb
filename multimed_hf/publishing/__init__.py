"""Data sets, models, metrics and the demo on the Hub: what is published, under which terms, and how it gets there."""
