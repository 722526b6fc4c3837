"""`python -m labeling COMMAND`."""

from barlowmatch.leaving import leave_when_asked

if __name__ == "__main__":
    leave_when_asked("labeling")

    import sys

    from labeling.cli.main import main
    from labeling.processes import prepare_children

    prepare_children()
    sys.exit(main())
