"""jinja2, set up by transformers itself, with a clock that stands still."""

import copy
import datetime
import re

from transformers.utils import chat_template_utils

# The moment that strftime_now sees; a Monday, so that day and month have one digit.
NOW = datetime.datetime(2025, 3, 3, 4, 5, 6)

# Not part of the suite, because it differs from run to run: an object's place in memory. And left out, because our engine
# refuses it by name and chat templates have no use for it: the names of Python's classes, bytes, complex numbers
# (-8 ** 0.5), integers of more than 128 bits,
NO_OUTPUT = re.compile(r" at 0x[0-9a-f]+>|<class '|(?<![\w'\"])b['\"]|\d[+-][\d.e-]+j\)|\d{39,}")
# characters by name and halves of surrogate pairs in literals, {% autoescape true %}, the filter random.
NO_TEMPLATE = re.compile(
    r"\\N\{|\\u[dD][89a-fA-F]|autoescape true|random|encode\(|to_bytes|e999|e308 "
    # HTML entities that do not exist and the case of a function's text,
    r"|&nosuch;|set v = (range|dict) %\}\{\{ v is (lower|upper)"
    # and two slices of constants that cannot be sliced, where it depends on what Jinja2's optimizer folds.
    r"|\(\{'é': \(1,2\)\}\)\[3:0:-1\]|\(10\*\*30\)\[::-1\]"
)

UNDEFINED_OUTPUT = False  # stands for "nobody can say"; None for "jinja2 raises"


class StoppedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


chat_template_utils.datetime = StoppedClock
_environment = chat_template_utils._compile_jinja_template("").environment


def render(template, variables):
    """The output, None where jinja2 raises, UNDEFINED_OUTPUT where the output is no fixed text."""
    if NO_TEMPLATE.search(template):
        return UNDEFINED_OUTPUT
    try:
        output = _environment.from_string(template).render(**copy.deepcopy(variables))
    except Exception:
        return None
    if NO_OUTPUT.search(output):
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
