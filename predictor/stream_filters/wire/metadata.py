"""What a model takes and gives, in the words of the v2 protocol."""

from typing import Any

from stream_filters.filters.base import Filter
from stream_filters.wire.parsing import STATE, input_names

_INPUT_TYPES = {
    "sequence_ids": "BYTES",
    "offsets": "INT64",
    "lives": "INT64",
    "starts": "BOOL",
    "ends": "BOOL",
    "lengths": "INT64",
}


def inputs(bound: Filter[Any]) -> list[dict[str, Any]]:
    """The inputs of a request of one stream first, then those of many streams."""
    shapes = {"observations": [-1] if bound.dimension == 1 else [-1, bound.dimension], STATE: [1]}
    types = {**_INPUT_TYPES, STATE: "BYTES"}
    return [
        {"name": name, "datatype": types.get(name, "FP64"), "shape": shapes.get(name, [-1])}
        for name in input_names(bound)
    ]


def outputs(bound: Filter[Any]) -> list[dict[str, Any]]:
    """The outputs of a request of one stream; with many streams each has one more leading size."""
    declared = [
        {"name": output.name, "datatype": output.datatype, "shape": list(output.wire_shape)} for output in bound.outputs
    ]
    return [*declared, {"name": STATE, "datatype": "BYTES", "shape": [1]}]
