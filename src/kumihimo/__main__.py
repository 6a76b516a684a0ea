"""`python -m kumihimo` is the command line."""

from kumihimo.cli.main import app

app()
