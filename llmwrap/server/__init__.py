"""The production server: uvicorn's HTTP protocol in front, Flask on threads, relays in the loop.

It knows the relay and the WSGI application, not Flask's views.
"""
