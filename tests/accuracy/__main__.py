"""python -m tests.accuracy: see measure.py."""

import sys

from .measure import main

main(sys.argv[1:])
