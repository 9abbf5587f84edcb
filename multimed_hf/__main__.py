"""`python -m multimed_hf`, the same as the command `multimed`."""

import sys

from .cli import main

sys.exit(main())
