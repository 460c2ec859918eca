"""What is kept of a stream is its last rows, and every reader gets each of them once."""

import numpy as np
from stream_filters_client.dashboard.columns import by_label, of_outputs
from stream_filters_client.dashboard.history import History
from stream_filters_client.dashboard.tracks import Track, observed


def test_only_the_last_rows_are_kept_and_readers_get_what_is_new() -> None:
    history = History(limit=5)
    history.append({"x": np.arange(3.0)})
    first = history.count
    history.append({"x": np.arange(3.0, 7.0)})
    assert history.since(first)["x"].tolist() == [3, 4, 5, 6]
    assert history.since(0)["x"].tolist() == [2, 3, 4, 5, 6]
    assert history.since(history.count)["x"].tolist() == []
    assert (history.count, len(history)) == (7, 5)


def test_columns_that_come_later_or_no_more_are_unknown_elsewhere() -> None:
    history = History()
    history.append({"x": np.array([1.0])})
    history.append({"y": np.array([2.0, 3.0])})
    np.testing.assert_array_equal(history.since(0)["x"], [1.0, np.nan, np.nan])
    np.testing.assert_array_equal(history.since(0)["y"], [np.nan, 2.0, 3.0])


def test_a_long_stream_takes_no_more_room() -> None:
    track = Track("long", 0.5)
    for first in range(0, 20_000, 100):
        rows = {"observation": np.arange(first, first + 100.0), "predictive_1": np.zeros(100)}
        track.add(rows, {}, 0.9)
        track.seen(first + 100)
    assert track.count == 20_000
    assert {len(values) for values in track.history.since(0).values()} == {len(track.history)}
    assert len(track.history) < 1_000


def test_outputs_become_columns_by_axis_and_end() -> None:
    band = np.arange(12.0).reshape(2, 2, 3)
    found = of_outputs({"observation_noise_std": band, "regime": np.array([1, 0])}, 0.9)
    assert found["observation_noise_std_2"].tolist() == [3.0, 9.0]
    assert found["observation_noise_std_2_upper"].tolist() == [5.0, 11.0]
    assert found["regime"].tolist() == [1.0, 0.0]
    mean = {"position_mean": np.zeros((1, 1)), "position_std": np.ones((1, 1))}
    assert abs(of_outputs(mean, 0.9)["position_1_upper"][0] - 1.6448536) < 1e-6


def test_each_regimes_level_is_there_only_while_it_is_announced() -> None:
    found = by_label(
        {
            "regime": np.array([0.0, 1.0]),
            "observed_1": np.array([5.0, 6.0]),
            **{f"regime_means_{label}": np.full(2, 10.0 * label) for label in (1, 2)},
            **{f"regime_stds_{label}": np.ones(2) for label in (1, 2)},
        },
        "regime",
        0.9,
    )
    np.testing.assert_array_equal(found["level_1"], [10.0, np.nan])
    np.testing.assert_array_equal(found["level_2"], [np.nan, 20.0])
    np.testing.assert_array_equal(found["observed_in_2"], [np.nan, 6.0])


def test_truth_is_cut_to_the_rows_and_changes_are_marked_where_they_are() -> None:
    truth = {"regime": np.array([0, 0, 1, 1, 0]), "position": np.arange(5.0)}
    pieces = [observed(first, np.zeros(count), truth) for first, count in ((0, 2), (2, 1), (3, 2))]
    change = np.concatenate([piece["true_change"] for piece in pieces])
    assert np.flatnonzero(change == 1.0).tolist() == [2, 4]
    assert np.concatenate([piece["true_position_1"] for piece in pieces]).tolist() == [0, 1, 2, 3, 4]
