"""What the page says in words, as HTML: everything that came from elsewhere is escaped."""

import time
from collections.abc import Iterable
from html import escape

from stream_filters_client.dashboard.alarms import Alarm
from stream_filters_client.dashboard.hub import Hub
from stream_filters_client.dashboard.tracks import Track

_NO_STREAMS = """
<div class="empty"><h2>{label} has no streams now</h2>
<p>A stream begins with its first observations. In another terminal:</p>
<pre>stream-filters replay kalman-demo --rate 20 --length 5000</pre>
<p>or let this page bring some: <code>stream-filters dashboard kalman-demo ar-demo mixture-demo</code>.</p></div>
"""
_CHOOSE = """
<div class="empty"><h2>Choose streams to watch</h2>
<p>{count:,} streams live here. Tick some in the list; looking leaves them as they are.</p></div>
"""
_WAITING = """
<div class="empty"><h2>{label} is not reachable</h2><p>{trouble}</p>
<p>Trying again; this page goes on by itself.</p></div>
"""


def status(hub: Hub) -> str:
    """Whether the predictor answers."""
    if hub.trouble:
        return f'<span class="status bad">not reachable, trying again</span> <span>{escape(hub.trouble)}</span>'
    if not hub.models:
        return '<span class="status">connecting</span>'
    models = ", ".join(model.name for model in hub.models)
    return f'<span class="status good">live</span> <span>{escape(hub.label)} · {escape(models)}</span>'


def nothing_shown(hub: Hub) -> str:
    """What to do when no stream is chosen."""
    if hub.trouble:
        return _WAITING.format(label=escape(hub.label), trouble=escape(hub.trouble))
    if hub.listed:
        return _CHOOSE.format(count=len(hub.listed))
    return _NO_STREAMS.format(label=escape(hub.label))


def heading(track: Track) -> str:
    """A stream's name, where it is, how fast, and how it fares."""
    facts = [f"{track.count:,} observations", f"{track.observations_per_second:,.3g}/s", *_facts(track)]
    told = f'<div class="told">{escape(track.told)}</div>' if track.told else ""
    return (
        f'<div class="heading"><h2>{escape(track.title)}</h2>'
        f"<span>{' · '.join(escape(fact) for fact in facts)}</span></div>{told}"
    )


def _facts(track: Track) -> Iterable[str]:
    last = {name: float(values[-1]) for name, values in track.history.since(track.history.count - 1).items()}
    if (regime := last.get("regime", -1.0)) >= 0:
        yield f"regime {regime:.0f}"
    if (rows := last.get("run_length", 0.0)) > 0:
        yield f"for {rows:,.0f} observations"
    if (share := last.get("stationary_probability", -1.0)) >= 0:
        yield f"stationary with probability {share:.2f}"
    if (memory := last.get("effective_memory", 0.0)) > 0:
        yield f"remembers {memory:,.0f} observations"
    if (inside := track.inside_share) is not None:
        yield f"{inside:.0%} inside their {track.level:.0%} intervals"


def alarms(found: Iterable[Alarm]) -> str:
    """The alarms, the newest first."""
    lines = [_alarm(alarm) for alarm in reversed(list(found))]
    return f'<ol class="alarms">{"".join(lines)}</ol>' if lines else '<p class="quiet">none so far</p>'


def _alarm(alarm: Alarm) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(alarm.time_seconds))
    finding = alarm.finding
    place = "" if finding.observation is None else f" at observation {finding.observation:,}"
    where = f"<b>{escape(alarm.stream)}</b>{place}" if alarm.stream else ""
    return (
        f'<li class="{finding.kind}"><time>{clock}</time><i>{finding.kind}</i> {where}'
        f"<p>{escape(finding.sentence)}</p></li>"
    )


def note(fitting: int, offered: int, *, full: bool) -> str:
    """What the list of streams leaves out."""
    parts = []
    if fitting > offered:
        parts.append(f"{fitting - offered:,} more; search to find them")
    if full:
        parts.append("there may be streams beyond those listed")
    return f'<p class="quiet">{"; ".join(parts)}</p>' if parts else ""
