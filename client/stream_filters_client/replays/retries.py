"""How often the command line had to try again."""

import logging

from stream_filters_client.protocol.calls import logger


class RetryCount(logging.Handler):
    """Counts tries that are made again, in place of the library's log lines."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._told = 0
        self._reason = ""
        logger.handlers[:] = [self]
        logger.propagate = False
        logger.setLevel(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        """One more."""
        self.count += 1
        self._reason = str(getattr(record, "failure", record.getMessage()))

    def news(self) -> str:
        """What to tell since the last time; empty for nothing."""
        if self.count == self._told:
            return ""
        self._told = self.count
        return f"trying again ({self.count:,} times so far): {self._reason}"
