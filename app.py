"""The labeling workbench: `python app.py --project P --dataset-folder D` makes a project of a folder and serves it."""

from barlowmatch.leaving import leave_when_asked

if __name__ == "__main__":
    leave_when_asked("app.py")

    import sys

    from labeling.server.serving import main

    sys.exit(main())
