"""What the API server holds and what happened there, seen by a watch of the soak's own."""

import http.client
import json
import socket
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from bench.soak.hours import Hours, instant
from bench.soak.slots import Timing

Raw = dict[str, Any]
ENDED = ("Succeeded", "Failed")


@dataclass
class Life:
    """A schedule from its creation to its deletion.

    Parameters
    ----------
    timings
        Since when it has which slots: a new one with each edit that concerns them.
    skipped
        First and last slot, number and reason of every record that its status ever had.
    """

    uid: str
    name: str
    created: datetime
    last: Raw
    timings: list[tuple[datetime, Timing]]
    skipped: set[tuple[datetime, datetime, int, str]] = field(default_factory=set)
    held: set[datetime] = field(default_factory=set)
    """Slots that its status holds back now."""
    gone: datetime | None = None


@dataclass
class Run:
    """A version from its creation to its deletion."""

    uid: str
    name: str
    life: str
    slot: datetime
    by_hand: bool
    last: Raw
    promoted: set[str] = field(default_factory=set)
    """When it came into production."""
    ended: tuple[str, str] | None = None
    """Reason and stage with which its run ended."""
    gone: bool = False


@dataclass
class Sight:
    """All that was ever seen, and all that is there now, by uid."""

    hours: Hours
    lives: dict[str, Life] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    jobs_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Uids of all Jobs that a version, or a replay's name, ever had."""
    events: dict[tuple[str, str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """Names of events by the uid that they are about, reason and message."""
    there: dict[str, dict[str, Raw]] = field(default_factory=lambda: defaultdict(dict))
    """Objects that are there, by plural."""
    newest_second: str = ""
    """Machine's time at which the newest object was made."""
    lists: int = 0
    """How often a watch had lost its place, and what is there was listed."""

    def see(self, plural: str, kind: str, item: Raw) -> None:
        """Take in one event of a watch, or one item of a list."""
        meta = item["metadata"]
        uid = meta["uid"]
        self.newest_second = max(self.newest_second, meta["creationTimestamp"])
        if kind == "DELETED":
            self.there[plural].pop(uid, None)
        else:
            self.there[plural][uid] = item
        match plural:
            case "trainingschedules":
                self._schedule(item, gone=kind == "DELETED")
            case "modelversions":
                self._version(item, gone=kind == "DELETED")
            case "jobs":
                owner = meta["ownerReferences"][0]
                about = meta["name"] if owner["kind"] == "TrainingSchedule" else ""
                self.jobs_of[f"{owner['uid']}{about}"].add(uid)
            case "events":
                if item.get("source", {}).get("component") == "clm-operator":
                    key = (item["involvedObject"]["uid"], item["reason"], item["message"])
                    self.events[key].add(meta["name"])

    def seen_all(self, plural: str, items: list[Raw]) -> None:
        """Take in a list: what is not in it has gone."""
        left = {item["metadata"]["uid"] for item in items}
        for uid, item in list(self.there[plural].items()):
            if uid not in left:
                self.see(plural, "DELETED", item)
        for item in items:
            self.see(plural, "ADDED", item)
        self.lists += 1

    def _schedule(self, item: Raw, *, gone: bool) -> None:
        meta, timing = item["metadata"], Timing.of(item["spec"])
        life = self.lives.get(meta["uid"])
        if life is None:
            created = self.hours.of(instant(meta["creationTimestamp"]))
            life = Life(meta["uid"], meta["name"], created, item, [(created, timing)])
            self.lives[life.uid] = life
        if life.timings[-1][1] != timing:
            life.timings.append((self.hours.now(), timing))
        status = item.get("status", {})
        life.last = item
        life.skipped |= {
            (instant(s["from"]), instant(s["to"]), s["count"], s["reason"])
            for s in status.get("skipped", ())
        }
        life.held = {instant(held["slot"]) for held in status.get("held", ())}
        if gone or "deletionTimestamp" in meta:
            life.gone = life.gone or self.hours.now()

    def _version(self, item: Raw, *, gone: bool) -> None:
        meta, spec, status = item["metadata"], item["spec"], item.get("status", {})
        run = self.runs.get(meta["uid"])
        if run is None:
            by_hand = spec["trigger"]["type"] not in ("Initial", "Scheduled")
            life, slot = spec["scheduleRef"]["uid"], instant(spec["slot"])
            run = Run(meta["uid"], meta["name"], life, slot, by_hand, item)
            self.runs[run.uid] = run
        run.last, run.gone = item, gone
        moves = status.get("history", ())
        run.promoted |= {move["at"] for move in moves if move["stage"] == "PRODUCTION"}
        if run.ended is None and status.get("phase") in ENDED:
            run.ended = status["reason"], status["stage"]

    def lives_now(self) -> list[Life]:
        """The schedules that are there."""
        return [life for life in list(self.lives.values()) if life.gone is None]

    def undecided(self, life: Life, until: datetime, since: datetime) -> list[datetime]:
        """Return the slots of a schedule's present form that nothing tells of."""
        begin, timing = life.timings[-1]
        slots = timing.between(max(begin, since), until, life.created)
        known = {r.slot for r in list(self.runs.values()) if r.life == life.uid and not r.by_hand}
        known |= life.held
        ranges = list(life.skipped)
        return [
            slot
            for slot in slots
            if slot not in known and not any(a <= slot <= b for a, b, _, _ in ranges)
        ]


class Watch:
    """Follows one collection in a thread, through breaks of the connection.

    Parameters
    ----------
    connect
        Makes a connection to the API server.
    """

    def __init__(self, sight: Sight, connect: Any, path: str) -> None:
        self._sight, self._connect, self._path = sight, connect, path
        self._plural = path.rpartition("/")[2]
        self._link: http.client.HTTPSConnection | None = None
        self._ended, self._follows = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True, name=self._plural)
        self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._ended.set()
        if self._link is not None and self._link.sock is not None:
            with suppress(OSError):  # the server may have ended it
                self._link.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def wait(self) -> None:
        """Wait until it follows."""
        assert self._follows.wait(60), f"no watch of {self._plural}"

    def _follow(self) -> None:
        while not self._ended.is_set():
            link = self._link = self._connect()
            try:
                self._once(link)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                time.sleep(0.2)
            finally:
                self._follows.clear()
                link.close()

    def _once(self, link: http.client.HTTPSConnection) -> None:
        """List what is there, then follow until the connection breaks or the server ends it."""
        with self._ask(link, self._path) as answer:
            listed = json.loads(answer.read())
        self._sight.seen_all(self._plural, listed["items"])
        version = listed["metadata"]["resourceVersion"]
        with self._ask(link, f"{self._path}?watch=1&resourceVersion={version}") as answer:
            self._follows.set()
            while line := answer.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                self._sight.see(self._plural, event["type"], event["object"])

    def _ask(self, link: http.client.HTTPSConnection, path: str) -> http.client.HTTPResponse:
        link.request("GET", path)
        answer = link.getresponse()
        if answer.status != HTTPStatus.OK:
            answer.close()
            raise http.client.HTTPException(f"{path}: {answer.status}")
        return answer
