"""Loads at one rate after another, until the highest that keeps an objective is found."""

import asyncio
from dataclasses import dataclass, replace
from typing import Protocol

from stream_filters_client.aio import AsyncStreamClient
from stream_filters_client.bench.load import Load, Run
from stream_filters_client.bench.measurements import Notes
from stream_filters_client.bench.objective import Objective, Search

# what answers can be had one after the other is the first guess
_FIRST_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Trial:
    """A load at a rate, and whether it kept the objective."""

    rate: float
    notes: Notes
    met: bool


class Listener(Protocol):
    """Whoever asks for a search. stop: ends it. runs: every load as it begins."""

    stop: asyncio.Event
    runs: list[Run]

    def told(self, trial: Trial) -> None:
        """A trial is over."""


async def search(client: AsyncStreamClient, load: Load, objective: Objective, listener: Listener) -> None:
    """Find the highest rate: a closed loop for the first guess, then trials."""
    first = Run(client, replace(load, rate=None))
    await _tried(first, listener)
    if not first.notes.answered:
        return
    rates = Search(_FIRST_SHARE * first.notes.requests_per_second, objective.least_requests / load.seconds)
    while not (rates.is_over or listener.stop.is_set()):
        run = Run(client, replace(load, rate=rates.rate))
        await _tried(run, listener)
        if listener.stop.is_set():
            return
        trial = Trial(rates.rate, run.notes, objective.met(run.notes, rates.rate))
        listener.told(trial)
        rates.tell(met=trial.met)


async def _tried(run: Run, listener: Listener) -> None:
    listener.runs.append(run)
    await run.run(listener.stop)
