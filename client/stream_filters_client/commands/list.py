"""`stream-filters list`: the models of a predictor, or the scenarios of this client."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from stream_filters_client.commands.common import AsJson, Connection, Terminal, examples, known_models, takes_options
from stream_filters_client.errors import ModelNotFound
from stream_filters_client.protocol.inspection import ModelInfo, TensorInfo
from stream_filters_client.scenarios import SCENARIOS

EPILOG = examples("stream-filters list", "stream-filters list --scenarios")


@takes_options
def list_(
    *,
    model: Annotated[
        list[str] | None, typer.Option(help="This model only; may be repeated.", autocompletion=known_models)
    ] = None,
    scenarios: Annotated[bool, typer.Option("--scenarios", help="List the scenarios; needs no server.")] = False,
    connection: Connection,
    json_: AsJson = False,
) -> None:
    """List the models of a predictor with their inputs and outputs, or the scenarios that can be replayed."""
    if scenarios:
        _print_scenarios(as_json=json_)
        return
    with connection.client() as client:
        client.server()
        found = client.models(model)
    if not found:
        raise ModelNotFound(f"{connection.label} has no models; see its settings")
    if json_:
        typer.echo(json.dumps([asdict(info) for info in found], indent=2))
    else:
        _print_models(found)


def _print_scenarios(*, as_json: bool) -> None:
    known = [
        {"name": scenario.name, "model": scenario.model, "description": scenario.description}
        for scenario in SCENARIOS.values()
    ]
    if as_json:
        typer.echo(json.dumps(known, indent=2))
        return
    table = Table("scenario", "model", "description", box=None, pad_edge=False, header_style="bold")
    for scenario in known:
        table.add_row(*scenario.values())
    Terminal().print(table)


def _print_models(found: tuple[ModelInfo, ...]) -> None:
    table = Table("model", "tensor", "type", "shape", box=None, pad_edge=False, header_style="bold")
    for info in found:
        rows = [("in", tensor) for tensor in info.inputs] + [("out", tensor) for tensor in info.outputs]
        for index, (direction, tensor) in enumerate(rows):
            table.add_row(
                info.name if not index else "", f"{direction:3} {tensor.name}", tensor.datatype, _shape(tensor)
            )
    Terminal().print(table)


def _shape(tensor: TensorInfo) -> str:
    return ", ".join("?" if size < 0 else str(size) for size in tensor.shape)
