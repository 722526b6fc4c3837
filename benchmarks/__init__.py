"""Every figure in the docs comes from a command in here: `python -m benchmarks NAME`."""
