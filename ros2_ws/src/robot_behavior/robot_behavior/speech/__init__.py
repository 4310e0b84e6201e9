"""Turns text into sound, and sound into something to hear."""
