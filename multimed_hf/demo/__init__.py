"""The demo: a page on which a checkpoint answers what its visitor uploads. Needs the extra `demo`."""
