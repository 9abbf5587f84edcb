"""Stained tissue of the breast."""
