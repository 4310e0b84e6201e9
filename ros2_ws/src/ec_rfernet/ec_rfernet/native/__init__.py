"""Networks as programs for the kernels of the package ``ec_rfernet_native``."""
