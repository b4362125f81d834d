"""Shared by make_jinja_golden.py and tests/integration/test_jinja_templates.py: templates, and jinja2 to render them."""
