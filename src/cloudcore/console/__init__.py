"""The console: pages under /_cloudcore/ of every endpoint, rendered by the process that serves it.

app.py        routes, and who may do what: Host and Origin checks, form tokens, read-only mode
request.py    a request taken apart; forms
overview.py tables.py items.py functions.py streams.py wizard.py requests.py    a page each, or a few
templates/    Jinja2, escaped by default
static/       one style sheet, one script; every page works without the script
"""

from cloudcore.console.app import Console

__all__ = ["Console"]
