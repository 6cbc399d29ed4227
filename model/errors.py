"""The base of every error that a user can fix. Imports nothing, so that any command may catch it."""


class UserError(Exception):
    """One line: what is wrong, where, and what to do."""

    exit_code = 2
    """Exit code of the command. 2: bad input or settings; 1: the work itself failed."""
