"""A viewer for browsers: what the robot sees, thinks and does, through Rerun."""
