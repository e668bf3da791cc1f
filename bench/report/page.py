"""Local stand-in."""


def render(content):
    return ""
