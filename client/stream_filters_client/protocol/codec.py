"""NumPy arrays as v2 tensors, and back."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stream_filters_client.errors import InvalidRequest, ServerFault
from stream_filters_client.wire import inference_pb2 as wire

Array = NDArray[Any]
Floats = NDArray[np.float64]
# None is a missing observation
Observations = ArrayLike | Sequence[float | None]
Parameters = Mapping[str, bool | int | str]

# datatype -> little-endian layout of its raw contents, and the field that holds it one by one
_LAYOUTS: dict[str, tuple[str, str]] = {
    "FP64": ("<f8", "fp64_contents"),
    "FP32": ("<f4", "fp32_contents"),
    "INT64": ("<i8", "int64_contents"),
    "INT32": ("<i4", "int_contents"),
    "UINT64": ("<u8", "uint64_contents"),
    "BOOL": ("?", "bool_contents"),
}
_DATATYPES = {np.dtype(layout): name for name, (layout, _) in _LAYOUTS.items()}


def as_observations(values: Observations) -> Floats:
    """Observations as [T] or [T, D]; a number alone is one observation, None is a missing one.

    Raises InvalidRequest.
    """
    rows = as_floats("observations", values)
    if rows.ndim > 2:
        raise InvalidRequest(f"observations have shape {rows.shape}; send [T] or [T, D], oldest first")
    return rows.reshape(1) if rows.ndim == 0 else rows


def as_floats(name: str, values: Observations) -> Floats:
    """Values as float64: a number, a list, an array, or what becomes one, as the columns of data frames do.

    What is masked is missing. Raises InvalidRequest, also for times and for numbers that are text.
    """
    if isinstance(values, Iterator | AsyncIterator):
        raise InvalidRequest(
            f"{name} came as {type(values).__name__}, whose end nobody knows; send a list of them, or hand it to "
            "send_many, which makes a request of each item"
        )
    try:
        if isinstance(values, np.ma.MaskedArray):
            return np.where(np.ma.getmaskarray(values), np.nan, values.data).astype(np.float64)
        if hasattr(values, "to_numpy") and not hasattr(values, "__array__"):
            values = values.to_numpy()
        came = np.asarray(values)
        if came.dtype.kind in "MmSUVc" or (came.dtype == object and any(isinstance(item, str) for item in came.flat)):
            raise TypeError("they are text" if came.dtype.kind in "SUO" else f"they are {came.dtype}")
        # columns know better than objects what is missing
        return np.asarray(values if came.dtype == object else came, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"{name} are not all numbers ({error}); NaN or None stands for a missing one") from error


def encode(
    model: str,
    inputs: Mapping[str, Array],
    parameters: Parameters,
    outputs: tuple[str, ...] = (),
    request_id: str = "",
) -> wire.ModelInferRequest:
    """A ModelInfer request; object arrays hold bytes and travel as BYTES."""
    request = wire.ModelInferRequest(model_name=model, id=request_id)
    for name, array in inputs.items():
        datatype, contents = _encode_array(name, array)
        request.inputs.add(name=name, datatype=datatype, shape=array.shape)
        request.raw_input_contents.append(contents)
    for name, value in parameters.items():
        parameter = request.parameters[name]
        if isinstance(value, bool):
            parameter.bool_param = value
        elif isinstance(value, int):
            parameter.int64_param = value
        else:
            parameter.string_param = value
    for name in outputs:
        request.outputs.add(name=name)
    return request


def _encode_array(name: str, array: Array) -> tuple[str, bytes]:
    if array.dtype == object:
        return "BYTES", b"".join(len(value).to_bytes(4, "little") + value for value in array.ravel())
    datatype = _DATATYPES.get(array.dtype.newbyteorder("<"))
    if datatype is None:
        raise InvalidRequest(f"{name} has type {array.dtype}, which has no place in the protocol; send float64")
    return datatype, array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def decode(response: wire.ModelInferResponse) -> dict[str, Array]:
    """The outputs of a response, by name, read-only. Raises ServerFault on a malformed one."""
    raw = response.raw_output_contents
    if raw and len(raw) != len(response.outputs):
        raise ServerFault(f"{len(response.outputs)} outputs came with {len(raw)} raw contents; see the server's log")
    arrays: dict[str, Array] = {}
    for index, output in enumerate(response.outputs):
        try:
            flat = _decode_raw(output.datatype, raw[index]) if raw else _decode_contents(output)
            array = flat.reshape(tuple(output.shape))
        except (KeyError, ValueError) as error:
            raise ServerFault(
                f"output {output.name} ({output.datatype} {list(output.shape)}) cannot be read: {error}"
            ) from error
        array.flags.writeable = False
        arrays[output.name] = array
    return arrays


def _decode_raw(datatype: str, data: bytes) -> Array:
    if datatype != "BYTES":
        return np.frombuffer(data, np.dtype(_LAYOUTS[datatype][0]))
    values, start = [], 0
    while start < len(data):
        end = start + 4 + int.from_bytes(data[start : start + 4], "little")
        if start + 4 > len(data) or end > len(data):
            raise ValueError("the bytes end inside an element")
        values.append(data[start + 4 : end])
        start = end
    return _objects(values)


def _decode_contents(output: wire.ModelInferResponse.InferOutputTensor) -> Array:
    if output.datatype == "BYTES":
        return _objects(list(output.contents.bytes_contents))
    layout, field = _LAYOUTS[output.datatype]
    return np.array(getattr(output.contents, field), dtype=layout)


def _objects(values: list[bytes]) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def read_parameters(message: wire.ModelInferRequest | wire.ModelInferResponse) -> dict[str, bool | int | str]:
    """The parameters of a request or a response as plain values."""
    values = {}
    for name, parameter in message.parameters.items():
        choice = parameter.WhichOneof("parameter_choice")
        if choice is not None:
            values[name] = getattr(parameter, choice)
    return values
