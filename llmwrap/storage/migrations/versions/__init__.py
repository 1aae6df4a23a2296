"""One file per revision, named in their order."""
