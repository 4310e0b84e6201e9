"""Entry point of ``python -m fer_monitor.doctor``."""

import sys

from fer_monitor.doctor.program import main

sys.exit(main())
