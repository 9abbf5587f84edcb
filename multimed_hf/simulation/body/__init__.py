"""Phantoms of the body, the lesions in them, and CT, MR and radiographs of both."""
