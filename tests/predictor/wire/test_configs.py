"""Settings of a stream in JSON: bound to a filter, or refused by key."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_filters.refusals import InvalidRequest
from stream_filters.wire.configs import Binder

from tests.predictor.models import KINDS, MODELS
from tests.running_mean import RunningMean

BIND = Binder(RunningMean, {"prior_std": 2.0})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def sentence(config: str, bind: Binder = BIND) -> str:
    with pytest.raises(InvalidRequest) as error:
        bind(config)
    return error.value.sentence


def test_no_settings_are_the_models_own() -> None:
    assert BIND(None).config == BIND("{}").config == BIND.default.config


def test_settings_of_a_stream_come_on_top_of_the_models() -> None:
    config: Any = BIND('{"interval": 0.5}').config
    assert (config.interval, config.prior_std) == (0.5, 2.0)


def test_the_same_settings_are_bound_once() -> None:
    assert BIND('{"interval": 0.5}') is BIND('{"interval": 0.5}')


@pytest.mark.parametrize("model", MODELS)
def test_settings_written_out_bind_to_the_same_filter(model: str) -> None:
    bind = Binder(KINDS[model], {})
    other = bind('{"interval": 0.7}')
    assert bind(other.config_json).config == other.config


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{", ["config: not valid JSON", "{}"]),
        ("[1]", ["config: JSON of type list", "object"]),
        ("3", ["config: JSON of type int", "object"]),
        ('{"prior_sd": 1}', ["'prior_sd' is not a setting of running_mean", "interval, prior_std"]),
        ('{"prior_std": "x"}', ["config: prior_std: 'x' came", "valid number"]),
        ('{"prior_std": null}', ["config: prior_std: None came"]),
        ('{"interval": 2}', ["config: interval: 2 came", "less than 1"]),
        ('{"interval": NaN}', ["config: interval: nan came", "finite"]),
        ('{"prior_std": Infinity}', ["config: prior_std: inf came"]),
    ],
)
def test_wrong_settings_are_refused_by_key(config: str, words: list[str]) -> None:
    said = sentence(config)
    assert [word for word in words if word not in said] == [], said


def test_a_long_value_is_not_repeated_in_full() -> None:
    assert len(sentence(json.dumps({"prior_std": "x" * 10_000}))) < 300


def test_a_long_key_is_not_repeated_in_full() -> None:
    assert len(sentence(json.dumps({"x" * 10_000: 1}))) < 300


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=100, derandomize=True, deadline=None)
@given(data=st.data())
def test_any_json_is_bound_or_refused(model: str, data: Any) -> None:
    keys = st.sampled_from(list(KINDS[model].config_type.model_fields))
    config = data.draw(JSON | st.dictionaries(keys, JSON, max_size=2))
    bind = Binder(KINDS[model], {})
    with contextlib.suppress(InvalidRequest):
        assert bind(json.dumps(config)).initial_state().shape == ()
