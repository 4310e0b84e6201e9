"""What tests need and what ships: a made-up recording, a browser without a window."""
