"""EEG of subjects who imagine movements."""
