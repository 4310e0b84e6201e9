"""Programs that try something out in the robot's own interpreter and print one line of JSON.

A crash, or a driver that hangs, is theirs alone. Each takes its time limit as first argument.
"""
