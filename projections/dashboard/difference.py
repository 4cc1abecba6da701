"""What an event changed, for people: which values were there before it, and which after."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ingest.event import Event
from projections.causality import undone
from projections.dashboard.values import ABSENT, Change, Entry, Path, named, secret, shown

MOST = 24
"""Changes that are listed of one event."""

DEPTH = 12

UNTOLD = {"hosted_invoice_url", "invoice_pdf", "receipt_url", "livemode", "object", "request"}
"""Rendered anew each time, or the same for ever."""

FURTHER_ON = "changed beyond what is shown here: the payload has it"

_CURRENCIES = ("currency", "source_currency", "presentment_currency")

Around = tuple[Mapping[str, Any], Mapping[str, Any]]
"""The innermost object that names a currency, before and after: its amounts are in that."""


class Changed(NamedTuple):
    """The first of all changes, and how many more there are."""

    changes: list[Change]
    more: int


class _Difference(NamedTuple):
    path: Path
    was: Any
    now: Any
    around: Around


def changed(event: Event, before: Event | None, zone: str) -> Changed:
    """By what the event itself tells of the state before it, else by its predecessor's object.

    What one API version tells and the other does not is no change.
    """
    now = event.object
    was: Mapping[str, Any] = before.object if before else now
    alike = before is None or before.api_version == event.api_version
    if event.previous_attributes:
        was, alike = undone(now, event.previous_attributes), True
    found = [_change(each, zone) for each in _differences(was, now, (), ({}, {}), alike)]
    found.sort(key=lambda change: change.path != "Status")  # what people look for first
    return Changed(found[:MOST], max(0, len(found) - MOST))


def _change(found: _Difference, zone: str) -> Change:
    was, now = (
        shown(found.path, value, around, zone)
        for value, around in zip((found.was, found.now), found.around, strict=True)
    )
    return Change(named(found.path), was, now) if was != now else Change(named(found.path), None, FURTHER_ON)


def _differences(was: Any, now: Any, path: Path, around: Around, alike: bool) -> Iterator[_Difference]:
    """`alike` says that a field which one side lacks is not there, rather than not told."""
    if _equal(was, now):
        return
    if len(path) < DEPTH and isinstance(was, Mapping) and isinstance(now, Mapping):
        within = _nearest(was, around[0], path), _nearest(now, around[1], path)
        for name in {**now, **was}:
            told = alike or (name in was and name in now)
            if told and name not in UNTOLD and not secret(name):
                below = alike or name == "metadata"
                yield from _differences(
                    was.get(name, ABSENT), now.get(name, ABSENT), (*path, name), within, below
                )
    elif len(path) < DEPTH and _listed(was) and _listed(now):
        for name, one, other in _paired(was, now):
            yield from _differences(one, other, (*path, Entry(name)), around, alike)
    else:
        yield _Difference(path, was, now, around)


def _equal(was: Any, now: Any) -> bool:
    """Whether both say the same: null and missing are alike, and so are an object and its id."""
    if was == now or (was in (None, ABSENT) and now in (None, ABSENT)):
        return True
    return isinstance(was, Mapping) is not isinstance(now, Mapping) and _id(was) == _id(now) is not None


def _paired(was: Sequence[Any], now: Sequence[Any]) -> Iterator[tuple[str, Any, Any]]:
    """The entries of two lists, each with its counterpart: of the same id, else at the same place."""
    before, after = ([_id(each) for each in side] for side in (was, now))
    if None not in before + after and all(len(set(side)) == len(side) for side in (before, after)):
        of_before, of_after = dict(zip(before, was, strict=True)), dict(zip(after, now, strict=True))
        for name in dict.fromkeys([*after, *before]):
            yield str(name), of_before.get(name, ABSENT), of_after.get(name, ABSENT)
    else:
        for place in range(max(len(was), len(now))):
            one, other = (side[place] if place < len(side) else ABSENT for side in (was, now))
            yield str(place + 1), one, other


def _id(value: Any) -> str | None:
    found = value.get("id") if isinstance(value, Mapping) else value
    return found if isinstance(found, str) else None


def _listed(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _nearest(here: Mapping[str, Any], around: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    if path[-2:-1] == ("currency_options",):  # each stands under its currency
        return {"currency": path[-1]}
    return next(({"currency": here[name]} for name in _CURRENCIES if isinstance(here.get(name), str)), around)
