"""What make_jinja_golden.py and tests/integration/test_jinja_templates.py share: templates to render and jinja2 to render them."""
