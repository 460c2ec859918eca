"""Observations come from data frames and results go into them, without the client knowing any library of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from stream_filters_client import Result, StreamClient, errors

from tests.client.fake_predictor import FakePredictor

MODEL = "streaming_kalman"


class Column:
    """A column of a library that has no more than `to_numpy`."""

    def to_numpy(self) -> np.ndarray:
        return np.array([1.0, np.nan, 3.0])


class Frame:
    """The same with the array protocol alone."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array([1.0, np.nan, 3.0], dtype=dtype, copy=copy)


@pytest.fixture
def client(predictor: FakePredictor) -> Iterator[StreamClient]:
    with StreamClient(predictor.target) as client:
        yield client


@pytest.mark.parametrize(
    "observations",
    [
        pd.Series([1.0, None, 3.0], index=[7, 8, 9]),
        pd.Series([1.0, None, 3.0], dtype="Float64"),
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([1, None, 3], dtype="object"),
        pd.DataFrame({"level": [1.0, None, 3.0], "other": 0.0})["level"],
        pd.DataFrame({"level": [1.0, None, 3.0]})["level"].array,
        np.ma.masked_array([1.0, 7.0, 3.0], [False, True, False]),
        np.array([1.0, np.nan, 3.0], dtype=np.float32),
        (1, None, 3),
        Column(),
        Frame(),
    ],
    ids=lambda observations: f"{type(observations).__name__}-{getattr(observations, 'dtype', '')}",
)
def test_columns_are_observations(predictor: FakePredictor, client: StreamClient, observations: Any) -> None:
    client.infer(MODEL, observations)
    (contents,) = predictor.requests[-1].raw_input_contents
    np.testing.assert_array_equal(np.frombuffer(contents, "<f8"), [1.0, np.nan, 3.0])
    assert list(predictor.requests[-1].inputs[0].shape) == [3]


def test_a_frame_of_several_columns_is_rows_of_several_values(predictor: FakePredictor, client: StreamClient) -> None:
    client.infer(MODEL, pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [4.0, 5.0, 6.0]}))
    assert list(predictor.requests[-1].inputs[0].shape) == [3, 2]
    assert predictor.requests[-1].raw_input_contents[0] == np.array([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]).tobytes()


@pytest.mark.parametrize(
    "observations",
    [
        ["1.5"],
        pd.Series(["1.5"]),
        np.array([b"1.5"]),
        pd.to_datetime(pd.Series(["2026-01-01"])),
        pd.to_timedelta(pd.Series(["1s"])),
        [1 + 2j],
    ],
)
def test_text_and_times_are_no_observations(client: StreamClient, observations: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="not all numbers"):
        client.infer(MODEL, observations)


def test_a_result_becomes_a_data_frame(client: StreamClient) -> None:
    with client.stream(MODEL) as stream:
        stream.send([1.0, 2.0])
        frame = pd.DataFrame(stream.send([4.0, 5.0, 6.0], horizon=2).columns())
    assert frame["offset"].tolist() == [2, 3, 4]
    assert frame["position_mean"].tolist() == [1.5, pytest.approx(7 / 3), 3.0]
    assert not [name for name in frame if name.startswith("forecast_")]


def test_values_of_one_row_are_columns_by_names_that_say_what_they_are() -> None:
    bands = np.arange(12.0).reshape(2, 2, 3)
    outputs = {"coefficients": bands, "pit": np.array([0.5, 0.25]), "state": np.array([b"..."], dtype=object)}
    columns = Result(outputs).columns()
    ends = ("median", "lower", "upper")
    assert list(columns) == [*(f"coefficients_{lag}_{end}" for lag in (1, 2) for end in ends), "pit"]
    assert columns["coefficients_2_upper"].tolist() == [5.0, 11.0]
    assert columns["pit"].tolist() == [0.5, 0.25]
