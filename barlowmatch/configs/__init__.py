"""One frozen typed config per command: the only place a parameter's name, default, range and help are written."""
