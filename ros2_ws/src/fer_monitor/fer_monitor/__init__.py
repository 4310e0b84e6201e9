"""Watching the robot: viewer, recording and replay, reports, a check of the machine."""
