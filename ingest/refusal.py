"""The base of what the person who started a command can put right."""


class Refusal(Exception):
    """The command ends with this message, which says what is in the way and what to do, and no traceback."""
