"""The Space: serves the checkpoint that its variable MULTIMED_CHECKPOINT names, a model of the Hub or a folder."""

import os
import sys

from multimed_hf.demo.command import start

if __name__ == "__main__":
    checkpoint = os.environ.get("MULTIMED_CHECKPOINT", "")
    if not checkpoint:
        sys.exit("Expected the variable MULTIMED_CHECKPOINT to name a model of the Hub or a folder, found none.")
    start(checkpoint)
