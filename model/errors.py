"""The base of every error that a person is expected to put right. Imports nothing, so that any command may catch it."""


class UserError(Exception):
    """One line: what is wrong, where, and what to do."""

    exit_code = 2
    """Of a command that ends with it. 2: something must be put right first; 1: the work itself failed."""
