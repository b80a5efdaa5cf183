"""`python -m mote_recorder`."""

import sys

from mote_recorder.cli import main

sys.exit(main())
