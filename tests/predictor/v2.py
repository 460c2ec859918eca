"""The v2 protocol as any client speaks it: KServe's generated messages over a plain gRPC channel."""

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import numpy as np

CALL_SECONDS = 60.0
_DTYPES = {"FP64": np.float64, "FP32": np.float32, "INT64": np.int64, "BOOL": np.bool_}
_NAMES = {"f8": "FP64", "f4": "FP32", "i8": "INT64", "b1": "BOOL"}
_CONTENTS = {
    "FP64": "fp64_contents",
    "FP32": "fp32_contents",
    "INT64": "int64_contents",
    "BOOL": "bool_contents",
    "BYTES": "bytes_contents",
}


def _load_messages() -> ModuleType:
    """KServe's generated file alone: its package takes seconds to import and reads the command line."""
    package = importlib.util.find_spec("kserve")
    assert package is not None
    assert package.submodule_search_locations
    file = Path(package.submodule_search_locations[0], "protocol", "grpc", "grpc_predict_v2_pb2.py")
    spec = importlib.util.spec_from_file_location("kserve_messages", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pb: Any = _load_messages()


@dataclass(frozen=True)
class Reply:
    """A response, decoded: outputs by name in the order they came."""

    message: Any
    outputs: dict[str, np.ndarray[Any, Any]]
    parameters: dict[str, bool | int | str]

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        return self.outputs[name]

    @property
    def state(self) -> bytes:
        """The belief after the last row."""
        value: bytes = self.outputs["state"][0]
        return value


@dataclass(frozen=True)
class Refused:
    """A call that was refused."""

    code: str
    sentence: str


def message(
    model: str, inputs: Mapping[str, Any], *, outputs: Iterable[str] = (), raw: bool = True, **more: Any
) -> Any:
    """A request. inputs: name -> array, or list of bytes. more: parameters, and `id` and `model_version`."""
    request = pb.ModelInferRequest(model_name=model, id=more.pop("id", ""), model_version=more.pop("model_version", ""))
    for name, values in inputs.items():
        add_input(request, name, values, raw=raw)
    for name in outputs:
        request.outputs.add(name=name)
    for name, value in more.items():
        set_parameter(request.parameters[name], value)
    return request


def add_input(request: Any, name: str, values: Any, *, raw: bool = True) -> None:
    """One more input, raw or typed."""
    if isinstance(values, list) and all(isinstance(value, bytes) for value in values) and values:
        datatype, shape, flat = "BYTES", [len(values)], values
        data = b"".join(len(value).to_bytes(4, "little") + value for value in values)
    else:
        array = np.asarray(values)
        datatype, shape, flat = _NAMES[array.dtype.str[1:]], list(array.shape), array.ravel().tolist()
        data = array.tobytes()
    tensor = request.inputs.add(name=name, datatype=datatype, shape=shape)
    if raw:
        request.raw_input_contents.append(data)
    else:
        getattr(tensor.contents, _CONTENTS[datatype]).extend(flat)


def set_parameter(parameter: Any, value: bool | int | str | None) -> None:
    """A parameter of the value's type; None: none chosen."""
    if isinstance(value, bool):
        parameter.bool_param = value
    elif isinstance(value, int):
        parameter.int64_param = value
    elif value is not None:
        parameter.string_param = value


def decode(response: Any) -> Reply:
    """What came, checked: every output is filled exactly as its shape says."""
    raws = response.raw_output_contents
    assert len(raws) in (0, len(response.outputs))
    outputs = {}
    for index, tensor in enumerate(response.outputs):
        values = _raw(tensor.datatype, raws[index]) if raws else _typed(tensor)
        outputs[tensor.name] = values.reshape(tuple(tensor.shape))
    assert len(outputs) == len(response.outputs)
    parameters = {
        name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in response.parameters.items()
    }
    return Reply(response, outputs, parameters)


def _raw(datatype: str, data: bytes) -> np.ndarray[Any, Any]:
    if datatype != "BYTES":
        return np.frombuffer(data, _DTYPES[datatype])
    values, start = [], 0
    while start < len(data):
        end = start + 4 + int.from_bytes(data[start : start + 4], "little")
        values.append(data[start + 4 : end])
        start = end
    return _objects(values)


def _typed(tensor: Any) -> np.ndarray[Any, Any]:
    values = list(getattr(tensor.contents, _CONTENTS[tensor.datatype]))
    return _objects(values) if tensor.datatype == "BYTES" else np.array(values, _DTYPES[tensor.datatype])


def _objects(values: list[bytes]) -> np.ndarray[Any, Any]:
    array = np.empty(len(values), object)
    array[:] = values
    return array


class Caller:
    """Calls one predictor."""

    def __init__(self, address: str) -> None:
        big = 256 * 1024 * 1024
        options = [("grpc.max_receive_message_length", big), ("grpc.max_send_message_length", big)]
        self.channel = grpc.insecure_channel(address, options)
        self._infer = self.method("ModelInfer", pb.ModelInferRequest, pb.ModelInferResponse)

    def method(self, name: str, request: Any, response: Any) -> Any:
        """One unary method of the service."""
        path = f"/inference.GRPCInferenceService/{name}"
        return self.channel.unary_unary(
            path, request_serializer=request.SerializeToString, response_deserializer=response.FromString
        )

    def ask(self, name: str, /, **fields: Any) -> Any:
        """A call of another method than ModelInfer."""
        method = self.method(name, getattr(pb, f"{name}Request"), getattr(pb, f"{name}Response"))
        return method(getattr(pb, f"{name}Request")(**fields), timeout=CALL_SECONDS)

    def send(self, request: Any) -> Reply:
        """The answer. Raises grpc.RpcError when it is refused."""
        return decode(self._infer(request, timeout=CALL_SECONDS))

    def send_all(self, requests: Iterable[Any]) -> list[Reply | Refused]:
        """All at once, without waiting in between; the answers in the order of the requests."""
        calls = [self._infer.future(request, timeout=CALL_SECONDS) for request in requests]
        return [_outcome(call) for call in calls]

    def start(self, request: Any) -> Any:
        """The call, whose answer may be waited for, or not."""
        return self._infer.future(request, timeout=CALL_SECONDS)

    def infer(self, model: str, observations: Any, *, inputs: Mapping[str, Any] | None = None, **more: Any) -> Reply:
        """The answer to the next rows of a stream."""
        return self.send(message(model, {"observations": observations, **(inputs or {})}, **more))

    def refused(self, request: Any) -> Refused:
        """How the request is refused; it is an error when it is not."""
        outcome = self.outcome(request)
        assert isinstance(outcome, Refused), "the request was carried out"
        return outcome

    def outcome(self, request: Any) -> Reply | Refused:
        """The answer, or how the request is refused."""
        return self.send_all([request])[0]


def _outcome(call: Any) -> Reply | Refused:
    error = call.exception()
    return Refused(error.code().name, error.details()) if error else decode(call.result())
