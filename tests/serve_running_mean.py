"""The predictor with a fourth filter: one file and one registration line."""

import sys

from stream_filters import filters

from tests.running_mean import RunningMean

filters.REGISTRY[RunningMean.name] = RunningMean

if __name__ == "__main__":
    from stream_filters.__main__ import main

    sys.exit(main())
