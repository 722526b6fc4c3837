"""`python -m labeling COMMAND`."""

import sys

from labeling.cli.main import main
from labeling.processes import leave_on_sigterm, let_children_import

if __name__ == "__main__":
    leave_on_sigterm()
    let_children_import()
    sys.exit(main())
