-- The whole database of hooklog. Re-runnable: `hooklog up` applies it at every start.
-- It names no schema, so the search path decides where it lives.

-- ============================================================ the history and what is drained into it

CREATE TABLE IF NOT EXISTS events (
    place         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id      text        NOT NULL UNIQUE,
    type          text        NOT NULL,
    created_at    timestamptz NOT NULL,
    source        text        NOT NULL,
    account       text        NOT NULL,
    livemode      boolean     NOT NULL,
    api_version   text,
    object        text        NOT NULL,
    object_id     text,
    received_at   timestamptz NOT NULL,
    applied_at    timestamptz NOT NULL DEFAULT now(),
    log_partition smallint    NOT NULL,
    log_id        text        NOT NULL,
    quarantined   boolean     NOT NULL DEFAULT false,
    payload       text        NOT NULL,
    payload_clean text
);
CREATE INDEX IF NOT EXISTS events_by_object ON events (object_id, created_at);
COMMENT ON TABLE events IS 'Every event that Stripe ever delivered here, once, for ever.';
COMMENT ON COLUMN events.place IS 'The order in which events were applied; not Stripe''s order.';
COMMENT ON COLUMN events.event_id IS 'Stripe''s id of the event, evt_…';
COMMENT ON COLUMN events.type IS 'Stripe''s type, as charge.refunded';
COMMENT ON COLUMN events.created_at IS 'Stripe''s clock, in whole seconds. It does not tell the order of events.';
COMMENT ON COLUMN events.source IS 'Which endpoint received it: the last part of /webhooks/{source}.';
COMMENT ON COLUMN events.account IS 'The Stripe account: the event''s own (Connect), else the source''s, else ''default''.';
COMMENT ON COLUMN events.livemode IS 'True for real money, false for test data.';
COMMENT ON COLUMN events.api_version IS 'The version that the payload was rendered in; of two, the greater is kept.';
COMMENT ON COLUMN events.object IS 'The type of the object that the event tells of, as payment_intent.';
COMMENT ON COLUMN events.object_id IS 'That object''s id; null where there is none (invoice.upcoming), empty where the account has one only (balance).';
COMMENT ON COLUMN events.received_at IS 'When it was durable in the log.';
COMMENT ON COLUMN events.applied_at IS 'When it was committed here.';
COMMENT ON COLUMN events.log_partition IS 'The partition of the log that it came by.';
COMMENT ON COLUMN events.log_id IS 'Its entry in that partition.';
COMMENT ON COLUMN events.quarantined IS 'True where it killed the processes that read it: kept, and folded into nothing.';
COMMENT ON COLUMN events.payload IS 'The body as it was signed, byte for byte.';
COMMENT ON COLUMN events.payload_clean IS 'Only where jsonb refuses the payload: the same, with what jsonb refuses replaced.';

CREATE TABLE IF NOT EXISTS heads (
    account     text     NOT NULL,
    livemode    boolean  NOT NULL,
    object      text     NOT NULL,
    object_id   text     NOT NULL,
    place       bigint,
    incarnation bigint,
    phase       smallint,
    terminal    smallint,
    second      bigint,
    deleted     boolean  NOT NULL DEFAULT false,
    touched     xid8     NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (account, livemode, object, object_id)
);
COMMENT ON TABLE heads IS 'Which event is the newest of each Stripe object: the one place that knows order.';
COMMENT ON COLUMN heads.place IS 'The newest event''s place in events; null where the object''s events all turned out to be another''s.';
COMMENT ON COLUMN heads.touched IS 'The transaction that last brought an event of this object, for rebuilds.';

CREATE TABLE IF NOT EXISTS checkpoints (
    partition        smallint    PRIMARY KEY,
    position         text        NOT NULL DEFAULT '0-0',
    event_id         text,
    event_created_at timestamptz,
    drained          bigint      NOT NULL DEFAULT 0,
    updated_at       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE checkpoints IS 'How far each partition of the log is drained; its rows are also the drains'' lock.';

CREATE TABLE IF NOT EXISTS incidents (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    detected_at      timestamptz NOT NULL DEFAULT now(),
    partition        smallint    NOT NULL,
    kind             text        NOT NULL,
    checkpoint       text        NOT NULL,
    resumed_from     text,
    doubt_since      timestamptz,
    doubt_until      timestamptz NOT NULL,
    resolved_at      timestamptz
);
COMMENT ON TABLE incidents IS 'Where the log and the checkpoint disagreed: a log that lost its tail, or a database that was restored.';
COMMENT ON COLUMN incidents.doubt_since IS 'Events of Stripe''s from this instant on may be missing until reconciled: the last drained event''s, minus an hour.';
COMMENT ON COLUMN incidents.doubt_until IS 'The end of that range.';

CREATE TABLE IF NOT EXISTS dead_letters (
    account     text        NOT NULL,
    livemode    boolean     NOT NULL,
    object      text        NOT NULL,
    object_id   text        NOT NULL,
    projection  text        NOT NULL,
    event_id    text        NOT NULL,
    reason      text        NOT NULL,
    detected_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, livemode, object, object_id, projection)
);
COMMENT ON TABLE dead_letters IS 'Objects whose newest event a projection could not digest; the row shows the newest that it could, and says stale.';
COMMENT ON COLUMN dead_letters.reason IS 'The kind of error and where it arose; never a value of the payload.';

CREATE TABLE IF NOT EXISTS configuration (
    name  text PRIMARY KEY,
    value text NOT NULL
);
COMMENT ON TABLE configuration IS 'What the rows were built under: the configured plans, the number of partitions.';

-- ============================================================ projections

