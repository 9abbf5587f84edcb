"""Protein chains and the folds that their sequences imply."""
