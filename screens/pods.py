"""Pods and events: what the deployment consists of, and what the cluster said about it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from textual.widget import Widget

from console.core.picture import Picture
from console.core.readings import ClusterEvent, Pod
from screens.base import Console
from screens.room import Room
from widgets.listing import Lines, Listing
from widgets.rows import Row, cell, right, row
from widgets.states import placeholder, staleness
from widgets.vocabulary import Ink
from widgets.words import clean, plural, steps


class PodsRoom(Room):
    """Two lists: pods, and events newest first; Tab goes from one to the other, Enter tells all of one line."""

    place = "pods"

    def content(self) -> Iterable[Widget]:
        """Pods above, events below, and the whole of the line at the cursor."""
        self.pods = Listing(self.look, id="pods")
        self.events = Listing(self.look, id="events")
        self.pods_title = Lines(self.look, [row("")], grows=False, id="pods-title")
        self.events_title = Lines(self.look, [row("")], grows=False, id="events-title")
        self.detail = Lines(self.look, id="detail")
        for lines in (self.pods_title, self.events_title):
            lines.styles.height = 1
        self.pods.styles.height = "1fr"
        self.events.styles.height = "1fr"
        yield from (self.pods_title, self.pods, self.events_title, self.events, self.detail)

    def title_of(self, picture: Picture, now: datetime) -> str:
        """How many of each."""
        cluster = picture.cluster.value
        if cluster is None:
            return "pods and events"
        return f"pods and events of namespace {cluster.namespace}"

    def on_mount(self) -> None:
        """Begin in the pods."""
        super().on_mount()
        self.pods.focus()

    def draw(self, picture: Picture, now: datetime) -> None:
        """Both lists anew; only rows that differ are painted."""
        cluster = picture.cluster.value
        missing = placeholder(picture.cluster, picture, "kubernetes")
        stale = staleness(picture.cluster, now, self.look.glyphs)
        if cluster is None:
            self.pods_title.set([row((" Pods", Ink.TITLE))])
            self.pods.set([], missing)
            self.events_title.set([row((" Events", Ink.TITLE))])
            self.events.set([], missing)
            return
        ready = sum(pod.ready for pod in cluster.pods)
        head = row((f" Pods · {ready} of {len(cluster.pods)} ready", Ink.TITLE), "  ", *stale)
        self.pods_title.set([head])
        self.pods.set([pod_row(pod, now) for pod in cluster.pods], row((" no pods", Ink.DIM)))
        told = cluster.events_error or plural(len(cluster.events), "event")
        self.events_title.set([row((f" Events · {clean(told)}", Ink.WARN if cluster.events_error else Ink.TITLE))])
        self.events.set([event_row(event, now) for event in cluster.events], row((" no events", Ink.DIM)))

    def on_listing_chosen(self, event: Listing.Chosen) -> None:
        """Tell all of the line at the cursor, below."""
        cluster = self.console.picture.cluster.value
        if cluster is None:
            return
        if event.listing is self.pods and event.index < len(cluster.pods):
            pod = cluster.pods[event.index]
            place = f"node {pod.node or 'none'} · ip {pod.ip or 'none'}"
            words = f"{pod.name} · {pod.image} · revision {pod.revision} · {place}"
            self.detail.set([row((f" {clean(words)}", Ink.ACCENT)), row(f" {clean(pod.reason) or pod.phase}")])
        elif event.index < len(cluster.events):
            said = cluster.events[event.index]
            width = max(20, self.size.width - 2)
            text = clean(f"{said.about}: {said.message}")
            folded = [text[start : start + width] for start in range(0, min(len(text), width * 4), width)]
            self.detail.set([row(f" {part}") for part in folded])


def pod_row(pod: Pod, now: datetime) -> Row:
    """A pod in a line: mark, name, version, ready, restarts, age, reason."""
    state = "terminating" if pod.terminating else (pod.reason or pod.phase)
    ink = Ink.OK if pod.ready and not pod.terminating else Ink.DIM if pod.terminating else Ink.BAD
    mark = "●" if pod.ready else "○"
    return row(
        (f" {mark} ", ink),
        cell(clean(pod.name), 30),
        cell(clean(pod.version), 12, Ink.STRONG),
        cell(f"{pod.ready_containers}/{pod.containers}", 6, ink),
        (cell(plural(pod.restarts, "restart"), 14, Ink.WARN if pod.restarts else Ink.DIM)),
        right(steps(now - pod.created), 8, Ink.DIM),
        f"  {clean(state)}" if not pod.ready or pod.terminating else "",
    )


def event_row(event: ClusterEvent, now: datetime) -> Row:
    """An event in a line: age, kind, reason, about, message."""
    ink = Ink.WARN if event.kind == "Warning" else Ink.DIM
    times = f" x{event.count}" if event.count > 1 else ""
    return row(
        right(steps(now - event.last_seen), 7, Ink.DIM),
        "  ",
        cell(clean(event.reason) + times, 24, ink),
        cell(clean(event.about), 34, Ink.DIM),
        clean(event.message),
    )


def open_pods(console: Console) -> None:
    """Show pods and events."""
    console.push_screen(PodsRoom())
