"""Which way of writing time a column is in; where it may be two, nobody guesses."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from itertools import pairwise

from stream_filters_client.errors import BadInput
from stream_filters_client.input.layout import shown
from stream_filters_client.input.moments import DAY, Moment, day_of, month_of, read_format
from stream_filters_client.input.notations import DIGITS, NAMED, NUMBER, TEXTS, Notation

# how many texts are looked at before all are
_SAMPLED = 200
# fewer rows do not tell what digits mean
_TELLING_ROWS = 3


def choose(column: str, texts: Sequence[str], form: str | None, *, whole: bool) -> Notation:
    """The notation that most texts are in; form: the one asked for. whole: there are no other texts.

    Raises BadInput where two fit the same, naming both.
    """
    if form is not None:
        return _asked_for(form)
    numbers = [moment for text in texts if (moment := NUMBER.read(text))]
    # digits are told apart by all that there are; of a stream only the first few are known
    if 2 * len(numbers) < len(texts):
        return _of_texts(column, texts)
    return _of_digits(column, texts, numbers, whole=whole)


def _asked_for(form: str) -> Notation:
    if form in NAMED:
        return NAMED[form]
    if "%" not in form:
        raise BadInput(
            f"--time-format {form!r} is unknown; choose {', '.join(NAMED)}, or write it as in '%d.%m.%Y %H:%M'"
        )
    return Notation(form, partial(read_format, form))


_Read = tuple[Notation, list[Moment]]


def _of_texts(column: str, texts: Sequence[str]) -> Notation:
    """Of notations with letters or marks in them: the one that reads the most, and then the most regularly."""
    sample = texts[:: max(len(texts) // _SAMPLED, 1)]
    sampled = [(notation, sum(notation.read(text) is not None for text in sample)) for notation in TEXTS]
    likely = [notation for notation, count in sampled if count and 2 * count >= max(count for _, count in sampled)]
    if len(likely) < 2:
        return likely[0] if likely else NUMBER
    read = [(notation, _moments(notation, texts)) for notation in likely]
    most = max(len(moments) for _, moments in read)
    best = _most_regular([each for each in read if len(each[1]) == most])
    different = [notation for notation, moments in best if moments != best[0][1]]
    if different:
        raise BadInput(_doubtful(column, texts[0], [best[0][0], *different]))
    return best[0][0]


def _of_digits(column: str, texts: Sequence[str], numbers: list[Moment], *, whole: bool) -> Notation:
    """Of numbers and of dates in digits alone: what looks like a date in every row, or moves like a clock, is one."""
    found = [
        (notation, _moments(notation, texts))
        for notation in DIGITS
        if all(notation.read(text) for text in texts[:_SAMPLED])
    ]
    found = [each for each in found if len(each[1]) == len(texts)]
    by_doubt = {doubt: [each for each in found if each[0].doubt == doubt] for doubt in ("none", "some", "much")}
    if by_doubt["none"]:
        return by_doubt["none"][0][0]
    number = (NUMBER, numbers)
    if not whole or len(texts) < _TELLING_ROWS:
        best, clearer = [number, *by_doubt["some"]], [number]
    else:
        best = _most_regular([number, *by_doubt["some"]])
        clearer = _most_regular([number, *by_doubt["much"]])
    if len(best) > 1 or best[0] is not number:
        clearer = best
    elif clearer[0] is number:
        return NUMBER
    if len(clearer) > 1:
        raise BadInput(_doubtful(column, texts[0], [notation for notation, _ in clearer]))
    return clearer[0][0]


def _moments(notation: Notation, texts: Sequence[str]) -> list[Moment]:
    return [moment for text in texts if (moment := notation.read(text))]


def _doubtful(column: str, text: str, notations: Sequence[Notation]) -> str:
    names = list(dict.fromkeys(notation.name for notation in notations))
    return (
        f"column {column!r}: time {shown(text)} may be {' or '.join(names)}; say which, as in --time-format {names[-1]}"
    )


def _most_regular(found: Sequence[_Read]) -> list[_Read]:
    """Those in which the fewest steps differ from the usual one, or go back."""
    scores = [_irregularity(moments) for _, moments in found]
    return [each for each, score in zip(found, scores, strict=True) if score == min(scores)]


def _irregularity(moments: Sequence[Moment]) -> int:
    """How many steps are not the usual one, in nanoseconds, or in months where all are at one day of theirs."""
    places = [[moment.at for moment in moments]]
    if moments and moments[0].kind == "date" and len({day_of(moment).day for moment in moments}) == 1:
        places.append([month_of(moment) for moment in moments])
    modulo = DAY if moments and moments[0].kind == "clock" else None
    return min(_unusual(each, modulo) for each in places)


def _unusual(places: Sequence[int | Decimal], modulo: int | None) -> int:
    steps = [after - before for before, after in pairwise(places)]
    # a clock that goes back goes on to the next day only where that is the shorter way
    turned = [step % modulo if modulo and step < -modulo // 2 else step for step in steps]
    forward = Counter(step for step in turned if step > 0)
    return len(steps) - (forward.most_common(1)[0][1] if forward else 0)
