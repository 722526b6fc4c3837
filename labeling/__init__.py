"""People and rounds: projects, what comes in, what is asked, learned and exported, the HTTP API and the pages."""
