"""The HTTP face: blueprints, views, error answers. Flask's proxies stay in here."""
