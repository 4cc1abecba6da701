"""The causal order of the events of one Stripe object: the one rule of what came after what.

Stripe's clock has whole seconds, stamps some events late, and promises no order of delivery. What holds
instead are facts about objects, so events are ordered by these keys in turn:

1. the incarnation, where an id can be used again after a deletion, or a day's rates be loaded again;
2. the phase: a creation comes first and a vanishing last, whatever the clock says;
3. whether the object is in a state that it never leaves;
4. the second;
5. within a second, the chain of `previous_attributes`, from the state before that second;
6. what kinds of event mean, how far the life cycle has come, and last the event's id.

An observation, which is what we saw at Stripe ourselves, is dated by an answer from before the look. So
within its second it comes just before the event that tells the same state, or before all where none does.

The first four are one event's own (its `Prefix`), so a newest event is found without the whole set
whenever all new ones have a greater prefix than it. Nothing here raises, whatever a payload holds.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import eq, itemgetter
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from ingest.event import Event

CREATED, CHANGED, DELETED = 0, 1, 2


class Prefix(NamedTuple):
    """What an event alone says of its place: phase is CREATED, CHANGED or DELETED; second is since 1970."""

    incarnation: int
    phase: int
    terminal: int
    second: int


def prefix(event: Event) -> Prefix:
    """The event's part of the order; events with equal prefixes need each other to be told apart."""
    found = _PREFIXES.get(event)
    if found is None:
        found = Prefix(_incarnation(event), _phase(event), _terminal(event), event.created)
        _PREFIXES[event] = found
    return found


_PREFIXES: WeakKeyDictionary[Event, Prefix] = WeakKeyDictionary()
"""Asked for again and again while an event is placed and folded; let go with the event."""


def order(events: Iterable[Event], before: Event | None = None) -> list[Event]:
    """The events of one object in causal order, the newest last, each id once.

    `before` is the newest of the events that all have a smaller prefix, where those are left out. Of two
    bodies of one event the one of the greater (API version, source) counts.
    """
    events = list(events)
    if len(events) == 1:
        return events
    bodies = {event.id: event for event in events}
    if len(bodies) < len(events):
        bodies = {event.id: event for event in sorted(events, key=_precedence)}
    tied: defaultdict[Prefix, list[Event]] = defaultdict(list)
    for event in bodies.values():
        tied[prefix(event)].append(event)
    ordered: list[Event] = []
    for _, group in sorted(tied.items()):
        ordered += _ordered(group, before) if len(group) > 1 else group
        before = ordered[-1]
    return ordered


def deferred(ordered: Sequence[Event]) -> list[Event]:
    """The states of an object one after another: each observation just before the last event that it saw.

    It may show what later events in turn have changed, since it is dated by an answer from before the look.
    The newest event stays so, and the first if it is a creation. The others are no longer by their seconds.
    """
    ordered = list(ordered)
    for look in [event for event in ordered[:-1] if observed(event)]:
        here = last = ordered.index(look)
        if not here and prefix(look).phase < prefix(ordered[1]).phase:
            continue
        names: set[str] = set()
        for at, event in enumerate(ordered[here + 1 :], here + 1):
            changed = _changing([event])
            if not changed:
                continue
            before = undone(event.object, event.previous_attributes)
            if _state(before, changed) == _state(look.object, changed):
                break
            names.update(changed)
            if _state(event.object, names) == _state(look.object, names):
                last = at
        if last > here:
            ordered.insert(last - 1, ordered.pop(here))
    return ordered


def _ordered(tied: Iterable[Event], before: Event | None) -> list[Event]:
    """Events of one prefix in causal order, after `before`."""
    tied = sorted(tied, key=_tie)
    seen = [event for event in tied if observed(event)]
    told = [event for event in tied if not observed(event)] if seen else tied
    walk = _chained(told, before) if len(told) > 1 else told
    return _interspersed(walk, seen) if seen else walk


def _precedence(event: Event) -> tuple[str, str, bytes]:
    return event.api_version or "", event.source, event.raw


# ------------------------------------------------------------------ the prefix

# Ids that merchants choose (a price takes over its plan's), and a discount before it had an id of its own.
# Rates that are loaded again count up, so that no clock of a loading machine decides which are right.
_BORN = dict.fromkeys(("coupon", "plan", "price", "product"), "created") | {
    "discount": "start",
    "fx_rates": "revision",
}

# The first that is heard of an object, besides `*.created`. An authorization is requested before it is made.
_FIRST = {"charge.pending", "charge.succeeded", "issuing_authorization.request", "payment_method.attached",
          "review.opened"}  # fmt: skip

_FINAL = {
    "charge": ("succeeded", "failed"),
    "checkout.session": ("complete", "expired"),
    "invoice": ("paid", "void"),
    "payment_intent": ("succeeded", "canceled"),
    "refund": ("failed", "canceled"),
    "setup_intent": ("succeeded", "canceled"),
    "subscription": ("canceled", "incomplete_expired"),
    "subscription_schedule": ("canceled", "completed", "released"),
}


def _incarnation(event: Event) -> int:
    field = _BORN.get(event.object_type)
    if field is None:
        return 0
    born = event.object.get(field)
    # A deletion may bring a mere stub. Its own second still falls between this life and the next.
    return born if type(born) is int and 0 <= born < 2**63 else event.created


def observed(event: Event) -> bool:
    """Whether it is what we saw at Stripe ourselves, and no event of Stripe's."""
    return event.type.endswith(".observed")


def _phase(event: Event) -> int:
    if observed(event):
        seen = event.body.get("observation")
        return CREATED if isinstance(seen, dict) and seen.get("creation") is True else CHANGED
    if event.type in _FIRST or (event.object_type == "charge" and _status(event) == "pending"):
        return CREATED  # what happens to a charge while it is pending comes before its success
    if event.type.endswith(".created"):
        # A source is made by the buyer's browser; `created` is when a customer receives it.
        return CHANGED if event.object_type == "source" else CREATED
    if event.type.endswith(".deleted") and event.type != "customer.subscription.deleted":
        return DELETED
    return CHANGED


def _terminal(event: Event) -> int:
    if event.type == "customer.subscription.deleted":
        return 1
    final = _FINAL.get(event.object_type)
    return int(final is not None and _status(event) in final)


def _status(event: Event) -> str:
    status = event.object.get("status")
    return status if isinstance(status, str) else ""


# ------------------------------------------------------------------ within a second, by meaning

_EARLY = ("request", "chargeable", "requires_action", "processing", "pending", "funds_withdrawn", "captured")
_LATE = ("finalized", "sent", "failed", "payment_failed", "paid", "succeeded", "payment_succeeded",
         "refunded", "async_payment_failed", "async_payment_succeeded", "closed", "funds_reinstated",
         "expired", "canceled", "voided", "deleted")  # fmt: skip
_RANK = {kind: rank - len(_EARLY) for rank, kind in enumerate([*_EARLY, "updated", *_LATE])}

_YOUNG = {"draft", "incomplete", "pending", "requires_payment_method", "requires_source"}
_OLD = {status for statuses in _FINAL.values() for status in statuses} | {"uncollectible", "won", "lost"}


def _tie(event: Event) -> tuple[int, int, str]:
    kind, status = event.type.rpartition(".")[2], _status(event)
    return _RANK.get(kind, 0), (status in _OLD) - (status in _YOUNG), event.id


# ------------------------------------------------------------------ within a second, by the chain

# Rendered anew each time, so they differ between two tellings of one state.
_VOLATILE = {"hosted_invoice_url", "invoice_pdf"}

_DEPTH = 32  # no object of Stripe's is nested as deeply; what is below tells nothing

State = tuple[object, ...]
"""The values of the attributes that change within the second."""


class Step(NamedTuple):
    """An event as a step between states; one that names no change announces a state and stays in it."""

    origin: State
    target: State
    event: Event


def _chained(events: Sequence[Event], before: Event | None) -> list[Event]:
    """`events`, which come in the order of `_tie`, as a walk: each step starts where the last one ended."""
    names = _changing(events)
    if not names:
        return list(events)
    steps = [
        Step(_state(undone(now, event.previous_attributes), names), _state(now, names), event)
        for event in events
        for now in [event.object]
    ]
    here = _state(before.object, names) if before else None
    walk: list[Step] = []
    while steps:
        walk += _walk(_start(steps, here), steps)
        here = walk[-1].target
        # Two events may tell one fact. The second is no later change: it belongs beside the first.
        for step in [step for step in reversed(steps) if any(step.target == each.target for each in walk)]:
            steps.remove(step)
            walk.insert(1 + [each.target for each in walk].index(step.target), step)
    return [step.event for step in walk]


def _interspersed(walk: list[Event], looks: Sequence[Event]) -> list[Event]:
    """`walk` with each observation just before the first event of its state."""
    names = _changing(walk)
    states = [_state(event.object, names) for event in walk]
    for seen in reversed(looks):
        state = _state(seen.object, names)
        at = states.index(state) if state in states else 0
        walk.insert(at, seen)
        states.insert(at, state)
    return walk


def _changing(events: Iterable[Event]) -> list[str]:
    """The attributes that change among events which tie."""
    return sorted({name for event in events for name in event.previous_attributes} - _VOLATILE)


def _start(steps: Sequence[Step], here: State | None) -> State:
    """Where to go on from: the state most like `here`, of these one that is left more often than reached."""
    balance = Counter(step.origin for step in steps)
    balance.subtract(step.target for step in steps)

    def fitness(step: Step) -> tuple[int, bool]:
        alike = 0 if here is None else sum(map(eq, step.origin, here))
        return alike, balance[step.origin] > 0

    return max(steps, key=fitness).origin


def _walk(start: State, steps: list[Step]) -> list[Step]:
    """Take steps out of `steps`: from `start` until none leads on, then the rounds that were passed by."""
    leaving: defaultdict[State, list[Step]] = defaultdict(list)
    for step in reversed(steps):
        leaving[step.origin].append(step)
    for here, choices in leaving.items():  # the last is taken first: what announces a state, then the least
        choices.sort(key=lambda step: step.target == here)
    walk = _taken(start, leaving)
    at = 0
    while at <= len(walk):
        here = walk[at - 1].target if at else start
        part = _taken(here, leaving)
        if not part:
            at += 1
        elif part[-1].target == here:
            walk[at:at] = part
    walked = {step.event.id for step in walk}
    steps[:] = [step for step in steps if step.event.id not in walked]
    return walk


def _taken(here: State, leaving: Mapping[State, list[Step]]) -> list[Step]:
    taken = []
    while leaving[here]:
        taken.append(leaving[here].pop())
        here = taken[-1].target
    return taken


def _state(subject: Mapping[str, Any], names: Iterable[str]) -> State:
    return tuple(_frozen(subject.get(name)) for name in names)


def undone(now: object, previous: object, depth: int = _DEPTH) -> Any:
    """`now` before a change: an object names only the keys that changed, anything else is named whole."""
    if depth and isinstance(now, dict) and isinstance(previous, dict):
        return {**now, **{key: undone(now.get(key), was, depth - 1) for key, was in previous.items()}}
    return previous


def _frozen(value: object, depth: int = _DEPTH) -> object:
    """`value` in a form that compares and hashes; null and missing are alike."""
    match value:
        case dict() | list() if not depth:
            return ...
        case dict():
            known = sorted(value.items(), key=itemgetter(0))
            return ("object", *((key, _frozen(each, depth - 1)) for key, each in known if each is not None))
        case list():
            return ("array", *(_frozen(each, depth - 1) for each in value))
    return value
