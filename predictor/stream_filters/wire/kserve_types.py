"""KServe's requests and responses as raw tensors, and back."""

import base64
import binascii
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from kserve import InferInput, InferOutput, InferRequest, InferResponse
from kserve.protocol.grpc.grpc_predict_v2_pb2 import InferParameter, ModelInferResponse
from kserve.protocol.infer_type import RequestedOutput

from stream_filters.filters.base import Array
from stream_filters.refusals import InvalidRequest
from stream_filters.wire import tensors
from stream_filters.wire.large_messages import LARGE_BYTES, LargeResponse
from stream_filters.wire.parsing import STATE, Parameter, RawRequest
from stream_filters.wire.tensors import RawTensor

_CONTENTS = {"FP64": "fp64_contents", "INT64": "int64_contents", "BOOL": "bool_contents", "BYTES": "bytes_contents"}

# fields of Triton's InferParameter, each with its wire type
_TRITON_DOUBLE = (4, 1)
_TRITON_UINT64 = (5, 0)


def read(request: InferRequest) -> RawRequest:
    """What KServe decoded, without its types. Raises InvalidRequest on parameters and states that are none."""
    if not request.from_grpc:
        _check_json(request)
    return RawRequest(
        inputs=[_tensor(tensor, is_json=not request.from_grpc) for tensor in request.inputs],
        parameters={name: _parameter(name, value) for name, value in (request.parameters or {}).items()},
        outputs=[output.name for output in request.request_outputs] if request.request_outputs else None,
    )


def _check_json(request: InferRequest) -> None:
    """Refuse what is of another type than the protocol's: KServe looks only where no tensor is in binary."""
    _expect(request.id is None or _is_text(request.id), "id", "a string")
    parameters = {} if request.parameters is None else request.parameters
    _expect(isinstance(parameters, dict), "parameters", "an object")
    for name, value in parameters.items():
        _expect(_is_text(name), "parameters", "names in Unicode")
        _expect(not isinstance(value, str) or _is_text(value), name, "Unicode")
    for tensor in request.inputs:
        _expect(_is_text(tensor.name), "inputs: name", "a string")
        _expect(_is_text(tensor.datatype), f"{tensor.name}: datatype", "a string")
        sizes = tensor.shape if isinstance(tensor.shape, list) else [None]
        _expect(all(type(size) is int for size in sizes), f"{tensor.name}: shape", "a list of whole numbers")
    for output in request.request_outputs or ():
        _expect(_is_text(output.name), "outputs: name", "a string")
        _expect(isinstance(output.parameters or {}, dict), f"{output.name}: parameters", "an object")


def _expect(holds: bool, what: str, kind: str) -> None:
    if not holds:
        raise InvalidRequest(f"{what[:64]}: something else came than {kind}; send a v2 inference request")


def _is_text(value: Any) -> bool:
    """Whether it is a string of whole characters; JSON can hold half ones."""
    return isinstance(value, str) and value.encode("utf-8", "replace").decode() == value


def _tensor(tensor: InferInput, *, is_json: bool) -> RawTensor:
    # KServe has no public way to the raw bytes that does not convert them first
    raw = tensor._raw_data
    data: Any = tensor.data if raw is None else raw
    if is_json and tensor.name == STATE and raw is None:
        data = [_from_base64(value) for value in data or ()]
    return RawTensor(tensor.name, tensor.datatype, tuple(tensor.shape), () if data is None else data)


def _from_base64(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise InvalidRequest("state: JSON carries it as base64, something else came; send it as it was given") from None


def _parameter(name: str, value: Any) -> Parameter:
    if not isinstance(value, Message):
        plain: Parameter = value
        return plain
    choice = value.WhichOneof("parameter_choice")
    chosen: Parameter | None = _of_triton(value) if choice is None else getattr(value, choice)
    if chosen is None:
        raise InvalidRequest(
            f"{name[:64]}: the parameter came without a value; send a bool, an int64, a uint64, a double or a string"
        )
    return chosen


def _of_triton(parameter: Message) -> Parameter | None:
    """The value as one of the two types that Triton's definition has beyond KServe's, whose messages pass them by."""
    fields: Any = UnknownFieldSet(parameter)
    for field in fields:
        if (field.field_number, field.wire_type) == _TRITON_DOUBLE:
            return float(struct.unpack("<d", field.data.to_bytes(8, "little"))[0])
        if (field.field_number, field.wire_type) == _TRITON_UINT64:
            return int(field.data)
    return None


def write(
    request: InferRequest, outputs: Mapping[str, Array], parameters: Mapping[str, Parameter]
) -> ModelInferResponse | InferResponse:
    """The response in the transport and encoding of its request: raw where raw came."""
    if request.from_grpc:
        return _write_grpc(request, outputs, parameters)
    infer_outputs, requested = [], []
    for name, array in outputs.items():
        binary = _wants_binary(request, name)
        data = array if binary or name != STATE else _to_base64(array)
        infer_outputs.append(InferOutput(name, list(array.shape), tensors.datatype(array.dtype), data))
        # KServe asks each output alone; its default for the request counts only when it is said again here
        requested.append(RequestedOutput(name, {"binary_data": binary}))
    return InferResponse(
        response_id=request.id or "",
        model_name=request.model_name,
        model_version=request.model_version or None,
        infer_outputs=infer_outputs,
        parameters=dict(parameters),
        requested_outputs=requested,
    )


def _write_grpc(
    request: InferRequest, outputs: Mapping[str, Array], parameters: Mapping[str, Parameter]
) -> ModelInferResponse | LargeResponse:
    response = ModelInferResponse()
    response.CopyFrom(_described(tuple([(name, array.dtype, array.shape) for name, array in outputs.items()])))
    response.id, response.model_name, response.model_version = (
        request.id or "",
        request.model_name,
        request.model_version or "",
    )
    for name, value in parameters.items():
        set_parameter(response.parameters[name], value)
    if not request.use_binary_outputs:
        for output, array in zip(response.outputs, outputs.values(), strict=True):
            getattr(output.contents, _CONTENTS[output.datatype]).extend(array.ravel().tolist())
    elif sum([array.nbytes for array in outputs.values()]) >= LARGE_BYTES:
        return LargeResponse(response, outputs.values())
    else:
        response.raw_output_contents.extend([tensors.encode_raw(array) for array in outputs.values()])
    return response


@lru_cache(maxsize=1024)
def _described(outputs: tuple[tuple[str, np.dtype[Any], tuple[int, ...]], ...]) -> ModelInferResponse:
    """A response with the outputs of these names, dtypes and shapes, without their contents; others begin as copies."""
    tensor = ModelInferResponse.InferOutputTensor
    return ModelInferResponse(
        outputs=[tensor(name=name, datatype=tensors.datatype(dtype), shape=shape) for name, dtype, shape in outputs]
    )


def set_parameter(parameter: InferParameter, value: Parameter) -> None:
    """Give the parameter its value, as the type that it has."""
    if isinstance(value, bool):
        parameter.bool_param = value
    elif isinstance(value, int):
        parameter.int64_param = value
    else:
        parameter.string_param = value


def _wants_binary(request: InferRequest, name: str) -> bool:
    for output in request.request_outputs or ():
        if output.name == name:
            return bool(request.use_binary_outputs if output.binary_data is None else output.binary_data)
    return bool(request.use_binary_outputs)


def _to_base64(array: Array) -> Array:
    """Bytes as JSON can hold them."""
    return np.array([base64.b64encode(value).decode() for value in array.ravel()], dtype=object).reshape(array.shape)
