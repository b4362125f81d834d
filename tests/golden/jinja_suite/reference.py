"""jinja2 as configured by transformers, with a fixed clock."""

import copy
import datetime
import re

from transformers.utils import chat_template_utils

# The time for strftime_now; day and month have one digit.
NOW = datetime.datetime(2025, 3, 3, 4, 5, 6)

# Excluded from the suite because they differ from run to run: memory addresses of objects. Excluded because our engine rejects
# them by name and chat templates do not need them: names of Python classes, bytes, complex numbers (-8 ** 0.5), integers of more
# than 128 bits,
NO_OUTPUT = re.compile(r" at 0x[0-9a-f]+>|<class '|(?<![\w'\"])b['\"]|\d[+-][\d.e-]+j\)|\d{39,}")
# named characters and lone surrogates in literals, {% autoescape true %}, the filter random,
NO_TEMPLATE = re.compile(
    r"\\N\{|\\u[dD][89a-fA-F]|autoescape true|random|encode\(|to_bytes|e999|e308 "
    # unknown HTML entities, the case of a function's text,
    r"|&nosuch;|set v = (range|dict) %\}\{\{ v is (lower|upper)"
    # and two invalid slices of constants, whose result depends on Jinja2's constant folding.
    r"|\(\{'é': \(1,2\)\}\)\[3:0:-1\]|\(10\*\*30\)\[::-1\]"
)

UNDEFINED_OUTPUT = False  # the output is not defined; None means that jinja2 raises


class StoppedClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


chat_template_utils.datetime = StoppedClock
_environment = chat_template_utils._compile_jinja_template("").environment


def render(template, variables):
    """The output, None if jinja2 raises, UNDEFINED_OUTPUT if the output is not deterministic."""
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
    except UnicodeEncodeError:  # a lone surrogate cannot be written to a file
        return UNDEFINED_OUTPUT
    return output


def complaint(template, variables):
    """The exception's message, for templates that call raise_exception."""
    try:
        _environment.from_string(template).render(**variables)
    except Exception as error:
        return str(error)
    raise AssertionError(f"no exception: {template}")
