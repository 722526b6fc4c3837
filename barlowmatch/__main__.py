"""`python -m barlowmatch COMMAND`."""

import sys
from io import TextIOWrapper

from barlowmatch.cli import main

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may be no text
    sys.exit(main())
