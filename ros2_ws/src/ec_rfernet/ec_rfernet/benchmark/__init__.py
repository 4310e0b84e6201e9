"""Speed of the networks on this machine, beside that of what one would use instead."""
