"""jinja2, set up by transformers itself, with a clock that stands still."""

import datetime
import re

from transformers.utils import chat_template_utils

# The moment that strftime_now sees; a Monday, so that day and month have one digit.
NOW = datetime.datetime(2025, 3, 3, 4, 5, 6)

# What differs from run to run: an object's place in memory.
ADDRESS = re.compile(r" at 0x[0-9a-f]+>")

UNDEFINED_OUTPUT = False  # stands for "nobody can say"; None for "jinja2 raises"


class StoppedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


chat_template_utils.datetime = StoppedClock
_environment = chat_template_utils._compile_jinja_template("").environment


def render(template, variables):
    """The output, None where jinja2 raises, UNDEFINED_OUTPUT where the output is no fixed text."""
    try:
        output = _environment.from_string(template).render(**variables)
    except Exception:
        return None
    if ADDRESS.search(output):
        return UNDEFINED_OUTPUT
    try:
        output.encode()
    except UnicodeEncodeError:  # a lone surrogate is no text that a file could hold
        return UNDEFINED_OUTPUT
    return output


def complaint(template, variables):
    """The message of the exception; for templates that call raise_exception."""
    try:
        _environment.from_string(template).render(**variables)
    except Exception as error:
        return str(error)
    raise AssertionError(f"no exception: {template}")
