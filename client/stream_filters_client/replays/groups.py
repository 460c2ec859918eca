"""Streams that are told of together: those of one scenario, or a single one of other input."""

import itertools
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from stream_filters_client.replays.learnt import sentence
from stream_filters_client.replays.replay import Replay, Status
from stream_filters_client.scoring import scorecard
from stream_filters_client.scoring.ranking import Ranking, rank


@dataclass(frozen=True, slots=True)
class Group:
    """Streams of one name, model and configuration. shown: the one that views show."""

    name: str
    replays: Sequence[Replay]
    shown: Replay

    @property
    def count(self) -> int:
        """Observations answered."""
        return sum(replay.recording.count for replay in self.replays)

    @property
    def length(self) -> int | None:
        """Observations that there will be; None if nobody knows."""
        lengths = [replay.feed.length for replay in self.replays if replay.feed.length is not None]
        return sum(lengths) if len(lengths) == len(self.replays) else None

    @property
    def requests(self) -> int:
        """Requests answered."""
        return sum(replay.requests for replay in self.replays)

    @property
    def replayed(self) -> int:
        """Requests that the server had applied before, and answered again."""
        return sum(replay.replayed for replay in self.replays)

    @property
    def statuses(self) -> Mapping[Status, int]:
        """How many streams are where."""
        return Counter(replay.status for replay in self.replays)

    @property
    def status(self) -> Status:
        """Where the streams are, all in all."""
        statuses = self.statuses
        return next(status for status in _MOST_TELLING if status in statuses)

    @property
    def notes(self) -> list[str]:
        """What there is to know of people's own data, what was learnt of them, and what is left on the server."""
        feed, kept = self.shown.feed, [replay for replay in self.replays if replay.names.keep and replay.requests]
        told = []
        if feed.source.steps is not None:
            sent = ", the time_delta of the model" if self.shown.timed else ", which the model does not take"
            told.append(f"time step: {feed.source.steps.told}{sent}")
        if feed.data and (learnt := sentence(self.shown.recording, self.shown.level)):
            told.append(learnt)
        told += feed.source.notes
        if kept:
            more = f" and {len(kept) - 1:,} more" if len(kept) > 1 else ""
            told.append(
                f"kept on the server: {kept[0].sequence_id}{more}; "
                f"--sequence-id {kept[0].sequence_id} --resume goes on with it"
            )
        return told

    @property
    def errors(self) -> Mapping[str, int]:
        """Why streams ended before their time, and how many of them did; what is said of each by name is one reason."""
        failed = [replay for replay in self.replays if replay.error is not None]
        names = {replay.sequence_id for replay in failed} if len(failed) > 1 else set()
        counted: Counter[str] = Counter()
        for replay in failed:
            sentence = str(replay.error)
            if replay.sequence_id in names:
                sentence = sentence.replace(replay.sequence_id, "NAME")
            counted[sentence] += 1
        return counted

    @property
    def observations_per_second(self) -> float:
        """Observations answered a second, by all streams together, pauses included."""
        begun = [replay for replay in self.replays if replay.started_seconds]
        if not begun:
            return 0.0
        end_seconds = max(replay.finished_seconds or time.perf_counter() for replay in begun)
        elapsed_seconds = end_seconds - min(replay.started_seconds for replay in begun)
        return self.count / elapsed_seconds if elapsed_seconds > 0 else 0.0

    def speed(self) -> dict[str, float]:
        """Latency over the answers of all streams, and their rate."""
        latencies = array("d")
        for replay in self.replays:
            # a copy: answers come while another thread draws
            latencies.extend(replay.latencies[:])
        return scorecard.speed(latencies, self.observations_per_second)

    def scores(self, burn_in: int = 0) -> dict[str, float]:
        """The scores, of several streams together."""
        each = [replay.scores(burn_in) for replay in self.replays]
        return (each[0] if len(each) == 1 else scorecard.together(each, self.shown.level)) | self.speed()

    def snapshot(self) -> "Group":
        """The same with the shown stream as it is now."""
        return replace(self, shown=self.shown.snapshot())


def rankings(groups: Sequence[Group], burn_in: int) -> dict[str, Ranking]:
    """How filters fit the data that they were replayed on, by the name of the data; scenarios have oracles instead.

    Filters of one file are ranked together, as far as their rows were kept.
    """
    found: dict[str, Ranking] = {}
    own = [group.shown for group in groups if not group.shown.feed.truth and group.count]
    for _, members in itertools.groupby(own, lambda replay: id(replay.feed.source)):
        replays = list(members)
        first = max(replay.recording.first for replay in replays)
        rows = min(replay.recording.count for replay in replays) - first
        evidence = {}
        for replay in replays:
            values = replay.recording.output("log_evidence")
            if values is not None:
                evidence[replay.feed.model] = values[first - replay.recording.first :][:rows]
        known = replays[0].recording
        observations = known.observations()[first - known.first :][:rows]
        ranking = rank(observations, evidence, max(burn_in - first, 0))
        if ranking is not None:
            found[replays[0].feed.data] = ranking
    return found


_MOST_TELLING = (Status.FAILED, Status.INTERRUPTED, Status.RUNNING, Status.WAITING, Status.DONE)


def grouped(replays: Iterable[Replay], shown: int = 1) -> list[Group]:
    """The streams by their groups, in the order in which they come; shown: number of the stream to show, from 1."""
    groups = []
    for name, members in itertools.groupby(replays, lambda replay: replay.feed.group):
        streams = list(members)
        groups.append(Group(name, streams, streams[min(shown, len(streams)) - 1]))
    return groups
