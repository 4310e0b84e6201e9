"""Training of the networks. Importing this needs torch."""
