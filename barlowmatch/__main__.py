"""`python -m barlowmatch COMMAND`."""

from barlowmatch.leaving import leave_when_asked

if __name__ == "__main__":
    leave_when_asked("barlowmatch")

    import sys
    from io import TextIOWrapper

    from barlowmatch.cli import main

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may be no text
    sys.exit(main())
