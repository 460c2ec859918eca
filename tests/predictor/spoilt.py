"""Requests that are wrong in some way, in several, or in none."""

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from tests.predictor.models import MODELS, bound, rows
from tests.predictor.v2 import add_input, message, pb, set_parameter

STREAMS = [f"spoilt {index}" for index in range(3)]
INPUTS = ["observations", "time_deltas", "observation_scale", "sequence_ids", "offsets", "lives", "starts", "ends"]
INPUTS += ["lengths", "state", "x", ""]
DATATYPES = ["FP64", "FP32", "INT64", "BOOL", "BYTES", "FP16", "INT8", "UINT64", "", "fp64", "BF16", "FP64 "]
SIZES = [-1, 0, 1, 2, 3, 7, 100_001, 2**31, 2**62, 2**63 - 1, -(2**63)]
INTEGERS = [-(2**63), -1, 0, 1, 2, 3, 5, 10_001, 2**53, 2**63 - 1]
FLOATS = [float("nan"), float("inf"), float("-inf"), 0.0, -0.0, -1.0, 1e308, -1e308, 5e-324]
TEXTS = ["", "0", "true", "x" * 300, "\0", "ü🦉", "spoilt 0", "\ud7ff", " "]
CONFIGS = [
    "",
    "{}",
    "[]",
    "null",
    "{",
    '"x"',
    "1e999",
    "[" * 9_000,
    '{"interval": 0.5}',
    '{"interval": NaN}',
    '{"x": 1}',
]
FIELDS = [field.name for field in pb.InferTensorContents.DESCRIPTOR.fields]
PARAMETERS = [
    "sequence_id",
    "sequence_start",
    "sequence_end",
    "offset",
    "life",
    "config",
    "horizon",
    "binary_data_output",
    "x",
]
TYPES: list[Any] = [None, True, 0, 3, "", "true", -1, "{}"]


def request(random: Random) -> Any:
    """A request of one stream, of many or of none, spoilt up to three times."""
    model = random.choice(MODELS)
    asked = _of_many(random, model) if random.random() < 0.3 else _of_one(random, model)
    for name in random.sample([*bound(model).declared, "state"], random.choice([0, 0, 1, 3])):
        if not name.startswith("forecast_") or "horizon" in asked.parameters:
            asked.outputs.add(name=name)
    for _ in range(random.choice([0, 1, 1, 1, 2, 3])):
        random.choice(SPOILERS)(random, asked)
    return asked


def _of_one(random: Random, model: str) -> Any:
    inputs = {"observations": rows(model, random.randrange(4), random.randrange(4))}
    if bound(model).takes_time_deltas and random.random() < 0.3:
        inputs["time_deltas"] = np.ones(len(inputs["observations"]))
    if bound(model).takes_observation_scales and random.random() < 0.3:
        inputs["observation_scale"] = np.ones(len(inputs["observations"]))
    asked = message(model, inputs)
    if random.random() < 0.2:
        return asked
    set_parameter(asked.parameters["sequence_id"], random.choice(STREAMS))
    if random.random() < 0.5:
        set_parameter(asked.parameters["sequence_start"], True)
        if random.random() < 0.5:
            key, value = random.choice(list(type(bound(model).config).model_fields)), random.choice([*INTEGERS, 0.5])
            set_parameter(asked.parameters["config"], f'{{"{key}": {value}}}')
    for name, value in (("sequence_end", True), ("offset", random.randrange(9)), ("horizon", random.randrange(1, 4))):
        if random.random() < 0.2:
            set_parameter(asked.parameters[name], value)
    return asked


def _of_many(random: Random, model: str) -> Any:
    names = random.sample(STREAMS, random.randrange(1, 4))
    length = random.randrange(4)
    observations = np.stack([rows(model, length, index) for index in range(len(names))])
    inputs: dict[str, Any] = {"observations": observations, "sequence_ids": [name.encode() for name in names]}
    optional = {
        "offsets": np.array([random.randrange(5) for _ in names]),
        "starts": np.array([random.random() < 0.7 for _ in names]),
        "ends": np.array([random.random() < 0.2 for _ in names]),
        "lengths": np.array([random.randint(0, length) for _ in names]),
    }
    inputs |= {name: values for name, values in optional.items() if random.random() < 0.5}
    return message(model, inputs)


def _picked(random: Random, asked: Any) -> int | None:
    return random.randrange(len(asked.inputs)) if asked.inputs else None


def spoil_datatype(random: Random, asked: Any) -> None:
    if (index := _picked(random, asked)) is not None:
        asked.inputs[index].datatype = random.choice(DATATYPES)


def spoil_name(random: Random, asked: Any) -> None:
    if (index := _picked(random, asked)) is not None:
        asked.inputs[index].name = random.choice([*INPUTS, *TEXTS])


def spoil_shape(random: Random, asked: Any) -> None:
    if (index := _picked(random, asked)) is not None:
        shape = list(asked.inputs[index].shape)
        shape = random.choice(
            [shape[:-1], [*shape, random.choice(SIZES)], [random.choice(SIZES), *shape[1:]], [1] * 70]
        )
        asked.inputs[index].shape[:] = shape


def spoil_raw(random: Random, asked: Any) -> None:
    if asked.raw_input_contents:
        index = random.randrange(len(asked.raw_input_contents))
        raw = asked.raw_input_contents[index]
        asked.raw_input_contents[index] = random.choice([b"", raw[:-1], raw + b"\0", raw * 2, random.randbytes(24)])


def spoil_value(random: Random, asked: Any) -> None:
    """One number is extreme."""
    if (index := _picked(random, asked)) is not None and index < len(asked.raw_input_contents):
        raw = bytearray(asked.raw_input_contents[index])
        kind, extremes = ("<i8", INTEGERS) if asked.inputs[index].datatype == "INT64" else ("<f8", FLOATS)
        if raw and len(raw) % 8 == 0:
            place = 8 * random.randrange(len(raw) // 8)
            raw[place : place + 8] = np.array(random.choice(extremes), kind).tobytes()
        asked.raw_input_contents[index] = bytes(raw)


def spoil_raw_count(random: Random, asked: Any) -> None:
    if random.random() < 0.5:
        del asked.raw_input_contents[-1:]
    else:
        asked.raw_input_contents.append(b"")


def spoil_contents(random: Random, asked: Any) -> None:
    """Typed contents of some kind instead of raw ones, or beside them."""
    if (index := _picked(random, asked)) is None:
        return
    if random.random() < 0.8:
        del asked.raw_input_contents[:]
    field = getattr(asked.inputs[index].contents, random.choice(FIELDS))
    for value in (b"x", 1.5, 1, True):
        try:
            field.extend([value] * random.randrange(1, 4))
        except TypeError:
            continue
        return


def spoil_inputs(random: Random, asked: Any) -> None:
    """One input more, or one fewer."""
    if (index := _picked(random, asked)) is not None and random.random() < 0.5:
        del asked.inputs[index], asked.raw_input_contents[index : index + 1]
    else:
        values = random.choice([[b"x"], [b"spoilt 1"], np.array([1]), np.array([True]), np.ones(2), np.ones((2, 2))])
        add_input(asked, random.choice(INPUTS), values)


def spoil_parameter(random: Random, asked: Any) -> None:
    set_parameter(asked.parameters[random.choice([*PARAMETERS, *TEXTS])], random.choice(TYPES))


def spoil_integer(random: Random, asked: Any) -> None:
    set_parameter(asked.parameters[random.choice(["offset", "horizon", "sequence_id"])], random.choice(INTEGERS))


def spoil_text(random: Random, asked: Any) -> None:
    set_parameter(asked.parameters["sequence_id"], random.choice(TEXTS))


def spoil_config(random: Random, asked: Any) -> None:
    set_parameter(asked.parameters["config"], random.choice(CONFIGS))


def spoil_output(random: Random, asked: Any) -> None:
    asked.outputs.add(name=random.choice([*TEXTS, "state", "forecast_mean", "status", "observations"]))


def spoil_model(random: Random, asked: Any) -> None:
    asked.model_name = random.choice([*TEXTS, *MODELS])


SPOILERS: list[Callable[[Random, Any], None]] = [
    spoil_datatype,
    spoil_name,
    spoil_shape,
    spoil_raw,
    spoil_value,
    spoil_value,
    spoil_raw_count,
    spoil_contents,
    spoil_inputs,
    spoil_parameter,
    spoil_integer,
    spoil_text,
    spoil_config,
    spoil_output,
    spoil_model,
]
