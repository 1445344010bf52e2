"""Where everything lies in the object store; the one place that knows the paths."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

MANIFEST = "manifest.json"
PROGRESS = "progress.json"
LOG = "log.jsonl"
BARS = "bars/v1"
SERIES = "series/v1"
BACKUPS = "backups"
FUNDING = "funding"
"""Series of funding events."""
_TRADES = "trades-"
_NO_SYMBOL = "all"
_MONTH = ".parquet"
LISTED = r"^attempts/[A-Za-z0-9._/-]+$"
"""What the path of a file looks like in a manifest."""
RUN_FORM = "STORE/runs/NAMESPACE/SCHEDULE/UID/manifest.json"
"""How people read the address of a run."""
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_SAFE = re.compile(_SEGMENT)
_RUN = rf"runs/(?P<namespace>{_SEGMENT})/(?P<schedule>{_SEGMENT})/(?P<uid>{_SEGMENT})"
_IN_RUN = re.compile(rf"{_RUN}(/.*)?")
_RUN_ADDRESS = re.compile(rf"(?P<root>.*)/{_RUN}(/{re.escape(MANIFEST)})?")
_REPORT = re.compile(rf".*/(?P<schedule>{_SEGMENT})/(?P<uid>{_SEGMENT})/(?P<slot>\d+)\.json")
_BACKUP_TIME = "%Y%m%dT%H%M%SZ"
_PLAIN = re.compile(r"[^A-Z0-9]")
_SPELT = re.compile(r"u([0-9a-f]{4})|v([0-9a-f]{6})")


def _segment(text: str) -> str:
    if not _SAFE.fullmatch(text):
        raise ValueError(f"{text!r} can't be part of an object's path")
    return text


def symbol_segment(symbol: str) -> str:
    """Return a symbol as part of a path: ``BTC/USDT:USDT`` becomes ``BTC-USDT_USDT``.

    Other characters than A to Z and digits are spelt by their number, ``u`` with four digits or
    ``v`` with six, so that two names never share a path, on no file system.
    """
    parted = re.split(r"([/:])", symbol)
    marks = {"/": "-", ":": "_"}
    return "".join(marks.get(part) or _PLAIN.sub(_spell, part) for part in parted)


def symbol_of(segment: str) -> str:
    """Return the symbol of a part of a path."""
    return _SPELT.sub(_read, segment.replace("-", "/").replace("_", ":"))


def _spell(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"u{number:04x}" if number < 0x10000 else f"v{number:06x}"


def _read(found: re.Match[str]) -> str:
    number = int(found[1] or found[2], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else found[0]


@dataclass(frozen=True, order=True)
class SeriesLayout:
    """The objects of one series of rows with a time: bars, funding or own trades.

    Parameters
    ----------
    venue
        The exchange's ccxt id, ``<id>-sandbox`` for its testnet.
    symbol
        As the exchange names it; ``symbol_segment`` says how it stands in paths.
    series
        A timeframe, ``funding``, or ``trades-<account>``.
    """

    venue: str
    market: str
    symbol: str
    series: str

    @property
    def _market(self) -> str:
        return "/".join(map(_segment, (self.venue, self.market)))

    @property
    def _symbol(self) -> str:
        return f"{self._market}/{_segment(symbol_segment(self.symbol))}"

    @property
    def _place(self) -> str:
        return f"{self._symbol}/{_segment(self.series)}"

    @property
    def folder(self) -> str:
        """Where the months lie."""
        return f"{BARS}/{self._place}"

    def month(self, month: str) -> str:
        """Return the object of one month, ``YYYY-MM``."""
        return f"{self.folder}/{_segment(month)}{_MONTH}"

    @property
    def ledger(self) -> str:
        """What the exchange was asked for already, and what it says of the symbol."""
        return f"{self.folder}/ledger.json"

    @property
    def lease(self) -> str:
        """Who fetches the series now."""
        return f"leases/{self._place}.json"

    def pattern(self, series: str) -> str:
        """Return the pattern of all objects of the symbol's series; ``trades-*`` is any account."""
        return f"{BARS}/{self._symbol}/{series}/*"

    @property
    def symbol_pattern(self) -> str:
        """The pattern of all objects of all series of the symbol."""
        return f"{BARS}/{self._symbol}/*"

    def market_pattern(self, series: str) -> str:
        """Return the pattern of all objects of the series of all symbols of the market."""
        return f"{BARS}/{self._market}/*/{series}/*"

    @property
    def lease_pattern(self) -> str:
        """The pattern of the leases of all series of the market."""
        return f"leases/{self._market}/*"


@dataclass(frozen=True, order=True)
class OwnSeriesLayout:
    """The objects of one own series, by the months in which its rows became known."""

    name: str

    @property
    def folder(self) -> str:
        """Where its objects lie."""
        return f"{SERIES}/{_segment(self.name)}"

    @property
    def header(self) -> str:
        """Its columns, its symbols, and the months that have rows."""
        return f"{self.folder}/series.json"

    def month(self, symbol: str, month: str) -> str:
        """Return the object of one month, ``YYYY-MM``, of a symbol; empty: of no symbol."""
        return f"{self.folder}/{symbol_segment(symbol) or _NO_SYMBOL}/{_segment(month)}{_MONTH}"

    @staticmethod
    def symbol_at(path: str) -> str:
        """Return the symbol of a month's object; empty: of no symbol."""
        segment = path.split("/")[-2]
        return "" if segment == _NO_SYMBOL else symbol_of(segment)

    @property
    def pattern(self) -> str:
        """The pattern of all its objects."""
        return f"{self.folder}/*"


def trades_of(account: str) -> str:
    """Return the series of an account's own trades."""
    return f"{_TRADES}{account}"


def account_of(series: str) -> str:
    """Return whose own trades a series holds."""
    return series.removeprefix(_TRADES)


def month_of(path: str) -> str | None:
    """Return the month, ``YYYY-MM``, whose rows an object holds; None for one that holds none."""
    name = path.rsplit("/", 1)[-1]
    return name.removesuffix(_MONTH) if name.endswith(_MONTH) else None


def series_of(path: str) -> SeriesLayout:
    """Return the series to which an object below ``BARS`` belongs."""
    venue, market, symbol, series, _ = path.removeprefix(f"{BARS}/").split("/")
    return SeriesLayout(venue, market, symbol_of(symbol), series)


def bans(venue: str) -> str:
    """Return the object that says until when an exchange must not be asked."""
    return f"bans/{_segment(venue)}.json"


def data_of(namespace: str) -> str:
    """Return the folder of what the runs of one namespace share, where namespaces don't."""
    return f"namespaces/{_segment(namespace)}"


def inside(folder: str, path: str) -> str:
    """Return a path, or a pattern of paths, in a folder; no folder is the store's root."""
    return f"{folder}/{path}" if folder else path


def runs_of(namespace: str) -> str:
    """Return the folder of all runs of a namespace."""
    return f"runs/{_segment(namespace)}"


def pointers_of(namespace: str) -> str:
    """Return the folder of the objects that name production versions."""
    return f"production/{_segment(namespace)}"


def production_pointer(namespace: str, schedule: str) -> str:
    """Return the object that names a schedule's production version."""
    return f"{pointers_of(namespace)}/{_segment(schedule)}.json"


def signals_of(namespace: str) -> str:
    """Return the folder of the objects that name newest positions."""
    return f"signals/{_segment(namespace)}"


def newest_signal(namespace: str, schedule: str) -> str:
    """Return the object that names the newest positions of what is in a schedule's production."""
    return f"{signals_of(namespace)}/{_segment(schedule)}.json"


def tombstones_of(namespace: str) -> str:
    """Return the folder of a namespace's tombstones."""
    return f"tombstones/{_segment(namespace)}"


def backups_of(namespace: str) -> str:
    """Return the folder of a namespace's backups."""
    return f"{BACKUPS}/{_segment(namespace)}"


def backup(namespace: str, created_at: datetime) -> str:
    """Return the object of a namespace's backup; later ones sort behind."""
    return f"{backups_of(namespace)}/{created_at.astimezone(UTC):{_BACKUP_TIME}}.json"


def backup_time(path: str) -> datetime | None:
    """Return when a backup was saved; None for an object that is no backup."""
    try:
        return datetime.strptime(f"{path.rsplit('/', 1)[-1]}+0000", f"{_BACKUP_TIME}.json%z")
    except ValueError:
        return None


def replays_of(namespace: str) -> str:
    """Return the folder of the replays of a namespace.

    Its name is of the time when a replay was called an evaluation: reports are written once, by
    pods of before and of today under the same name.
    """
    return f"evaluations/{_segment(namespace)}"


def replays_by(namespace: str, schedule: str, uid: str) -> str:
    """Return the folder of the replays of one schedule, told by its uid too."""
    return f"{replays_of(namespace)}/{_segment(schedule)}/{_segment(uid)}"


def replay_report(namespace: str, schedule: str, uid: str, slot: int) -> str:
    """Return the report of a replay Job: create-only.

    Parameters
    ----------
    uid
        The TrainingSchedule's.
    slot
        Whole minutes since the epoch.
    """
    return f"{replays_by(namespace, schedule, uid)}/{slot}.json"


@dataclass(frozen=True)
class ReplayReport:
    """Whose report an object is, and of which slot, in whole minutes since the epoch."""

    schedule: str
    uid: str
    slot: int


def report_at(path: str) -> ReplayReport | None:
    """Return which report an object is; None for one that is none."""
    found = _REPORT.fullmatch(path)
    return found and ReplayReport(found["schedule"], found["uid"], int(found["slot"]))


@dataclass(frozen=True)
class RunLayout:
    """The objects of one run.

    Parameters
    ----------
    namespace, schedule
        Of the TrainingSchedule; ``local`` for runs without a cluster.
    uid
        The ModelVersion's uid, or a fresh uuid for runs without a cluster.
    """

    namespace: str
    schedule: str
    uid: str

    @classmethod
    def at(cls, path: str) -> "RunLayout | None":
        """Return the run whose folder or object this is; None for what belongs to no run."""
        found = _IN_RUN.fullmatch(path)
        return found and cls(found["namespace"], found["schedule"], found["uid"])

    @property
    def prefix(self) -> str:
        """The run's folder."""
        return "/".join((runs_of(self.namespace), *map(_segment, (self.schedule, self.uid))))

    @property
    def pattern(self) -> str:
        """The pattern of all objects of the run."""
        return f"{self.prefix}/*"

    def pattern_of(self, name: str) -> str:
        """Return the pattern of all objects of that name, whichever pod wrote them."""
        return f"{self.prefix}/attempts/*/{name}"

    def file(self, path: str) -> str:
        """Return the object of a file, by the path with which the manifest lists it."""
        return f"{self.prefix}/{path}"

    @property
    def manifest(self) -> str:
        """The commit point: create-only, written last."""
        return f"{self.prefix}/{MANIFEST}"

    @property
    def tombstone(self) -> str:
        """Says that retention removes the run: written before its version is deleted."""
        folder = tombstones_of(self.namespace)
        return f"{folder}/{_segment(self.schedule)}/{_segment(self.uid)}.json"

    @staticmethod
    def relative_attempt(attempt: str) -> str:
        """Return the folder of one pod's files, relative to the manifest."""
        return f"attempts/{_segment(attempt)}"

    @classmethod
    def relative_file(cls, attempt: str, name: str) -> str:
        """Return the path with which the manifest lists one of a pod's files."""
        return f"{cls.relative_attempt(attempt)}/{name}"

    @classmethod
    def name_of(cls, attempt: str, path: str) -> str | None:
        """Return a file's name within a pod's files; None for one that lies elsewhere."""
        folder = cls.relative_file(attempt, "")
        return path.removeprefix(folder) if path.startswith(folder) else None

    def attempt(self, attempt: str) -> str:
        """Return the folder of one pod's files."""
        return self.file(self.relative_attempt(attempt))

    def attempt_file(self, attempt: str, name: str) -> str:
        """Return the object of one of a pod's files."""
        return self.file(self.relative_file(attempt, name))

    def log(self, attempt: str) -> str:
        """Return the object in which a pod's log is kept."""
        return self.attempt_file(attempt, LOG)

    def progress(self, attempt: str) -> str:
        """Return the object in which a pod says how far it is."""
        return self.attempt_file(attempt, PROGRESS)


@dataclass(frozen=True)
class RunAddress:
    """A run, and the address of the store that holds it."""

    root: str
    run: RunLayout


def run_address(address: str) -> RunAddress | None:
    """Read the address of a run's folder or manifest; None for any other."""
    found = _RUN_ADDRESS.fullmatch(address)
    if found is None:
        return None
    return RunAddress(found["root"], RunLayout(found["namespace"], found["schedule"], found["uid"]))


def simulations_of(namespace: str) -> str:
    """Return the folder of all simulations of a namespace."""
    return f"simulations/{_segment(namespace)}"


@dataclass(frozen=True)
class SimulationLayout:
    """The objects of one Simulation.

    Parameters
    ----------
    namespace, name, uid
        Of the Simulation.
    """

    namespace: str
    name: str
    uid: str

    @property
    def prefix(self) -> str:
        """The simulation's folder."""
        return "/".join((simulations_of(self.namespace), *map(_segment, (self.name, self.uid))))

    @property
    def pattern(self) -> str:
        """The pattern of all objects of the simulation."""
        return f"{self.prefix}/*"

    @property
    def task(self) -> str:
        """What the pods are told: create-only, written by the operator."""
        return f"{self.prefix}/task.json"

    @property
    def variants(self) -> str:
        """The folder of what index pods write: not needed any more once the report is there."""
        return f"{self.prefix}/variants"

    def variant(self, name: str) -> str:
        """Return the folder of a variant's slots and its pods' progress."""
        return f"{self.variants}/{_segment(name)}"

    def variant_pattern(self, name: str) -> str:
        """Return the pattern of all that a variant's index pods write."""
        return f"{self.variant(name)}/*"

    @property
    def attempts_pattern(self) -> str:
        """The pattern of all that reducing pods write, the manifest aside."""
        return f"{self.prefix}/attempts/*"

    def slots(self, variant: str) -> str:
        """Return the folder of a variant's trained slots."""
        return f"{self.variant(variant)}/slots"

    def slot(self, variant: str, slot: int) -> str:
        """Return a trained slot, in whole minutes since the epoch: create-only."""
        return f"{self.slots(variant)}/{slot}.npz"

    def progress(self, variant: str) -> str:
        """Return the folder in which a variant's pods say how far they are."""
        return f"{self.variant(variant)}/progress"

    def progress_of(self, variant: str, index: int) -> str:
        """Return the object in which one pod says how far it is: one byte per finished slot.

        So a list of the folder tells how many are finished, without a read.
        """
        return f"{self.progress(variant)}/{index}"

    def log(self, variant: str, attempt: str) -> str:
        """Return the object in which the log of one of a variant's pods is kept."""
        return f"{self.variant(variant)}/logs/{_segment(attempt)}.jsonl"

    def file(self, path: str) -> str:
        """Return the object of a file, by the path with which the manifest lists it."""
        return f"{self.prefix}/{path}"

    def attempt_file(self, attempt: str, name: str) -> str:
        """Return the object of one of a reducing pod's files."""
        return self.file(RunLayout.relative_file(attempt, name))

    @property
    def manifest(self) -> str:
        """The commit point of the report: create-only, written last."""
        return f"{self.prefix}/{MANIFEST}"
