"""Who is asking: credentials in headers become a Principal, one guard decides."""
