"""Training runs: from a form to a process in a run folder, what it tells, and how long it will take."""
