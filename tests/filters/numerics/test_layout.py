import itertools
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest
from stream_filters.filters.autoregression import views as ar_views
from stream_filters.filters.base import Array, Floats
from stream_filters.filters.kalman import views as kalman_views
from stream_filters.filters.numerics.compiled import compiled
from stream_filters.filters.numerics.declarations import Indices, Integers, Same
from stream_filters.filters.numerics.layout import Layout
from stream_filters.filters.regimes import views as regimes_views


class Sizes(NamedTuple):
    axes: int
    nodes: int


class Inner(NamedTuple):
    weights: Annotated[Floats, "components"]
    order: Annotated[Indices, "components"]


class Outer(NamedTuple):
    seen: Annotated[Integers, ""]
    position: Annotated[Floats, "axes, nodes"]
    flat: Annotated[Floats, "axes * nodes", Same("position")]
    inner: Annotated[Inner, {"components": "twice + 1"}]
    noise: float
    steps: int
    robust: bool
    last: Annotated[Integers, "axes, 2, nodes"]


LAYOUT = Layout(Outer, Sizes, names={"twice": "2 * nodes"})
view_outer = LAYOUT.viewer()
SIZES = Sizes(2, 3)


@compiled
def _fill(words: Floats, sizes: tuple[int, int]) -> float:
    """Write through every view, and read the numbers."""
    outer = view_outer(words, sizes)
    outer.seen[0] = 7
    outer.position[1, 2] = 0.5
    outer.flat[0] = 0.25
    outer.inner.weights[6] = 4.0
    outer.inner.order[6] = np.uint64(9)
    outer.last[1, 1, 2] = -3
    return outer.noise + outer.steps + (100.0 if outer.robust else 0.0)


def test_kernels_write_where_the_declaration_says() -> None:
    words = np.zeros(1 + 6 + 7 + 7 + 3 + 12)
    words[21:24] = 0.125, 2.0, 1.0

    assert _fill(words, tuple(SIZES)) == 102.125

    whole = words.view(np.int64)
    assert LAYOUT.words(SIZES) == words.size
    assert whole[0] == 7
    assert words[1] == 0.25
    assert words[6] == 0.5
    assert words[13] == 4.0
    assert whole[20] == 9
    assert whole[35] == -3
    assert np.count_nonzero(words) == 9


def test_what_is_packed_is_what_is_viewed() -> None:
    rng = np.random.default_rng(1)
    inner = Inner(rng.random(7), np.arange(7, dtype=np.uint64))
    position = rng.random((2, 3))
    outer = Outer(np.array(5), position, position.ravel(), inner, 0.5, 3, True, rng.integers(-9, 9, (2, 2, 3)))

    seen = _python(view_outer)(LAYOUT.pack(outer, SIZES), SIZES)

    assert (seen.noise, seen.steps, seen.robust, seen.seen[0]) == (0.5, 3, True, 5)
    for name in ("position", "flat", "last"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(outer, name))
    np.testing.assert_array_equal(seen.inner.weights, inner.weights)
    np.testing.assert_array_equal(seen.inner.order, inner.order)
    with pytest.raises(ValueError, match=r"Outer.last has the shape \[2, 3\], declared is \[2, 2, 3\]"):
        LAYOUT.pack(outer._replace(last=np.zeros((2, 3), np.int64)), SIZES)


def test_copies_stand_side_by_side_in_every_field() -> None:
    layout = Layout(Inner, Sizes, names={"components": "nodes"}, copies="axes")
    state = np.zeros((), layout.dtype(SIZES))
    state["weights"], state["order"] = [[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]

    seen = _python(layout.viewer())(np.frombuffer(state.tobytes()), SIZES, 1)

    assert seen.weights.tolist() == [4, 5, 6]
    assert seen.order.tolist() == [10, 11, 12]


def test_a_field_in_another_order_is_given_to_the_view() -> None:
    # the field is named as one of the sizes is, too
    layout = Layout(Inner, Sizes, names={"components": "nodes", "weights": "axes"}, apart={"weights": "nodes, weights"})
    words, given = np.arange(9.0), np.zeros(3)

    assert _python(layout.viewer())(words, SIZES, given).weights is given
    assert _python(layout.field_viewer("weights"))(words, SIZES).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert layout.dtype(SIZES).fields["weights"][0].shape == (3, 2)  # type: ignore[index]


class Report(NamedTuple):
    mean: Annotated[Floats, "rows"]
    label: Annotated[Integers, "rows"]
    cov: Annotated[Floats, "rows, axes, axes"]


def test_a_report_has_the_rows_of_what_was_asked_for() -> None:
    layout = Layout(Report, Sizes)
    buffer = np.arange(100.0)

    seen = _python(layout.report_viewer())(buffer, np.array([10, -1, 20]), 2, 3, SIZES)

    assert seen.mean.tolist() == [12, 13, 14]
    assert seen.label.shape == (0,)
    assert seen.cov.shape == (3, 2, 2)
    assert seen.cov[0, 0, 0] == 28
    assert layout.row_shapes(SIZES) == {"mean": (), "label": (), "cov": (2, 2)}
    assert layout.whole() == {"label"}


class Undeclared(NamedTuple):
    mean: Floats


class Misspelt(NamedTuple):
    mean: Annotated[Floats, "axes, noddes"]


class Homeless(NamedTuple):
    mean: Annotated[Floats, "axes", Same("cov")]


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (Undeclared, "Undeclared.mean does not say its shape"),
        (Misspelt, "Misspelt.mean has the size noddes, and noddes is none of axes, nodes, rows"),
        (Homeless, "Homeless.mean is the same as cov, which is none of its fields"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused_by_name(record: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Layout(record, Sizes)


_ALIASES = {
    frozenset({"work.fields", "work.regimes"}),
    frozenset({"work.masses.known", "work.flat_known"}),
    frozenset({"work.share", "work.flat_share"}),
}
_FILTERS = [
    (kalman_views.BANK, (2, 9, 3, 2), set()),
    (kalman_views.SCRATCH, (2, 9, 3, 2), set()),
    (ar_views.GRID, (3, 5, 2, 1, 9), set()),
    (ar_views.STATE, (3, 5, 2, 1, 9), set()),
    (ar_views.SCRATCH, (3, 5, 2, 1, 9), set()),
    (regimes_views.SCRATCH, (4, 3, 2), _ALIASES),
]


@pytest.mark.parametrize(("layout", "sizes", "aliases"), _FILTERS)
def test_fields_of_a_filter_fill_its_memory_and_share_none_but_where_they_say_so(
    layout: Layout[Any], sizes: tuple[int, ...], aliases: set[frozenset[str]]
) -> None:
    named = layout.sizes(*sizes)
    words = np.zeros(layout.words(named))
    arrays = dict(_arrays(_python(layout.viewer())(words, named), ""))

    shared = {
        frozenset({one, other})
        for (one, a), (other, b) in itertools.combinations(arrays.items(), 2)
        if a.size and b.size and np.may_share_memory(a, b)
    }

    assert shared == aliases
    numbers = sum(not array.ndim for array in arrays.values())
    seen = sum(array.size for array in arrays.values()) - sum(
        min(arrays[name].size for name in pair) for pair in shared
    )
    assert seen == words.size
    assert numbers == (5 if layout is kalman_views.BANK else 0)


def _arrays(record: Any, prefix: str) -> Iterator[tuple[str, Array]]:
    for name, value in record._asdict().items():
        if hasattr(value, "_fields"):
            yield from _arrays(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", np.asarray(value)


def _python(view: Any) -> Any:
    """The view as it is interpreted: the text that numba compiles."""
    return view.py_func
