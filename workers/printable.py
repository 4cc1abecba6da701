"""Text of anybody's in a terminal."""


def printable(text: str) -> str:
    """The text with what would steer a terminal made visible: names and notes are written by anybody."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
