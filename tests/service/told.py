"""A program for tests/service/test_warm.py: says what it was given."""

import os
import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    if sys.argv[1:] == ["wait"]:
        signal.pause()
    if sys.argv[1:] == ["fail"]:
        raise ValueError("fail")
    print(sys.argv[1:], dict(os.environ), Path.cwd())
    print("to stderr", file=sys.stderr)
    sys.exit(3)
