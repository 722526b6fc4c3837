"""`python -m barlowmatch COMMAND`."""

import sys

from barlowmatch.cli import main

if __name__ == "__main__":
    sys.exit(main())
