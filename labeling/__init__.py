"""People and rounds: the project, the queue, the HTTP API and the pages."""
