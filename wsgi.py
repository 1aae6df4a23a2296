"""The WSGI application, for gunicorn and `flask run`."""

from llmwrap.app import create_app
from llmwrap.startup import settings_of_process

app = create_app(settings_of_process())
