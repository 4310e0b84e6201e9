"""The built-in clip: two real faces in a scripted scene, made on this machine.

What is scripted is what the faces *do*. What the robot makes of it is up to the network.
"""
