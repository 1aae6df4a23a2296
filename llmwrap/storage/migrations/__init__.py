"""The migrations: how a schema came to be what `models` and `records` say.

A change of a table is a new file `versions/rNNNN_what.py`, written by hand for both engines;
one that was released is never edited. Tests compare the outcome with the models.
"""
