"""python -m examples.flights"""

import sys

from examples.flights.demo import main

if __name__ == "__main__":
    sys.exit(main())
