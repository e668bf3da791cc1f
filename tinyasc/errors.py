"""The one exception that is meant to be read by a person."""


class UserError(Exception):
    """Bad input: one line that says what is wrong, where, and what to do.

    `tinyasc.recipe.run` prints it without a traceback and exits with 1.
    """
