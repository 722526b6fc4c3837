"""The process that people open in a browser: options, app, sockets, and the page before there is a project."""
