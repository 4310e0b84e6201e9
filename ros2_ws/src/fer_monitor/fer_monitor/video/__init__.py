"""Videos and pictures to tables: what the robot would have seen in them, frame by frame."""
