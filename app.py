"""The labeling workbench: `python app.py --project P --dataset-folder D` makes a project of a folder and serves it."""

import sys

from labeling.server.serving import main

if __name__ == "__main__":
    sys.exit(main())
