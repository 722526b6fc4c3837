"""`python -m benchmarks NAME [FLAGS]`: run one; without a name, list them."""

import importlib
import json
import os
import pkgutil
import sys

import benchmarks

HELPERS = {"__main__", "datasets", "labeling_server", "measuring", "operations", "sides", "steps"}


def main() -> int:
    """Run the benchmark named first; its figures are printed as the last line, one JSON object."""
    names = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in HELPERS)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as in the product's runs, and for all sides of a comparison
    wanted = sys.argv[1].replace("-", "_") if len(sys.argv) > 1 else ""
    if wanted not in names:
        for name in names:
            summary = (importlib.import_module(f"benchmarks.{name}").__doc__ or "").splitlines()[0]
            print(f"{name.replace('_', '-'):<16} {summary}")
        return 2 if wanted else 0
    figures = importlib.import_module(f"benchmarks.{wanted}").run(sys.argv[2:])
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
