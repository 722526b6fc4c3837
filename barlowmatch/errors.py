"""The one kind of error a user can cause."""


class InputError(Exception):
    """Bad input: a message of one line that names the file, field or value and the way out.

    The command line prints it without a traceback and exits with status 2; the app shows it beside the field.
    """


class ForeignFileError(InputError):
    """A file of other software where a checkpoint of ours was wanted."""


class NotFiniteError(InputError):
    """A network's outputs are NaN or infinite."""
