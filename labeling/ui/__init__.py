"""The pages: frames that the modules in `assets/` fill and then keep up to date themselves."""
