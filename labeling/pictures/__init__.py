"""Pictures for the pages, decoded away from the server."""
