"""What the dashboard's server says of itself."""

import asyncio
import importlib
import logging

import pytest


@pytest.mark.parametrize(("failure", "told"), [(asyncio.CancelledError(), 0), (ValueError("wrong"), 1)])
def test_what_the_end_cuts_off_is_not_told_as_a_failure(
    caplog: pytest.LogCaptureFixture, failure: BaseException, told: int
) -> None:
    importlib.import_module("stream_filters_client.dashboard.server")
    logging.getLogger("tornado.application").error("Uncaught exception", exc_info=failure)
    assert len(caplog.records) == told
