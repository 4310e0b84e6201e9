"""Studies with participants: a protocol, an operator's page, one recording per session."""
