"""A recording as one page to read, and as a table."""
