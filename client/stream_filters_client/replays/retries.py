"""How often the command line had to try again."""

import stamina.instrumentation


class RetryCount:
    """Counts tries that are made again, in place of stamina's log lines."""

    def __init__(self) -> None:
        self.count = 0
        self._told = 0
        self._reason = ""
        stamina.instrumentation.set_on_retry_hooks([self._noticed])

    def _noticed(self, details: stamina.instrumentation.RetryDetails) -> None:
        self.count += 1
        self._reason = str(details.caused_by)

    def news(self) -> str:
        """What to tell since the last time; empty for nothing."""
        if self.count == self._told:
            return ""
        self._told = self.count
        return f"trying again ({self.count:,} times so far): {self._reason}"
