"""Cells: regulation, counts, chromatin, surface proteins, and promoters."""
