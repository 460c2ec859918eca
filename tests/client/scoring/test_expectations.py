"""Expectations are read, judged, and refused when nobody can meet them."""

import math

import pytest
from stream_filters_client.errors import BadInput
from stream_filters_client.scoring.expectations import judge, parse

SCORES = {"a": {"x": 1.0, "y": math.nan}, "b": {"x": 2.0}}


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("x<=2", [True, True]),
        ("x < 2", [True, False]),
        ("x>=1e0", [True, True]),
        ("x>1", [False, True]),
        ("b:x>1", [True]),
        ("y<=1", [False]),
    ],
)
def test_an_expectation_is_judged_for_every_stream_that_has_the_score(text: str, met: list[bool]) -> None:
    assert [verdict.met for verdict in judge([parse(text)], SCORES)] == met


@pytest.mark.parametrize("text", ["x", "x=1", "x<=", "x<=one", "<=1", "x<=nan"])
def test_what_is_no_expectation_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput, match=r"position_rmse_ratio<=1\.05"):
        parse(text)


@pytest.mark.parametrize("text", ["z<=1", "c:x<=1", "b:y<=1"])
def test_a_score_that_nobody_has_is_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(BadInput, match="the streams are a, b, the scores x, y"):
        judge([parse(text)], SCORES)
