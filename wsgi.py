"""The WSGI application, for gunicorn and `flask run`."""

from llmwrap.app import create_app
from llmwrap.settings import load_settings

app = create_app(load_settings())
