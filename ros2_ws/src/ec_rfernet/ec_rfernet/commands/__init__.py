"""The commands of ``ec-rfernet``: each has `add_arguments` and `run`."""
