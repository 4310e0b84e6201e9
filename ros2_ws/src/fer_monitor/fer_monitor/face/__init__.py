"""The robot's face on a whole screen, in a browser on the robot."""
