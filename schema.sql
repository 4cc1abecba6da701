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
COMMENT ON COLUMN events.account IS 'The Stripe account: the event''s own (Connect), else the source''s, else ''default''. Of exchange rates, which are of none, their provider.';
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

-- The drain waits for this: the text is searched, not parsed, and in PL/pgSQL, whose plan is kept. Nothing in it can
-- fail. Indexed: whoever changes what it finds gives it, the index and the view another name.
CREATE OR REPLACE FUNCTION named_ids(payload text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000
AS $$
BEGIN
    RETURN array(
        SELECT named[1]
        FROM regexp_matches(payload, '"((?:cus|sub|in|pi|ch|py|re|pyr|dp|du)_[^"\\]+)"', 'g') AS named
        WHERE length(named[1]) <= 255
    );
END
$$;
COMMENT ON FUNCTION named_ids IS 'The ids of customers, subscriptions, invoices, payments, charges, refunds and disputes in a payload, in whichever field, that of before a change too; each as often as it stands there.
payload: an event''s.';

CREATE OR REPLACE VIEW mentions AS
SELECT place, event_id, type, created_at, account, livemode, object, object_id, named_ids(payload) AS ids
FROM events
WHERE object_id IS NULL OR object NOT IN ('payment_intent', 'charge', 'refund', 'dispute', 'balance_transaction', 'invoice',
    'invoice_payment', 'subscription', 'customer', 'product', 'price', 'plan', 'fx_rates');
-- What the drain writes most of is left out, for its tables have indexes. No list of what is pending: a look into the
-- index would read all of it.
CREATE INDEX IF NOT EXISTS events_by_named ON events USING gin (named_ids(payload)) WITH (fastupdate = off)
WHERE object_id IS NULL OR object NOT IN ('payment_intent', 'charge', 'refund', 'dispute', 'balance_transaction', 'invoice',
    'invoice_payment', 'subscription', 'customer', 'product', 'price', 'plan', 'fx_rates');
COMMENT ON VIEW mentions IS 'Which events name which customers, subscriptions, invoices, payments, charges, refunds and disputes: those of all objects that have no table of their own, as a checkout.session, a review or a tax_id, and of previews (invoice.upcoming). Fast for WHERE ids @> ARRAY[…].';
COMMENT ON COLUMN mentions.place IS 'The order in which events were applied; not Stripe''s order.';
COMMENT ON COLUMN mentions.event_id IS 'Stripe''s id of the event, evt_…';
COMMENT ON COLUMN mentions.type IS 'Stripe''s type, as checkout.session.completed';
COMMENT ON COLUMN mentions.created_at IS 'Stripe''s clock, in whole seconds. It does not tell the order of events.';
COMMENT ON COLUMN mentions.account IS 'The Stripe account.';
COMMENT ON COLUMN mentions.livemode IS 'True for real money, false for test data.';
COMMENT ON COLUMN mentions.object IS 'The type of the object that the event tells of.';
COMMENT ON COLUMN mentions.object_id IS 'That object''s id; null for a preview, empty where the account has one only.';
COMMENT ON COLUMN mentions.ids IS 'What it names, in whichever field.';

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
CREATE INDEX IF NOT EXISTS heads_by_id ON heads (object_id text_pattern_ops);
COMMENT ON TABLE heads IS 'Which event is the newest of each Stripe object: the one place that knows order.';
COMMENT ON COLUMN heads.place IS 'The newest event''s place in events; null where the object''s events all turned out to be another''s.';
COMMENT ON COLUMN heads.touched IS 'The transaction that last brought an event of this object, for rebuilds.';

CREATE TABLE IF NOT EXISTS checkpoints (
    partition        smallint    PRIMARY KEY,
    position         text        NOT NULL DEFAULT '0-0',
    event_id         text,
    event_created_at timestamptz,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    moves            bigint      NOT NULL DEFAULT 0
);
ALTER TABLE checkpoints ADD COLUMN IF NOT EXISTS moves bigint NOT NULL DEFAULT 0;
COMMENT ON TABLE checkpoints IS 'How far each partition of the log is drained; its rows are also the drains'' lock.';
COMMENT ON COLUMN checkpoints.partition IS 'The partition of the log.';
COMMENT ON COLUMN checkpoints.position IS 'The entry that was drained last.';
COMMENT ON COLUMN checkpoints.event_id IS 'The event that it bears; null before the first.';
COMMENT ON COLUMN checkpoints.event_created_at IS 'When Stripe made that event.';
COMMENT ON COLUMN checkpoints.updated_at IS 'When it was drained.';
COMMENT ON COLUMN checkpoints.moves IS 'How often it was moved. The sum grows with every commit of a drain, which the newest event''s place does not: of two drains the later number may be there first.';

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
COMMENT ON COLUMN incidents.id IS 'A number of its own.';
COMMENT ON COLUMN incidents.detected_at IS 'When the drain found it.';
COMMENT ON COLUMN incidents.partition IS 'The partition of the log.';
COMMENT ON COLUMN incidents.kind IS '''checkpoint''''s entry lost'', or ''log begins after the checkpoint'' where more was trimmed.';
COMMENT ON COLUMN incidents.checkpoint IS 'The entry that the checkpoint named.';
COMMENT ON COLUMN incidents.resumed_from IS 'The entry that the drain went on from.';
COMMENT ON COLUMN incidents.doubt_since IS 'Events of Stripe''s from this instant on may be missing until reconciled: the last drained event''s, less the three days for which Stripe retries; null: ever.';
COMMENT ON COLUMN incidents.doubt_until IS 'The end of that range.';
COMMENT ON COLUMN incidents.resolved_at IS 'When somebody said that nothing is missing any more; null until then.';

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
COMMENT ON COLUMN dead_letters.account IS 'The Stripe account.';
COMMENT ON COLUMN dead_letters.livemode IS 'True for real money, false for test data.';
COMMENT ON COLUMN dead_letters.object IS 'The object''s type, as payment_intent.';
COMMENT ON COLUMN dead_letters.object_id IS 'The object''s id.';
COMMENT ON COLUMN dead_letters.projection IS 'The table whose row shows an older state.';
COMMENT ON COLUMN dead_letters.event_id IS 'The event that could not be digested.';
COMMENT ON COLUMN dead_letters.detected_at IS 'Since when.';
COMMENT ON COLUMN dead_letters.reason IS 'The kind of error and where it arose; never a value of the payload.';

CREATE TABLE IF NOT EXISTS configuration (
    name  text PRIMARY KEY,
    value text NOT NULL
);
COMMENT ON TABLE configuration IS 'What the rows were built under: the configured plans, the rules of recurring revenue, how events are read, the number of partitions.';

-- ============================================================ the outbox

-- Who writes a row does so in the transaction that writes what it tells of, and leaves a known cause alone:
-- ON CONFLICT (kind, account, livemode, subject, cause) DO NOTHING.
CREATE TABLE IF NOT EXISTS outbox (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text        NOT NULL,
    account      text        NOT NULL,
    livemode     boolean     NOT NULL,
    origin       text,
    subject      text        NOT NULL,
    cause        text        NOT NULL,
    object_id    text,
    message      jsonb       NOT NULL,
    due_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts     integer     NOT NULL DEFAULT 0,
    try_at       timestamptz,
    give_up_at   timestamptz,
    problem      text,
    delivered_at timestamptz,
    dead_at      timestamptz,
    UNIQUE (kind, account, livemode, subject, cause)
);
CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (due_at) WHERE delivered_at IS NULL AND dead_at IS NULL;
CREATE INDEX IF NOT EXISTS outbox_dead ON outbox (dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS outbox_by_subject ON outbox (subject, due_at, id);
CREATE INDEX IF NOT EXISTS outbox_by_object ON outbox (object_id);
COMMENT ON TABLE outbox IS 'What other systems are to be told, once per cause. Written with the rows that it tells of, never by a rebuild. What was delivered stays: it is known by it what was told already.';
COMMENT ON COLUMN outbox.id IS 'A number of its own.';
COMMENT ON COLUMN outbox.kind IS 'What it is, which says how it is delivered.';
COMMENT ON COLUMN outbox.origin IS 'Which of our clients asked for what it tells of; null where that was made elsewhere.';
COMMENT ON COLUMN outbox.subject IS 'What it concerns, as one user: rows of one subject are delivered one after the other, as they fall due.';
COMMENT ON COLUMN outbox.cause IS 'Why it is told; there is one row a cause.';
COMMENT ON COLUMN outbox.object_id IS 'The Stripe object that it tells of; null where that is gone.';
COMMENT ON COLUMN outbox.message IS 'What is told.';
COMMENT ON COLUMN outbox.due_at IS 'From when on it is true, which may be in the future.';
COMMENT ON COLUMN outbox.attempts IS 'How often delivery was begun.';
COMMENT ON COLUMN outbox.try_at IS 'Not before this instant, where one is given: the end of the pause after a failure, or of the time that a delivery may take.';
COMMENT ON COLUMN outbox.give_up_at IS 'A failure after this instant is the last one.';
COMMENT ON COLUMN outbox.problem IS 'How the last attempt failed; never a word of the answer.';
COMMENT ON COLUMN outbox.delivered_at IS 'When the receiver had taken it.';
COMMENT ON COLUMN outbox.dead_at IS 'When it was given up: a dead letter, until it is retried.';

-- The outbox as analysts may read it.
CREATE OR REPLACE VIEW notifications AS
SELECT id, kind, account, livemode, origin, subject, cause, object_id, message, due_at, attempts, try_at,
    delivered_at, dead_at, problem
FROM outbox;
COMMENT ON VIEW notifications IS 'What other systems were told, or are to be: of users'' access, of payments and of orders, once per cause; and whether they took it.';
COMMENT ON COLUMN notifications.id IS 'A number of its own.';
COMMENT ON COLUMN notifications.kind IS 'What it is: access and payment are calls to a client''s callback, order a change of a shop''s order.';
COMMENT ON COLUMN notifications.account IS 'The Stripe account.';
COMMENT ON COLUMN notifications.livemode IS 'True for real money, false for test data.';
COMMENT ON COLUMN notifications.origin IS 'Which of our clients asked for what it tells of, and is told; null where that was made elsewhere.';
COMMENT ON COLUMN notifications.subject IS 'What it concerns, as one user: messages of one subject are delivered one after the other.';
COMMENT ON COLUMN notifications.cause IS 'Why it is told, as an event''s id; there is one message a cause.';
COMMENT ON COLUMN notifications.object_id IS 'The Stripe object that it tells of: a subscription or a PaymentIntent; null where that is gone.';
COMMENT ON COLUMN notifications.message IS 'What is told.';
COMMENT ON COLUMN notifications.due_at IS 'From when on it is true, which may be in the future.';
COMMENT ON COLUMN notifications.attempts IS 'How often delivery was begun.';
COMMENT ON COLUMN notifications.try_at IS 'Not tried again before this instant, where one is given.';
COMMENT ON COLUMN notifications.delivered_at IS 'When the receiver had taken it; null until then.';
COMMENT ON COLUMN notifications.dead_at IS 'When it was given up; null where it was not.';
COMMENT ON COLUMN notifications.problem IS 'How the last attempt failed; null where none did.';

CREATE TABLE IF NOT EXISTS unaddressed_payments (
    account     text        NOT NULL,
    livemode    boolean     NOT NULL,
    id          text        NOT NULL,
    outcome     text        NOT NULL,
    cause       text        NOT NULL,
    error       jsonb,
    at          timestamptz,
    customer_id text,
    kept_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account, livemode, id, cause)
);
CREATE INDEX IF NOT EXISTS unaddressed_payments_by_customer ON unaddressed_payments (account, livemode, customer_id);
CREATE INDEX IF NOT EXISTS unaddressed_payments_by_age ON unaddressed_payments (kept_at);
COMMENT ON TABLE unaddressed_payments IS 'Outcomes of payments that name none of our clients: told when an invoice, a subscription or a customer says whose they are, and forgotten after three days.';

-- ============================================================ lookups

-- Written with the rows that name it, never by a rebuild; gone when what Stripe told has come through the log.
CREATE TABLE IF NOT EXISTS lookups (
    account    text        NOT NULL,
    livemode   boolean     NOT NULL,
    object     text        NOT NULL,
    object_id  text        NOT NULL,
    number     bigint      GENERATED BY DEFAULT AS IDENTITY,
    names      text[]      NOT NULL,
    source     text        NOT NULL,
    named_at   timestamptz NOT NULL,
    wanted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts   integer     NOT NULL DEFAULT 0,
    -- What is read then is younger than the event that asked for it, and what comes in one burst is read once.
    try_at     timestamptz NOT NULL DEFAULT clock_timestamp() + interval '2 seconds',
    problem    text,
    gone_at    timestamptz,
    PRIMARY KEY (account, livemode, object, object_id)
);
CREATE INDEX IF NOT EXISTS lookups_due ON lookups (object, try_at) WHERE gone_at IS NULL;
COMMENT ON TABLE lookups IS 'What Stripe is to be asked for, since events only name it: one row an object, until what Stripe told is in the tables.';
COMMENT ON COLUMN lookups.account IS 'The Stripe account.';
COMMENT ON COLUMN lookups.livemode IS 'True for real money, false for test data.';
COMMENT ON COLUMN lookups.object IS 'What is to be fetched: a balance_transaction, a subscription, an invoice, or the coupon of a customer''s discount.';
COMMENT ON COLUMN lookups.object_id IS 'Its id.';
COMMENT ON COLUMN lookups.number IS 'The number of the question, which the observation that answers it bears; another one once more is missing.';
COMMENT ON COLUMN lookups.names IS 'What of it is missing, as coupon WELCOME or tiers price_…; empty where all of it is.';
COMMENT ON COLUMN lookups.source IS 'Which endpoint received the event that names it: the last part of /webhooks/{source}.';
COMMENT ON COLUMN lookups.named_at IS 'When Stripe made that event.';
COMMENT ON COLUMN lookups.wanted_at IS 'Since when it is missing here.';
COMMENT ON COLUMN lookups.attempts IS 'How often Stripe was asked.';
COMMENT ON COLUMN lookups.try_at IS 'Not before this instant: the end of the pause after a failure, or of the time that an answer may take to come through the log.';
COMMENT ON COLUMN lookups.problem IS 'Why Stripe did not tell it the last time; never a word of the answer.';
COMMENT ON COLUMN lookups.gone_at IS 'When Stripe said that it does not know it (any more), or told it without what was missing: it is not asked again.';

-- ============================================================ projections

-- ------------------------------------------------------------ payments

CREATE TABLE IF NOT EXISTS customers (
    account                   text        NOT NULL,
    livemode                  boolean     NOT NULL,
    id                        text        NOT NULL,
    source                    text        NOT NULL,
    email                     text,
    name                      text,
    user_id                   text,
    currency                  text,
    balance                   bigint,
    delinquent                boolean,
    default_payment_method_id text,
    deleted                   boolean     NOT NULL,
    metadata                  jsonb       NOT NULL,
    created_at                timestamptz,
    updated_at                timestamptz NOT NULL,
    stale                     boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id)
);
CREATE INDEX IF NOT EXISTS customers_by_user ON customers (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS customers_by_email ON customers (lower(email)) WHERE email IS NOT NULL;
COMMENT ON TABLE customers IS 'One row a customer, as Stripe last described it. Deleted ones stay.';
COMMENT ON COLUMN customers.id IS 'Stripe''s id of the customer, cus_…';
COMMENT ON COLUMN customers.email IS 'The customer''s e-mail address.';
COMMENT ON COLUMN customers.name IS 'The customer''s name.';
COMMENT ON COLUMN customers.user_id IS 'The user of the platform: metadata.user_id.';
COMMENT ON COLUMN customers.currency IS 'The currency that the customer is billed in; null before the first invoice.';
COMMENT ON COLUMN customers.balance IS 'In minor units of currency: negative is credit that the next invoice uses, positive is owed.';
COMMENT ON COLUMN customers.delinquent IS 'Whether the latest charge or invoice of the customer failed or is overdue, as Stripe judges.';
COMMENT ON COLUMN customers.default_payment_method_id IS 'The payment method of invoices, else the default source.';
COMMENT ON COLUMN customers.deleted IS 'Whether the customer was deleted in Stripe.';

CREATE TABLE IF NOT EXISTS payment_intents (
    account                 text        NOT NULL,
    livemode                boolean     NOT NULL,
    id                      text        NOT NULL,
    source                  text        NOT NULL,
    amount                  bigint      NOT NULL,
    amount_received         bigint,
    amount_capturable       bigint,
    currency                text        NOT NULL,
    status                  text        NOT NULL,
    customer_id             text,
    latest_charge_id        text,
    invoice_id              text,
    payment_method_id       text,
    payment_method_type     text,
    capture_method          text,
    cancellation_reason     text,
    canceled_at             timestamptz,
    last_error_code         text,
    last_error_decline_code text,
    last_error_message      text,
    receipt_email           text,
    user_id                 text,
    plan_type               text,
    order_id                text,
    order_number            text,
    origin                  text,
    metadata                jsonb       NOT NULL,
    created_at              timestamptz NOT NULL,
    updated_at              timestamptz NOT NULL,
    stale                   boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id)
);
CREATE INDEX IF NOT EXISTS payment_intents_by_creation ON payment_intents (created_at);
CREATE INDEX IF NOT EXISTS payment_intents_by_customer ON payment_intents (customer_id);
CREATE INDEX IF NOT EXISTS payment_intents_by_invoice ON payment_intents (invoice_id) WHERE invoice_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS payment_intents_by_order ON payment_intents (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS payment_intents_by_order_number ON payment_intents (order_number) WHERE order_number IS NOT NULL;
CREATE INDEX IF NOT EXISTS payment_intents_by_user ON payment_intents (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS payment_intents_by_receipt ON payment_intents (lower(receipt_email)) WHERE receipt_email IS NOT NULL;
COMMENT ON TABLE payment_intents IS 'One row a PaymentIntent, as Stripe last described it. The view payments joins what other objects tell of it.';
COMMENT ON COLUMN payment_intents.id IS 'Stripe''s id of the PaymentIntent, pi_…';
COMMENT ON COLUMN payment_intents.amount IS 'What is to be paid, in minor units of currency.';
COMMENT ON COLUMN payment_intents.amount_received IS 'What was paid, in minor units of currency.';
COMMENT ON COLUMN payment_intents.amount_capturable IS 'What is authorised and can be captured, in minor units of currency.';
COMMENT ON COLUMN payment_intents.currency IS 'ISO 4217, in small letters.';
COMMENT ON COLUMN payment_intents.status IS 'Stripe''s status: requires_payment_method (also after a decline), requires_confirmation, requires_action, processing, requires_capture, succeeded, canceled.';
COMMENT ON COLUMN payment_intents.customer_id IS 'The customer, or the account that stands for one; null for a guest.';
COMMENT ON COLUMN payment_intents.latest_charge_id IS 'The newest attempt.';
COMMENT ON COLUMN payment_intents.invoice_id IS 'The invoice that it pays, in API versions before 2025-03-31; newer ones say so in invoice_payments.';
COMMENT ON COLUMN payment_intents.payment_method_id IS 'The payment method; null after it was declined.';
COMMENT ON COLUMN payment_intents.payment_method_type IS 'Its type, or the declined one''s, where the event tells or only one is allowed; charges knows it for sure.';
COMMENT ON COLUMN payment_intents.capture_method IS 'automatic, automatic_async or manual.';
COMMENT ON COLUMN payment_intents.cancellation_reason IS 'Why it was canceled.';
COMMENT ON COLUMN payment_intents.canceled_at IS 'When it was canceled.';
COMMENT ON COLUMN payment_intents.last_error_code IS 'Stripe''s code of the last failed attempt, as card_declined.';
COMMENT ON COLUMN payment_intents.last_error_decline_code IS 'The issuer''s reason, as insufficient_funds.';
COMMENT ON COLUMN payment_intents.last_error_message IS 'The same for people.';
COMMENT ON COLUMN payment_intents.receipt_email IS 'Where the receipt goes.';
COMMENT ON COLUMN payment_intents.user_id IS 'The user of the platform: metadata.user_id.';
COMMENT ON COLUMN payment_intents.plan_type IS 'metadata.plan_type; the view payments prefers what the price says.';
COMMENT ON COLUMN payment_intents.order_id IS 'The shop''s order: metadata.order_id, but not of WooCommerce''s own plugin.';
COMMENT ON COLUMN payment_intents.order_number IS 'The order''s number as the customer sees it: metadata.order_number, or metadata.order_id of WooCommerce''s own plugin.';
COMMENT ON COLUMN payment_intents.origin IS 'Which client asked for it: metadata.source; null for what was made elsewhere.';

CREATE TABLE IF NOT EXISTS charges (
    account                text        NOT NULL,
    livemode               boolean     NOT NULL,
    id                     text        NOT NULL,
    source                 text        NOT NULL,
    payment_intent_id      text,
    customer_id            text,
    invoice_id             text,
    amount                 bigint      NOT NULL,
    amount_captured        bigint      NOT NULL,
    amount_refunded        bigint      NOT NULL,
    currency               text        NOT NULL,
    status                 text        NOT NULL,
    paid                   boolean     NOT NULL,
    captured               boolean,
    disputed               boolean     NOT NULL,
    failure_code           text,
    failure_message        text,
    outcome_type           text,
    outcome_reason         text,
    outcome_rule_id        text,
    network_status         text,
    risk_level             text,
    risk_score             bigint,
    seller_message         text,
    payment_method_type    text,
    card_brand             text,
    card_country           text,
    card_fingerprint       text,
    card_funding           text,
    card_last4             text,
    three_d_secure_result  text,
    balance_transaction_id text,
    billing_email          text,
    receipt_email          text,
    payer                  text,
    metadata               jsonb       NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    stale                  boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id)
);
ALTER TABLE charges ADD COLUMN IF NOT EXISTS failure_balance_transaction_id text;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'charges'::regclass AND attname = 'payer') THEN
        ALTER TABLE charges ADD COLUMN payer text;
        UPDATE charges SET payer = coalesce(customer_id, lower(coalesce(billing_email, receipt_email)));
    END IF;
END
$$;
CREATE INDEX IF NOT EXISTS charges_by_creation ON charges (created_at);
CREATE INDEX IF NOT EXISTS charges_by_intent ON charges (payment_intent_id);
CREATE INDEX IF NOT EXISTS charges_by_invoice ON charges (invoice_id) WHERE invoice_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS charges_by_payer ON charges (payer, created_at)
    WHERE payer IS NOT NULL AND paid AND amount_captured > 0;
CREATE INDEX IF NOT EXISTS charges_by_any_payer ON charges (payer) WHERE payer IS NOT NULL;
CREATE INDEX IF NOT EXISTS charges_by_failure ON charges (failure_balance_transaction_id)
    WHERE failure_balance_transaction_id IS NOT NULL;
COMMENT ON TABLE charges IS 'One row a charge, that is an attempt to take money, as Stripe last described it. A charge without a PaymentIntent (payment_intent_id IS NULL) is in no row of payments.';
COMMENT ON COLUMN charges.id IS 'Stripe''s id of the charge, ch_… or py_…';
COMMENT ON COLUMN charges.payment_intent_id IS 'The PaymentIntent that it is an attempt of; null for what old integrations charge directly.';
COMMENT ON COLUMN charges.customer_id IS 'The customer, or the account that stands for one; null for a guest.';
COMMENT ON COLUMN charges.invoice_id IS 'The invoice that it pays, in API versions before 2025-03-31.';
COMMENT ON COLUMN charges.amount IS 'What was to be taken, in minor units of currency.';
COMMENT ON COLUMN charges.amount_captured IS 'What was captured, in minor units of currency: 0 for a mere authorisation. Gross is the sum of these where the charge succeeded.';
COMMENT ON COLUMN charges.amount_refunded IS 'What was given back so far of what was captured, in minor units of currency. What was authorised and never captured is left out, which Stripe counted here until 2025-03-31; a refund that failed since may still be in it.';
COMMENT ON COLUMN charges.currency IS 'ISO 4217, in small letters.';
COMMENT ON COLUMN charges.status IS 'succeeded, pending or failed. An authorisation that is not captured has succeeded, too.';
COMMENT ON COLUMN charges.paid IS 'Whether the attempt succeeded, or was authorised.';
COMMENT ON COLUMN charges.captured IS 'False for a mere authorisation.';
COMMENT ON COLUMN charges.disputed IS 'Whether it was ever disputed.';
COMMENT ON COLUMN charges.failure_code IS 'Why it failed, as card_declined.';
COMMENT ON COLUMN charges.failure_message IS 'The same for people.';
COMMENT ON COLUMN charges.outcome_type IS 'authorized, manual_review, issuer_declined, blocked or invalid.';
COMMENT ON COLUMN charges.outcome_reason IS 'Why: the issuer''s decline code, or highest_risk_level, rule and the like.';
COMMENT ON COLUMN charges.outcome_rule_id IS 'The rule of Radar that decided.';
COMMENT ON COLUMN charges.network_status IS 'What the network said: approved_by_network, declined_by_network, not_sent_to_network, reversed_after_approval.';
COMMENT ON COLUMN charges.risk_level IS 'Radar''s level: normal, elevated, highest, not_assessed or unknown. Never derived from the score.';
COMMENT ON COLUMN charges.risk_score IS 'Radar''s score, 0 to 100; null without Radar for Fraud Teams.';
COMMENT ON COLUMN charges.seller_message IS 'Stripe''s words on the outcome, for the merchant.';
COMMENT ON COLUMN charges.payment_method_type IS 'How it was paid: card, sepa_debit, …';
COMMENT ON COLUMN charges.card_brand IS 'visa, mastercard, amex, …; null unless a card.';
COMMENT ON COLUMN charges.card_country IS 'The issuer''s country, two letters; null unless a card.';
COMMENT ON COLUMN charges.card_fingerprint IS 'The same for each use of one card number; null unless a card.';
COMMENT ON COLUMN charges.card_funding IS 'credit, debit, prepaid or unknown; null unless a card.';
COMMENT ON COLUMN charges.card_last4 IS 'The last four digits; null unless a card.';
COMMENT ON COLUMN charges.three_d_secure_result IS 'authenticated, attempt_acknowledged, exempted, failed, not_supported, processing_error; null where 3-D Secure was not tried.';
COMMENT ON COLUMN charges.balance_transaction_id IS 'What it put on the balance; null until that is known, seconds later with asynchronous capture.';
COMMENT ON COLUMN charges.failure_balance_transaction_id IS 'What took that back, where the payment failed after it had counted.';
COMMENT ON COLUMN charges.billing_email IS 'The e-mail address that the payer gave.';
COMMENT ON COLUMN charges.receipt_email IS 'Where the receipt goes.';
COMMENT ON COLUMN charges.payer IS 'Who pays, for counting: the customer''s id, else a guest''s e-mail address in small letters; null where neither is known.';

CREATE TABLE IF NOT EXISTS refunds (
    account                text        NOT NULL,
    livemode               boolean     NOT NULL,
    id                     text        NOT NULL,
    source                 text        NOT NULL,
    charge_id              text,
    payment_intent_id      text,
    amount                 bigint      NOT NULL,
    currency               text        NOT NULL,
    status                 text,
    reason                 text,
    failure_reason         text,
    balance_transaction_id text,
    metadata               jsonb       NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    stale                  boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id)
);
ALTER TABLE refunds ADD COLUMN IF NOT EXISTS failure_balance_transaction_id text;
CREATE INDEX IF NOT EXISTS refunds_by_charge ON refunds (charge_id);
CREATE INDEX IF NOT EXISTS refunds_by_creation ON refunds (created_at);
CREATE INDEX IF NOT EXISTS refunds_by_failure ON refunds (failure_balance_transaction_id)
    WHERE failure_balance_transaction_id IS NOT NULL;
COMMENT ON TABLE refunds IS 'One row a refund, as its own events last described it; all_refunds adds those that only their charge told of.';
COMMENT ON COLUMN refunds.id IS 'Stripe''s id of the refund, re_… or pyr_…';
COMMENT ON COLUMN refunds.charge_id IS 'The charge that it gives back.';
COMMENT ON COLUMN refunds.payment_intent_id IS 'The PaymentIntent that it gives back; null where the API version did not tell.';
COMMENT ON COLUMN refunds.amount IS 'In minor units of currency.';
COMMENT ON COLUMN refunds.currency IS 'ISO 4217, in small letters.';
COMMENT ON COLUMN refunds.status IS 'pending, requires_action, succeeded, failed or canceled. One that succeeded may still fail.';
COMMENT ON COLUMN refunds.reason IS 'Why: duplicate, fraudulent, requested_by_customer or expired_uncaptured_charge.';
COMMENT ON COLUMN refunds.failure_reason IS 'Why it failed.';
COMMENT ON COLUMN refunds.balance_transaction_id IS 'What it took from the balance.';
COMMENT ON COLUMN refunds.failure_balance_transaction_id IS 'What came back to the balance, where it failed.';

CREATE TABLE IF NOT EXISTS charge_refunds (
    account                text        NOT NULL,
    livemode               boolean     NOT NULL,
    charge_id              text        NOT NULL,
    id                     text        NOT NULL,
    source                 text        NOT NULL,
    payment_intent_id      text,
    amount                 bigint      NOT NULL,
    currency               text        NOT NULL,
    status                 text,
    reason                 text,
    failure_reason         text,
    balance_transaction_id text,
    metadata               jsonb       NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    stale                  boolean     NOT NULL,
    PRIMARY KEY (account, livemode, charge_id, id)
);
ALTER TABLE charge_refunds ADD COLUMN IF NOT EXISTS failure_balance_transaction_id text;
CREATE INDEX IF NOT EXISTS charge_refunds_by_id ON charge_refunds (id);
CREATE INDEX IF NOT EXISTS charge_refunds_by_creation ON charge_refunds (created_at);
CREATE INDEX IF NOT EXISTS charge_refunds_by_failure ON charge_refunds (failure_balance_transaction_id)
    WHERE failure_balance_transaction_id IS NOT NULL;
COMMENT ON TABLE charge_refunds IS 'The refunds that the newest event of each charge lists, in API versions before 2022-11-15: at most its newest ten. all_refunds has each refund once.';
COMMENT ON COLUMN charge_refunds.charge_id IS 'The charge that lists it.';
COMMENT ON COLUMN charge_refunds.id IS 'Stripe''s id of the refund.';
COMMENT ON COLUMN charge_refunds.payment_intent_id IS 'The PaymentIntent that it gives back; null where the API version did not tell.';
COMMENT ON COLUMN charge_refunds.amount IS 'In minor units of currency.';
COMMENT ON COLUMN charge_refunds.currency IS 'ISO 4217, in small letters.';
COMMENT ON COLUMN charge_refunds.status IS 'As in refunds.';
COMMENT ON COLUMN charge_refunds.reason IS 'As in refunds.';
COMMENT ON COLUMN charge_refunds.failure_reason IS 'As in refunds.';
COMMENT ON COLUMN charge_refunds.balance_transaction_id IS 'What it took from the balance.';
COMMENT ON COLUMN charge_refunds.failure_balance_transaction_id IS 'What came back to the balance, where it failed.';

CREATE TABLE IF NOT EXISTS disputes (
    account           text        NOT NULL,
    livemode          boolean     NOT NULL,
    id                text        NOT NULL,
    source            text        NOT NULL,
    charge_id         text,
    payment_intent_id text,
    amount            bigint      NOT NULL,
    currency          text        NOT NULL,
    status            text        NOT NULL,
    reason            text,
    evidence_due_at   timestamptz,
    won               boolean,
    funds_withdrawn   bigint,
    funds_reinstated  bigint,
    dispute_fee       bigint,
    funds_currency    text,
    metadata          jsonb       NOT NULL,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    stale             boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id)
);
ALTER TABLE disputes ADD COLUMN IF NOT EXISTS balance_transaction_ids jsonb NOT NULL DEFAULT '[]';
CREATE INDEX IF NOT EXISTS disputes_by_charge ON disputes (charge_id);
CREATE INDEX IF NOT EXISTS disputes_by_creation ON disputes (created_at);
COMMENT ON TABLE disputes IS 'One row a dispute or inquiry, as Stripe last described it.';
COMMENT ON COLUMN disputes.id IS 'Stripe''s id of the dispute, du_… or dp_…';
COMMENT ON COLUMN disputes.charge_id IS 'The disputed charge.';
COMMENT ON COLUMN disputes.payment_intent_id IS 'The disputed PaymentIntent; null where the API version did not tell.';
COMMENT ON COLUMN disputes.amount IS 'What is disputed, in minor units of currency.';
COMMENT ON COLUMN disputes.currency IS 'ISO 4217, in small letters.';
COMMENT ON COLUMN disputes.status IS 'needs_response, under_review, won, lost, prevented, …; warning_… are inquiries, which move no funds.';
COMMENT ON COLUMN disputes.reason IS 'What the payer claims, as fraudulent.';
COMMENT ON COLUMN disputes.evidence_due_at IS 'Until when evidence can be sent.';
COMMENT ON COLUMN disputes.won IS 'True or false once decided, null before, and for inquiries.';
COMMENT ON COLUMN disputes.funds_withdrawn IS 'What was taken from the balance, in minor units of funds_currency, without the fee; null where not told.';
COMMENT ON COLUMN disputes.funds_reinstated IS 'What was given back to the balance, in minor units of funds_currency; null where not told.';
COMMENT ON COLUMN disputes.dispute_fee IS 'What the dispute cost, in minor units of funds_currency; null where not told.';
COMMENT ON COLUMN disputes.balance_transaction_ids IS 'What it took from the balance and gave back.';
COMMENT ON COLUMN disputes.funds_currency IS 'The currency of the balance; null where no funds moved.';

CREATE TABLE IF NOT EXISTS balance_transactions (
    account            text        NOT NULL,
    livemode           boolean     NOT NULL,
    id                 text        NOT NULL,
    source             text        NOT NULL,
    type               text        NOT NULL,
    reporting_category text,
    amount             bigint      NOT NULL,
    fee                bigint      NOT NULL,
    net                bigint      NOT NULL,
    currency           text        NOT NULL,
    exchange_rate      numeric,
    status             text,
    available_on       timestamptz,
    source_id          text,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    stale              boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id)
);
CREATE INDEX IF NOT EXISTS balance_transactions_by_creation ON balance_transactions (created_at);
CREATE INDEX IF NOT EXISTS balance_transactions_by_source ON balance_transactions (source_id);
COMMENT ON TABLE balance_transactions IS 'One row a movement of the account''s balance that a charge, refund or dispute names, as it was when it was fetched: no webhook tells of them. One that is named and has no row is not known yet, and so are its fee and net.';
COMMENT ON COLUMN balance_transactions.id IS 'Stripe''s id of the balance transaction, txn_…';
COMMENT ON COLUMN balance_transactions.type IS 'Stripe''s type: charge, payment, refund, payment_refund, adjustment (disputes), …';
COMMENT ON COLUMN balance_transactions.reporting_category IS 'What it counts as in Stripe''s reports: charge, refund, refund_failure, dispute, dispute_reversal, …';
COMMENT ON COLUMN balance_transactions.amount IS 'What it moves before fees, in minor units of currency: negative where the balance loses.';
COMMENT ON COLUMN balance_transactions.fee IS 'What Stripe and platforms took of it, in minor units of currency; negative where a fee was given back.';
COMMENT ON COLUMN balance_transactions.net IS 'amount less fee: what the balance gains or loses, in minor units of currency. Cash is the sum of these.';
COMMENT ON COLUMN balance_transactions.currency IS 'The balance''s currency, which may be another than the payment''s; ISO 4217, in small letters.';
COMMENT ON COLUMN balance_transactions.exchange_rate IS 'What one unit of the payment''s currency came to in currency; null where both are the same.';
COMMENT ON COLUMN balance_transactions.status IS 'pending or available, as it was when it was fetched: from available_on on it is available.';
COMMENT ON COLUMN balance_transactions.available_on IS 'From when on it can be paid out.';
COMMENT ON COLUMN balance_transactions.source_id IS 'What made it: the charge (ch_…, py_…), refund (re_…, pyr_…), dispute (du_…, dp_…), payout or other object.';

CREATE TABLE IF NOT EXISTS payment_versions (
    account             text        NOT NULL,
    livemode            boolean     NOT NULL,
    id                  text        NOT NULL,
    event_id            text        NOT NULL,
    object              text        NOT NULL,
    phase               smallint    NOT NULL,
    terminal            smallint    NOT NULL,
    at                  timestamptz NOT NULL,
    tie                 integer     NOT NULL,
    status              text        NOT NULL,
    amount              bigint      NOT NULL,
    amount_received     bigint,
    amount_captured     bigint,
    amount_refunded     bigint,
    currency            text        NOT NULL,
    customer_id         text,
    charge_id           text,
    payment_method_type text,
    origin              text,
    created_at          timestamptz NOT NULL,
    source              text        NOT NULL,
    updated_at          timestamptz NOT NULL,
    stale               boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id, event_id)
);
COMMENT ON TABLE payment_versions IS 'What each event told of a PaymentIntent, charge or dispute. What was so at an instant is the last row in the order of phase, terminal, at, tie among those with at <= instant: payments_as_of(instant) does that.';
COMMENT ON COLUMN payment_versions.id IS 'The object: pi_…, ch_… or py_…, du_… or dp_….';
COMMENT ON COLUMN payment_versions.event_id IS 'The event.';
COMMENT ON COLUMN payment_versions.object IS 'payment_intent, charge or dispute.';
COMMENT ON COLUMN payment_versions.phase IS '0 where it told of the object''s making, which comes before all else, 1 of a change.';
COMMENT ON COLUMN payment_versions.terminal IS '1 where it told a state that the object never leaves.';
COMMENT ON COLUMN payment_versions.at IS 'When Stripe made the event.';
COMMENT ON COLUMN payment_versions.tie IS 'Its place in the causal order among the object''s events of one second, phase and terminal.';
COMMENT ON COLUMN payment_versions.status IS 'Stripe''s status.';
COMMENT ON COLUMN payment_versions.amount IS 'What was to be paid, to be taken, or was disputed, in minor units of currency.';
COMMENT ON COLUMN payment_versions.amount_received IS 'Of a PaymentIntent: what was paid.';
COMMENT ON COLUMN payment_versions.amount_captured IS 'Of a charge: what was taken.';
COMMENT ON COLUMN payment_versions.amount_refunded IS 'Of a charge: what was given back of what was taken.';
COMMENT ON COLUMN payment_versions.currency IS 'Three letters, in lower case.';
COMMENT ON COLUMN payment_versions.customer_id IS 'Of a PaymentIntent: the customer; null for a guest.';
COMMENT ON COLUMN payment_versions.charge_id IS 'Of a PaymentIntent its newest charge, of a dispute the disputed one, of a charge itself.';
COMMENT ON COLUMN payment_versions.payment_method_type IS 'How it was paid, or tried.';
COMMENT ON COLUMN payment_versions.origin IS 'Of a PaymentIntent: which client asked for it.';
COMMENT ON COLUMN payment_versions.source IS 'Which endpoint received the event: the last part of /webhooks/{source}.';
COMMENT ON COLUMN payment_versions.updated_at IS 'When Stripe made the event.';

-- ------------------------------------------------------------ billing: what is sold

CREATE TABLE IF NOT EXISTS products (
    account     text        NOT NULL,
    livemode    boolean     NOT NULL,
    id          text        NOT NULL,
    name        text,
    description text,
    active      boolean,
    deleted     boolean     NOT NULL,
    metadata    jsonb,
    created_at  timestamptz,
    source      text        NOT NULL,
    updated_at  timestamptz NOT NULL,
    stale       boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id)
);
COMMENT ON TABLE products IS 'What is sold, as Stripe last described it. A deleted product stays and says so.';
COMMENT ON COLUMN products.id IS 'Stripe''s id, prod_…, or one that the merchant chose; after a deletion it may be used again.';
COMMENT ON COLUMN products.name IS 'The name that customers see.';
COMMENT ON COLUMN products.description IS 'The description that customers see.';
COMMENT ON COLUMN products.active IS 'Whether it can be bought now.';
COMMENT ON COLUMN products.deleted IS 'Whether it was deleted.';

CREATE TABLE IF NOT EXISTS prices (
    account             text        NOT NULL,
    livemode            boolean     NOT NULL,
    id                  text        NOT NULL,
    product_id          text,
    plan_type           text,
    currency            text,
    unit_amount         bigint,
    unit_amount_decimal numeric,
    billing_scheme      text,
    tiers_mode          text,
    type                text,
    interval            text,
    interval_count      integer,
    usage_type          text,
    nickname            text,
    lookup_key          text,
    active              boolean,
    deleted             boolean     NOT NULL,
    metadata            jsonb,
    created_at          timestamptz,
    source              text        NOT NULL,
    updated_at          timestamptz NOT NULL,
    stale               boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id)
);
COMMENT ON TABLE prices IS 'What products cost, as Stripe last described each price. A deleted price stays and says so.';
COMMENT ON COLUMN prices.id IS 'Stripe''s id, price_…; that of a plan where it took over a plan.';
COMMENT ON COLUMN prices.product_id IS 'The product that it prices.';
COMMENT ON COLUMN prices.plan_type IS 'The plan that it stands for: its metadata''s plan_type, else the configured one; null where neither says.';
COMMENT ON COLUMN prices.currency IS 'Three letters, in lower case.';
COMMENT ON COLUMN prices.unit_amount IS 'What one unit costs a billing period, in minor units; null where that is broken or tiers decide.';
COMMENT ON COLUMN prices.unit_amount_decimal IS 'The same in minor units, broken or not; null where tiers decide.';
COMMENT ON COLUMN prices.billing_scheme IS 'per_unit or tiered.';
COMMENT ON COLUMN prices.tiers_mode IS 'graduated (each unit at its own tier''s rate) or volume (all at one tier''s).';
COMMENT ON COLUMN prices.type IS 'recurring or one_time.';
COMMENT ON COLUMN prices.interval IS 'day, week, month or year; null for one_time.';
COMMENT ON COLUMN prices.interval_count IS 'How many intervals a billing period has.';
COMMENT ON COLUMN prices.usage_type IS 'licensed (a quantity that is set) or metered (usage that is measured).';
COMMENT ON COLUMN prices.nickname IS 'The merchant''s own name for it, which customers do not see.';
COMMENT ON COLUMN prices.lookup_key IS 'The key by which programs find it; it can move from one price to another.';
COMMENT ON COLUMN prices.active IS 'Whether it can be used for new purchases.';
COMMENT ON COLUMN prices.deleted IS 'Whether it was deleted.';

CREATE TABLE IF NOT EXISTS plans (LIKE prices INCLUDING ALL);
COMMENT ON TABLE plans IS 'The plan objects that stood for recurring prices until 2020, and stand beside them since, with the same ids.';

CREATE OR REPLACE VIEW price_list AS
SELECT 'price' AS object, prices.* FROM prices
UNION ALL
SELECT 'plan', plans.* FROM plans
WHERE NOT EXISTS (
    SELECT FROM prices
    WHERE prices.account = plans.account AND prices.livemode = plans.livemode AND prices.id = plans.id
);
COMMENT ON VIEW price_list IS 'All prices: those that Stripe told of as prices, and those that it told of as plans only.';
COMMENT ON COLUMN price_list.object IS 'As what Stripe told of it: price or plan. The other columns are those of prices.';

-- ------------------------------------------------------------ billing: invoices

CREATE TABLE IF NOT EXISTS invoices (
    account                 text        NOT NULL,
    livemode                boolean     NOT NULL,
    id                      text        NOT NULL,
    number                  text,
    status                  text        NOT NULL,
    currency                text        NOT NULL,
    amount_due              bigint      NOT NULL,
    amount_paid             bigint      NOT NULL,
    amount_remaining        bigint      NOT NULL,
    subtotal                bigint      NOT NULL,
    tax                     bigint,
    total                   bigint      NOT NULL,
    customer_id             text,
    customer_email          text,
    user_id                 text,
    subscription_id         text,
    payment_intent_id       text,
    charge_id               text,
    billing_reason          text,
    collection_method       text,
    attempt_count           integer,
    next_payment_attempt_at timestamptz,
    due_at                  timestamptz,
    finalized_at            timestamptz,
    paid_at                 timestamptz,
    voided_at               timestamptz,
    marked_uncollectible_at timestamptz,
    period_start            timestamptz,
    period_end              timestamptz,
    lines_complete          boolean     NOT NULL,
    metadata                jsonb,
    created_at              timestamptz NOT NULL,
    source                  text        NOT NULL,
    updated_at              timestamptz NOT NULL,
    stale                   boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id)
);
CREATE INDEX IF NOT EXISTS invoices_by_payment_intent ON invoices (payment_intent_id) WHERE payment_intent_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS invoices_by_subscription ON invoices (subscription_id) WHERE subscription_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS invoices_by_customer ON invoices (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS invoices_by_number ON invoices (number) WHERE number IS NOT NULL;
COMMENT ON TABLE invoices IS 'Invoices, as Stripe last described each. A draft that was deleted is gone.';
COMMENT ON COLUMN invoices.id IS 'Stripe''s id, in_…';
COMMENT ON COLUMN invoices.number IS 'The number that the customer sees; null while a draft.';
COMMENT ON COLUMN invoices.status IS 'draft, open, paid, uncollectible or void.';
COMMENT ON COLUMN invoices.currency IS 'Three letters, in lower case; of all amounts here.';
COMMENT ON COLUMN invoices.amount_due IS 'What is to be paid, in minor units: the total less what a balance covers.';
COMMENT ON COLUMN invoices.amount_paid IS 'What was paid of it, in minor units.';
COMMENT ON COLUMN invoices.amount_remaining IS 'What is yet to be paid of it, in minor units.';
COMMENT ON COLUMN invoices.subtotal IS 'The sum of the lines before discounts of the invoice and exclusive taxes, in minor units.';
COMMENT ON COLUMN invoices.tax IS 'The sum of all taxes, in minor units; null where no tax rate applied.';
COMMENT ON COLUMN invoices.total IS 'What it comes to after discounts and taxes, in minor units.';
COMMENT ON COLUMN invoices.customer_id IS 'Whom it bills: cus_…, or acct_… where an account stands for a customer.';
COMMENT ON COLUMN invoices.customer_email IS 'Where it was sent, as it was when it was finalized.';
COMMENT ON COLUMN invoices.user_id IS 'The user that its own metadata names.';
COMMENT ON COLUMN invoices.subscription_id IS 'The subscription that it bills; null for other invoices.';
COMMENT ON COLUMN invoices.payment_intent_id IS 'What pays it, where its API version is before 2025-03-31.basil; see invoice_payment_links.';
COMMENT ON COLUMN invoices.charge_id IS 'The newest charge for it, where its API version is before 2025-03-31.basil; see invoice_payment_links.';
COMMENT ON COLUMN invoices.billing_reason IS 'Why it was made, as subscription_cycle or manual.';
COMMENT ON COLUMN invoices.collection_method IS 'charge_automatically or send_invoice.';
COMMENT ON COLUMN invoices.attempt_count IS 'How often Stripe''s retry schedule has tried to collect it.';
COMMENT ON COLUMN invoices.next_payment_attempt_at IS 'When Stripe tries next; null where it does not.';
COMMENT ON COLUMN invoices.due_at IS 'When it is due; null where it is charged automatically.';
COMMENT ON COLUMN invoices.finalized_at IS 'When it stopped being a draft.';
COMMENT ON COLUMN invoices.paid_at IS 'When it was paid.';
COMMENT ON COLUMN invoices.voided_at IS 'When it was voided.';
COMMENT ON COLUMN invoices.marked_uncollectible_at IS 'When it was given up.';
COMMENT ON COLUMN invoices.period_start IS 'From when on its items could join it; what its lines bill is in invoice_lines.';
COMMENT ON COLUMN invoices.period_end IS 'Until when its items could join it.';
COMMENT ON COLUMN invoices.lines_complete IS 'Whether invoice_lines has all of its lines: Stripe sends the first ten.';

CREATE TABLE IF NOT EXISTS invoice_lines (
    account              text        NOT NULL,
    livemode             boolean     NOT NULL,
    invoice_id           text        NOT NULL,
    id                   text        NOT NULL,
    type                 text,
    description          text,
    currency             text        NOT NULL,
    amount               bigint      NOT NULL,
    tax                  bigint,
    quantity             bigint,
    unit_amount_decimal  numeric,
    price_id             text,
    product_id           text,
    plan_type            text,
    proration            boolean     NOT NULL,
    period_start         timestamptz,
    period_end           timestamptz,
    subscription_id      text,
    subscription_item_id text,
    invoice_item_id      text,
    metadata             jsonb,
    source               text        NOT NULL,
    updated_at           timestamptz NOT NULL,
    stale                boolean     NOT NULL,
    PRIMARY KEY (account, livemode, invoice_id, id)
);
COMMENT ON TABLE invoice_lines IS 'What each invoice is made of, as its newest event lists it; invoices.lines_complete says whether that is all.';
COMMENT ON COLUMN invoice_lines.invoice_id IS 'The invoice.';
COMMENT ON COLUMN invoice_lines.id IS 'Stripe''s id, il_…';
COMMENT ON COLUMN invoice_lines.type IS 'subscription, or invoiceitem for what was added by hand or by a proration.';
COMMENT ON COLUMN invoice_lines.description IS 'What the customer reads.';
COMMENT ON COLUMN invoice_lines.currency IS 'Three letters, in lower case.';
COMMENT ON COLUMN invoice_lines.amount IS 'In minor units, before discounts; negative for a credit.';
COMMENT ON COLUMN invoice_lines.tax IS 'The sum of its taxes, in minor units; null where no tax rate applied.';
COMMENT ON COLUMN invoice_lines.quantity IS 'How many units.';
COMMENT ON COLUMN invoice_lines.unit_amount_decimal IS 'What one costs, in minor units, broken or not.';
COMMENT ON COLUMN invoice_lines.price_id IS 'The price, or the plan that stood for one.';
COMMENT ON COLUMN invoice_lines.product_id IS 'The product.';
COMMENT ON COLUMN invoice_lines.plan_type IS 'The configured plan that its price stands for; one that the price''s metadata tells is in price_list.';
COMMENT ON COLUMN invoice_lines.proration IS 'Whether it settles a change in the middle of a period.';
COMMENT ON COLUMN invoice_lines.period_start IS 'The start of what it bills.';
COMMENT ON COLUMN invoice_lines.period_end IS 'The end of what it bills.';
COMMENT ON COLUMN invoice_lines.subscription_id IS 'The subscription that it bills.';
COMMENT ON COLUMN invoice_lines.subscription_item_id IS 'The subscription''s item that it bills.';
COMMENT ON COLUMN invoice_lines.invoice_item_id IS 'The invoice item that it came from.';

CREATE TABLE IF NOT EXISTS invoice_payments (
    account           text        NOT NULL,
    livemode          boolean     NOT NULL,
    id                text        NOT NULL,
    invoice_id        text,
    payment_intent_id text,
    charge_id         text,
    status            text        NOT NULL,
    currency          text        NOT NULL,
    amount_requested  bigint      NOT NULL,
    amount_paid       bigint,
    is_default        boolean,
    paid_at           timestamptz,
    canceled_at       timestamptz,
    created_at        timestamptz,
    source            text        NOT NULL,
    updated_at        timestamptz NOT NULL,
    stale             boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id)
);
CREATE INDEX IF NOT EXISTS invoice_payments_by_payment_intent ON invoice_payments (payment_intent_id) WHERE payment_intent_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS invoice_payments_by_invoice ON invoice_payments (invoice_id);
COMMENT ON TABLE invoice_payments IS 'Which PaymentIntent or charge pays which invoice, as Stripe tells it since 2025-03-31.basil.';
COMMENT ON COLUMN invoice_payments.id IS 'Stripe''s id, inpay_…';
COMMENT ON COLUMN invoice_payments.invoice_id IS 'The invoice.';
COMMENT ON COLUMN invoice_payments.payment_intent_id IS 'The PaymentIntent that pays it.';
COMMENT ON COLUMN invoice_payments.charge_id IS 'The charge that pays it, where no PaymentIntent does.';
COMMENT ON COLUMN invoice_payments.status IS 'open, paid or canceled.';
COMMENT ON COLUMN invoice_payments.currency IS 'Three letters, in lower case.';
COMMENT ON COLUMN invoice_payments.amount_requested IS 'What it is to pay of the invoice, in minor units.';
COMMENT ON COLUMN invoice_payments.amount_paid IS 'What it paid of the invoice, in minor units; null until it did.';
COMMENT ON COLUMN invoice_payments.is_default IS 'Whether Stripe made it with the invoice.';
COMMENT ON COLUMN invoice_payments.paid_at IS 'When it was paid.';
COMMENT ON COLUMN invoice_payments.canceled_at IS 'When it was canceled.';

CREATE OR REPLACE VIEW invoice_payment_links AS
SELECT account, livemode, invoice_id, payment_intent_id, charge_id, status, currency, amount_paid, paid_at
FROM invoice_payments
UNION ALL
SELECT account, livemode, id, payment_intent_id, charge_id,
    CASE status WHEN 'paid' THEN 'paid' WHEN 'void' THEN 'canceled' ELSE 'open' END,
    currency, CASE status WHEN 'paid' THEN amount_paid END, paid_at
FROM invoices
WHERE (payment_intent_id IS NOT NULL OR charge_id IS NOT NULL)
    AND NOT EXISTS (
        SELECT FROM invoice_payments AS told
        WHERE told.account = invoices.account AND told.livemode = invoices.livemode
            AND told.invoice_id = invoices.id
    );
COMMENT ON VIEW invoice_payment_links IS 'What pays each invoice, in every API version: told by an object of its own since basil, by the invoice before.';
COMMENT ON COLUMN invoice_payment_links.account IS 'The Stripe account.';
COMMENT ON COLUMN invoice_payment_links.livemode IS 'True for real money, false for test data.';
COMMENT ON COLUMN invoice_payment_links.invoice_id IS 'The invoice.';
COMMENT ON COLUMN invoice_payment_links.payment_intent_id IS 'The PaymentIntent that pays it.';
COMMENT ON COLUMN invoice_payment_links.charge_id IS 'The charge that pays it: the newest, or where no PaymentIntent does.';
COMMENT ON COLUMN invoice_payment_links.status IS 'open, paid or canceled.';
COMMENT ON COLUMN invoice_payment_links.currency IS 'Three letters, in lower case.';
COMMENT ON COLUMN invoice_payment_links.amount_paid IS 'What it paid of the invoice, in minor units; null until it did.';
COMMENT ON COLUMN invoice_payment_links.paid_at IS 'When it was paid.';

-- ------------------------------------------------------------ billing: subscriptions

CREATE TABLE IF NOT EXISTS subscriptions (
    account                   text        NOT NULL,
    livemode                  boolean     NOT NULL,
    id                        text        NOT NULL,
    status                    text        NOT NULL,
    customer_id               text,
    user_id                   text,
    plan_type                 text,
    origin                    text,
    currency                  text        NOT NULL,
    current_period_start      timestamptz,
    current_period_end        timestamptz,
    started_at                timestamptz,
    trial_start               timestamptz,
    trial_end                 timestamptz,
    cancel_at                 timestamptz,
    cancel_at_period_end      boolean     NOT NULL,
    canceled_at               timestamptz,
    ended_at                  timestamptz,
    cancellation_reason       text,
    cancellation_feedback     text,
    cancellation_comment      text,
    collection_pause          text,
    collection_resumes_at     timestamptz,
    pause_reason              text,
    collection_method         text,
    default_payment_method_id text,
    latest_invoice_id         text,
    discounts                 jsonb       NOT NULL,
    items_complete            boolean     NOT NULL,
    metadata                  jsonb,
    created_at                timestamptz NOT NULL,
    source                    text        NOT NULL,
    updated_at                timestamptz NOT NULL,
    stale                     boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id)
);
CREATE INDEX IF NOT EXISTS subscriptions_by_customer ON subscriptions (customer_id);
CREATE INDEX IF NOT EXISTS subscriptions_by_creation ON subscriptions (created_at);
CREATE INDEX IF NOT EXISTS subscriptions_by_user ON subscriptions (user_id) WHERE user_id IS NOT NULL;
COMMENT ON TABLE subscriptions IS 'Subscriptions, as Stripe last described each. A canceled one stays.';
COMMENT ON COLUMN subscriptions.id IS 'Stripe''s id, sub_…';
COMMENT ON COLUMN subscriptions.status IS 'incomplete, incomplete_expired, trialing, active, past_due, unpaid, paused or canceled.';
COMMENT ON COLUMN subscriptions.customer_id IS 'Whose it is: cus_…, or acct_… where an account stands for a customer.';
COMMENT ON COLUMN subscriptions.user_id IS 'The user that its own metadata names.';
COMMENT ON COLUMN subscriptions.plan_type IS 'Its plan: its price''s metadata''s plan_type, else the configured one, else its own metadata''s.';
COMMENT ON COLUMN subscriptions.origin IS 'Which of our clients asked for it (its metadata''s source); null where it was made elsewhere.';
COMMENT ON COLUMN subscriptions.currency IS 'Three letters, in lower case.';
COMMENT ON COLUMN subscriptions.current_period_start IS 'The start of what is being billed; the first of its items'', where they differ.';
COMMENT ON COLUMN subscriptions.current_period_end IS 'The end of what is being billed; the last of its items'', where they differ.';
COMMENT ON COLUMN subscriptions.started_at IS 'When it started, which may be before it was created.';
COMMENT ON COLUMN subscriptions.trial_start IS 'The start of its trial.';
COMMENT ON COLUMN subscriptions.trial_end IS 'The end of its trial.';
COMMENT ON COLUMN subscriptions.cancel_at IS 'When it is set to end.';
COMMENT ON COLUMN subscriptions.cancel_at_period_end IS 'Whether it is set to end, or ended, with its period.';
COMMENT ON COLUMN subscriptions.canceled_at IS 'When its cancellation was requested. It may have gone on until ended_at.';
COMMENT ON COLUMN subscriptions.ended_at IS 'When it ended.';
COMMENT ON COLUMN subscriptions.cancellation_reason IS 'Why it was canceled: cancellation_requested, payment_failed, payment_disputed, …';
COMMENT ON COLUMN subscriptions.cancellation_feedback IS 'What the customer chose as the reason.';
COMMENT ON COLUMN subscriptions.cancellation_comment IS 'What the customer wrote about it.';
COMMENT ON COLUMN subscriptions.collection_pause IS 'What becomes of its invoices while collection is paused: void, mark_uncollectible or keep_as_draft; null where it is not.';
COMMENT ON COLUMN subscriptions.collection_resumes_at IS 'When collection goes on by itself.';
COMMENT ON COLUMN subscriptions.pause_reason IS 'Why its status is paused.';
COMMENT ON COLUMN subscriptions.collection_method IS 'charge_automatically or send_invoice.';
COMMENT ON COLUMN subscriptions.default_payment_method_id IS 'What is charged, where not the customer''s default.';
COMMENT ON COLUMN subscriptions.latest_invoice_id IS 'Its newest invoice.';
COMMENT ON COLUMN subscriptions.discounts IS 'The ids of its discounts, in the order in which they apply; a coupon''s id where the discount had none of its own.';
COMMENT ON COLUMN subscriptions.items_complete IS 'Whether subscription_items has all of its items: Stripe sends the first ten.';

CREATE TABLE IF NOT EXISTS subscription_items (
    account              text        NOT NULL,
    livemode             boolean     NOT NULL,
    subscription_id      text        NOT NULL,
    id                   text        NOT NULL,
    price_id             text        NOT NULL,
    product_id           text,
    plan_type            text,
    quantity             bigint,
    currency             text        NOT NULL,
    unit_amount          bigint,
    unit_amount_decimal  numeric,
    billing_scheme       text,
    tiers_mode           text,
    interval             text,
    interval_count       integer,
    usage_type           text,
    discounts            jsonb       NOT NULL,
    current_period_start timestamptz,
    current_period_end   timestamptz,
    metadata             jsonb,
    created_at           timestamptz,
    source               text        NOT NULL,
    updated_at           timestamptz NOT NULL,
    stale                boolean     NOT NULL,
    PRIMARY KEY (account, livemode, subscription_id, id)
);
COMMENT ON TABLE subscription_items IS 'What each subscription consists of, as its newest event lists it; an item that was removed is gone.';
COMMENT ON COLUMN subscription_items.subscription_id IS 'The subscription.';
COMMENT ON COLUMN subscription_items.id IS 'Stripe''s id, si_…';
COMMENT ON COLUMN subscription_items.price_id IS 'The price, or the plan that stood for one.';
COMMENT ON COLUMN subscription_items.product_id IS 'The product.';
COMMENT ON COLUMN subscription_items.plan_type IS 'The plan that its price stands for.';
COMMENT ON COLUMN subscription_items.quantity IS 'How many units; null where usage decides.';
COMMENT ON COLUMN subscription_items.currency IS 'Three letters, in lower case.';
COMMENT ON COLUMN subscription_items.unit_amount IS 'What one unit costs a billing period, in minor units; null where that is broken or tiers decide.';
COMMENT ON COLUMN subscription_items.unit_amount_decimal IS 'The same in minor units, broken or not; null where tiers decide.';
COMMENT ON COLUMN subscription_items.billing_scheme IS 'per_unit or tiered.';
COMMENT ON COLUMN subscription_items.tiers_mode IS 'graduated (each unit at its own tier''s rate) or volume (all at one tier''s).';
COMMENT ON COLUMN subscription_items.interval IS 'day, week, month or year.';
COMMENT ON COLUMN subscription_items.interval_count IS 'How many intervals a billing period has.';
COMMENT ON COLUMN subscription_items.usage_type IS 'licensed (a quantity that is set) or metered (usage that is measured).';
COMMENT ON COLUMN subscription_items.discounts IS 'The ids of its own discounts, which apply before the subscription''s.';
COMMENT ON COLUMN subscription_items.current_period_start IS 'The start of what is being billed.';
COMMENT ON COLUMN subscription_items.current_period_end IS 'The end of what is being billed.';

-- Until its customer's discount came off, too, it was called churn.
DO $$
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = to_regclass('churn')) = 'r' THEN
        ALTER TABLE churn RENAME TO stopped_subscriptions;
        ALTER TABLE stopped_subscriptions ADD COLUMN awaits_payment boolean NOT NULL DEFAULT false;
        ALTER TABLE stopped_subscriptions ALTER COLUMN awaits_payment DROP DEFAULT;
    END IF;
END
$$;
CREATE TABLE IF NOT EXISTS stopped_subscriptions (
    account                   text        NOT NULL,
    livemode                  boolean     NOT NULL,
    subscription_id           text        NOT NULL,
    churned_at                timestamptz NOT NULL,
    requested_at              timestamptz,
    cause                     text        NOT NULL,
    voluntary                 boolean,
    reason                    text,
    feedback                  text,
    comment                   text,
    customer_id               text,
    user_id                   text,
    plan_type                 text,
    price_id                  text,
    interval                  text,
    interval_count            integer,
    currency                  text        NOT NULL,
    monthly_amount            bigint      NOT NULL,
    monthly_amount_incomplete boolean     NOT NULL,
    awaits_payment            boolean     NOT NULL,
    started_at                timestamptz,
    lived                     interval    NOT NULL,
    created_at                timestamptz NOT NULL,
    source                    text        NOT NULL,
    updated_at                timestamptz NOT NULL,
    stale                     boolean     NOT NULL,
    PRIMARY KEY (account, livemode, subscription_id)
);
COMMENT ON TABLE stopped_subscriptions IS 'Each subscription that by its own events stopped counting as recurring revenue and has not come back. One that counts is active or past_due, collected, and not free; one that never counted has no row. Ask churn, which knows its customer''s discount, too.';
COMMENT ON COLUMN stopped_subscriptions.subscription_id IS 'The subscription.';
COMMENT ON COLUMN stopped_subscriptions.churned_at IS 'When it stopped counting: when it ended, or before that when it went unpaid, was paused or became free. In the future where MRR_PAST_DUE_DAYS are yet to pass.';
COMMENT ON COLUMN stopped_subscriptions.requested_at IS 'When its cancellation was asked for; null where nobody asked.';
COMMENT ON COLUMN stopped_subscriptions.cause IS 'What ended the counting: a status (canceled, unpaid, paused, …), collection_paused or free; past_due after MRR_PAST_DUE_DAYS, cancellation_requested with MRR_CHURN_AT=request.';
COMMENT ON COLUMN stopped_subscriptions.voluntary IS 'Whether the customer chose to go; false for payments that failed or were disputed; null where Stripe does not say.';
COMMENT ON COLUMN stopped_subscriptions.reason IS 'Stripe''s reason for the cancellation or the pause.';
COMMENT ON COLUMN stopped_subscriptions.feedback IS 'What the customer chose as the reason.';
COMMENT ON COLUMN stopped_subscriptions.comment IS 'What the customer wrote about it.';
COMMENT ON COLUMN stopped_subscriptions.customer_id IS 'Whose it was.';
COMMENT ON COLUMN stopped_subscriptions.user_id IS 'The user that its own metadata names.';
COMMENT ON COLUMN stopped_subscriptions.plan_type IS 'The plan while it last counted.';
COMMENT ON COLUMN stopped_subscriptions.price_id IS 'The price of that plan.';
COMMENT ON COLUMN stopped_subscriptions.interval IS 'How it was billed: day, week, month or year.';
COMMENT ON COLUMN stopped_subscriptions.interval_count IS 'How many intervals a billing period had.';
COMMENT ON COLUMN stopped_subscriptions.currency IS 'Three letters, in lower case.';
COMMENT ON COLUMN stopped_subscriptions.monthly_amount IS 'What its own terms came to a month while it last counted, in minor units: licensed items less its lasting discounts. churn has it less its customer''s discount.';
COMMENT ON COLUMN stopped_subscriptions.monthly_amount_incomplete IS 'Whether that leaves something out that was known only by its id, as a coupon.';
COMMENT ON COLUMN stopped_subscriptions.awaits_payment IS 'Whether it counted only from its first payment on, as MRR_TRIAL=first_payment has it after a trial. Without one it never did, and churn has no row of it.';
COMMENT ON COLUMN stopped_subscriptions.started_at IS 'When it started.';
COMMENT ON COLUMN stopped_subscriptions.lived IS 'From its start until it stopped counting.';

CREATE TABLE IF NOT EXISTS subscription_changes (
    account               text        NOT NULL,
    livemode              boolean     NOT NULL,
    subscription_id       text        NOT NULL,
    event_id              text        NOT NULL,
    event_type            text        NOT NULL,
    created_at            timestamptz NOT NULL,
    status                text,
    customer_id           text,
    user_id               text,
    currency              text,
    plan_type_before      text,
    plan_type_after       text,
    price_id_before       text,
    price_id_after        text,
    quantity_before       bigint,
    quantity_after        bigint,
    monthly_amount_before bigint,
    monthly_amount_after  bigint,
    source                text        NOT NULL,
    updated_at            timestamptz NOT NULL,
    stale                 boolean     NOT NULL,
    PRIMARY KEY (account, livemode, subscription_id, event_id, event_type)
);
CREATE INDEX IF NOT EXISTS subscription_changes_by_type ON subscription_changes (event_type, created_at);
COMMENT ON TABLE subscription_changes IS 'What happened to each subscription: one row a change, as its events tell it one after the other.';
COMMENT ON COLUMN subscription_changes.subscription_id IS 'The subscription.';
COMMENT ON COLUMN subscription_changes.event_id IS 'The event of Stripe''s that told it.';
COMMENT ON COLUMN subscription_changes.event_type IS 'created, activated, trial_started, trial_ended, upgraded, downgraded (between basic, pro and enterprise, else by what it comes to a month before discounts), interval_changed (of the same plan), plan_changed (neither up nor down), quantity_changed, items_changed (added or removed), paused, resumed (also of collection), past_due, unpaid, recovered, cancel_scheduled, cancel_reverted, cancelled, expired (never paid).';
COMMENT ON COLUMN subscription_changes.created_at IS 'When it happened, by Stripe''s clock; for a cancellation when it took effect, not when it was asked for.';
COMMENT ON COLUMN subscription_changes.status IS 'Its status after the change.';
COMMENT ON COLUMN subscription_changes.customer_id IS 'Whose it is.';
COMMENT ON COLUMN subscription_changes.user_id IS 'The user that its own metadata names.';
COMMENT ON COLUMN subscription_changes.currency IS 'Three letters, in lower case.';
COMMENT ON COLUMN subscription_changes.plan_type_before IS 'Its plan before.';
COMMENT ON COLUMN subscription_changes.plan_type_after IS 'Its plan after.';
COMMENT ON COLUMN subscription_changes.price_id_before IS 'The price of the plan before.';
COMMENT ON COLUMN subscription_changes.price_id_after IS 'The price of the plan after.';
COMMENT ON COLUMN subscription_changes.quantity_before IS 'How many units of it before.';
COMMENT ON COLUMN subscription_changes.quantity_after IS 'How many units of it after.';
COMMENT ON COLUMN subscription_changes.monthly_amount_before IS 'What it came to a month before, in minor units, whether or not its status counts; null where that is not wholly known.';
COMMENT ON COLUMN subscription_changes.monthly_amount_after IS 'What it comes to a month after, in minor units, whether or not its status counts; null where that is not wholly known.';
COMMENT ON COLUMN subscription_changes.source IS 'Which endpoint received that event: the last part of /webhooks/{source}.';
COMMENT ON COLUMN subscription_changes.updated_at IS 'When Stripe made that event.';

CREATE OR REPLACE VIEW subscription_events AS
SELECT change.account, change.livemode, change.event_type, change.created_at, change.subscription_id,
    change.customer_id, coalesce(change.user_id, customers.user_id) AS user_id, change.status,
    change.plan_type_before AS plan_before, change.plan_type_after AS plan_after,
    change.price_id_before, change.price_id_after, change.quantity_before, change.quantity_after,
    change.currency, change.monthly_amount_before, change.monthly_amount_after, change.event_id
FROM subscription_changes AS change
LEFT JOIN customers
    ON customers.account = change.account AND customers.livemode = change.livemode
    AND customers.id = change.customer_id;
COMMENT ON VIEW subscription_events IS 'What happened to each subscription, for people: one row a change. A cancellation counts once, when it took effect.';
COMMENT ON COLUMN subscription_events.created_at IS 'When it happened, by Stripe''s clock; for a cancellation when it took effect, not when it was asked for.';
COMMENT ON COLUMN subscription_events.customer_id IS 'Whose it is.';
COMMENT ON COLUMN subscription_events.user_id IS 'The user that the subscription''s metadata names, else its customer''s.';
COMMENT ON COLUMN subscription_events.status IS 'Its status after the change.';
COMMENT ON COLUMN subscription_events.currency IS 'Three letters, in lower case.';
COMMENT ON COLUMN subscription_events.plan_before IS 'Its plan before.';
COMMENT ON COLUMN subscription_events.plan_after IS 'Its plan after.';

-- ------------------------------------------------------------ exchange rates

CREATE TABLE IF NOT EXISTS fx_rates (
    account    text        NOT NULL,
    livemode   boolean     NOT NULL,
    id         text        NOT NULL,
    currency   text        NOT NULL,
    day        date        NOT NULL,
    base       text        NOT NULL,
    rate       numeric     NOT NULL CHECK (rate > 0),
    provider   text        NOT NULL,
    revision   bigint      NOT NULL,
    source     text        NOT NULL,
    updated_at timestamptz NOT NULL,
    stale      boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id, currency)
);
CREATE INDEX IF NOT EXISTS fx_rates_by_currency ON fx_rates (currency, day);
COMMENT ON TABLE fx_rates IS 'Exchange rates, a row a day and currency, as `./run fx load` read them. Of no Stripe account, and the same for live and test data. fx_rate() finds the one to use.';
COMMENT ON COLUMN fx_rates.account IS 'The provider, in the place where other tables have the Stripe account.';
COMMENT ON COLUMN fx_rates.livemode IS 'Always false, and of no meaning: rates are neither live nor test.';
COMMENT ON COLUMN fx_rates.id IS 'The day, as the log names it.';
COMMENT ON COLUMN fx_rates.currency IS 'Three letters, in lower case.';
COMMENT ON COLUMN fx_rates.day IS 'The day that the rate is of.';
COMMENT ON COLUMN fx_rates.base IS 'What the rate is the price of: one unit of this currency, eur.';
COMMENT ON COLUMN fx_rates.rate IS 'How much of currency one unit of base costs, in major units of both; exact.';
COMMENT ON COLUMN fx_rates.provider IS 'Who gave the rate: ecb.';
COMMENT ON COLUMN fx_rates.revision IS 'Which load of the day gave it: 1 for the first, one more for each that corrected the one before.';
COMMENT ON COLUMN fx_rates.source IS 'How it entered: fx.';
COMMENT ON COLUMN fx_rates.updated_at IS 'When it was loaded.';

-- ============================================================ views across objects

CREATE OR REPLACE VIEW stripe_objects AS
SELECT heads.object, heads.object_id AS id, heads.account, heads.livemode,
    coalesce(events.payload_clean, events.payload)::jsonb #> '{data,object}' AS data,
    heads.deleted, events.event_id, events.type AS event_type, events.created_at AS as_of
FROM heads
JOIN events ON events.place = heads.place;
COMMENT ON VIEW stripe_objects IS 'The newest state of every object that Stripe ever told of, of whatever type. Good for looking one up by object and id; the tables are better for sums.';
COMMENT ON COLUMN stripe_objects.object IS 'Stripe''s type of object, as payment_intent.';
COMMENT ON COLUMN stripe_objects.id IS 'Its id; empty where the account has one such object only (balance).';
COMMENT ON COLUMN stripe_objects.account IS 'The Stripe account.';
COMMENT ON COLUMN stripe_objects.livemode IS 'True for real money, false for test data.';
COMMENT ON COLUMN stripe_objects.data IS 'The object as its newest event described it, in that event''s API version.';
COMMENT ON COLUMN stripe_objects.deleted IS 'Whether it is gone; data is then its last state.';
COMMENT ON COLUMN stripe_objects.event_id IS 'The newest event.';
COMMENT ON COLUMN stripe_objects.event_type IS 'That event''s type.';
COMMENT ON COLUMN stripe_objects.as_of IS 'When Stripe made that event.';

CREATE OR REPLACE VIEW all_refunds AS
SELECT told.account, told.livemode, told.id, told.source, told.charge_id,
    coalesce(told.payment_intent_id, charges.payment_intent_id) AS payment_intent_id,
    told.amount, told.currency, told.status, told.reason, told.failure_reason, told.balance_transaction_id,
    told.metadata, told.created_at, told.updated_at, told.stale, told.failure_balance_transaction_id
FROM (
    SELECT account, livemode, id, source, charge_id, payment_intent_id, amount, currency, status, reason,
        failure_reason, balance_transaction_id, metadata, created_at, updated_at, stale,
        failure_balance_transaction_id
    FROM refunds
    UNION ALL
    SELECT account, livemode, id, source, charge_id, payment_intent_id, amount, currency, status, reason,
        failure_reason, balance_transaction_id, metadata, created_at, updated_at, stale,
        failure_balance_transaction_id
    FROM charge_refunds
    WHERE NOT EXISTS (
        SELECT FROM refunds
        WHERE refunds.account = charge_refunds.account AND refunds.livemode = charge_refunds.livemode
            AND refunds.id = charge_refunds.id
    )
) AS told
LEFT JOIN charges
    ON charges.account = told.account AND charges.livemode = told.livemode AND charges.id = told.charge_id;
COMMENT ON VIEW all_refunds IS 'Each refund once: those with events of their own, and those that only their charge told of, as old API versions do.';
COMMENT ON COLUMN all_refunds.id IS 'Stripe''s id of the refund, re_… or pyr_…';
COMMENT ON COLUMN all_refunds.payment_intent_id IS 'The PaymentIntent that it gives back, its charge''s where it names none itself.';

-- A refund may fail days after its charge had counted it, and no event of the charge follows. So what a charge counts
-- beyond the refunds that stand is taken for those that failed, as far as these go. Safe in parallel, or no sum over the
-- view payments would be made so.
CREATE OR REPLACE FUNCTION given_back(
    account text, livemode boolean, charge_id text, counted bigint, instant timestamptz
) RETURNS TABLE (amount bigint)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (given_back.counted - least(
        coalesce(sum(refund.amount) FILTER (WHERE refund.failed), 0),
        greatest(given_back.counted - coalesce(sum(refund.amount) FILTER (WHERE NOT refund.failed), 0), 0)
    ))::bigint
    FROM (
        SELECT all_refunds.amount,
            coalesce(all_refunds.status, '') IN ('failed', 'canceled') AND all_refunds.updated_at <= given_back.instant
                AS failed
        FROM all_refunds
        WHERE all_refunds.account = given_back.account AND all_refunds.livemode = given_back.livemode
            AND all_refunds.charge_id = given_back.charge_id AND all_refunds.created_at <= given_back.instant
    ) AS refund;
END;
COMMENT ON FUNCTION given_back IS 'What was really given back of a charge until an instant, in minor units: what the charge counts, without refunds that failed or were canceled since.
account: the Stripe account.
charge_id: the charge.
counted: what the charge counts as given back.
instant: the instant; infinity for now.
amount: what was given back.';

CREATE OR REPLACE FUNCTION formal_dispute(status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN status NOT LIKE 'warning%' AND status <> 'prevented';
COMMENT ON FUNCTION formal_dispute IS 'Whether a dispute of a status is one that the card networks count: neither a mere inquiry nor prevented.
status: Stripe''s status of the dispute.';

-- Whatever is not selected costs nothing: joins on whole keys fall away, and so do the queries in the list.
CREATE OR REPLACE VIEW payments AS
SELECT
    paid.account, paid.livemode, paid.id, paid.source, paid.created_at, paid.updated_at,
    paid.amount, paid.amount_received, paid.amount_capturable, paid.currency, paid.status,
    paid.customer_id,
    coalesce(
        customers.email, charges.billing_email, charges.receipt_email, paid.receipt_email, invoices.customer_email
    ) AS customer_email,
    coalesce(paid.user_id, invoices.user_id, subscriptions.user_id, customers.user_id) AS user_id,
    coalesce(
        (
            SELECT coalesce(price_list.plan_type, line.plan_type)
            FROM invoice_lines AS line
            LEFT JOIN price_list
                ON price_list.account = line.account AND price_list.livemode = line.livemode
                AND price_list.id = line.price_id
            WHERE line.account = paid.account AND line.livemode = paid.livemode
                AND line.invoice_id = paid.linked_invoice_id
                AND coalesce(price_list.plan_type, line.plan_type) IS NOT NULL
            ORDER BY line.proration, line.amount DESC, line.id
            LIMIT 1
        ),
        subscriptions.plan_type, paid.plan_type, invoices.metadata ->> 'plan_type'
    ) AS plan_type,
    invoices.subscription_id,
    paid.linked_invoice_id AS invoice_id,
    paid.order_id, paid.order_number, paid.origin,
    paid.capture_method, paid.cancellation_reason, paid.canceled_at,
    paid.last_error_code, paid.last_error_decline_code, paid.last_error_message,
    paid.payment_method_id,
    coalesce(charges.payment_method_type, paid.payment_method_type) AS payment_method_type,
    paid.latest_charge_id AS charge_id,
    charges.card_brand, charges.card_country, charges.card_fingerprint, charges.card_funding, charges.card_last4,
    charges.three_d_secure_result,
    charges.outcome_type, charges.outcome_reason, charges.outcome_rule_id, charges.network_status,
    charges.risk_level, charges.risk_score, charges.seller_message,
    charges.balance_transaction_id,
    CASE WHEN paid.latest_charge_id IS NULL THEN 0 ELSE charges.amount_captured END AS amount_captured,
    CASE WHEN paid.latest_charge_id IS NULL THEN 0
        WHEN charges.amount_refunded > 0 THEN (
            SELECT back.amount
            FROM given_back(
                charges.account, charges.livemode, charges.id, charges.amount_refunded, 'infinity'
            ) AS back
        )
        ELSE charges.amount_refunded
    END AS amount_refunded,
    coalesce(charges.disputed, false) OR contested.charge_id IS NOT NULL AS disputed,
    contested.status AS dispute_status,
    CASE WHEN contested.charge_id IS NULL AND charges.disputed THEN NULL
        WHEN contested.currencies <> ARRAY[paid.currency] THEN NULL
        ELSE coalesce(contested.amount, 0)
    END AS amount_disputed,
    CASE WHEN contested.charge_id IS NULL AND charges.disputed THEN NULL
        WHEN contested.currencies <> ARRAY[paid.currency] AND contested.lost > 0 THEN NULL
        ELSE coalesce(contested.lost, 0)
    END AS amount_lost,
    paid.metadata,
    paid.stale OR coalesce(charges.stale, false) AS stale
FROM (
    SELECT payment_intents.*, coalesce(
        invoice_id,
        (
            SELECT min(link.invoice_id) FROM invoice_payments AS link
            WHERE link.account = payment_intents.account AND link.livemode = payment_intents.livemode
                AND link.payment_intent_id = payment_intents.id
        ),
        (
            SELECT min(invoices.id) FROM invoices
            WHERE invoices.account = payment_intents.account AND invoices.livemode = payment_intents.livemode
                AND invoices.payment_intent_id = payment_intents.id
        )
    ) AS linked_invoice_id
    FROM payment_intents
) AS paid
LEFT JOIN charges
    ON charges.account = paid.account AND charges.livemode = paid.livemode AND charges.id = paid.latest_charge_id
LEFT JOIN customers
    ON customers.account = paid.account AND customers.livemode = paid.livemode AND customers.id = paid.customer_id
LEFT JOIN invoices
    ON invoices.account = paid.account AND invoices.livemode = paid.livemode AND invoices.id = paid.linked_invoice_id
LEFT JOIN subscriptions
    ON subscriptions.account = invoices.account AND subscriptions.livemode = invoices.livemode
    AND subscriptions.id = invoices.subscription_id
-- Joined by an expression of account and livemode: where a query names one account, a join by the columns themselves would
-- no longer be seen to find one row, and so be made for every payment though nobody asks for it.
LEFT JOIN (
    SELECT account || livemode AS holder, charge_id,
        (array_agg(status ORDER BY created_at DESC, id DESC))[1] AS status,
        (sum(amount) FILTER (WHERE formal_dispute(status)))::bigint AS amount,
        (sum(amount) FILTER (WHERE NOT won))::bigint AS lost,
        array_agg(DISTINCT currency) FILTER (WHERE formal_dispute(status)) AS currencies
    FROM disputes
    GROUP BY account || livemode, charge_id
) AS contested
    ON contested.holder = paid.account || paid.livemode AND contested.charge_id = paid.latest_charge_id;
COMMENT ON VIEW payments IS 'What to ask first: one row a PaymentIntent, with what its charge, disputes, invoice, subscription and customer tell of it. Charges without a PaymentIntent, as old integrations make them, are in charges WHERE payment_intent_id IS NULL.';
COMMENT ON COLUMN payments.id IS 'Stripe''s id of the PaymentIntent, pi_…';
COMMENT ON COLUMN payments.created_at IS 'When the PaymentIntent was made, by Stripe''s clock.';
COMMENT ON COLUMN payments.updated_at IS 'When its newest event was made, by Stripe''s clock.';
COMMENT ON COLUMN payments.amount IS 'What is to be paid, in minor units of currency. Amounts of different currencies share no sum.';
COMMENT ON COLUMN payments.currency IS 'ISO 4217, in small letters; of all amounts here.';
COMMENT ON COLUMN payments.status IS 'The PaymentIntent''s: requires_payment_method (also after a decline), requires_confirmation, requires_action, processing, requires_capture, succeeded, canceled.';
COMMENT ON COLUMN payments.customer_id IS 'The customer, or the account that stands for one; null for a guest.';
COMMENT ON COLUMN payments.customer_email IS 'The customer''s address, else the payer''s, the receipt''s or the invoice''s.';
COMMENT ON COLUMN payments.user_id IS 'The user of the platform, as metadata.user_id of the PaymentIntent says, else its invoice''s, its subscription''s or its customer''s.';
COMMENT ON COLUMN payments.plan_type IS 'The plan that was paid for: that of the invoice''s price, else the subscription''s, else metadata.plan_type.';
COMMENT ON COLUMN payments.subscription_id IS 'The subscription that the paid invoice bills.';
COMMENT ON COLUMN payments.invoice_id IS 'The invoice that it pays, in whatever API version that was told.';
COMMENT ON COLUMN payments.payment_method_type IS 'How it was paid, or last tried: card, sepa_debit, …';
COMMENT ON COLUMN payments.charge_id IS 'The newest attempt; what follows of methods and risk is that charge''s, and null where no event of it came.';
COMMENT ON COLUMN payments.amount_captured IS 'What was captured, in minor units; null where no event of the charge came.';
COMMENT ON COLUMN payments.amount_refunded IS 'What was given back so far of what was captured, in minor units; null where no event of the charge came.';
COMMENT ON COLUMN payments.disputed IS 'Whether it was ever disputed or inquired about.';
COMMENT ON COLUMN payments.dispute_status IS 'Of its newest dispute.';
COMMENT ON COLUMN payments.amount_disputed IS 'What was disputed, in minor units, without inquiries; null where no event of the dispute came, or it is in another currency.';
COMMENT ON COLUMN payments.amount_lost IS 'What disputes lost, in minor units; null where no event of the dispute came, or it is in another currency.';
COMMENT ON COLUMN payments.metadata IS 'The PaymentIntent''s own keys and values.';
COMMENT ON COLUMN payments.stale IS 'Whether its newest event, or its charge''s, could not be digested: see dead_letters.';

CREATE OR REPLACE VIEW invoice_plans AS
SELECT invoices.account, invoices.livemode, invoices.id AS invoice_id, coalesce(
    (
        SELECT coalesce(price_list.plan_type, line.plan_type)
        FROM invoice_lines AS line
        LEFT JOIN price_list
            ON price_list.account = line.account AND price_list.livemode = line.livemode
            AND price_list.id = line.price_id
        WHERE line.account = invoices.account AND line.livemode = invoices.livemode
            AND line.invoice_id = invoices.id
            AND coalesce(price_list.plan_type, line.plan_type) IS NOT NULL
        ORDER BY line.proration, line.amount DESC, line.id
        LIMIT 1
    ),
    subscriptions.plan_type
) AS plan_type
FROM invoices
LEFT JOIN subscriptions
    ON subscriptions.account = invoices.account AND subscriptions.livemode = invoices.livemode
    AND subscriptions.id = invoices.subscription_id;
COMMENT ON VIEW invoice_plans IS 'The plan that each invoice bills: that of its greatest line, prorations last, else of its subscription.';
COMMENT ON COLUMN invoice_plans.invoice_id IS 'The invoice.';
COMMENT ON COLUMN invoice_plans.plan_type IS 'Its plan; null where neither tells one.';

-- ------------------------------------------------------------ recurring revenue

CREATE TABLE IF NOT EXISTS subscription_versions (
    account                   text        NOT NULL,
    livemode                  boolean     NOT NULL,
    subscription_id           text        NOT NULL,
    number                    integer     NOT NULL,
    event_id                  text        NOT NULL,
    event_type                text        NOT NULL,
    valid_from                timestamptz NOT NULL,
    valid_to                  timestamptz CHECK (valid_to >= valid_from),
    opening                   boolean     NOT NULL,
    customer_id               text        NOT NULL,
    status                    text        NOT NULL,
    collection_pause          text,
    cancellation_scheduled    boolean     NOT NULL,
    cancel_at                 timestamptz,
    trial_end                 timestamptz,
    ended_at                  timestamptz,
    plan_type                 text,
    price_id                  text,
    interval                  text,
    interval_count            integer,
    quantity                  bigint,
    currency                  text        NOT NULL,
    counts                    boolean     NOT NULL,
    -- So bounded, no sum over a customer's subscriptions can outgrow the ledger.
    monthly_amount            bigint      NOT NULL CHECK (abs(monthly_amount) < 1000000000000000),
    monthly_amount_incomplete boolean     NOT NULL,
    mrr                       jsonb       NOT NULL,
    created_at                timestamptz NOT NULL,
    source                    text        NOT NULL,
    updated_at                timestamptz NOT NULL,
    stale                     boolean     NOT NULL,
    PRIMARY KEY (account, livemode, subscription_id, number)
);
ALTER TABLE subscription_versions ADD COLUMN IF NOT EXISTS missing jsonb NOT NULL DEFAULT '[]';
CREATE INDEX IF NOT EXISTS subscription_versions_by_customer
    ON subscription_versions (account, livemode, customer_id);
COMMENT ON TABLE subscription_versions IS 'Every state that each subscription went through, in causal order, with what later events tell of its coupons and tiers. What was so at an instant: WHERE valid_from <= instant AND (valid_to IS NULL OR instant < valid_to).';
COMMENT ON COLUMN subscription_versions.subscription_id IS 'The subscription.';
COMMENT ON COLUMN subscription_versions.number IS 'Its place among the subscription''s versions, from 0.';
COMMENT ON COLUMN subscription_versions.event_id IS 'The event that brought it; for an opening the first one that is known.';
COMMENT ON COLUMN subscription_versions.event_type IS 'Stripe''s type of that event.';
COMMENT ON COLUMN subscription_versions.valid_from IS 'From when on it was so: the latest time of an event so far, as a version never ends before it begins.';
COMMENT ON COLUMN subscription_versions.valid_to IS 'Until when, itself left out: the next version''s valid_from; null for the last. Where the two are equal it was never current.';
COMMENT ON COLUMN subscription_versions.opening IS 'Whether it is the state that was found, as the subscription''s creation was not seen: before the first known event where that tells, else with it.';
COMMENT ON COLUMN subscription_versions.customer_id IS 'Whose it was by then; the subscription itself where Stripe names nobody.';
COMMENT ON COLUMN subscription_versions.status IS 'Stripe''s status.';
COMMENT ON COLUMN subscription_versions.collection_pause IS 'What became of its invoices while collection was paused: void, mark_uncollectible or keep_as_draft; null where it was not.';
COMMENT ON COLUMN subscription_versions.cancellation_scheduled IS 'Whether its end was set.';
COMMENT ON COLUMN subscription_versions.cancel_at IS 'When it was to end.';
COMMENT ON COLUMN subscription_versions.trial_end IS 'When its trial ended or was to end.';
COMMENT ON COLUMN subscription_versions.ended_at IS 'When it ended.';
COMMENT ON COLUMN subscription_versions.plan_type IS 'The plan that it was on.';
COMMENT ON COLUMN subscription_versions.price_id IS 'The price of that plan.';
COMMENT ON COLUMN subscription_versions.interval IS 'How it was billed: day, week, month or year.';
COMMENT ON COLUMN subscription_versions.interval_count IS 'How many intervals a billing period had.';
COMMENT ON COLUMN subscription_versions.quantity IS 'How many units of that price; null where usage decided.';
COMMENT ON COLUMN subscription_versions.currency IS 'Three letters, in lower case.';
COMMENT ON COLUMN subscription_versions.counts IS 'Whether it was recurring revenue at valid_from: active or past_due, collected, and not free; or as MRR_PAST_DUE_DAYS and MRR_CHURN_AT have it.';
COMMENT ON COLUMN subscription_versions.monthly_amount IS 'What its terms came to a month at valid_from, whether or not it counted, in minor units: licensed items less its lasting discounts. What a discount of its customer''s takes off besides, subscription_mrr knows.';
COMMENT ON COLUMN subscription_versions.monthly_amount_incomplete IS 'Whether that leaves something out that was known only by its id, as a coupon.';
COMMENT ON COLUMN subscription_versions.missing IS 'What that is: coupon, discount or tiers with the id, items where there are more than the events list; empty where monthly_amount is complete.';
COMMENT ON COLUMN subscription_versions.source IS 'Which endpoint received that event: the last part of /webhooks/{source}.';
COMMENT ON COLUMN subscription_versions.updated_at IS 'When Stripe made that event.';
COMMENT ON COLUMN subscription_versions.mrr IS 'The spans of time in which it counted as MRR: since, until (left out; null for ever), amount (exact minor units a month, as 2000 or 2500/3), incomplete, parts (what a discount of its customer''s comes off: product, months of the billing period, amount; null where it has one of its own), opening, cause (what began it), ended_by, awaits_payment (true where it begins only with the first of its trial_payments).';

CREATE TABLE IF NOT EXISTS discount_versions (
    account     text        NOT NULL,
    livemode    boolean     NOT NULL,
    discount_id text        NOT NULL,
    number      integer     NOT NULL,
    customer_id text        NOT NULL,
    event_id    text        NOT NULL,
    valid_from  timestamptz NOT NULL,
    valid_to    timestamptz CHECK (valid_to >= valid_from),
    ended_by    text,
    name        text        NOT NULL,
    coupon_id   text,
    duration    text,
    percent_off numeric,
    amounts_off jsonb,
    products    text[],
    ends_at     timestamptz,
    source      text        NOT NULL,
    updated_at  timestamptz NOT NULL,
    stale       boolean     NOT NULL,
    PRIMARY KEY (account, livemode, discount_id, number)
);
CREATE INDEX IF NOT EXISTS discount_versions_by_customer ON discount_versions (account, livemode, customer_id);
COMMENT ON TABLE discount_versions IS 'What the events of customers'' discounts tell of them, each time that it changes. customer_discounts has which one stood when.';
COMMENT ON COLUMN discount_versions.discount_id IS 'The discount, di_…; where it has no id, as before 2020-08-27, its customer.';
COMMENT ON COLUMN discount_versions.number IS 'Its place among what is told of the discount, from 0.';
COMMENT ON COLUMN discount_versions.customer_id IS 'Whose it is.';
COMMENT ON COLUMN discount_versions.event_id IS 'The first event that told it.';
COMMENT ON COLUMN discount_versions.valid_from IS 'From when on it was so.';
COMMENT ON COLUMN discount_versions.valid_to IS 'Until when, itself left out: when it was changed or deleted; null while no event tells that.';
COMMENT ON COLUMN discount_versions.ended_by IS 'The event that changed or deleted it.';
COMMENT ON COLUMN discount_versions.ends_at IS 'When it ends by itself; null where it does not.';

CREATE TABLE IF NOT EXISTS shown_discounts (
    account     text        NOT NULL,
    livemode    boolean     NOT NULL,
    customer_id text        NOT NULL,
    number      integer     NOT NULL,
    event_id    text        NOT NULL,
    shown_from  timestamptz NOT NULL,
    name        text,
    coupon_id   text,
    duration    text,
    percent_off numeric,
    amounts_off jsonb,
    products    text[],
    ends_at     timestamptz,
    source      text        NOT NULL,
    updated_at  timestamptz NOT NULL,
    stale       boolean     NOT NULL,
    PRIMARY KEY (account, livemode, customer_id, number)
);
COMMENT ON TABLE shown_discounts IS 'What customers'' own events show of their discount, each time that it changes, as they do in API versions before 2025-03-31.basil. customer_discounts has which one stood when.';
COMMENT ON COLUMN shown_discounts.customer_id IS 'The customer.';
COMMENT ON COLUMN shown_discounts.number IS 'Its place among what the customer showed, from 0.';
COMMENT ON COLUMN shown_discounts.event_id IS 'The first event that showed it.';
COMMENT ON COLUMN shown_discounts.shown_from IS 'From when on it was so.';
COMMENT ON COLUMN shown_discounts.ends_at IS 'When it ends by itself; null where it does not.';

CREATE TABLE IF NOT EXISTS customer_discounts (
    account     text        NOT NULL,
    livemode    boolean     NOT NULL,
    customer_id text        NOT NULL,
    since       timestamptz NOT NULL,
    until       timestamptz CHECK (until > since),
    cause       text        NOT NULL,
    ended_by    text,
    name        text        NOT NULL,
    coupon_id   text,
    duration    text,
    percent_off numeric,
    amounts_off jsonb,
    products    text[],
    subtracts   boolean,
    source      text        NOT NULL,
    stale       boolean     NOT NULL,
    PRIMARY KEY (account, livemode, customer_id, since)
);
COMMENT ON TABLE customer_discounts IS 'Which discount each customer had, from when until when: one at most at a time. It holds for those of its subscriptions that have none of their own.';
COMMENT ON COLUMN customer_discounts.customer_id IS 'The customer.';
COMMENT ON COLUMN customer_discounts.since IS 'From when on it stood.';
COMMENT ON COLUMN customer_discounts.until IS 'Until when, itself left out; in the future where it ends by itself; null where no end is known.';
COMMENT ON COLUMN customer_discounts.cause IS 'The event that told of it first.';
COMMENT ON COLUMN customer_discounts.subtracts IS 'Whether its coupon comes off MRR: by default where it lasts, see MRR_DISCOUNTS; null where that is not known, and MRR leaves it out and says incomplete.';
COMMENT ON COLUMN customer_discounts.ended_by IS 'The event that ended it, or discount_end:<name> where it ends by itself.';

DO $$
DECLARE
    holder text;
    meaning record;
BEGIN
    FOREACH holder IN ARRAY ARRAY['discount_versions', 'shown_discounts', 'customer_discounts'] LOOP
        FOR meaning IN SELECT * FROM (VALUES
            ('name', 'The discount''s id, di_…, or its coupon''s where it has none.'),
            ('coupon_id', 'The coupon, as the merchant named it.'),
            ('duration', 'once, repeating or forever; null where the coupon is known only by its id, and so is what it takes off.'),
            ('percent_off', 'What the coupon takes off in per cent.'),
            ('amounts_off', 'What it takes off each invoice instead, in minor units, by currency.'),
            ('products', 'The products that it applies to; null where it applies to all.')
        ) AS common (attname, said) LOOP
            EXECUTE format('COMMENT ON COLUMN %I.%I IS %L', holder, meaning.attname, meaning.said);
        END LOOP;
    END LOOP;
END
$$;
CREATE TABLE IF NOT EXISTS trial_payments (
    account         text        NOT NULL,
    livemode        boolean     NOT NULL,
    invoice_id      text        NOT NULL,
    subscription_id text        NOT NULL,
    customer_id     text        NOT NULL,
    paid_at         timestamptz NOT NULL,
    source          text        NOT NULL,
    updated_at      timestamptz NOT NULL,
    stale           boolean     NOT NULL,
    PRIMARY KEY (account, livemode, invoice_id)
);
CREATE INDEX IF NOT EXISTS trial_payments_by_customer ON trial_payments (account, livemode, customer_id);
COMMENT ON TABLE trial_payments IS 'Paid invoices of more than nothing, but for those that came with a subscription''s creation: with MRR_TRIAL=first_payment a subscription that had a trial counts from its first one. Empty otherwise.';
COMMENT ON COLUMN trial_payments.invoice_id IS 'The invoice.';
COMMENT ON COLUMN trial_payments.subscription_id IS 'The subscription that it bills.';
COMMENT ON COLUMN trial_payments.customer_id IS 'Whom it bills.';
COMMENT ON COLUMN trial_payments.paid_at IS 'When it was paid.';

CREATE TABLE IF NOT EXISTS mrr_movements (
    account          text        NOT NULL,
    livemode         boolean     NOT NULL,
    customer_id      text        NOT NULL,
    currency         text        NOT NULL,
    at               timestamptz NOT NULL,
    kind             text        NOT NULL
        CHECK (kind IN ('opening', 'new', 'reactivation', 'expansion', 'contraction', 'churn')),
    amount           bigint      NOT NULL,
    mrr_before       bigint      NOT NULL,
    mrr_after        bigint      NOT NULL,
    incomplete       boolean     NOT NULL,
    incomplete_before boolean    NOT NULL,
    incomplete_after boolean     NOT NULL,
    cause            text        NOT NULL,
    subscription_ids text[]      NOT NULL,
    plan_type        text,
    price_id         text,
    source           text        NOT NULL,
    stale            boolean     NOT NULL,
    PRIMARY KEY (account, livemode, customer_id, currency, at, kind)
);
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = 'mrr_movements'::regclass AND attname = 'incomplete_before'
    ) THEN
        ALTER TABLE mrr_movements ADD COLUMN incomplete_before boolean NOT NULL DEFAULT false;
        UPDATE mrr_movements AS movement SET incomplete_before = true
        FROM (
            SELECT account, livemode, customer_id, currency, at, kind, lag(incomplete_after) OVER (
                PARTITION BY account, livemode, customer_id, currency ORDER BY at, kind <> 'opening'
            ) AS incomplete_before
            FROM mrr_movements
        ) AS previous
        WHERE previous.incomplete_before
            AND previous.account = movement.account AND previous.livemode = movement.livemode
            AND previous.customer_id = movement.customer_id AND previous.currency = movement.currency
            AND previous.at = movement.at AND previous.kind = movement.kind;
        ALTER TABLE mrr_movements ALTER COLUMN incomplete_before DROP DEFAULT;
    END IF;
END
$$;
CREATE INDEX IF NOT EXISTS mrr_movements_by_time ON mrr_movements (at);
COMMENT ON TABLE mrr_movements IS 'The ledger of monthly recurring revenue: its signed movements by customer and currency, one an instant beside an opening. MRR at an instant is the sum of amount WHERE at <= instant; a coupon''s known end stands here before it comes.';
COMMENT ON COLUMN mrr_movements.customer_id IS 'Whose MRR it is; the subscription itself where Stripe names nobody.';
COMMENT ON COLUMN mrr_movements.currency IS 'Three letters, in lower case. Amounts of different currencies never share a sum.';
COMMENT ON COLUMN mrr_movements.at IS 'When, on Stripe''s clock; in the future for what is due by itself. A cancellation is at ended_at, not when it was requested.';
COMMENT ON COLUMN mrr_movements.kind IS 'opening (what was found, its past unknown), new, reactivation (after any gap), expansion, contraction or churn, of the customer as a whole.';
COMMENT ON COLUMN mrr_movements.amount IS 'Minor units a month, signed: contraction and churn are negative. 0 only where MRR begins or ends to be incomplete.';
COMMENT ON COLUMN mrr_movements.mrr_before IS 'The customer''s MRR before, in minor units a month.';
COMMENT ON COLUMN mrr_movements.mrr_after IS 'The customer''s MRR afterwards, in minor units a month.';
COMMENT ON COLUMN mrr_movements.incomplete IS 'Whether amount leaves something out that was known only by its id, as a coupon.';
COMMENT ON COLUMN mrr_movements.incomplete_before IS 'Whether mrr_before does.';
COMMENT ON COLUMN mrr_movements.incomplete_after IS 'Whether mrr_after does.';
COMMENT ON COLUMN mrr_movements.cause IS 'The event that caused it (of several the one that changed most); or what did it by itself: discount_end:<id> where a repeating coupon ended, past_due_end:<subscription> after MRR_PAST_DUE_DAYS, first_payment:<invoice> with MRR_TRIAL=first_payment.';
COMMENT ON COLUMN mrr_movements.subscription_ids IS 'The subscriptions that changed.';
COMMENT ON COLUMN mrr_movements.plan_type IS 'The plan that the cause''s subscription is on; where it ended, was on.';
COMMENT ON COLUMN mrr_movements.price_id IS 'The price of that plan.';
COMMENT ON COLUMN mrr_movements.source IS 'Which endpoint received the event that began or brought what changed: the last part of /webhooks/{source}.';
COMMENT ON COLUMN mrr_movements.stale IS 'Whether a newer event of a subscription of it could not be digested: see dead_letters.';

CREATE OR REPLACE FUNCTION half_even(amount numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN round(amount, 20) - floor(round(amount, 20)) = 0.5 THEN 2 * round(round(amount, 20) / 2)
    ELSE round(amount)
END;
COMMENT ON FUNCTION half_even IS 'A whole number: the nearest one, of two as near the even one.
amount: what to round; within 20 decimals of the middle it is in the middle.';

CREATE OR REPLACE FUNCTION exact_amount(fraction text)
RETURNS numeric
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT split_part(fraction, '/', 1)::numeric / coalesce(nullif(split_part(fraction, '/', 2), ''), '1')::numeric;
END;
COMMENT ON FUNCTION exact_amount IS 'The number that a fraction stands for, to some twenty digits.
fraction: as 2000 or 2500/3.';

CREATE OR REPLACE FUNCTION discount_off(
    parts jsonb, currency text, percent_off numeric, amounts_off jsonb, products text[]
)
RETURNS numeric
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT CASE
        WHEN coalesce(eligible.amount, 0) = 0 THEN 0
        WHEN percent_off IS NOT NULL THEN eligible.amount * least(percent_off, 100) / 100
        WHEN amounts_off ? currency
            THEN least(eligible.amount, (amounts_off ->> currency)::numeric / eligible.shortest_period)
    END
    FROM (
        SELECT sum(exact_amount(part.amount)) AS amount, min(exact_amount(part.months)) AS shortest_period
        FROM jsonb_to_recordset(CASE jsonb_typeof(parts) WHEN 'array' THEN parts ELSE '[]' END)
            AS part (product text, months text, amount text)
        WHERE products IS NULL OR part.product = ANY (products)
    ) AS eligible;
END;
COMMENT ON FUNCTION discount_off IS 'What a discount takes off a month, exactly, in minor units: 0 where there is nothing to take it off, null where that is not known.
parts: what it comes off, as subscription_versions.mrr has it.
currency: that of the parts.
percent_off: what it takes off in per cent; null where it takes off an amount.
amounts_off: what it takes off each invoice, in minor units by currency.
products: the products that it applies to; null for all.';

-- Where a customer's discount begins or ends, a span is cut; the ledger does the same. Few customers have one, so those
-- who have none are told apart before anything is read of a version.
CREATE OR REPLACE VIEW subscription_mrr AS
WITH own AS NOT MATERIALIZED (
    SELECT version.account, version.livemode, version.subscription_id, version.number, version.customer_id,
        version.status, version.plan_type, version.price_id, version.interval, version.interval_count,
        version.currency, begun.since, span.until, exact_amount(span.amount) AS amount, span.incomplete,
        CASE WHEN jsonb_typeof(span.parts) = 'array' THEN nullif(span.parts, '[]') END AS parts
    FROM subscription_versions AS version
    CROSS JOIN LATERAL jsonb_to_recordset(version.mrr) AS span (
        since timestamptz, until timestamptz, amount text, incomplete boolean, parts jsonb, awaits_payment boolean
    )
    CROSS JOIN LATERAL (
        SELECT CASE WHEN span.awaits_payment THEN (
            SELECT greatest(span.since, min(paid.paid_at)) FROM trial_payments AS paid
            WHERE paid.account = version.account AND paid.livemode = version.livemode
                AND paid.customer_id = version.customer_id AND paid.subscription_id = version.subscription_id
            HAVING min(paid.paid_at) < coalesce(span.until, 'infinity')
        ) ELSE span.since END AS since
    ) AS begun
    WHERE version.mrr <> '[]' AND begun.since IS NOT NULL
)
SELECT own.account, own.livemode, own.subscription_id, own.number, own.customer_id, own.status, own.plan_type,
    own.price_id, own.interval, own.interval_count, own.currency, own.since, own.until, own.amount, own.incomplete
FROM own
WHERE NOT EXISTS (
    SELECT FROM customer_discounts AS inherited
    WHERE inherited.account = own.account AND inherited.livemode = own.livemode
        AND inherited.customer_id = own.customer_id AND inherited.subtracts IS NOT false
)
UNION ALL
SELECT own.account, own.livemode, own.subscription_id, own.number, own.customer_id, own.status, own.plan_type,
    own.price_id, own.interval, own.interval_count, own.currency, cut.since, cut.until,
    own.amount - coalesce(taken.off, 0),
    own.incomplete OR (standing.account IS NOT NULL AND taken.off IS NULL)
FROM own
CROSS JOIN LATERAL (
    SELECT bound.since, lead(bound.since, 1, own.until) OVER (ORDER BY bound.since) AS until
    FROM (
        SELECT own.since
        UNION
        SELECT edge.at
        FROM customer_discounts AS inherited
        CROSS JOIN LATERAL (VALUES (inherited.since), (inherited.until)) AS edge (at)
        WHERE own.parts IS NOT NULL
            AND inherited.account = own.account AND inherited.livemode = own.livemode
            AND inherited.customer_id = own.customer_id AND inherited.subtracts IS NOT false
            AND edge.at > own.since AND edge.at < coalesce(own.until, 'infinity')
    ) AS bound (since)
) AS cut
LEFT JOIN customer_discounts AS standing
    ON own.parts IS NOT NULL
    AND standing.account = own.account AND standing.livemode = own.livemode
    AND standing.customer_id = own.customer_id AND standing.subtracts IS NOT false
    AND standing.since <= cut.since AND cut.since < coalesce(standing.until, 'infinity')
CROSS JOIN LATERAL (
    SELECT CASE WHEN standing.subtracts THEN discount_off(
        own.parts, own.currency, standing.percent_off, standing.amounts_off, standing.products
    ) END AS off
) AS taken
WHERE EXISTS (
    SELECT FROM customer_discounts AS inherited
    WHERE inherited.account = own.account AND inherited.livemode = own.livemode
        AND inherited.customer_id = own.customer_id AND inherited.subtracts IS NOT false
);
COMMENT ON VIEW subscription_mrr IS 'For how much each subscription counted as MRR, and when: spans of one exact amount, less its own discounts or else its customer''s. Added up by customer and rounded, they are mrr_movements.';
COMMENT ON COLUMN subscription_mrr.subscription_id IS 'The subscription.';
COMMENT ON COLUMN subscription_mrr.number IS 'Which of its versions: see subscription_versions.';
COMMENT ON COLUMN subscription_mrr.customer_id IS 'Whose it was; the subscription itself where Stripe names nobody.';
COMMENT ON COLUMN subscription_mrr.status IS 'Stripe''s status.';
COMMENT ON COLUMN subscription_mrr.since IS 'From when on; in the future for what is due by itself.';
COMMENT ON COLUMN subscription_mrr.until IS 'Until when, itself left out; null for as long as is known.';
COMMENT ON COLUMN subscription_mrr.amount IS 'What it came to a month, in minor units, unrounded.';
COMMENT ON COLUMN subscription_mrr.incomplete IS 'Whether that leaves something out that is known only by its id, as a coupon.';

CREATE OR REPLACE VIEW scheduled_churn AS
SELECT version.account, version.livemode, version.subscription_id,
    coalesce(version.cancel_at, latest.current_period_end) AS due_at,
    version.customer_id, version.plan_type, version.price_id, version.currency,
    half_even(round(lost.amount, 10))::bigint AS monthly_amount, lost.incomplete AS monthly_amount_incomplete,
    latest.canceled_at AS requested_at, latest.cancellation_reason AS reason,
    latest.cancellation_feedback AS feedback, latest.cancellation_comment AS comment,
    version.source, version.updated_at, version.stale,
    CASE
        WHEN latest.cancellation_reason IS NULL OR latest.cancellation_reason = 'cancellation_requested' THEN true
        WHEN latest.cancellation_reason IN ('payment_failed', 'payment_disputed', 'canceled_by_retention_policy')
            THEN false
    END AS voluntary
FROM subscription_versions AS version
JOIN subscriptions AS latest USING (account, livemode)
JOIN LATERAL jsonb_to_recordset(version.mrr)
    AS span (
        since timestamptz, until timestamptz, amount text, incomplete boolean, parts jsonb, awaits_payment boolean
    )
    ON span.since <= now() AND now() < coalesce(span.until, 'infinity')
    AND (span.awaits_payment IS NOT TRUE OR EXISTS (
        SELECT FROM trial_payments AS payment
        WHERE payment.account = version.account AND payment.livemode = version.livemode
            AND payment.customer_id = version.customer_id AND payment.subscription_id = version.subscription_id
    ))
LEFT JOIN customer_discounts AS inherited
    ON inherited.account = version.account AND inherited.livemode = version.livemode
    AND inherited.customer_id = version.customer_id AND inherited.subtracts IS NOT false
    AND jsonb_typeof(span.parts) = 'array' AND span.parts <> '[]'
    AND inherited.since <= now() AND now() < coalesce(inherited.until, 'infinity')
CROSS JOIN LATERAL (
    SELECT CASE WHEN inherited.subtracts THEN discount_off(
        span.parts, version.currency, inherited.percent_off, inherited.amounts_off, inherited.products
    ) END AS off
) AS taken
CROSS JOIN LATERAL (
    SELECT exact_amount(span.amount) - coalesce(taken.off, 0) AS amount,
        span.incomplete OR (inherited.cause IS NOT NULL AND taken.off IS NULL) AS incomplete
) AS lost
WHERE latest.id = version.subscription_id
    AND version.valid_to IS NULL AND version.counts AND version.cancellation_scheduled
    AND (lost.amount <> 0 OR lost.incomplete OR exact_amount(span.amount) = 0);  -- what is metered is never free
COMMENT ON VIEW scheduled_churn IS 'Recurring revenue that is known to end: subscriptions that count and whose cancellation is scheduled. When it takes effect it is in churn and mrr_movements instead.';
COMMENT ON COLUMN scheduled_churn.due_at IS 'When it will end: the date that was set, else the end of the period.';
COMMENT ON COLUMN scheduled_churn.requested_at IS 'When the cancellation was asked for.';
COMMENT ON COLUMN scheduled_churn.monthly_amount IS 'What will be lost a month by today''s terms, in minor units: licensed items less lasting discounts, its own or else its customer''s.';
COMMENT ON COLUMN scheduled_churn.monthly_amount_incomplete IS 'Whether that leaves something out that is known only by its id, as a coupon.';
COMMENT ON COLUMN scheduled_churn.reason IS 'Stripe''s reason for the cancellation.';
COMMENT ON COLUMN scheduled_churn.feedback IS 'What the customer chose as the reason.';
COMMENT ON COLUMN scheduled_churn.comment IS 'What the customer wrote about it.';
COMMENT ON COLUMN scheduled_churn.voluntary IS 'Whether the customer chose to go, as Stripe''s reason says, or asked for it where there is none; null where that says nothing.';

CREATE OR REPLACE FUNCTION stopping_cause(status text, collection_pause text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN status NOT IN ('active', 'past_due') THEN status
    WHEN collection_pause IN ('void', 'mark_uncollectible') THEN 'collection_paused'
    ELSE 'free'
END;
COMMENT ON FUNCTION stopping_cause IS 'Why a subscription does not count as recurring revenue in a state: the status, collection_paused, or free.
status: Stripe''s status; null where nothing changed in that instant.
collection_pause: what happens to its invoices while its collection is paused; null where it is not.';

-- Few have a customer's discount or wait for a payment; of the others their own events tell everything. A subscription or
-- a customer is looked up without a look at the rest.
CREATE OR REPLACE VIEW churn AS
SELECT stopped.account, stopped.livemode, stopped.subscription_id, stopped.churned_at, stopped.requested_at,
    stopped.cause, stopped.voluntary, stopped.reason, stopped.feedback, stopped.comment, stopped.customer_id, stopped.user_id,
    stopped.plan_type, stopped.price_id, stopped.interval, stopped.interval_count, stopped.currency,
    stopped.monthly_amount, stopped.monthly_amount_incomplete, stopped.started_at, stopped.lived, stopped.created_at,
    stopped.source, stopped.updated_at, stopped.stale
FROM stopped_subscriptions AS stopped
WHERE NOT stopped.awaits_payment AND NOT EXISTS (
    SELECT FROM customer_discounts AS inherited
    WHERE inherited.account = stopped.account AND inherited.livemode = stopped.livemode
        AND inherited.customer_id = stopped.customer_id AND inherited.subtracts IS NOT false
)
UNION ALL
SELECT concerned.account, concerned.livemode, concerned.subscription_id, last.until, stopped.requested_at,
    coalesce(stopped.cause, stopping_cause(following.status, following.collection_pause)),
    stopped.voluntary, stopped.reason, stopped.feedback, stopped.comment, concerned.customer_id, latest.user_id,
    last.plan_type, last.price_id, last.interval, last.interval_count, last.currency,
    half_even(round(last.amount, 10))::bigint, last.incomplete, latest.started_at,
    last.until - coalesce(latest.started_at, latest.created_at), latest.created_at, latest.source, latest.updated_at,
    latest.stale
FROM (
    SELECT account, livemode, subscription_id, customer_id FROM stopped_subscriptions WHERE awaits_payment
    UNION
    SELECT version.account, version.livemode, version.subscription_id, version.customer_id
    FROM customer_discounts AS inherited
    JOIN subscription_versions AS version USING (account, livemode, customer_id)
    WHERE inherited.subtracts IS NOT false
) AS concerned
CROSS JOIN LATERAL (
    SELECT span.*
    FROM subscription_mrr AS span
    JOIN subscription_versions AS version USING (account, livemode, subscription_id, number)
    WHERE span.account = concerned.account AND span.livemode = concerned.livemode
        AND span.subscription_id = concerned.subscription_id AND span.customer_id = concerned.customer_id
        -- What is metered is never free.
        AND (span.amount <> 0 OR span.incomplete OR (version.counts AND version.monthly_amount = 0))
    ORDER BY span.number DESC, span.since DESC LIMIT 1
) AS last
JOIN subscriptions AS latest
    ON latest.account = concerned.account AND latest.livemode = concerned.livemode
    AND latest.id = concerned.subscription_id
LEFT JOIN subscription_versions AS following
    ON following.account = concerned.account AND following.livemode = concerned.livemode
    AND following.subscription_id = concerned.subscription_id AND following.number = last.number + 1
    AND following.valid_from = last.until
LEFT JOIN stopped_subscriptions AS stopped
    ON stopped.account = concerned.account AND stopped.livemode = concerned.livemode
    AND stopped.subscription_id = concerned.subscription_id AND stopped.churned_at = last.until
WHERE last.until IS NOT NULL;
COMMENT ON VIEW churn IS 'Each subscription that stopped counting as recurring revenue and has not come back. One that counts is active or past_due, collected, and not free; one that never counted is no churn. Instants and amounts are those of the ledger, mrr_movements.';
COMMENT ON COLUMN churn.churned_at IS 'When it stopped counting: when it ended, or before that when it went unpaid, was paused or became free. In the future where MRR_PAST_DUE_DAYS are yet to pass.';
COMMENT ON COLUMN churn.requested_at IS 'When its cancellation was asked for; null where nobody asked.';
COMMENT ON COLUMN churn.customer_id IS 'Whose it was.';
COMMENT ON COLUMN churn.monthly_amount IS 'What it came to a month while it last counted, in minor units: licensed items less lasting discounts, its own or else its customer''s.';
COMMENT ON COLUMN churn.stale IS 'Whether a newer event could not be digested: see dead_letters.';
-- Whoever was let in while it was a table.
DO $$
DECLARE
    reader text;
BEGIN
    FOR reader IN
        SELECT CASE allowed.grantee WHEN 0 THEN 'PUBLIC' ELSE allowed.grantee::regrole::text END
        FROM pg_class CROSS JOIN aclexplode(relacl) AS allowed
        WHERE oid = 'stopped_subscriptions'::regclass AND allowed.privilege_type = 'SELECT'
    LOOP
        EXECUTE format('GRANT SELECT ON churn TO %s', reader);
    END LOOP;
END
$$;

-- The spans are exact fractions, the ledger is rounded once a customer: they may be half a minor unit apart.
CREATE OR REPLACE VIEW mrr_ledger_residual AS
WITH booked AS (
    SELECT account, livemode, customer_id, currency, at, sum(amount) AS amount,
        (array_agg(mrr_after ORDER BY kind = 'opening'))[1] AS mrr_after
    FROM mrr_movements GROUP BY account, livemode, customer_id, currency, at
), paying AS (
    SELECT account, livemode, customer_id, subscription_id, min(paid_at) AS since
    FROM trial_payments GROUP BY account, livemode, customer_id, subscription_id
), own AS (
    SELECT account, livemode, customer_id, currency,
        CASE WHEN span.awaits_payment THEN greatest(span.since, paying.since) ELSE span.since END AS since,
        span.until, exact_amount(span.amount) AS amount, span.parts
    FROM subscription_versions
    CROSS JOIN LATERAL jsonb_to_recordset(mrr)
        AS span (since timestamptz, until timestamptz, amount text, parts jsonb, awaits_payment boolean)
    LEFT JOIN paying USING (account, livemode, customer_id, subscription_id)
    WHERE span.awaits_payment IS NOT TRUE
        OR paying.since < coalesce(span.until, 'infinity')
), spans AS (
    SELECT account, livemode, customer_id, currency, since, until, amount FROM own
    UNION ALL
    SELECT own.account, own.livemode, own.customer_id, own.currency, greatest(own.since, inherited.since),
        least(own.until, inherited.until), -coalesce(discount_off(
            own.parts, own.currency, inherited.percent_off, inherited.amounts_off, inherited.products
        ), 0)
    FROM own
    JOIN customer_discounts AS inherited
        ON inherited.account = own.account AND inherited.livemode = own.livemode
        AND inherited.customer_id = own.customer_id AND inherited.subtracts
        AND inherited.since < coalesce(own.until, 'infinity')
        AND coalesce(inherited.until, 'infinity') > own.since
    WHERE jsonb_typeof(own.parts) = 'array'
), counted AS (
    SELECT account, livemode, customer_id, currency, at, sum(amount) AS amount
    FROM (
        SELECT account, livemode, customer_id, currency, since AS at, amount FROM spans
        UNION ALL
        SELECT account, livemode, customer_id, currency, until, -amount FROM spans WHERE until IS NOT NULL
    ) AS changes
    GROUP BY account, livemode, customer_id, currency, at
), running AS (
    SELECT account, livemode, customer_id, currency, at, booked.mrr_after,
        sum(booked.amount) OVER so_far AS ledger, sum(counted.amount) OVER so_far AS exact
    FROM booked FULL JOIN counted USING (account, livemode, customer_id, currency, at)
    WINDOW so_far AS (PARTITION BY account, livemode, customer_id, currency ORDER BY at)
)
SELECT account, livemode, customer_id, currency, at, round(coalesce(exact, 0)) AS mrr,
    coalesce(ledger, 0) AS ledger, mrr_after, coalesce(ledger, 0) - round(coalesce(exact, 0)) AS residual
FROM running
WHERE abs(coalesce(ledger, 0) - coalesce(exact, 0)) > 0.500001 OR mrr_after <> ledger;
COMMENT ON VIEW mrr_ledger_residual IS 'Empty while the ledger is right: each instant at which a customer''s movements so far do not add up to what its subscriptions come to, or not to mrr_after. It reckons that itself, from what subscription_versions count for and what customer_discounts take off of that. As they add up at every instant, start + movements = end holds for any period, customers and currency.';
COMMENT ON COLUMN mrr_ledger_residual.mrr IS 'What the customer''s subscriptions come to at that instant, less its discount, in minor units a month.';
COMMENT ON COLUMN mrr_ledger_residual.ledger IS 'The sum of the customer''s movements until then.';
COMMENT ON COLUMN mrr_ledger_residual.residual IS 'What the ledger has too much, in minor units a month.';

CREATE OR REPLACE VIEW usage_revenue AS
SELECT line.account, line.livemode, line.period_start, line.period_end, line.invoice_id, line.id AS line_id,
    invoices.status AS invoice_status, invoices.customer_id, line.subscription_id, line.price_id, line.product_id,
    line.currency, line.quantity, line.amount, invoices.lines_complete, line.source, line.updated_at, line.stale
FROM invoice_lines AS line
JOIN invoices
    ON invoices.account = line.account AND invoices.livemode = line.livemode AND invoices.id = line.invoice_id
WHERE invoices.status NOT IN ('draft', 'void')
    AND (
        EXISTS (
            SELECT FROM price_list AS price
            WHERE price.account = line.account AND price.livemode = line.livemode AND price.id = line.price_id
                AND price.usage_type = 'metered'
        )
        OR EXISTS (
            SELECT FROM subscription_items AS item
            WHERE item.account = line.account AND item.livemode = line.livemode
                AND item.subscription_id = line.subscription_id AND item.price_id = line.price_id
                AND item.usage_type = 'metered'
        )
    );
COMMENT ON VIEW usage_revenue IS 'What metered prices brought, which is no part of MRR: the lines of finalized invoices, not void, each by the period whose usage it bills. A price counts as metered where an event of it, or of the subscription, says so.';
COMMENT ON COLUMN usage_revenue.line_id IS 'The invoice line.';
COMMENT ON COLUMN usage_revenue.invoice_status IS 'Whether it is paid: open, paid or uncollectible.';
COMMENT ON COLUMN usage_revenue.customer_id IS 'Whom it bills.';
COMMENT ON COLUMN usage_revenue.quantity IS 'How many units were used.';

-- ------------------------------------------------------------ access

-- Whose a state was, and what ended it by itself.
ALTER TABLE subscription_versions
    ADD COLUMN IF NOT EXISTS user_id text,
    ADD COLUMN IF NOT EXISTS origin text,
    ADD COLUMN IF NOT EXISTS current_period_start timestamptz,
    ADD COLUMN IF NOT EXISTS current_period_end timestamptz;
CREATE INDEX IF NOT EXISTS subscription_versions_by_user ON subscription_versions (user_id)
    WHERE user_id IS NOT NULL;
COMMENT ON COLUMN subscription_versions.user_id IS 'The user that its own metadata named.';
COMMENT ON COLUMN subscription_versions.origin IS 'Which of our clients asked for it, as its metadata said; null where it was made elsewhere.';
COMMENT ON COLUMN subscription_versions.current_period_start IS 'The start of what was being billed; the first of its items'', where they differed.';
COMMENT ON COLUMN subscription_versions.current_period_end IS 'The end of what was being billed; the last of its items'', where they differed.';

-- What each state of a subscription grants its user: the newest, as Stripe last described it, and each that it went
-- through. These are all the rules of access, and they read no clock. A status that is not named here grants nothing.
CREATE OR REPLACE VIEW access_states AS
SELECT owned.account, owned.livemode, owned.origin, owned.user_id, owned.id AS subscription_id, owned.plan_type,
    CASE owned.plan_type WHEN 'enterprise' THEN 3 WHEN 'pro' THEN 2 WHEN 'basic' THEN 1 ELSE 0 END AS plan_rank,
    owned.status IN ('active', 'trialing', 'past_due', 'canceled') AS grants,
    owned.created_at AS access_from,
    CASE
        WHEN owned.status IN ('active', 'trialing') THEN owned.scheduled_end
        WHEN owned.status = 'past_due' THEN least(owned.scheduled_end, coalesce(
            (
                SELECT max(change.created_at) FROM subscription_changes AS change
                WHERE change.account = owned.account AND change.livemode = owned.livemode
                    AND change.subscription_id = owned.id AND change.event_type = 'past_due'
                    AND (owned.newest OR change.created_at <= owned.valid_from)
            ),
            owned.current_period_start, owned.created_at  -- where its first known event found it past due
        ) + make_interval(hours => 24 * (
            SELECT coalesce(min(value::integer), 7) FROM configuration WHERE name = 'access_grace_days'
        )))
        WHEN owned.status = 'canceled' THEN coalesce(owned.ended_at, owned.updated_at)
    END AS access_until,
    CASE
        WHEN owned.status IN ('active', 'trialing') AND owned.scheduled_end IS NOT NULL THEN 'canceled'
        WHEN owned.status IN ('active', 'trialing', 'past_due', 'canceled') THEN owned.status
        ELSE 'none'
    END AS reason,
    CASE
        WHEN owned.status IN ('past_due', 'unpaid') THEN 'unpaid'
        WHEN owned.status = 'paused' THEN 'paused'
        ELSE 'none'
    END AS reason_afterwards,
    owned.valid_from, owned.valid_to, owned.newest
FROM (
    -- A union, so that an index finds a user's, whichever of the two names him, and of the newest states only those.
    SELECT account, livemode, origin, user_id, id, plan_type, status, created_at, current_period_start, ended_at,
        updated_at, coalesce(cancel_at, CASE WHEN cancel_at_period_end THEN current_period_end END) AS scheduled_end,
        NULL::timestamptz AS valid_from, NULL::timestamptz AS valid_to, true AS newest
    FROM subscriptions
    WHERE user_id IS NOT NULL
    UNION ALL
    SELECT billed.account, billed.livemode, billed.origin, customers.user_id, billed.id, billed.plan_type,
        billed.status, billed.created_at, billed.current_period_start, billed.ended_at, billed.updated_at,
        coalesce(billed.cancel_at, CASE WHEN billed.cancel_at_period_end THEN billed.current_period_end END),
        NULL, NULL, true
    FROM subscriptions AS billed
    JOIN customers
        ON customers.account = billed.account AND customers.livemode = billed.livemode
        AND customers.id = billed.customer_id
    WHERE billed.user_id IS NULL AND customers.user_id IS NOT NULL
    UNION ALL
    SELECT account, livemode, origin, user_id, subscription_id, plan_type, status, created_at, current_period_start,
        ended_at, updated_at,
        coalesce(cancel_at, CASE WHEN cancellation_scheduled THEN current_period_end END),
        valid_from, valid_to, false
    FROM subscription_versions
    WHERE user_id IS NOT NULL
    UNION ALL
    SELECT version.account, version.livemode, version.origin, customers.user_id, version.subscription_id,
        version.plan_type, version.status, version.created_at, version.current_period_start, version.ended_at,
        version.updated_at,
        coalesce(version.cancel_at, CASE WHEN version.cancellation_scheduled THEN version.current_period_end END),
        version.valid_from, version.valid_to, false
    FROM subscription_versions AS version
    JOIN customers
        ON customers.account = version.account AND customers.livemode = version.livemode
        AND customers.id = version.customer_id
    WHERE version.user_id IS NULL AND customers.user_id IS NOT NULL
) AS owned;

COMMENT ON VIEW access_states IS 'What each state of a subscription grants; subscription_access shows the newest, subscription_access_versions each that there was.';
COMMENT ON COLUMN access_states.account IS 'The Stripe account.';
COMMENT ON COLUMN access_states.livemode IS 'True for real money, false for test data.';
COMMENT ON COLUMN access_states.origin IS 'Which of our clients asked for it (its metadata''s source); null where it was made elsewhere.';
COMMENT ON COLUMN access_states.plan_type IS 'Its plan: its price''s metadata''s plan_type, else the configured one, else its own metadata''s.';
COMMENT ON COLUMN access_states.valid_from IS 'From when on it was so: see subscription_versions.';
COMMENT ON COLUMN access_states.valid_to IS 'Until when, itself left out; null for the last.';

CREATE OR REPLACE VIEW subscription_access AS
SELECT account, livemode, origin, user_id, subscription_id, plan_type, plan_rank, grants, access_from, access_until,
    reason, reason_afterwards
FROM access_states WHERE newest;
COMMENT ON VIEW subscription_access IS 'What each subscription grants its user, and until when; user_access picks the best of a user''s.';
COMMENT ON COLUMN subscription_access.user_id IS 'The user that its own metadata names, else its customer''s.';
COMMENT ON COLUMN subscription_access.subscription_id IS 'The subscription.';
COMMENT ON COLUMN subscription_access.plan_rank IS 'Of two that grant access the greater counts: enterprise 3, pro 2, basic 1, any other plan 0.';
COMMENT ON COLUMN subscription_access.grants IS 'Whether its status grants access, or did until access_until.';
COMMENT ON COLUMN subscription_access.access_from IS 'When it was made.';
COMMENT ON COLUMN subscription_access.access_until IS 'When its access ends by itself, or ended: at its scheduled or actual end, or with the days of grace after it went past due. Null where no end is set, or where it grants none.';
COMMENT ON COLUMN subscription_access.reason IS 'Until then: active, trialing, past_due (in grace), canceled (it ends, or ended, at access_until), or none.';
COMMENT ON COLUMN subscription_access.reason_afterwards IS 'From then on: unpaid, paused or none.';

CREATE OR REPLACE VIEW subscription_access_versions AS
SELECT account, livemode, origin, user_id, subscription_id, plan_type, plan_rank, grants, access_from, access_until,
    reason, reason_afterwards, valid_from, valid_to
FROM access_states WHERE NOT newest;
COMMENT ON VIEW subscription_access_versions IS 'What each subscription granted its user in each state that it went through (subscription_versions), by today''s days of grace.';
COMMENT ON COLUMN subscription_access_versions.user_id IS 'The user that its own metadata named then, else the one that its customer names today.';
COMMENT ON COLUMN subscription_access_versions.subscription_id IS 'The subscription.';
COMMENT ON COLUMN subscription_access_versions.plan_rank IS 'Of two that grant access the greater counts: enterprise 3, pro 2, basic 1, any other plan 0.';
COMMENT ON COLUMN subscription_access_versions.grants IS 'Whether its status granted access, or did until access_until.';
COMMENT ON COLUMN subscription_access_versions.access_from IS 'When it was made.';
COMMENT ON COLUMN subscription_access_versions.access_until IS 'When its access was to end by itself, as far as was known then, or had ended.';
COMMENT ON COLUMN subscription_access_versions.reason IS 'Until then: active, trialing, past_due (in grace), canceled (it was to end, or ended, at access_until), or none.';
COMMENT ON COLUMN subscription_access_versions.reason_afterwards IS 'From then on: unpaid, paused or none.';

-- One choice for both questions; whichever is asked, the states of the other are not looked at.
CREATE OR REPLACE FUNCTION user_access_at(instant timestamptz, by_newest_facts boolean)
RETURNS TABLE (
    account text, livemode boolean, origin text, user_id text, plan_type text, has_access boolean,
    access_until timestamptz, reason text, subscription_id text
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT DISTINCT ON (granted.account, granted.livemode, granted.origin, granted.user_id)
        granted.account, granted.livemode, granted.origin, granted.user_id, granted.plan_type,
        granted.has_access, granted.access_until,
        CASE WHEN granted.has_access THEN granted.reason ELSE granted.reason_afterwards END,
        granted.subscription_id
    FROM (
        SELECT one.*, one.grants AND coalesce(instant < one.access_until, true) AS has_access
        FROM (
            SELECT * FROM subscription_access
            WHERE by_newest_facts AND subscription_access.access_from <= instant
            UNION ALL
            SELECT was.account, was.livemode, was.origin, was.user_id, was.subscription_id, was.plan_type,
                was.plan_rank, was.grants, was.access_from, was.access_until, was.reason, was.reason_afterwards
            FROM subscription_access_versions AS was
            WHERE NOT by_newest_facts AND was.access_from <= instant
                AND was.valid_from <= instant AND (was.valid_to IS NULL OR instant < was.valid_to)
        ) AS one
    ) AS granted
    ORDER BY granted.account, granted.livemode, granted.origin, granted.user_id,
        granted.has_access DESC,
        CASE WHEN granted.has_access THEN granted.plan_rank END DESC,
        CASE WHEN granted.has_access THEN 0 WHEN granted.reason_afterwards = 'unpaid' THEN 2
            WHEN granted.reason_afterwards = 'paused' THEN 1 ELSE 0 END DESC,
        granted.access_until DESC NULLS FIRST,
        granted.access_from DESC, granted.subscription_id;
END;
COMMENT ON FUNCTION user_access_at IS 'Who has access at an instant, by the newest facts or by those of the time. Its columns are those of user_access.
instant: the instant.
by_newest_facts: true asks what is known today, as for what is still to come; false what was true then, as user_access_as_of does.';

CREATE OR REPLACE FUNCTION user_access_as_of(instant timestamptz)
RETURNS TABLE (
    account text, livemode boolean, origin text, user_id text, plan_type text, has_access boolean,
    access_until timestamptz, reason text, subscription_id text
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT * FROM user_access_at(instant, false);
END;
COMMENT ON FUNCTION user_access_as_of IS 'Who had access at an instant: what was true then by Stripe''s clock, events that came later included. Where a subscription''s creation was not seen, nothing is told of the time before its first known event. Its columns are those of user_access.
instant: the instant; one that is still to come is judged by the newest facts.';

CREATE OR REPLACE VIEW user_access AS
SELECT account, livemode, origin, user_id, plan_type, has_access, access_until, reason, subscription_id
FROM user_access_at(now(), true);
COMMENT ON VIEW user_access IS 'Who has access now: one row a user and client that asked for his subscriptions, with the best of these.';
COMMENT ON COLUMN user_access.account IS 'The Stripe account.';
COMMENT ON COLUMN user_access.livemode IS 'True for real money, false for test data.';
COMMENT ON COLUMN user_access.origin IS 'Which of our clients asked for the subscriptions; null where they were made elsewhere.';
COMMENT ON COLUMN user_access.user_id IS 'The user: as the subscription''s metadata name him, else its customer''s.';
COMMENT ON COLUMN user_access.plan_type IS 'The plan of the subscription that decides: of several, the best plan with access, the longest of equal ones.';
COMMENT ON COLUMN user_access.has_access IS 'Whether the user is to be let in.';
COMMENT ON COLUMN user_access.access_until IS 'When this access ends by itself, as far as is known, or when it ended. Null where no end is set, or where there was none to end.';
COMMENT ON COLUMN user_access.reason IS 'Why: active, trialing, past_due (in the days of grace), canceled (access until its end); without access unpaid, paused or none.';
COMMENT ON COLUMN user_access.subscription_id IS 'The subscription that decides.';

-- ============================================================ metrics
--
-- Functions for analysts. A range is half-open: since, until. Figures are by Stripe's clock, in periods of a named time
-- zone, one row a period and currency; amounts of different currencies share no sum.
--
-- A comment says of each parameter and column, on a line of its own (name: meaning), what it is; what means the same
-- everywhere is added at the end of this file.

-- The index finds each account's two modes without reading what lies between them.
CREATE OR REPLACE VIEW stripe_accounts AS
WITH RECURSIVE found AS (
    (SELECT account, livemode FROM heads ORDER BY account, livemode LIMIT 1)
    UNION ALL
    SELECT following.account, following.livemode
    FROM found
    CROSS JOIN LATERAL (
        SELECT heads.account, heads.livemode FROM heads
        WHERE (heads.account, heads.livemode) > (found.account, found.livemode)
        ORDER BY heads.account, heads.livemode LIMIT 1
    ) AS following
)
SELECT account, livemode FROM found
-- The provider of exchange rates is nobody's account. So asked, the index answers without reading all of its days.
WHERE EXISTS (
    SELECT FROM heads
    WHERE heads.account = found.account AND heads.livemode = found.livemode AND heads.object < 'fx_rates'
) OR EXISTS (
    SELECT FROM heads
    WHERE heads.account = found.account AND heads.livemode = found.livemode AND heads.object > 'fx_rates'
);
COMMENT ON VIEW stripe_accounts IS 'The Stripe accounts of which anything is known, a row for live and one for test data.';
COMMENT ON COLUMN stripe_accounts.account IS 'The Stripe account.';
COMMENT ON COLUMN stripe_accounts.livemode IS 'True for real money, false for test data.';

CREATE OR REPLACE FUNCTION default_livemode() RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(bool_or(livemode), true) FROM stripe_accounts;
END;
COMMENT ON FUNCTION default_livemode IS 'What livemode is where nobody says: true, but false where there is test data only. In a query put it into a sub-select, (SELECT default_livemode()), so that it is asked once and not for each row.';

CREATE OR REPLACE FUNCTION chosen(option text, value text, VARIADIC choices text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF value = ANY (choices) THEN
        RETURN value;
    END IF;
    RAISE EXCEPTION '% is %, which is none of %', option, coalesce(quote_literal(value), 'null'),
        array_to_string(choices, ', ')
        USING ERRCODE = 'invalid_parameter_value';
END
$$;
COMMENT ON FUNCTION chosen IS 'The value, or an error that names the choices where it is none of them.
option: what the error calls it.
value: what was given; null is no choice.
choices: what may be given.';

CREATE OR REPLACE FUNCTION source_label(source text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN replace(lower(source), '-', '_');
COMMENT ON FUNCTION source_label IS 'A source as it is stored: what came by /webhooks/my-shop or /webhooks/My_Shop is of my_shop.
source: the last part of /webhooks/{source}.';

CREATE OR REPLACE FUNCTION is_range(since timestamptz, until timestamptz) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF until < since THEN
        RAISE EXCEPTION 'until is before since: % and %', until, since USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION is_range IS 'True, or an error where a range ends before it begins.';

-- A period begins with the first instant of its first local day. That is what AT TIME ZONE gives, also where clocks
-- skip midnight; only where they are set back and midnight comes twice it gives the second, so the first is looked for.
CREATE OR REPLACE FUNCTION period_starts(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month', time_zone text DEFAULT 'UTC'
) RETURNS TABLE (period_start timestamptz, period_end timestamptz)
LANGUAGE plpgsql STABLE ROWS 30
AS $$
DECLARE
    step interval;
BEGIN
    PERFORM chosen('by', "by", 'day', 'week', 'month', 'quarter', 'year', 'all');
    IF since IS NULL OR until IS NULL OR time_zone IS NULL THEN
        RAISE EXCEPTION 'since, until and time_zone may not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM is_range(since, until);
    PERFORM now() AT TIME ZONE time_zone;  -- an unknown one is an error, for an empty range, too
    IF "by" = 'all' THEN
        RETURN QUERY SELECT since, until WHERE since < until;
        RETURN;
    END IF;
    IF NOT isfinite(since) OR NOT isfinite(until) THEN
        RAISE EXCEPTION 'from % to % there is no end of periods: give finite bounds, or ask by all', since, until
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    step := CASE "by" WHEN 'quarter' THEN interval '3 months' ELSE ('1 ' || "by")::interval END;
    RETURN QUERY
    SELECT greatest(since, bounds.first), least(until, bounds.next)
    FROM (
        SELECT starts.instant AS first, lead(starts.instant) OVER (ORDER BY starts.midnight) AS next
        FROM (
            SELECT local.midnight, coalesce(
                (
                    SELECT min(local.midnight AT TIME ZONE time_zone - fold.width)
                    FROM (VALUES (interval '30 minutes'), (interval '1 hour'), (interval '2 hours')) AS fold (width)
                    WHERE (local.midnight AT TIME ZONE time_zone - fold.width) AT TIME ZONE time_zone = local.midnight
                ),
                local.midnight AT TIME ZONE time_zone
            ) AS instant
            FROM generate_series(
                date_trunc("by", since AT TIME ZONE time_zone) - step,  -- where a midnight comes twice, one may be missed
                date_trunc("by", until AT TIME ZONE time_zone) + step + step,
                step
            ) AS local (midnight)
        ) AS starts
    ) AS bounds
    WHERE bounds.first < bounds.next AND bounds.next > since AND bounds.first < until AND since < until
    ORDER BY bounds.first;
END
$$;
COMMENT ON FUNCTION period_starts IS 'The periods that a range overlaps, in order and without holes; the first and the last are cut to it. A day is as long as it is in its time zone: 23 or 25 hours where clocks are changed.';

-- ============================================================ exchange

-- The table of ingest/money.py, which says what it rests on; a test holds the two equal.
CREATE OR REPLACE FUNCTION currency_decimals(currency text)
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN lower(currency) = ANY (string_to_array(
        'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf', ' ')) THEN 0
    WHEN lower(currency) = ANY (string_to_array('bhd jod kwd omr tnd', ' ')) THEN 3
    WHEN lower(currency) = ANY (string_to_array(
        'aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny '
        'cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr jmd '
        'kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok '
        'npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top '
        'try ttd twd tzs uah usd uyu uzs wst xcd xcg yer zar zmw isk ugx', ' ')) THEN 2
END;
COMMENT ON FUNCTION currency_decimals IS 'How many decimals Stripe''s amounts of a currency have: 1250 of eur are 12.50. Null for a currency that Stripe has not.
currency: three letters.';

-- Both legs of a cross are of one day: rates of two days make a price that nobody ever quoted.
CREATE OR REPLACE FUNCTION fx_rate(currency text, target text, on_date date)
RETURNS TABLE (rate numeric, rate_date date, provider text, per_currency numeric, per_target numeric)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT round(found.per_target, 20) / found.per_currency, found.day, found.provider,
        found.per_currency, found.per_target
    FROM (VALUES (lower(fx_rate.currency), lower(fx_rate.target))) AS pair (given, wanted)
    LEFT JOIN LATERAL (
        SELECT 1::numeric AS per_currency, 1::numeric AS per_target, fx_rate.on_date AS day, NULL::text AS provider
        WHERE pair.given = pair.wanted
        UNION ALL
        (
            SELECT 1, wanted.rate, wanted.day, wanted.provider
            FROM fx_rates AS wanted
            WHERE pair.given = 'eur' AND pair.wanted <> 'eur' AND wanted.currency = pair.wanted
                AND wanted.base = 'eur' AND wanted.day <= fx_rate.on_date
            ORDER BY wanted.day DESC, wanted.provider LIMIT 1
        )
        UNION ALL
        (
            SELECT given.rate, 1, given.day, given.provider
            FROM fx_rates AS given
            WHERE pair.wanted = 'eur' AND pair.given <> 'eur' AND given.currency = pair.given
                AND given.base = 'eur' AND given.day <= fx_rate.on_date
            ORDER BY given.day DESC, given.provider LIMIT 1
        )
        UNION ALL
        (
            SELECT given.rate, wanted.rate, given.day, given.provider
            FROM fx_rates AS given
            JOIN fx_rates AS wanted ON wanted.day = given.day AND wanted.provider = given.provider
            WHERE pair.given <> pair.wanted AND given.currency = pair.given AND wanted.currency = pair.wanted
                AND given.base = 'eur' AND wanted.base = 'eur' AND given.day <= fx_rate.on_date
            ORDER BY given.day DESC, given.provider LIMIT 1
        )
    ) AS found ON true;
END;
COMMENT ON FUNCTION fx_rate IS 'The exchange rate to use on a day: that of the day, else the last one before it. One row, of nulls where there is none before: nothing is guessed.
currency: what is given, three letters.
target: what it is changed into, three letters.
on_date: the day.
rate: how much of target one unit of currency comes to, in major units of both, through the euro.
rate_date: the day that the rate is of: the last one up to on_date on which both currencies have one.
provider: who gave it; null where both are the same currency.
per_currency: what one euro cost of currency.
per_target: what one euro cost of target, so that rate is exactly per_target / per_currency.';

-- ------------------------------------------------------------ metrics: recurring revenue

-- Everything here is a sum over mrr_movements, so that any figure can be replayed. What is asked for at several
-- instants is added up in one pass: each movement falls between two of them.

CREATE OR REPLACE FUNCTION ledger_movements(currency text, source text, livemode boolean)
RETURNS TABLE (
    account text, customer_id text, currency text, at timestamptz, kind text, amount bigint, customers integer,
    incomplete integer, subscription_ids text[], plan_type text, price_id text
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT movement.account, movement.customer_id, movement.currency, movement.at, movement.kind, movement.amount,
        (movement.mrr_after <> 0 OR movement.incomplete_after)::integer
            - (movement.mrr_before <> 0 OR movement.incomplete_before)::integer,
        movement.incomplete_after::integer - movement.incomplete_before::integer,
        movement.subscription_ids, movement.plan_type, movement.price_id
    FROM mrr_movements AS movement
    WHERE movement.livemode = (SELECT coalesce(ledger_movements.livemode, default_livemode()))
        AND (ledger_movements.currency IS NULL OR movement.currency = lower(ledger_movements.currency))
        AND (ledger_movements.source IS NULL OR (movement.account, movement.customer_id, movement.currency) IN (
            SELECT first.account, first.customer_id, first.currency
            FROM (
                SELECT DISTINCT ON (begun.account, begun.customer_id, begun.currency)
                    begun.account, begun.customer_id, begun.currency, begun.source
                FROM mrr_movements AS begun
                WHERE begun.livemode = (SELECT coalesce(ledger_movements.livemode, default_livemode()))
                ORDER BY begun.account, begun.customer_id, begun.currency, begun.at, begun.kind <> 'opening'
            ) AS first
            WHERE first.source = source_label(ledger_movements.source)
        ));
END;
COMMENT ON FUNCTION ledger_movements IS 'The movements of mrr_movements that a figure is a sum of, those that are due in the future, too. A customer''s ledger is over all endpoints, so a filter by source takes whole ledgers: those whose first movement the endpoint told of. So every customer belongs to one source for ever, the sources add up to the whole, and start + movements = end holds in each.
account: the Stripe account.
customer_id: whose MRR moved.
source: only customers of whom this endpoint told first, the last part of /webhooks/{source}; null for all.
at: when.
kind: opening, new, reactivation, expansion, contraction or churn.
amount: in minor units a month, signed.
customers: 1 where it begins to pay, -1 where it stops, else 0.
incomplete: 1 where its MRR begins to leave something out, -1 where it is known again, else 0.
subscription_ids: the subscriptions that changed.
plan_type: the plan of the greatest change.
price_id: its price.';

CREATE OR REPLACE FUNCTION ledger_totals(instants timestamptz[], currency text, source text, livemode boolean)
RETURNS TABLE (
    instant timestamptz, currency text, mrr bigint, customers bigint, incomplete bigint, incomplete_so_far bigint,
    opening bigint, "new" bigint, reactivation bigint, expansion bigint, contraction bigint, churn bigint,
    opening_customers bigint, new_customers bigint, reactivated_customers bigint, expanded_customers bigint,
    contracted_customers bigint, churned_customers bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH moved AS MATERIALIZED (
        SELECT movement.currency, width_bucket(movement.at, ledger_totals.instants) AS place,
            sum(movement.amount) AS mrr, sum(movement.customers) AS customers, sum(movement.incomplete) AS incomplete,
            count(*) FILTER (WHERE movement.incomplete > 0) AS incomplete_so_far,
            coalesce(sum(movement.amount) FILTER (WHERE movement.kind = 'opening'), 0) AS opening,
            coalesce(sum(movement.amount) FILTER (WHERE movement.kind = 'new'), 0) AS "new",
            coalesce(sum(movement.amount) FILTER (WHERE movement.kind = 'reactivation'), 0) AS reactivation,
            coalesce(sum(movement.amount) FILTER (WHERE movement.kind = 'expansion'), 0) AS expansion,
            coalesce(sum(movement.amount) FILTER (WHERE movement.kind = 'contraction'), 0) AS contraction,
            coalesce(sum(movement.amount) FILTER (WHERE movement.kind = 'churn'), 0) AS churn,
            count(*) FILTER (WHERE movement.kind = 'opening' AND movement.customers > 0) AS opening_customers,
            count(*) FILTER (WHERE movement.kind = 'new') AS new_customers,
            count(*) FILTER (WHERE movement.kind = 'reactivation') AS reactivated_customers,
            count(*) FILTER (WHERE movement.kind = 'expansion') AS expanded_customers,
            count(*) FILTER (WHERE movement.kind = 'contraction') AS contracted_customers,
            count(*) FILTER (WHERE movement.kind = 'churn') AS churned_customers
        FROM ledger_movements(ledger_totals.currency, ledger_totals.source, ledger_totals.livemode) AS movement
        WHERE movement.at < ledger_totals.instants[cardinality(ledger_totals.instants)]
        GROUP BY movement.currency, width_bucket(movement.at, ledger_totals.instants)
    )
    SELECT told.instant, told.currency,
        coalesce(sum(moved.mrr) OVER so_far, 0)::bigint,
        coalesce(sum(moved.customers) OVER so_far, 0)::bigint,
        coalesce(sum(moved.incomplete) OVER so_far, 0)::bigint,
        coalesce(sum(moved.incomplete_so_far) OVER so_far, 0)::bigint,
        coalesce(sum(moved.opening) OVER so_far, 0)::bigint,
        coalesce(sum(moved."new") OVER so_far, 0)::bigint,
        coalesce(sum(moved.reactivation) OVER so_far, 0)::bigint,
        coalesce(sum(moved.expansion) OVER so_far, 0)::bigint,
        coalesce(sum(moved.contraction) OVER so_far, 0)::bigint,
        coalesce(sum(moved.churn) OVER so_far, 0)::bigint,
        coalesce(sum(moved.opening_customers) OVER so_far, 0)::bigint,
        coalesce(sum(moved.new_customers) OVER so_far, 0)::bigint,
        coalesce(sum(moved.reactivated_customers) OVER so_far, 0)::bigint,
        coalesce(sum(moved.expanded_customers) OVER so_far, 0)::bigint,
        coalesce(sum(moved.contracted_customers) OVER so_far, 0)::bigint,
        coalesce(sum(moved.churned_customers) OVER so_far, 0)::bigint
    FROM (
        SELECT instants.instant, instants.place, seen.currency
        FROM unnest(ledger_totals.instants) WITH ORDINALITY AS instants (instant, place)
        CROSS JOIN (SELECT DISTINCT moved.currency FROM moved) AS seen
    ) AS told
    LEFT JOIN moved ON moved.currency = told.currency AND moved.place = told.place - 1
    WINDOW so_far AS (PARTITION BY told.currency ORDER BY told.place);
END;
COMMENT ON FUNCTION ledger_totals IS 'The ledger added up before each of some instants: what lies between two of them is the difference of two rows. What is at an instant itself is after it.
instants: the instants, ascending, each once.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
instant: one of them.
mrr: MRR just before it, in minor units a month.
customers: those who paid anything then.
incomplete: those of them whose MRR left something out.
incomplete_so_far: how often a customer''s MRR began to leave something out.
opening: the sum of these movements so far, in minor units a month; so are new, reactivation, expansion, contraction and churn.
new: so far.
reactivation: so far.
expansion: so far.
contraction: so far, negative.
churn: so far, negative.
opening_customers: customers who were found paying, so far.
new_customers: how many were new, so far.
reactivated_customers: how often one came back, so far.
expanded_customers: how many expansions, so far.
contracted_customers: how many contractions, so far.
churned_customers: how often one left, so far.';

CREATE OR REPLACE FUNCTION begun_periods(since timestamptz, until timestamptz, "by" text, time_zone text)
RETURNS TABLE (period_start timestamptz, period_end timestamptz, told_until timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT period.period_start, period.period_end, least(period.period_end, now())
    FROM period_starts(begun_periods.since, begun_periods.until, begun_periods."by", begun_periods.time_zone) AS period
    WHERE period.period_start < now();
END;
COMMENT ON FUNCTION begun_periods IS 'The periods of period_starts that have begun. What is due in the future, as a coupon''s end, is in no figure of a period before it comes.
told_until: until when there is anything to tell: the period''s end, but now where it goes on.';

CREATE OR REPLACE FUNCTION ledger_periods(
    since timestamptz, until timestamptz, "by" text, currency text, source text, livemode boolean, time_zone text
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, currency text, mrr_start bigint, opening bigint, "new" bigint,
    reactivation bigint, expansion bigint, contraction bigint, churn bigint, mrr_end bigint, customers_start bigint,
    opening_customers bigint, new_customers bigint, reactivated_customers bigint, expanded_customers bigint,
    contracted_customers bigint, churned_customers bigint, customers_end bigint, incomplete bigint,
    incomplete_end bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH period AS MATERIALIZED (
        SELECT begun.period_start, begun.period_end, begun.told_until
        FROM begun_periods(
            ledger_periods.since, ledger_periods.until, ledger_periods."by", ledger_periods.time_zone
        ) AS begun
    ), total AS MATERIALIZED (
        SELECT sums.*
        FROM ledger_totals(
            (
                SELECT array_agg(DISTINCT bound.instant ORDER BY bound.instant)
                FROM (SELECT period.period_start FROM period UNION ALL SELECT period.told_until FROM period)
                    AS bound (instant)
            ),
            ledger_periods.currency, ledger_periods.source, ledger_periods.livemode
        ) AS sums
    ), seen AS (  -- what was over before the range began is not of it
        SELECT total.currency FROM total
        GROUP BY total.currency
        HAVING bool_or(total.customers > 0) OR min(total.churned_customers) <> max(total.churned_customers)
    )
    SELECT period.period_start, period.period_end, seen.currency, first.mrr,
        last.opening - first.opening, last."new" - first."new", last.reactivation - first.reactivation,
        last.expansion - first.expansion, last.contraction - first.contraction, last.churn - first.churn,
        last.mrr, first.customers, last.opening_customers - first.opening_customers,
        last.new_customers - first.new_customers, last.reactivated_customers - first.reactivated_customers,
        last.expanded_customers - first.expanded_customers, last.contracted_customers - first.contracted_customers,
        last.churned_customers - first.churned_customers, last.customers,
        first.incomplete + last.incomplete_so_far - first.incomplete_so_far, last.incomplete
    FROM period
    CROSS JOIN seen
    JOIN total AS first ON first.instant = period.period_start AND first.currency = seen.currency
    JOIN total AS last ON last.instant = period.told_until AND last.currency = seen.currency;
END;
COMMENT ON FUNCTION ledger_periods IS 'What happened to the ledger in each period that has begun, by currency: what mrr_daily, mrr_waterfall, churn_metrics, arpu, ltv and quick_ratio make their figures of. A currency that appears in one period appears in all. Amounts are in minor units a month.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
mrr_start: MRR when the period begins.
opening: what was found: subscriptions whose creation was not seen, at their first known event.
new: of customers who never paid before.
reactivation: of customers who came back.
expansion: of customers who pay more.
contraction: of customers who pay less; negative.
churn: of customers who pay nothing any more; negative.
mrr_end: MRR when the period ends, now where it goes on: the sum of all of these.
customers_start: customers with MRR when the period begins.
opening_customers: those who were found paying.
new_customers: those who were new.
reactivated_customers: how often one came back.
expanded_customers: how many expansions.
contracted_customers: how many contractions.
churned_customers: how often one left.
customers_end: customers with MRR when the period ends, now where it goes on.
incomplete: customers whose MRR left something out that is known only by its id, as a coupon, when the period began, and how often it began to do so in it.
incomplete_end: customers whose MRR leaves something out when the period ends.';

CREATE OR REPLACE FUNCTION mrr_daily(
    since timestamptz, until timestamptz,
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text,
    mrr bigint, customers bigint, incomplete bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT day.period_start, day.period_end, coalesce(mrr_daily.livemode, default_livemode()), day.currency,
        day.mrr_end, day.customers_end, day.incomplete_end
    FROM ledger_periods(
        mrr_daily.since, mrr_daily.until, 'day',
        mrr_daily.currency, mrr_daily.source, mrr_daily.livemode, mrr_daily.time_zone
    ) AS day
    ORDER BY day.period_start, day.currency;
END;
COMMENT ON FUNCTION mrr_daily IS 'Monthly recurring revenue at the end of each day that has begun, by currency: licensed items of subscriptions that are active or past_due, less lasting discounts, normalised to a month, as mrr_movements has them. Today''s is that of now.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
mrr: MRR at the day''s end, in minor units a month.
customers: those who have any.
incomplete: those of them whose MRR leaves something out that is known only by its id, as a coupon.';

CREATE OR REPLACE FUNCTION mrr_waterfall(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month',
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text,
    mrr_start bigint, opening bigint, "new" bigint, reactivation bigint, expansion bigint, contraction bigint,
    churn bigint, mrr_end bigint, incomplete bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT period.period_start, period.period_end, coalesce(mrr_waterfall.livemode, default_livemode()),
        period.currency, period.mrr_start, period.opening, period."new", period.reactivation, period.expansion,
        period.contraction, period.churn, period.mrr_end, period.incomplete
    FROM ledger_periods(
        mrr_waterfall.since, mrr_waterfall.until, mrr_waterfall."by",
        mrr_waterfall.currency, mrr_waterfall.source, mrr_waterfall.livemode, mrr_waterfall.time_zone
    ) AS period
    ORDER BY period.period_start, period.currency;
END;
COMMENT ON FUNCTION mrr_waterfall IS 'How monthly recurring revenue came from the start of each period to its end, by currency, in minor units a month: mrr_start + opening + new + reactivation + expansion + contraction + churn = mrr_end, exactly. Movements are those of a customer as a whole, all of one instant netted: see mrr_movements.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
mrr_start: MRR when the period begins.
opening: what was found: subscriptions whose creation was not seen, so that their past is not known, at their first known event.
new: of customers who never paid before.
reactivation: of customers who came back, after whatever time.
expansion: of customers who pay more: a greater plan, more units, a discount that ended.
contraction: of customers who pay less; negative.
churn: of customers who pay nothing any more; negative.
mrr_end: MRR when the period ends; now where it goes on.
incomplete: customers whose MRR left something out that is known only by its id, as a coupon, when the period began, and how often it began to do so in it.';

-- Until it told how much of it is incomplete; churn_reasons tells that since, too.
DO $$
BEGIN
    IF pg_get_function_result(to_regproc('churned_customers')) NOT LIKE '%incomplete%' THEN
        DROP FUNCTION churn_metrics, churn_reasons, churned_customers;
    END IF;
END
$$;
CREATE OR REPLACE FUNCTION churned_customers(
    since timestamptz, until timestamptz,
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL
) RETURNS TABLE (
    livemode boolean, currency text, account text, customer_id text, churned_at timestamptz, mrr bigint,
    cause text, voluntary boolean, reason text, feedback text, comment text, plan_type text, price_id text,
    subscription_ids text[], incomplete boolean
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT gone.livemode, gone.currency, gone.account, gone.customer_id, gone.at, -gone.amount,
        coalesce(told.cause, state.cause, (
            SELECT 'free' FROM customer_discounts AS began
            WHERE began.account = gone.account AND began.livemode = gone.livemode
                AND began.customer_id = gone.customer_id AND began.since = gone.at
        )), CASE WHEN told.cause IS NULL AND state.cause = 'unpaid' THEN false
            ELSE told.voluntary END,
        told.reason, told.feedback, told.comment, gone.plan_type, gone.price_id, gone.subscription_ids,
        gone.incomplete < 0
    FROM (
        SELECT coalesce(churned_customers.livemode, default_livemode()) AS livemode, movement.*
        FROM ledger_movements(churned_customers.currency, churned_customers.source, churned_customers.livemode)
            AS movement
        WHERE movement.kind = 'churn' AND movement.at >= churned_customers.since
            AND movement.at < least(churned_customers.until, now())
            AND is_range(churned_customers.since, churned_customers.until)
    ) AS gone
    LEFT JOIN LATERAL (
        SELECT stopped.cause, stopped.voluntary, stopped.reason, stopped.feedback, stopped.comment
        FROM stopped_subscriptions AS stopped
        WHERE stopped.account = gone.account AND stopped.livemode = gone.livemode
            AND stopped.subscription_id = ANY (gone.subscription_ids) AND stopped.churned_at = gone.at
        ORDER BY stopped.monthly_amount DESC, stopped.subscription_id LIMIT 1
    ) AS told ON true
    LEFT JOIN LATERAL (  -- of one that came back since there is no row of churn, but what it went through is kept
        SELECT stopping_cause(version.status, version.collection_pause) AS cause
        FROM subscription_versions AS version
        WHERE told.cause IS NULL
            AND version.account = gone.account AND version.livemode = gone.livemode
            AND version.subscription_id = ANY (gone.subscription_ids) AND version.valid_from = gone.at
            AND NOT version.counts
        ORDER BY version.monthly_amount DESC, version.subscription_id, version.number DESC LIMIT 1
    ) AS state ON true;
END;
COMMENT ON FUNCTION churned_customers IS 'Each time that a customer''s MRR ended, one row a churn of mrr_movements, and why. Where several subscriptions ended in one instant, the greatest tells why.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
account: the Stripe account.
customer_id: who left.
churned_at: when it stopped counting: a cancellation when it took effect.
mrr: what was lost, in minor units a month, positive.
cause: what ended it: a status (canceled, unpaid, paused, …), collection_paused or free; null where no event says, as for a coupon or a time that ran out by itself and is over again.
voluntary: whether the customer chose to go; false for payments that failed or were disputed; null where Stripe does not say.
reason: Stripe''s reason for the cancellation or the pause.
feedback: what the customer chose as the reason.
comment: what the customer wrote about it.
plan_type: the plan that ended.
price_id: its price.
subscription_ids: the subscriptions that ended.
incomplete: whether mrr leaves something out that is known only by its id, as a coupon.';

CREATE OR REPLACE FUNCTION lost_customers(
    since timestamptz, until timestamptz, "by" text, currency text, source text, livemode boolean, time_zone text
) RETURNS TABLE (period_start timestamptz, currency text, customers bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH period AS MATERIALIZED (
        SELECT array_agg(begun.period_start ORDER BY begun.period_start) AS starts, max(begun.told_until) AS until
        FROM begun_periods(
            lost_customers.since, lost_customers.until, lost_customers."by", lost_customers.time_zone
        ) AS begun
    )
    SELECT period.starts[net.place], net.currency, count(*)
    FROM (
        -- What begins and ends in a period telescopes: -1 is left of one that paid at its start and not at its end.
        SELECT movement.currency, width_bucket(movement.at, (SELECT period.starts FROM period)) AS place
        FROM ledger_movements(lost_customers.currency, lost_customers.source, lost_customers.livemode) AS movement
        WHERE movement.customers <> 0 AND movement.at >= (SELECT period.starts[1] FROM period)
            AND movement.at < (SELECT period.until FROM period)
        GROUP BY movement.account, movement.customer_id, movement.currency,
            width_bucket(movement.at, (SELECT period.starts FROM period))
        HAVING sum(movement.customers) = -1
    ) AS net
    CROSS JOIN period
    GROUP BY period.starts[net.place], net.currency;
END;
COMMENT ON FUNCTION lost_customers IS 'How many of the customers who paid when a period began do not pay when it ends. One who left and came back in it is not lost, nor is one who came and left in it.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
customers: how many; there is no row where there are none.';

CREATE OR REPLACE FUNCTION churn_metrics(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month',
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text,
    customers_start bigint, lost_customers bigint, customer_churn_rate numeric,
    active_30_days_ago bigint, new_in_30_days bigint, churned_in_30_days bigint, subscriber_churn_rate_stripe numeric,
    mrr_start bigint, expansion bigint, reactivation bigint, contraction bigint, churn bigint,
    gross_mrr_churn_rate numeric, net_mrr_churn_rate numeric,
    gross_revenue_retention numeric, net_revenue_retention numeric,
    churned_customers bigint, voluntary_customers bigint, involuntary_customers bigint, unexplained_customers bigint,
    voluntary_churn bigint, involuntary_churn bigint, unexplained_churn bigint, incomplete bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH begun AS MATERIALIZED (
        SELECT period.period_start, period.told_until, period.told_until - interval '720 hours' AS thirty_days_ago
        FROM begun_periods(
            churn_metrics.since, churn_metrics.until, churn_metrics."by", churn_metrics.time_zone
        ) AS period
    ), total AS MATERIALIZED (
        SELECT sums.instant, sums.currency, sums.customers, sums.churned_customers,
            sums.opening_customers + sums.new_customers + sums.reactivated_customers AS begun_customers
        FROM ledger_totals(
            (
                SELECT array_agg(DISTINCT bound.instant ORDER BY bound.instant)
                FROM (SELECT begun.thirty_days_ago FROM begun UNION ALL SELECT begun.told_until FROM begun)
                    AS bound (instant)
            ),
            churn_metrics.currency, churn_metrics.source, churn_metrics.livemode
        ) AS sums
    ), thirty_days AS (
        SELECT begun.period_start, first.currency, first.customers AS active,
            last.begun_customers - first.begun_customers AS came,
            last.churned_customers - first.churned_customers AS churned
        FROM begun
        JOIN total AS first ON first.instant = begun.thirty_days_ago
        JOIN total AS last ON last.instant = begun.told_until AND last.currency = first.currency
    ), why AS (
        SELECT starts.instants[gone.place] AS period_start, gone.currency,
            count(*) FILTER (WHERE gone.voluntary) AS voluntary_customers,
            count(*) FILTER (WHERE NOT gone.voluntary) AS involuntary_customers,
            -coalesce(sum(gone.mrr) FILTER (WHERE gone.voluntary), 0) AS voluntary_churn,
            -coalesce(sum(gone.mrr) FILTER (WHERE NOT gone.voluntary), 0) AS involuntary_churn
        FROM (SELECT array_agg(begun.period_start ORDER BY begun.period_start) AS instants FROM begun) AS starts
        CROSS JOIN LATERAL (
            SELECT one.currency, one.voluntary, one.mrr, width_bucket(one.churned_at, starts.instants) AS place
            FROM churned_customers(
                (SELECT min(begun.period_start) FROM begun), (SELECT max(begun.told_until) FROM begun),
                churn_metrics.currency, churn_metrics.source, churn_metrics.livemode
            ) AS one
        ) AS gone
        GROUP BY starts.instants[gone.place], gone.currency
    )
    SELECT period.period_start, period.period_end, coalesce(churn_metrics.livemode, default_livemode()),
        period.currency,
        period.customers_start, coalesce(lost.customers, 0),
        coalesce(lost.customers, 0)::numeric / nullif(period.customers_start, 0),
        thirty_days.active, thirty_days.came, thirty_days.churned,
        thirty_days.churned::numeric / nullif(thirty_days.active + thirty_days.came, 0),
        period.mrr_start, period.expansion, period.reactivation, period.contraction, period.churn,
        -(period.churn + period.contraction)::numeric / nullif(period.mrr_start, 0),
        -(period.churn + period.contraction + period.expansion + period.reactivation)::numeric
            / nullif(period.mrr_start, 0),
        (period.mrr_start + period.contraction + period.churn)::numeric / nullif(period.mrr_start, 0),
        (period.mrr_start + period.expansion + period.reactivation + period.contraction + period.churn)::numeric
            / nullif(period.mrr_start, 0),
        period.churned_customers, coalesce(why.voluntary_customers, 0), coalesce(why.involuntary_customers, 0),
        period.churned_customers - coalesce(why.voluntary_customers + why.involuntary_customers, 0),
        coalesce(why.voluntary_churn, 0)::bigint, coalesce(why.involuntary_churn, 0)::bigint,
        (period.churn - coalesce(why.voluntary_churn + why.involuntary_churn, 0))::bigint, period.incomplete
    FROM ledger_periods(
        churn_metrics.since, churn_metrics.until, churn_metrics."by",
        churn_metrics.currency, churn_metrics.source, churn_metrics.livemode, churn_metrics.time_zone
    ) AS period
    JOIN thirty_days ON thirty_days.period_start = period.period_start AND thirty_days.currency = period.currency
    LEFT JOIN lost_customers(
        churn_metrics.since, churn_metrics.until, churn_metrics."by",
        churn_metrics.currency, churn_metrics.source, churn_metrics.livemode, churn_metrics.time_zone
    ) AS lost ON lost.period_start = period.period_start AND lost.currency = period.currency
    LEFT JOIN why ON why.period_start = period.period_start AND why.currency = period.currency
    ORDER BY period.period_start, period.currency;
END;
COMMENT ON FUNCTION churn_metrics IS 'Churn and retention by period and currency, each rate under its own name, with what it rests on. Rates are fractions of 1, null where there is nothing to divide by; amounts in minor units a month, signed as in mrr_waterfall. A customer with MRR in two currencies counts in both.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
customers_start: customers with MRR when the period begins.
lost_customers: those of them who have none when it ends.
customer_churn_rate: lost_customers ÷ customers_start.
active_30_days_ago: customers with MRR 30 days (720 hours) before the period''s end.
new_in_30_days: how often one began to pay in these 30 days: new, back again, or found paying.
churned_in_30_days: how often one left in these 30 days.
subscriber_churn_rate_stripe: churned_in_30_days ÷ (active_30_days_ago + new_in_30_days), as Stripe''s Billing analytics have it: for the last 30 days of the period, however long that is.
mrr_start: MRR when the period begins.
expansion: of customers who pay more.
reactivation: of customers who came back.
contraction: of customers who pay less; negative.
churn: of customers who pay nothing any more; negative.
gross_mrr_churn_rate: (churn and contraction, positive) ÷ mrr_start.
net_mrr_churn_rate: (churn and contraction, positive, less expansion and reactivation) ÷ mrr_start; negative where more was gained than lost.
gross_revenue_retention: (mrr_start less contraction and churn) ÷ mrr_start.
net_revenue_retention: (mrr_start with expansion and reactivation, less contraction and churn) ÷ mrr_start.
churned_customers: how often one left in the period: what voluntary, involuntary and unexplained add up to. One who came back and left again counts twice.
voluntary_customers: those who chose to go.
involuntary_customers: those whose payments failed or were disputed.
unexplained_customers: those of whom Stripe does not say.
voluntary_churn: the MRR of those who chose to go; negative.
involuntary_churn: that of those whose payments failed or were disputed; negative.
unexplained_churn: that of the others; negative.
incomplete: customers whose MRR left something out that is known only by its id, as a coupon, when the period began, and how often it began to do so in it.';

CREATE OR REPLACE FUNCTION churn_reasons(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month', split text DEFAULT 'reason',
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text, split_value text,
    churned_customers bigint, churn bigint, incomplete bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH period AS MATERIALIZED (
        SELECT begun.period_start, begun.period_end, begun.told_until
        FROM begun_periods(
            churn_reasons.since, churn_reasons.until, churn_reasons."by", churn_reasons.time_zone
        ) AS begun
    ), gone AS MATERIALIZED (
        SELECT width_bucket(one.churned_at, (
                SELECT array_agg(period.period_start ORDER BY period.period_start) FROM period
            )) AS place,
            one.currency,
            CASE chosen('split', churn_reasons.split, 'reason', 'feedback', 'cause', 'voluntary', 'plan')
                WHEN 'reason' THEN one.reason
                WHEN 'feedback' THEN one.feedback
                WHEN 'cause' THEN one.cause
                WHEN 'voluntary' THEN CASE one.voluntary WHEN true THEN 'voluntary' WHEN false THEN 'involuntary' END
                WHEN 'plan' THEN one.plan_type
            END AS split_value,
            count(*) AS customers, sum(one.mrr) AS mrr, count(*) FILTER (WHERE one.incomplete) AS incomplete
        FROM churned_customers(
            (SELECT min(period.period_start) FROM period), (SELECT max(period.told_until) FROM period),
            churn_reasons.currency, churn_reasons.source, churn_reasons.livemode
        ) AS one
        GROUP BY 1, 2, 3
    )
    SELECT numbered.period_start, numbered.period_end, coalesce(churn_reasons.livemode, default_livemode()),
        seen.currency, seen.split_value, coalesce(gone.customers, 0), -coalesce(gone.mrr, 0)::bigint,
        coalesce(gone.incomplete, 0)
    FROM (SELECT period.*, row_number() OVER (ORDER BY period.period_start) AS place FROM period) AS numbered
    CROSS JOIN (SELECT DISTINCT gone.currency, gone.split_value FROM gone) AS seen
    LEFT JOIN gone ON gone.place = numbered.place AND gone.currency = seen.currency
        AND gone.split_value IS NOT DISTINCT FROM seen.split_value
    ORDER BY numbered.period_start, seen.currency, seen.split_value;
END;
COMMENT ON FUNCTION churn_reasons IS 'Why customers left, by period, currency and what they or Stripe said; it adds up to churn_metrics. A reason that appears in one period appears in all.
split: reason (Stripe''s, as cancellation_requested or payment_failed), feedback (what the customer chose), cause (what ended it, as canceled or unpaid), voluntary (voluntary or involuntary) or plan.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
split_value: the reason; null where nobody said.
churned_customers: how often one left.
churn: the MRR that was lost, in minor units a month; negative.
incomplete: those of them whose MRR left something out that is known only by its id, as a coupon.';

CREATE OR REPLACE FUNCTION arpu(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month',
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text,
    mrr_end bigint, customers_end bigint, arpu numeric, incomplete bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT period.period_start, period.period_end, coalesce(arpu.livemode, default_livemode()), period.currency,
        period.mrr_end, period.customers_end, period.mrr_end::numeric / nullif(period.customers_end, 0),
        period.incomplete_end
    FROM ledger_periods(
        arpu.since, arpu.until, arpu."by", arpu.currency, arpu.source, arpu.livemode, arpu.time_zone
    ) AS period
    ORDER BY period.period_start, period.currency;
END;
COMMENT ON FUNCTION arpu IS 'Average revenue per paying customer, by period and currency.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
mrr_end: MRR when the period ends, in minor units a month; now where it goes on.
customers_end: customers with MRR then.
arpu: mrr_end ÷ customers_end, in minor units a month, unrounded; null where nobody pays.
incomplete: those of the customers whose MRR leaves something out that is known only by its id, as a coupon.';

CREATE OR REPLACE FUNCTION ltv(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month',
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text,
    arpu numeric, customers_start bigint, lost_customers bigint, customer_churn_rate numeric, ltv numeric,
    incomplete bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT period.period_start, period.period_end, coalesce(ltv.livemode, default_livemode()), period.currency,
        period.mrr_end::numeric / nullif(period.customers_end, 0), period.customers_start,
        coalesce(lost.customers, 0), coalesce(lost.customers, 0)::numeric / nullif(period.customers_start, 0),
        -- Multiplied before it is divided: the rate itself is never rounded.
        period.mrr_end::numeric * period.customers_start / nullif(period.customers_end * lost.customers, 0),
        period.incomplete
    FROM ledger_periods(
        ltv.since, ltv.until, ltv."by", ltv.currency, ltv.source, ltv.livemode, ltv.time_zone
    ) AS period
    LEFT JOIN lost_customers(
        ltv.since, ltv.until, ltv."by", ltv.currency, ltv.source, ltv.livemode, ltv.time_zone
    ) AS lost ON lost.period_start = period.period_start AND lost.currency = period.currency
    ORDER BY period.period_start, period.currency;
END;
COMMENT ON FUNCTION ltv IS 'What a customer brings until he leaves, if all goes on as in the period, by period and currency: for months that is a lifetime value; for another period the rate is that of the period, and the value counts in such periods'' worth of months.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
arpu: MRR by customer when the period ends, in minor units a month, unrounded.
customers_start: customers with MRR when the period begins.
lost_customers: those of them who have none when it ends.
customer_churn_rate: lost_customers ÷ customers_start.
ltv: arpu ÷ customer_churn_rate, in minor units, unrounded; null where nobody left or nobody pays.
incomplete: customers whose MRR left something out that is known only by its id, as a coupon, when the period began, and how often it began to do so in it.';

CREATE OR REPLACE FUNCTION quick_ratio(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month',
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text,
    gained bigint, lost bigint, quick_ratio numeric, incomplete bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT period.period_start, period.period_end, coalesce(quick_ratio.livemode, default_livemode()),
        period.currency, period."new" + period.expansion + period.reactivation, -(period.contraction + period.churn),
        (period."new" + period.expansion + period.reactivation)::numeric
            / nullif(-(period.contraction + period.churn), 0),
        period.incomplete
    FROM ledger_periods(
        quick_ratio.since, quick_ratio.until, quick_ratio."by",
        quick_ratio.currency, quick_ratio.source, quick_ratio.livemode, quick_ratio.time_zone
    ) AS period
    ORDER BY period.period_start, period.currency;
END;
COMMENT ON FUNCTION quick_ratio IS 'How many times what was lost was gained, by period and currency.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
gained: new, expansion and reactivation, in minor units a month; what was merely found (opening) is no gain.
lost: contraction and churn, positive.
quick_ratio: gained ÷ lost; null where nothing was lost.
incomplete: customers whose MRR left something out that is known only by its id, as a coupon, when the period began, and how often it began to do so in it.';

CREATE OR REPLACE FUNCTION mrr_as_of(
    instant timestamptz, currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL
) RETURNS TABLE (livemode boolean, currency text, mrr bigint, customers bigint, incomplete bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(mrr_as_of.livemode, default_livemode()), movement.currency, sum(movement.amount)::bigint,
        sum(movement.customers)::bigint, sum(movement.incomplete)::bigint
    FROM ledger_movements(mrr_as_of.currency, mrr_as_of.source, mrr_as_of.livemode) AS movement
    WHERE movement.at <= mrr_as_of.instant
    GROUP BY movement.currency
    ORDER BY movement.currency;
END;
COMMENT ON FUNCTION mrr_as_of IS 'Monthly recurring revenue at an instant, by currency: what was true then by Stripe''s clock, events that came later included. For an instant that is still to come: what today''s subscriptions come to then, with the ends of discounts that are known.
instant: the instant; what happens at it is included.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
mrr: in minor units a month.
customers: those who have any.
incomplete: those of them whose MRR leaves something out that is known only by its id, as a coupon.';

-- ------------------------------------------------------------ metrics: subscriptions

CREATE OR REPLACE FUNCTION subscriptions_as_of(instant timestamptz)
RETURNS TABLE (
    account text, livemode boolean, subscription_id text, customer_id text, status text, plan_type text, price_id text,
    "interval" text, interval_count integer, quantity bigint, currency text, collection_pause text,
    cancellation_scheduled boolean, cancel_at timestamptz, trial_end timestamptz, ended_at timestamptz,
    counts boolean, mrr bigint, incomplete boolean, valid_from timestamptz, event_id text, source text, stale boolean
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH standing AS (
        SELECT DISTINCT ON (version.account, version.livemode, version.subscription_id) version.*
        FROM subscription_versions AS version
        WHERE version.valid_from <= subscriptions_as_of.instant
            OR (version.status = 'canceled' AND version.ended_at <= subscriptions_as_of.instant)
        ORDER BY version.account, version.livemode, version.subscription_id, version.number DESC
    ), counted AS (
        SELECT span.account, span.livemode, span.subscription_id, sum(span.amount) AS amount,
            bool_or(span.incomplete) AS incomplete
        FROM subscription_mrr AS span
        WHERE span.since <= subscriptions_as_of.instant
            AND (span.until IS NULL OR span.until > subscriptions_as_of.instant)
        GROUP BY span.account, span.livemode, span.subscription_id
    ), shared AS (
        -- A customer's sum is rounded once; of it each subscription has what it adds to those before it.
        SELECT standing.*, counted.amount, counted.incomplete,
            sum(coalesce(counted.amount, 0)) OVER (
                PARTITION BY standing.account, standing.livemode, standing.customer_id, standing.currency
                ORDER BY standing.subscription_id
            ) AS so_far
        FROM standing
        LEFT JOIN counted USING (account, livemode, subscription_id)
    )
    SELECT shared.account, shared.livemode, shared.subscription_id, shared.customer_id, shared.status,
        shared.plan_type, shared.price_id, shared.interval, shared.interval_count, shared.quantity, shared.currency,
        shared.collection_pause, shared.cancellation_scheduled, shared.cancel_at, shared.trial_end, shared.ended_at,
        coalesce(shared.amount <> 0 OR shared.incomplete, false),
        (half_even(round(shared.so_far, 10))
            - half_even(round(shared.so_far - coalesce(shared.amount, 0), 10)))::bigint,
        coalesce(shared.incomplete, false), shared.valid_from, shared.event_id, shared.source, shared.stale
    FROM shared;
END;
COMMENT ON FUNCTION subscriptions_as_of IS 'Each subscription as it was at an instant by Stripe''s clock, events that came later included. Where its creation was not seen, nothing is told of the time before its first known event. For an instant that is still to come: as it is now, with the ends of discounts that are known.
instant: the instant; what happens at it is included.
account: the Stripe account.
livemode: true for real money, false for test data; both are told.
subscription_id: the subscription.
customer_id: whose it was; the subscription itself where Stripe names nobody.
status: Stripe''s status; one that had ended is canceled or incomplete_expired.
plan_type: the plan that it was on.
price_id: the price of that plan.
interval: how it was billed: day, week, month or year.
interval_count: how many intervals a billing period had.
quantity: how many units of that price; null where usage decided.
collection_pause: what became of its invoices while collection was paused; null where it was not.
cancellation_scheduled: whether its end was set.
cancel_at: when it was to end.
trial_end: when its trial ended or was to end.
ended_at: when it had ended.
counts: whether it was recurring revenue.
mrr: what it added to its customer''s MRR, in minor units a month: so rounded that they add up to mrr_as_of; 0 where it did not count.
incomplete: whether that leaves something out that is known only by its id, as a coupon.
valid_from: since when it was so.
event_id: the event that told it.
source: which endpoint received that event: the last part of /webhooks/{source}.
stale: whether a newer event of it could not be digested: see dead_letters.';

CREATE OR REPLACE FUNCTION mrr_by_plan(
    instant timestamptz, currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL
) RETURNS TABLE (
    livemode boolean, currency text, plan_type text, price_id text, "interval" text, interval_count integer,
    subscriptions bigint, customers bigint, mrr bigint, incomplete bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT state.livemode, state.currency, state.plan_type, state.price_id, state.interval, state.interval_count,
        count(*), count(DISTINCT (state.account, state.customer_id)), sum(state.mrr)::bigint,
        count(*) FILTER (WHERE state.incomplete)
    FROM subscriptions_as_of(mrr_by_plan.instant) AS state
    WHERE state.counts AND state.livemode = (SELECT coalesce(mrr_by_plan.livemode, default_livemode()))
        AND (mrr_by_plan.currency IS NULL OR state.currency = lower(mrr_by_plan.currency))
        AND (mrr_by_plan.source IS NULL OR (state.account, state.customer_id, state.currency) IN (
            SELECT movement.account, movement.customer_id, movement.currency
            FROM ledger_movements(mrr_by_plan.currency, mrr_by_plan.source, mrr_by_plan.livemode) AS movement
        ))
    GROUP BY state.livemode, state.currency, state.plan_type, state.price_id, state.interval, state.interval_count
    ORDER BY state.currency, sum(state.mrr) DESC, state.plan_type, state.price_id;
END;
COMMENT ON FUNCTION mrr_by_plan IS 'Monthly recurring revenue at an instant by plan and price. Its rows add up to mrr_as_of. A subscription of several items is with the first of them that is of a plan.
instant: the instant; what happens at it is included.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
plan_type: the plan.
price_id: its price.
interval: how it is billed: day, week, month or year.
interval_count: how many intervals a billing period has.
subscriptions: those that count.
customers: whose they are.
mrr: in minor units a month.
incomplete: subscriptions of which something is left out that is known only by its id, as a coupon.';

CREATE OR REPLACE FUNCTION subscription_metrics(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month', split text DEFAULT NULL,
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text, split_value text,
    subscriptions bigint, counting bigint, created bigint, ended bigint, mrr bigint, incomplete bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH period AS MATERIALIZED (
        SELECT begun.period_start, begun.period_end, begun.told_until,
            row_number() OVER (ORDER BY begun.period_start) AS place
        FROM begun_periods(
            subscription_metrics.since, subscription_metrics.until, subscription_metrics."by",
            subscription_metrics.time_zone
        ) AS begun
        WHERE subscription_metrics.split IS NULL
            OR chosen('split', subscription_metrics.split, 'status', 'plan', 'interval') IS NOT NULL
    ), told AS MATERIALIZED (
        SELECT version.account, version.livemode, version.subscription_id, version.number, version.currency,
            version.valid_from,
            CASE WHEN NOT over.ended THEN least(version.valid_to, latest.ended_at) ELSE version.valid_to END AS valid_to,
            over.ended, version.opening, version.ended_at,
            CASE subscription_metrics.split
                WHEN 'status' THEN version.status
                WHEN 'plan' THEN version.plan_type
                WHEN 'interval' THEN CASE version.interval_count WHEN 1 THEN version.interval
                    ELSE version.interval_count || ' ' || version.interval || 's' END
            END AS split_value
        FROM subscription_versions AS version
        LEFT JOIN subscriptions AS latest
            ON latest.account = version.account AND latest.livemode = version.livemode
            AND latest.id = version.subscription_id
        CROSS JOIN LATERAL (SELECT version.status IN ('canceled', 'incomplete_expired') AS ended) AS over
        WHERE version.livemode = (SELECT coalesce(subscription_metrics.livemode, default_livemode()))
            AND (subscription_metrics.currency IS NULL OR version.currency = lower(subscription_metrics.currency))
            AND (subscription_metrics.source IS NULL OR (version.account, version.subscription_id) IN (
                SELECT first.account, first.subscription_id FROM subscription_versions AS first
                WHERE first.number = 0 AND first.source = source_label(subscription_metrics.source)
                    AND first.livemode = (SELECT coalesce(subscription_metrics.livemode, default_livemode()))
            ))
    ), change AS (
        SELECT told.valid_from AS at, told.currency, told.split_value, 1 AS subscriptions, 0 AS counting, 0 AS created,
            0 AS ended, 0::bigint AS mrr, 0 AS incomplete
        FROM told WHERE NOT told.ended AND told.valid_from < coalesce(told.valid_to, 'infinity')
        UNION ALL
        SELECT told.valid_to, told.currency, told.split_value, -1, 0, 0, 0, 0, 0
        FROM told WHERE NOT told.ended AND told.valid_from < told.valid_to
        UNION ALL
        SELECT told.valid_from, told.currency, told.split_value, 0, 0, 1, 0, 0, 0
        FROM told WHERE told.number = 0 AND NOT told.opening
        UNION ALL
        SELECT * FROM (
            SELECT DISTINCT ON (told.account, told.subscription_id)
                coalesce(told.ended_at, told.valid_from), told.currency, told.split_value, 0, 0, 0, 1, 0::bigint, 0
            FROM told WHERE told.ended
            ORDER BY told.account, told.subscription_id, told.number
        ) AS over
        UNION ALL
        SELECT edge.at, span.currency, CASE subscription_metrics.split
                WHEN 'status' THEN span.status
                WHEN 'plan' THEN span.plan_type
                WHEN 'interval' THEN CASE span.interval_count WHEN 1 THEN span.interval
                    ELSE span.interval_count || ' ' || span.interval || 's' END
            END, 0, edge.sign, 0, 0, edge.sign * CASE trunc(span.amount) WHEN span.amount THEN span.amount
                ELSE half_even(round(span.amount, 10)) END::bigint,
            edge.sign * span.incomplete::integer
        FROM subscription_mrr AS span
        CROSS JOIN LATERAL (VALUES (span.since, 1), (span.until, -1)) AS edge (at, sign)
        WHERE (span.amount <> 0 OR span.incomplete) AND edge.at IS NOT NULL
            AND span.since < coalesce(span.until, 'infinity')
            AND span.livemode = (SELECT coalesce(subscription_metrics.livemode, default_livemode()))
            AND (subscription_metrics.currency IS NULL OR span.currency = lower(subscription_metrics.currency))
            AND (subscription_metrics.source IS NULL OR (span.account, span.subscription_id) IN (
                SELECT first.account, first.subscription_id FROM subscription_versions AS first
                WHERE first.number = 0 AND first.source = source_label(subscription_metrics.source)
                    AND first.livemode = (SELECT coalesce(subscription_metrics.livemode, default_livemode()))
            ))
    ), moved AS MATERIALIZED (
        SELECT change.currency, change.split_value,
            width_bucket(change.at, (SELECT array_agg(period.period_start ORDER BY period.place) FROM period)) AS place,
            sum(change.subscriptions) AS subscriptions, sum(change.counting) AS counting,
            sum(change.created) AS created, sum(change.ended) AS ended, sum(change.mrr) AS mrr,
            sum(change.incomplete) AS incomplete
        FROM change
        WHERE change.at < (SELECT max(period.told_until) FROM period)
        GROUP BY 1, 2, 3
    ), figure AS (
        SELECT place.place, seen.currency, seen.split_value,
            sum(moved.subscriptions) OVER so_far AS subscriptions, sum(moved.counting) OVER so_far AS counting,
            moved.created, moved.ended, sum(moved.mrr) OVER so_far AS mrr,
            sum(moved.incomplete) OVER so_far AS incomplete
        FROM (SELECT 0 AS place UNION ALL SELECT period.place FROM period) AS place
        CROSS JOIN (SELECT DISTINCT moved.currency, moved.split_value FROM moved) AS seen
        LEFT JOIN moved ON moved.place = place.place AND moved.currency = seen.currency
            AND moved.split_value IS NOT DISTINCT FROM seen.split_value
        WINDOW so_far AS (PARTITION BY seen.currency, seen.split_value ORDER BY place.place)
    ), shown AS (  -- what was over before the range began is not of it
        SELECT figure.*, bool_or(figure.subscriptions > 0 OR figure.created > 0 OR figure.ended > 0)
            OVER (PARTITION BY figure.currency, figure.split_value) AS seen
        FROM figure WHERE figure.place > 0
    )
    SELECT period.period_start, period.period_end, coalesce(subscription_metrics.livemode, default_livemode()),
        shown.currency, shown.split_value, coalesce(shown.subscriptions, 0)::bigint,
        coalesce(shown.counting, 0)::bigint, coalesce(shown.created, 0)::bigint, coalesce(shown.ended, 0)::bigint,
        coalesce(shown.mrr, 0)::bigint, coalesce(shown.incomplete, 0)::bigint
    FROM shown
    JOIN period ON period.place = shown.place
    WHERE shown.seen
    ORDER BY period.period_start, shown.currency, shown.split_value;
END;
COMMENT ON FUNCTION subscription_metrics IS 'How many subscriptions there are when each period ends (now where it goes on), and how many were made and ended in it, by currency. A currency and value that appears in one period appears in all.
split: the breakdown: status (Stripe''s), plan or interval (month, year, 3 months, …); null for none.
source: only subscriptions of which this endpoint told first, the last part of /webhooks/{source}; null for all.
split_value: its value; null where it is unknown or none was asked for.
subscriptions: those that have not ended, in whatever status.
counting: those of them that are recurring revenue.
created: those that were made in the period, in the state in which they began.
ended: those that were canceled or expired in the period; split by status they are in its row, of which no subscription goes on.
mrr: what the counting ones come to, in minor units a month, each rounded by itself: where a customer has several, mrr_waterfall may differ by the rounding. mrr_by_plan adds up exactly.
incomplete: counting ones whose amount leaves something out that is known only by its id, as a coupon.';

DO $$
BEGIN
    IF pg_get_function_result(to_regproc('trial_conversion')) NOT LIKE '%incomplete%' THEN
        DROP FUNCTION trial_conversion;
    END IF;
END
$$;
CREATE OR REPLACE FUNCTION trial_conversion(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month',
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text,
    trials_ended bigint, converted bigint, trial_conversion_rate numeric, undecided bigint, incomplete bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH period AS MATERIALIZED (
        SELECT begun.period_start, begun.period_end, begun.told_until,
            row_number() OVER (ORDER BY begun.period_start) AS place
        FROM begun_periods(
            trial_conversion.since, trial_conversion.until, trial_conversion."by", trial_conversion.time_zone
        ) AS begun
    ), trial AS MATERIALIZED (  -- from the trials on, which are few, not from what lies in the range
        SELECT version.account, version.livemode, version.subscription_id, version.number, version.currency,
            least(following.valid_from, CASE following.status WHEN 'canceled' THEN following.ended_at END) AS ended_at
        FROM subscription_versions AS version
        JOIN subscription_versions AS following
            ON following.account = version.account AND following.livemode = version.livemode
            AND following.subscription_id = version.subscription_id AND following.number = version.number + 1
        WHERE version.status = 'trialing' AND following.status <> 'trialing'
            AND version.livemode = (SELECT coalesce(trial_conversion.livemode, default_livemode()))
            AND (trial_conversion.currency IS NULL OR version.currency = lower(trial_conversion.currency))
            AND (trial_conversion.source IS NULL OR EXISTS (
                SELECT FROM subscription_versions AS first
                WHERE first.account = version.account AND first.livemode = version.livemode
                    AND first.subscription_id = version.subscription_id AND first.number = 0
                    AND first.source = source_label(trial_conversion.source)
            ))
    ), outcome AS MATERIALIZED (
        SELECT trial.currency,
            width_bucket(trial.ended_at, (SELECT array_agg(period.period_start ORDER BY period.place) FROM period))
                AS place,
            count(span.number) > 0 AS converted, coalesce(bool_or(span.incomplete), false) AS incomplete,
            trial.ended_at + interval '168 hours' > now() AS open
        FROM trial
        LEFT JOIN subscription_mrr AS span
            ON span.account = trial.account AND span.livemode = trial.livemode
            AND span.subscription_id = trial.subscription_id
            AND (span.amount <> 0 OR span.incomplete)
            AND span.since < trial.ended_at + interval '168 hours' AND span.since <= now()
            AND coalesce(span.until, 'infinity') > trial.ended_at
        WHERE trial.ended_at >= (SELECT min(period.period_start) FROM period)
            AND trial.ended_at < (SELECT max(period.told_until) FROM period)
        GROUP BY trial.account, trial.livemode, trial.subscription_id, trial.number, trial.currency, trial.ended_at
    )
    SELECT period.period_start, period.period_end, coalesce(trial_conversion.livemode, default_livemode()),
        seen.currency, count(outcome.place), count(*) FILTER (WHERE outcome.converted),
        count(*) FILTER (WHERE outcome.converted)::numeric / nullif(count(outcome.place), 0),
        count(*) FILTER (WHERE outcome.open AND NOT outcome.converted), count(*) FILTER (WHERE outcome.incomplete)
    FROM period
    CROSS JOIN (SELECT DISTINCT outcome.currency FROM outcome) AS seen
    LEFT JOIN outcome ON outcome.place = period.place AND outcome.currency = seen.currency
    GROUP BY period.period_start, period.period_end, seen.currency
    ORDER BY period.period_start, seen.currency;
END;
COMMENT ON FUNCTION trial_conversion IS 'How many of the trials that ended in a period became recurring revenue, by period and currency.
source: only subscriptions of which this endpoint told first, the last part of /webhooks/{source}; null for all.
trials_ended: trials that ended in the period, also by a cancellation.
converted: those that counted as MRR within 7 days (168 hours) after that, active or past_due and not free.
trial_conversion_rate: converted ÷ trials_ended; null where none ended.
undecided: incomplete: those that ended less than 7 days ago and may yet count.
incomplete: converted ones whose amount leaves something out that is known only by its id, as a coupon: it may be free.';

CREATE OR REPLACE FUNCTION dunning_recovery(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month',
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text,
    past_due bigint, left_past_due bigint, recovered bigint, canceled bigint, unpaid bigint,
    dunning_recovery_rate numeric, still_past_due bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH period AS MATERIALIZED (
        SELECT begun.period_start, begun.period_end, begun.told_until
        FROM begun_periods(
            dunning_recovery.since, dunning_recovery.until, dunning_recovery."by", dunning_recovery.time_zone
        ) AS begun
    ), spell AS MATERIALIZED (
        SELECT version.account, version.subscription_id, version.currency, version.valid_from AS since,
            least(following.valid_from, CASE following.status WHEN 'canceled' THEN following.ended_at END) AS until,
            following.status
        FROM subscription_versions AS version
        LEFT JOIN subscription_versions AS following
            ON following.account = version.account AND following.livemode = version.livemode
            AND following.subscription_id = version.subscription_id AND following.number = version.number + 1
        WHERE version.status = 'past_due'
            AND version.livemode = (SELECT coalesce(dunning_recovery.livemode, default_livemode()))
            AND (dunning_recovery.currency IS NULL OR version.currency = lower(dunning_recovery.currency))
            AND (dunning_recovery.source IS NULL OR EXISTS (
                SELECT FROM subscription_versions AS first
                WHERE first.account = version.account AND first.livemode = version.livemode
                    AND first.subscription_id = version.subscription_id AND first.number = 0
                    AND first.source = source_label(dunning_recovery.source)
            ))
    ), figure AS MATERIALIZED (
        SELECT period.period_start, spell.currency,
            count(DISTINCT (spell.account, spell.subscription_id)) AS past_due,
            count(DISTINCT (spell.account, spell.subscription_id)) FILTER (WHERE gone.away) AS left_past_due,
            count(DISTINCT (spell.account, spell.subscription_id)) FILTER (WHERE gone.away AND spell.status = 'active')
                AS recovered,
            count(DISTINCT (spell.account, spell.subscription_id)) FILTER (WHERE gone.away AND spell.status = 'canceled')
                AS canceled,
            count(DISTINCT (spell.account, spell.subscription_id)) FILTER (WHERE gone.away AND spell.status = 'unpaid')
                AS unpaid,
            count(DISTINCT (spell.account, spell.subscription_id))
                FILTER (WHERE spell.until IS NULL OR spell.until >= period.told_until) AS still_past_due
        FROM period
        JOIN spell ON spell.since < period.told_until AND coalesce(spell.until, 'infinity') >= period.period_start
        CROSS JOIN LATERAL (
            SELECT spell.status <> 'past_due' AND spell.until >= period.period_start
                AND spell.until < period.told_until AS away
        ) AS gone
        GROUP BY period.period_start, spell.currency
    )
    SELECT period.period_start, period.period_end, coalesce(dunning_recovery.livemode, default_livemode()),
        seen.currency, coalesce(figure.past_due, 0), coalesce(figure.left_past_due, 0),
        coalesce(figure.recovered, 0), coalesce(figure.canceled, 0), coalesce(figure.unpaid, 0),
        figure.recovered::numeric / nullif(figure.left_past_due, 0), coalesce(figure.still_past_due, 0)
    FROM period
    CROSS JOIN (SELECT DISTINCT figure.currency FROM figure) AS seen
    LEFT JOIN figure ON figure.period_start = period.period_start AND figure.currency = seen.currency
    WHERE is_range(dunning_recovery.since, dunning_recovery.until)
    ORDER BY period.period_start, seen.currency;
END;
COMMENT ON FUNCTION dunning_recovery IS 'What became of subscriptions whose payments failed, by period and currency. Each subscription counts once a period.
source: only subscriptions of which this endpoint told first, the last part of /webhooks/{source}; null for all.
past_due: those that were past_due at any time in the period.
left_past_due: those of them that left that status in it.
recovered: those that became active again.
canceled: those that were canceled.
unpaid: those that Stripe gave up collecting, and left unpaid.
dunning_recovery_rate: recovered ÷ left_past_due; null where none left.
still_past_due: those that are past_due when the period ends; now where it goes on.';

CREATE OR REPLACE FUNCTION retention_cohorts(
    since timestamptz, until timestamptz,
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    cohort timestamptz, months integer, as_of timestamptz, livemode boolean, currency text,
    cohort_customers bigint, customers bigint, customer_retention numeric,
    cohort_mrr bigint, mrr bigint, mrr_retention numeric, incomplete bigint, customers_without_cohort bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH month AS MATERIALIZED (
        SELECT begun.period_start, begun.told_until, row_number() OVER (ORDER BY begun.period_start) AS number
        FROM begun_periods(
            retention_cohorts.since, retention_cohorts.until, 'month', retention_cohorts.time_zone
        ) AS begun
    ), movement AS MATERIALIZED (
        SELECT one.account, one.customer_id, one.currency, one.at, one.kind, one.amount, one.customers, one.incomplete
        FROM ledger_movements(retention_cohorts.currency, retention_cohorts.source, retention_cohorts.livemode) AS one
        WHERE one.at < (SELECT max(month.told_until) FROM month)
    ), begun AS (
        SELECT DISTINCT ON (movement.account, movement.customer_id, movement.currency)
            movement.account, movement.customer_id, movement.currency, movement.at, movement.kind, movement.amount
        FROM movement
        ORDER BY movement.account, movement.customer_id, movement.currency, movement.at, movement.kind <> 'opening'
    ), billed AS (
        SELECT invoices.account, invoices.customer_id, invoices.currency,
            min(coalesce(invoices.paid_at, invoices.finalized_at, invoices.created_at))
                FILTER (WHERE invoices.status = 'paid' AND invoices.amount_paid > 0) AS first_paid_at
        FROM invoices
        WHERE invoices.subscription_id IS NOT NULL
            AND invoices.livemode = (SELECT coalesce(retention_cohorts.livemode, default_livemode()))
        GROUP BY invoices.account, invoices.customer_id, invoices.currency
    ), placed AS MATERIALIZED (
        SELECT begun.account, begun.customer_id, begun.currency, begun.amount,
            CASE
                WHEN begun.kind = 'opening' THEN NULL
                WHEN billed.account IS NULL THEN begun.at
                ELSE billed.first_paid_at
            END AS first_paid_at
        FROM begun
        LEFT JOIN billed
            ON billed.account = begun.account AND billed.customer_id = begun.customer_id
            AND billed.currency = begun.currency
    ), member AS MATERIALIZED (
        SELECT placed.*, width_bucket(
                placed.first_paid_at, (SELECT array_agg(month.period_start ORDER BY month.number) FROM month)
            ) AS cohort
        FROM placed
        WHERE placed.first_paid_at >= (SELECT min(month.period_start) FROM month)
            AND placed.first_paid_at < (SELECT max(month.told_until) FROM month)
    ), size AS MATERIALIZED (
        SELECT member.cohort, member.currency, count(*) AS customers, sum(member.amount)::bigint AS mrr
        FROM member GROUP BY member.cohort, member.currency
    ), moved AS MATERIALIZED (
        SELECT member.cohort, member.currency,
            width_bucket(
                movement.at, (SELECT array_agg(month.period_start ORDER BY month.number) FROM month)
            ) AS number,
            sum(movement.customers) AS customers, sum(movement.amount) AS mrr, sum(movement.incomplete) AS incomplete
        FROM member
        JOIN movement
            ON movement.account = member.account AND movement.customer_id = member.customer_id
            AND movement.currency = member.currency
        GROUP BY 1, 2, 3
    ), grown AS (
        SELECT size.cohort, size.currency, number.number, size.customers AS cohort_customers, size.mrr AS cohort_mrr,
            coalesce(sum(moved.customers) OVER so_far, 0)::bigint AS customers,
            coalesce(sum(moved.mrr) OVER so_far, 0)::bigint AS mrr,
            coalesce(sum(moved.incomplete) OVER so_far, 0)::bigint AS incomplete
        FROM size
        CROSS JOIN (SELECT 0 AS number UNION ALL SELECT month.number FROM month) AS number
        LEFT JOIN moved ON moved.cohort = size.cohort AND moved.currency = size.currency
            AND moved.number = number.number
        WINDOW so_far AS (PARTITION BY size.cohort, size.currency ORDER BY number.number)
    ), unplaced AS (
        SELECT placed.currency, count(*) AS customers FROM placed
        WHERE placed.first_paid_at IS NULL OR placed.first_paid_at >= (SELECT max(month.told_until) FROM month)
        GROUP BY placed.currency
    )
    SELECT first.period_start, (grown.number - grown.cohort)::integer, month.told_until,
        coalesce(retention_cohorts.livemode, default_livemode()), grown.currency,
        grown.cohort_customers, grown.customers, grown.customers::numeric / nullif(grown.cohort_customers, 0),
        grown.cohort_mrr, grown.mrr, grown.mrr::numeric / nullif(grown.cohort_mrr, 0), grown.incomplete,
        coalesce(unplaced.customers, 0)
    FROM grown
    JOIN month AS first ON first.number = grown.cohort
    JOIN month ON month.number = grown.number AND grown.number >= grown.cohort
    LEFT JOIN unplaced ON unplaced.currency = grown.currency
    ORDER BY first.period_start, grown.currency, month.number;
END;
COMMENT ON FUNCTION retention_cohorts IS 'How many customers stay, and how much of their MRR: by the month of a customer''s first payment for a subscription, followed month by month until the range ends, or now. The first payment is the first invoice of a subscription that was paid with more than nothing, which may be months after MRR began (an invoice that is sent, a trial) or, where the customer bought other things, after their first order. Only of a customer none of whose subscriptions'' invoices is known at all, the beginning of MRR stands for it. By currency; a customer with MRR in two is in two cohorts.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
cohort: the first instant of the month of the first payment, of the range where that begins later.
months: how many months later; 0 is the end of that month itself.
as_of: of when the figures are: the end of that month; now, or the end of the range, where it goes on.
cohort_customers: customers whose first payment was in the month.
customers: those of them who have MRR then.
customer_retention: customers ÷ cohort_customers.
cohort_mrr: with how much MRR they began, in minor units a month.
mrr: what they come to then, in minor units a month.
mrr_retention: mrr ÷ cohort_mrr; above 1 where those who stay pay more than left.
incomplete: those whose MRR then leaves something out that is known only by its id, as a coupon.
customers_without_cohort: incomplete: customers of the currency who had MRR before the range ended and are in no cohort: what they paid first was not seen (an opening), or they had not paid yet.';

-- ------------------------------------------------------------ metrics: what adds up

-- What each PaymentIntent and each charge adds to the figures, at its own instant. Only the split that is asked for is
-- looked up, as a plan costs more than all the rest.
CREATE OR REPLACE FUNCTION payment_facts(since timestamptz, until timestamptz, split text)
RETURNS TABLE (
    at timestamptz, account text, livemode boolean, currency text, source text, split_value text,
    payments integer, attempted integer, succeeded integer, failed integer, unseen_charges integer,
    attempts integer, successful_attempts integer, card_attempts integer, authorized integer,
    paid_charges integer, anonymous_charges integer, gross bigint, refunded_charges integer, refunded bigint,
    disputed_charges integer, lost bigint, unseen_refunds integer, unseen_disputes integer
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT intent.created_at, intent.account, intent.livemode, intent.currency, intent.source,
        coalesce(CASE payment_facts.split
            WHEN 'source' THEN intent.source
            WHEN 'origin' THEN intent.origin
            WHEN 'plan' THEN (
                SELECT payments.plan_type FROM payments
                WHERE payments.account = intent.account AND payments.livemode = intent.livemode
                    AND payments.id = intent.id
            )
            WHEN 'payment_method' THEN coalesce(latest.payment_method_type, intent.payment_method_type)
        END, ''),
        1, attempt.made::integer, (intent.status = 'succeeded')::integer,
        (attempt.made AND (
            intent.status IN ('requires_payment_method', 'requires_confirmation', 'requires_action')
            OR (intent.status = 'canceled' AND (intent.last_error_code IS NOT NULL OR coalesce(latest.status = 'failed', false)))
        ))::integer,
        (intent.latest_charge_id IS NOT NULL AND latest.id IS NULL)::integer,
        0, 0, 0, 0, 0, 0, 0::bigint, 0, 0::bigint, 0, 0::bigint, 0, 0
    FROM payment_intents AS intent
    LEFT JOIN charges AS latest
        ON latest.account = intent.account AND latest.livemode = intent.livemode
        AND latest.id = intent.latest_charge_id AND latest.payment_intent_id = intent.id
    CROSS JOIN LATERAL (
        SELECT intent.latest_charge_id IS NOT NULL OR intent.last_error_code IS NOT NULL
            OR intent.status IN ('succeeded', 'processing', 'requires_capture') AS made
    ) AS attempt
    WHERE intent.created_at >= payment_facts.since AND intent.created_at < payment_facts.until
    UNION ALL
    SELECT charge.created_at, charge.account, charge.livemode, charge.currency, charge.source,
        coalesce(CASE payment_facts.split
            WHEN 'source' THEN charge.source
            WHEN 'origin' THEN coalesce(
                (
                    SELECT intent.origin FROM payment_intents AS intent
                    WHERE intent.account = charge.account AND intent.livemode = charge.livemode
                        AND intent.id = charge.payment_intent_id
                ),
                charge.metadata ->> 'source'
            )
            WHEN 'plan' THEN coalesce(
                (
                    SELECT payments.plan_type FROM payments
                    WHERE payments.account = charge.account AND payments.livemode = charge.livemode
                        AND payments.id = charge.payment_intent_id
                ),
                (
                    SELECT invoice_plans.plan_type FROM invoice_plans
                    WHERE invoice_plans.account = charge.account AND invoice_plans.livemode = charge.livemode
                        AND invoice_plans.invoice_id = charge.invoice_id
                ),
                charge.metadata ->> 'plan_type'
            )
            WHEN 'payment_method' THEN charge.payment_method_type
        END, ''),
        0, 0, 0, 0, 0,
        1, (charge.status = 'succeeded')::integer,
        issuer.asked::integer,
        (issuer.asked AND coalesce(charge.network_status = 'approved_by_network', charge.paid))::integer,
        money.taken::integer, (money.taken AND charge.payer IS NULL)::integer,
        CASE WHEN money.taken THEN charge.amount_captured ELSE 0 END,
        (money.given_back > 0)::integer, money.given_back,
        coalesce(dispute.formal > 0, false)::integer, coalesce(dispute.lost, 0),
        CASE WHEN money.given_back > 0 THEN (
            SELECT (coalesce(sum(all_refunds.amount), 0) < money.given_back)::integer FROM all_refunds
            WHERE all_refunds.account = charge.account AND all_refunds.livemode = charge.livemode
                AND all_refunds.charge_id = charge.id
                AND coalesce(all_refunds.status, '') NOT IN ('failed', 'canceled')
        ) ELSE 0 END,
        ((charge.disputed AND coalesce(dispute.seen, 0) = 0) OR coalesce(dispute.elsewhere, 0) > 0)::integer
    FROM charges AS charge
    CROSS JOIN LATERAL (
        SELECT charge.paid AND charge.status = 'succeeded' AND charge.amount_captured > 0 AS taken,
            CASE WHEN charge.amount_refunded > 0 THEN (
                SELECT back.amount
                FROM given_back(charge.account, charge.livemode, charge.id, charge.amount_refunded, 'infinity') AS back
            ) ELSE 0 END AS given_back
    ) AS money
    CROSS JOIN LATERAL (
        SELECT coalesce(charge.payment_method_type IN ('card', 'card_present', 'interac_present'), false)
            AND charge.outcome_type IS DISTINCT FROM 'blocked'
            AND charge.network_status IS DISTINCT FROM 'not_sent_to_network' AS asked
    ) AS issuer
    LEFT JOIN LATERAL (
        SELECT count(*) AS seen,
            count(*) FILTER (WHERE formal_dispute(disputes.status)) AS formal,
            (sum(disputes.amount) FILTER (WHERE NOT disputes.won AND disputes.currency = charge.currency))::bigint
                AS lost,
            count(*) FILTER (WHERE NOT disputes.won AND disputes.currency <> charge.currency) AS elsewhere
        FROM disputes
        WHERE disputes.account = charge.account AND disputes.livemode = charge.livemode
            AND disputes.charge_id = charge.id
    ) AS dispute ON true
    WHERE charge.created_at >= payment_facts.since AND charge.created_at < payment_facts.until;
END;
COMMENT ON FUNCTION payment_facts IS 'What each PaymentIntent, and each charge, adds to the figures of payments, a row each: 1 or 0 in each count, and amounts in minor units. The figures are sums of these.
at: when it was made.
account: the Stripe account.
split: the breakdown that is asked for: source, origin, plan or payment_method; any other gives none.
split_value: its value, empty where it is unknown or none was asked for.
payments: a PaymentIntent.
attempted: one that was tried: it names a charge or an error, or is paid, authorised or processing.
succeeded: one that is paid.
failed: one that was tried, waits for another try or was canceled after an error.
unseen_charges: one whose newest charge is only known by its id.
attempts: a charge.
successful_attempts: one that succeeded; an authorisation, too.
card_attempts: one by card that reached the issuer: blocked ones did not.
authorized: one of these that the issuer approved.
paid_charges: a charge that succeeded and took money.
anonymous_charges: one of these of which neither customer nor e-mail is known.
gross: what was captured.
refunded_charges: a charge of which something captured was given back.
refunded: what was given back of what was captured.
disputed_charges: a charge with a dispute that is no mere inquiry and was not prevented.
lost: what disputes lost.
unseen_refunds: a charge of which more was given back than its known refunds come to.
unseen_disputes: a charge that was disputed, and no dispute in its currency is known.';

-- What each tried PaymentIntent and each charge adds to the figures of failures, at its own instant. All breakdowns
-- stand in one row, so that who rolls them up reads what they are made of once.
CREATE OR REPLACE FUNCTION failure_facts(since timestamptz, until timestamptz)
RETURNS TABLE (
    at timestamptz, account text, livemode boolean, currency text, source text,
    decline_code text, country text, brand text,
    attempts integer, failed_attempts integer, failed_amount bigint, recovered_attempts integer,
    attempted integer, failed integer
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT charge.created_at, charge.account, charge.livemode, charge.currency, charge.source,
        coalesce(charge.outcome_reason, charge.failure_code, ''), coalesce(charge.card_country, ''),
        coalesce(charge.card_brand, ''),
        1, (charge.status = 'failed')::integer, CASE WHEN charge.status = 'failed' THEN charge.amount ELSE 0 END,
        (charge.status = 'failed' AND EXISTS (
            SELECT FROM payment_intents AS intent
            WHERE intent.account = charge.account AND intent.livemode = charge.livemode
                AND intent.id = charge.payment_intent_id AND intent.status = 'succeeded'
        ))::integer,
        0, 0
    FROM charges AS charge
    WHERE charge.created_at >= failure_facts.since AND charge.created_at < failure_facts.until
    UNION ALL
    SELECT intent.created_at, intent.account, intent.livemode, intent.currency, intent.source,
        coalesce(
            latest.outcome_reason, latest.failure_code, intent.last_error_decline_code, intent.last_error_code, ''
        ),
        coalesce(latest.card_country, ''), coalesce(latest.card_brand, ''),
        0, 0, 0::bigint, 0,
        1,
        (
            intent.status IN ('requires_payment_method', 'requires_confirmation', 'requires_action')
            OR (intent.status = 'canceled' AND (intent.last_error_code IS NOT NULL OR coalesce(latest.status = 'failed', false)))
        )::integer
    FROM payment_intents AS intent
    LEFT JOIN charges AS latest
        ON latest.account = intent.account AND latest.livemode = intent.livemode
        AND latest.id = intent.latest_charge_id AND latest.payment_intent_id = intent.id
    WHERE intent.created_at >= failure_facts.since AND intent.created_at < failure_facts.until
        AND (
            intent.latest_charge_id IS NOT NULL OR intent.last_error_code IS NOT NULL
            OR intent.status IN ('succeeded', 'processing', 'requires_capture')
        );
END;
COMMENT ON FUNCTION failure_facts IS 'What each charge, and each PaymentIntent that was tried, adds to the figures of failures, a row each: 1 or 0 in each count, and amounts in minor units. The figures are sums of these.
at: when it was made.
account: the Stripe account.
decline_code: the issuer''s reason, else what blocked it or Stripe''s code; of a PaymentIntent, that of its last try. Empty where there is none.
country: the card''s; empty where it is unknown, or no card.
brand: the card''s; likewise.
attempts: a charge.
failed_attempts: one that failed.
failed_amount: what it was to take.
recovered_attempts: one that failed and whose PaymentIntent succeeded after all.
attempted: a PaymentIntent.
failed: one that waits for another try, or was canceled after an error.';

-- What refunds, disputes and balance transactions add, each at its own instant, and at that of a charge, refund or
-- dispute what is not known of the balance yet. Until 2025-03-31 Stripe made a refund of what was held and released, too.
CREATE OR REPLACE FUNCTION settlement_facts(since timestamptz, until timestamptz)
RETURNS TABLE (
    at timestamptz, account text, livemode boolean, currency text, source text,
    refunds integer, refund_amount bigint, failed_refunds integer,
    disputes integer, dispute_amount bigint, inquiries integer,
    disputes_won integer, disputes_lost integer, lost_amount bigint,
    transactions integer, fees bigint, cash bigint, paid_out bigint,
    pending integer, pending_amount bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT refund.created_at, refund.account, refund.livemode, refund.currency, refund.source,
        (refund.stands AND NOT refund.released)::integer,
        CASE WHEN refund.stands AND NOT refund.released THEN refund.amount ELSE 0 END,
        (NOT refund.stands)::integer,
        0, 0::bigint, 0, 0, 0, 0::bigint, 0, 0::bigint, 0::bigint, 0::bigint,
        refund.waits::integer + refund.comes_back::integer,
        CASE WHEN refund.waits THEN -refund.amount ELSE 0 END + CASE WHEN refund.comes_back THEN refund.amount ELSE 0 END
    FROM (
        SELECT told.*,
            (
                told.balance_transaction_id IS NOT NULL
                OR (told.stands AND NOT told.released AND coalesce(told.status, '') <> 'requires_action')
            ) AND NOT EXISTS (
                SELECT FROM balance_transactions AS movement
                WHERE movement.account = told.account AND movement.livemode = told.livemode
                    AND movement.id = told.balance_transaction_id AND movement.source_id = told.id
            ) AS waits,
            told.failure_balance_transaction_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM balance_transactions AS movement
                WHERE movement.account = told.account AND movement.livemode = told.livemode
                    AND movement.id = told.failure_balance_transaction_id
            ) AS comes_back
        FROM (
            SELECT all_refunds.*, coalesce(all_refunds.status, '') NOT IN ('failed', 'canceled') AS stands,
                coalesce(CASE
                    WHEN charge.amount_captured = 0 THEN true
                    WHEN all_refunds.amount = charge.amount - charge.amount_captured THEN all_refunds.id = (
                        -- One of them is what was not captured, where the charge does not count it as given back.
                        SELECT CASE WHEN sum(other.amount) > charge.amount_refunded THEN
                            (array_agg(other.id ORDER BY other.created_at, other.id)
                                FILTER (WHERE other.amount = all_refunds.amount))[1] END
                        FROM all_refunds AS other
                        WHERE other.account = charge.account AND other.livemode = charge.livemode
                            AND other.charge_id = charge.id
                            AND coalesce(other.status, '') NOT IN ('failed', 'canceled')
                    )
                END, false) AS released
            FROM all_refunds
            LEFT JOIN charges AS charge
                ON charge.account = all_refunds.account AND charge.livemode = all_refunds.livemode
                AND charge.id = all_refunds.charge_id AND charge.paid AND charge.amount_captured < charge.amount
        ) AS told
    ) AS refund
    WHERE refund.created_at >= settlement_facts.since AND refund.created_at < settlement_facts.until
    UNION ALL
    SELECT dispute.created_at, dispute.account, dispute.livemode, dispute.currency, dispute.source,
        0, 0::bigint, 0,
        formal_dispute(dispute.status)::integer,
        CASE WHEN formal_dispute(dispute.status) THEN dispute.amount ELSE 0 END,
        (NOT formal_dispute(dispute.status))::integer,
        coalesce(dispute.won, false)::integer, coalesce(NOT dispute.won, false)::integer,
        CASE WHEN NOT dispute.won THEN dispute.amount ELSE 0 END,
        0, 0::bigint, 0::bigint, 0::bigint, 0, 0::bigint
    FROM disputes AS dispute
    WHERE dispute.created_at >= settlement_facts.since AND dispute.created_at < settlement_facts.until
    UNION ALL
    SELECT dispute.created_at, dispute.account, dispute.livemode, dispute.funds_currency, dispute.source,
        0, 0::bigint, 0, 0, 0::bigint, 0, 0, 0, 0::bigint, 0, 0::bigint, 0::bigint, 0::bigint,
        jsonb_array_length(dispute.balance_transaction_ids) - movement.known,
        coalesce(dispute.funds_reinstated, 0) - coalesce(dispute.funds_withdrawn, 0) - movement.amount
    FROM disputes AS dispute
    CROSS JOIN LATERAL (
        SELECT count(*)::integer AS known, coalesce(sum(balance_transactions.amount), 0)::bigint AS amount
        FROM balance_transactions
        WHERE balance_transactions.account = dispute.account AND balance_transactions.livemode = dispute.livemode
            AND balance_transactions.source_id = dispute.id
            AND dispute.balance_transaction_ids ? balance_transactions.id
    ) AS movement
    WHERE dispute.created_at >= settlement_facts.since AND dispute.created_at < settlement_facts.until
        AND movement.known < jsonb_array_length(dispute.balance_transaction_ids)
    UNION ALL
    SELECT movement.created_at, movement.account, movement.livemode, movement.currency, movement.source,
        0, 0::bigint, 0, 0, 0::bigint, 0, 0, 0, 0::bigint,
        1,
        CASE WHEN movement.category = 'fee' THEN movement.fee - movement.amount ELSE movement.fee END,
        CASE WHEN movement.moved THEN -movement.fee ELSE movement.net END,
        CASE WHEN movement.moved THEN -movement.amount ELSE 0 END,
        0, 0::bigint
    FROM (
        SELECT balance_transactions.*, kind.category, kind.category ~ '^(payout|topup)' AS moved
        FROM balance_transactions
        CROSS JOIN LATERAL (
            SELECT coalesce(balance_transactions.reporting_category, balance_transactions.type) AS category
        ) AS kind
    ) AS movement
    WHERE movement.created_at >= settlement_facts.since AND movement.created_at < settlement_facts.until
    UNION ALL
    SELECT charge.created_at, charge.account, charge.livemode, charge.currency, charge.source,
        0, 0::bigint, 0, 0, 0::bigint, 0, 0, 0, 0::bigint, 0, 0::bigint, 0::bigint, 0::bigint,
        charge.waits::integer + charge.goes_back::integer,
        CASE WHEN charge.waits THEN charge.put ELSE 0 END - CASE WHEN charge.goes_back THEN charge.put ELSE 0 END
    FROM (
        SELECT told.*, coalesce(nullif(told.amount_captured, 0), told.amount) AS put,
            (
                told.balance_transaction_id IS NOT NULL
                OR (told.paid AND told.status = 'succeeded' AND told.amount_captured > 0)
            ) AND NOT EXISTS (
                SELECT FROM balance_transactions AS movement
                WHERE movement.account = told.account AND movement.livemode = told.livemode
                    AND movement.id = told.balance_transaction_id AND movement.source_id = told.id
            ) AS waits,
            told.failure_balance_transaction_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM balance_transactions AS movement
                WHERE movement.account = told.account AND movement.livemode = told.livemode
                    AND movement.id = told.failure_balance_transaction_id
            ) AS goes_back
        FROM charges AS told
    ) AS charge
    WHERE charge.created_at >= settlement_facts.since AND charge.created_at < settlement_facts.until
        AND (charge.waits OR charge.goes_back);
END;
COMMENT ON FUNCTION settlement_facts IS 'What each refund, dispute and balance transaction adds to the figures, a row each, and each charge, refund and dispute whose balance transactions are not known yet: 1 or 0 in each count but pending, and amounts in minor units of currency. The figures are sums of these.
at: when it was made.
account: the Stripe account.
refunds: a refund that neither failed nor was canceled; what was held and released is none.
refund_amount: what it gives back.
failed_refunds: one that did.
disputes: a dispute that is no mere inquiry and was not prevented.
dispute_amount: what it disputes.
inquiries: an inquiry, or a dispute that was prevented, which the networks do not count.
disputes_won: a dispute that was won.
disputes_lost: a dispute that was lost.
lost_amount: what it lost.
transactions: a balance transaction.
fees: its fee; of one that is a fee itself, what it takes.
cash: its net; of one that only moves the balance to or from a bank, what that costs.
paid_out: what it moves to a bank; negative where it comes from there.
pending: balance transactions of a charge, refund or dispute that are not known yet.
pending_amount: what they put on the balance (positive) or take (negative), before fees, in the charge''s or refund''s own currency, and for a dispute in the balance''s.';

-- ------------------------------------------------------------ metrics: rollups

-- The facts of each 15 minutes, UTC, added up. A bucket's rows are replaced as a set, by refresh_rollups, and while a
-- bucket is queued its figures are read from the facts instead: rollups make figures fast, and never older.
CREATE TABLE IF NOT EXISTS payment_rollups (
    split               text        NOT NULL,
    bucket              timestamptz NOT NULL,
    account             text        NOT NULL,
    livemode            boolean     NOT NULL,
    currency            text        NOT NULL,
    source              text        NOT NULL,
    split_value         text        NOT NULL,
    payments            integer     NOT NULL,
    attempted           integer     NOT NULL,
    succeeded           integer     NOT NULL,
    failed              integer     NOT NULL,
    unseen_charges      integer     NOT NULL,
    attempts            integer     NOT NULL,
    successful_attempts integer     NOT NULL,
    card_attempts       integer     NOT NULL,
    authorized          integer     NOT NULL,
    paid_charges        integer     NOT NULL,
    anonymous_charges   integer     NOT NULL,
    gross               bigint      NOT NULL,
    refunded_charges    integer     NOT NULL,
    refunded            bigint      NOT NULL,
    disputed_charges    integer     NOT NULL,
    lost                bigint      NOT NULL,
    unseen_refunds      integer     NOT NULL,
    unseen_disputes     integer     NOT NULL
) PARTITION BY LIST (split);
CREATE TABLE IF NOT EXISTS payment_rollups_none PARTITION OF payment_rollups FOR VALUES IN ('none');
CREATE TABLE IF NOT EXISTS payment_rollups_origin PARTITION OF payment_rollups FOR VALUES IN ('origin');
CREATE TABLE IF NOT EXISTS payment_rollups_plan PARTITION OF payment_rollups FOR VALUES IN ('plan');
CREATE TABLE IF NOT EXISTS payment_rollups_method PARTITION OF payment_rollups FOR VALUES IN ('payment_method');
CREATE INDEX IF NOT EXISTS payment_rollups_by_bucket ON payment_rollups (bucket);
COMMENT ON TABLE payment_rollups IS 'What payment_facts add up to in each 15 minutes, UTC. Ask payment_metrics instead: it knows which of these are due to be made anew.';
COMMENT ON COLUMN payment_rollups.split IS 'By what its rows are broken down beside source: none, origin, plan or payment_method. Rows of one split hold each payment once.';
COMMENT ON COLUMN payment_rollups.bucket IS 'The first instant of the 15 minutes.';
COMMENT ON COLUMN payment_rollups.account IS 'The Stripe account.';
COMMENT ON COLUMN payment_rollups.livemode IS 'True for real money, false for test data.';
COMMENT ON COLUMN payment_rollups.currency IS 'Three letters, in lower case; of all amounts here.';
COMMENT ON COLUMN payment_rollups.source IS 'Which endpoint received the newest event: the last part of /webhooks/{source}.';
COMMENT ON COLUMN payment_rollups.split_value IS 'The split''s value; empty where it is unknown.';

CREATE TABLE IF NOT EXISTS failure_rollups (
    split              text        NOT NULL,
    bucket             timestamptz NOT NULL,
    account            text        NOT NULL,
    livemode           boolean     NOT NULL,
    currency           text        NOT NULL,
    source             text        NOT NULL,
    split_value        text        NOT NULL,
    attempts           integer     NOT NULL,
    failed_attempts    integer     NOT NULL,
    failed_amount      bigint      NOT NULL,
    recovered_attempts integer     NOT NULL,
    attempted          integer     NOT NULL,
    failed             integer     NOT NULL
) PARTITION BY LIST (split);
CREATE TABLE IF NOT EXISTS failure_rollups_code PARTITION OF failure_rollups FOR VALUES IN ('decline_code');
CREATE TABLE IF NOT EXISTS failure_rollups_country PARTITION OF failure_rollups FOR VALUES IN ('country');
CREATE TABLE IF NOT EXISTS failure_rollups_brand PARTITION OF failure_rollups FOR VALUES IN ('brand');
CREATE INDEX IF NOT EXISTS failure_rollups_by_bucket ON failure_rollups (bucket);
COMMENT ON TABLE failure_rollups IS 'What failure_facts add up to in each 15 minutes, UTC. Ask payment_failures instead: it knows which of these are due to be made anew.';
COMMENT ON COLUMN failure_rollups.split IS 'By what its rows are broken down beside source: decline_code, country or brand. Rows of one split hold each attempt once.';
COMMENT ON COLUMN failure_rollups.bucket IS 'The first instant of the 15 minutes.';
COMMENT ON COLUMN failure_rollups.account IS 'The Stripe account.';
COMMENT ON COLUMN failure_rollups.livemode IS 'True for real money, false for test data.';
COMMENT ON COLUMN failure_rollups.currency IS 'Three letters, in lower case; of all amounts here.';
COMMENT ON COLUMN failure_rollups.source IS 'Which endpoint received the newest event: the last part of /webhooks/{source}.';
COMMENT ON COLUMN failure_rollups.split_value IS 'The split''s value; empty where it is unknown.';

CREATE TABLE IF NOT EXISTS settlement_rollups (
    bucket         timestamptz NOT NULL,
    account        text        NOT NULL,
    livemode       boolean     NOT NULL,
    currency       text        NOT NULL,
    source         text        NOT NULL,
    refunds        integer     NOT NULL,
    refund_amount  bigint      NOT NULL,
    failed_refunds integer     NOT NULL,
    disputes       integer     NOT NULL,
    dispute_amount bigint      NOT NULL,
    inquiries      integer     NOT NULL,
    disputes_won   integer     NOT NULL,
    disputes_lost  integer     NOT NULL,
    lost_amount    bigint      NOT NULL,
    transactions   integer     NOT NULL,
    fees           bigint      NOT NULL,
    cash           bigint      NOT NULL,
    paid_out       bigint      NOT NULL,
    pending        integer     NOT NULL,
    pending_amount bigint      NOT NULL
);
CREATE INDEX IF NOT EXISTS settlement_rollups_by_bucket ON settlement_rollups (bucket);
COMMENT ON TABLE settlement_rollups IS 'What settlement_facts add up to in each 15 minutes, UTC. Ask refund_metrics, dispute_metrics and balance_metrics instead: they know which of these are due to be made anew.';
COMMENT ON COLUMN settlement_rollups.bucket IS 'The first instant of the 15 minutes.';
COMMENT ON COLUMN settlement_rollups.account IS 'The Stripe account.';
COMMENT ON COLUMN settlement_rollups.livemode IS 'True for real money, false for test data.';
COMMENT ON COLUMN settlement_rollups.currency IS 'Three letters, in lower case; of all amounts here.';
COMMENT ON COLUMN settlement_rollups.source IS 'Which endpoint received the newest event: the last part of /webhooks/{source}.';

-- Without a key, so that no writer ever waits for another. Who takes a row makes the bucket anew in the same transaction.
CREATE TABLE IF NOT EXISTS rollup_queue (
    bucket    timestamptz NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    queued_by xid8        NOT NULL DEFAULT pg_current_xact_id()
);
ALTER TABLE rollup_queue ADD COLUMN IF NOT EXISTS queued_by xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE rollup_queue ADD COLUMN IF NOT EXISTS rollup text;
COMMENT ON TABLE rollup_queue IS 'The 15 minutes whose rollups are due to be made anew, as often as something changed in them. Written by triggers, in the transaction that changes what the facts are made of.';
COMMENT ON COLUMN rollup_queue.bucket IS 'The first instant of the 15 minutes.';
COMMENT ON COLUMN rollup_queue.queued_at IS 'Since when.';
COMMENT ON COLUMN rollup_queue.queued_by IS 'The transaction that changed something in them, or that merged what others had queued.';
COMMENT ON COLUMN rollup_queue.rollup IS 'The table in which alone they are due, where an update has changed what its facts mean; null for all.';

CREATE OR REPLACE FUNCTION bucket_of(instant timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE
RETURN date_bin('15 minutes', instant, '2000-01-01 00:00+00');
COMMENT ON FUNCTION bucket_of IS 'The first instant of the 15 minutes, UTC, that an instant is in. Every time zone''s offset since 1972 is a multiple of these.
instant: the instant.';

CREATE OR REPLACE FUNCTION payments_rolled_up(since timestamptz, until timestamptz) RETURNS SETOF payment_rollups
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT split.name, bucket_of(fact.at), fact.account, fact.livemode, fact.currency, fact.source, fact.split_value,
        sum(fact.payments)::integer, sum(fact.attempted)::integer, sum(fact.succeeded)::integer,
        sum(fact.failed)::integer, sum(fact.unseen_charges)::integer,
        sum(fact.attempts)::integer, sum(fact.successful_attempts)::integer, sum(fact.card_attempts)::integer,
        sum(fact.authorized)::integer, sum(fact.paid_charges)::integer, sum(fact.anonymous_charges)::integer,
        sum(fact.gross)::bigint, sum(fact.refunded_charges)::integer, sum(fact.refunded)::bigint,
        sum(fact.disputed_charges)::integer, sum(fact.lost)::bigint,
        sum(fact.unseen_refunds)::integer, sum(fact.unseen_disputes)::integer
    FROM (VALUES ('none'), ('origin'), ('plan'), ('payment_method')) AS split (name)
    CROSS JOIN LATERAL payment_facts(payments_rolled_up.since, payments_rolled_up.until, split.name) AS fact
    GROUP BY 1, 2, 3, 4, 5, 6, 7;
END;
COMMENT ON FUNCTION payments_rolled_up IS 'What payment_rollups must hold for the facts of a range of whole buckets. Its columns are those of payment_rollups.';

CREATE OR REPLACE FUNCTION failures_rolled_up(since timestamptz, until timestamptz) RETURNS SETOF failure_rollups
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT split.name, bucket_of(fact.at), fact.account, fact.livemode, fact.currency, fact.source, split.value,
        sum(fact.attempts)::integer, sum(fact.failed_attempts)::integer, sum(fact.failed_amount)::bigint,
        sum(fact.recovered_attempts)::integer, sum(fact.attempted)::integer, sum(fact.failed)::integer
    FROM failure_facts(failures_rolled_up.since, failures_rolled_up.until) AS fact
    CROSS JOIN LATERAL (VALUES
        ('decline_code', fact.decline_code), ('country', fact.country), ('brand', fact.brand)
    ) AS split (name, value)
    GROUP BY 1, 2, 3, 4, 5, 6, 7;
END;
COMMENT ON FUNCTION failures_rolled_up IS 'What failure_rollups must hold for the facts of a range of whole buckets. Its columns are those of failure_rollups.';

CREATE OR REPLACE FUNCTION settlements_rolled_up(since timestamptz, until timestamptz) RETURNS SETOF settlement_rollups
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT bucket_of(fact.at), fact.account, fact.livemode, fact.currency, fact.source,
        sum(fact.refunds)::integer, sum(fact.refund_amount)::bigint, sum(fact.failed_refunds)::integer,
        sum(fact.disputes)::integer, sum(fact.dispute_amount)::bigint, sum(fact.inquiries)::integer,
        sum(fact.disputes_won)::integer, sum(fact.disputes_lost)::integer, sum(fact.lost_amount)::bigint,
        sum(fact.transactions)::integer, sum(fact.fees)::bigint, sum(fact.cash)::bigint, sum(fact.paid_out)::bigint,
        sum(fact.pending)::integer, sum(fact.pending_amount)::bigint
    FROM settlement_facts(settlements_rolled_up.since, settlements_rolled_up.until) AS fact
    GROUP BY 1, 2, 3, 4, 5;
END;
COMMENT ON FUNCTION settlements_rolled_up IS 'What settlement_rollups must hold for the facts of a range of whole buckets. Its columns are those of settlement_rollups.';

-- One at a time, in a transaction of its own: who takes the lock takes what is queued afterwards, in a later statement,
-- and adds up in one later still. So it sees all that was committed with what it took; what commits meanwhile has rows
-- of its own in the queue, and comes next. Rests on READ COMMITTED.
-- Two that write at once do not see each other, though: who changes a payment cannot queue the bucket of a charge that
-- another is just inserting. So only what `seen` shows is taken, a snapshot since which all of these have ended
-- (workers/rollups.py finds one); until then the bucket is read from the facts.
DROP FUNCTION IF EXISTS refresh_rollups(integer);
CREATE OR REPLACE FUNCTION refresh_rollups(at_most integer, seen pg_snapshot) RETURNS integer
LANGUAGE plpgsql
AS $$
DECLARE
    due record;
BEGIN
    PERFORM pg_advisory_xact_lock('rollup_queue'::regclass::oid::integer, 0);
    WITH ready AS (
        SELECT queued.ctid AS place, queued.bucket, queued.queued_at FROM rollup_queue AS queued
        WHERE pg_visible_in_snapshot(queued.queued_by, seen)
            -- Of a transaction that this server has not had yet: the row comes from another one's backup.
            OR queued.queued_by >= (SELECT pg_snapshot_xmax(pg_current_snapshot()))
    ), oldest AS (
        SELECT ready.bucket FROM ready GROUP BY ready.bucket ORDER BY min(ready.queued_at) LIMIT at_most
    ), taken AS (
        DELETE FROM rollup_queue AS queued USING ready, oldest
        WHERE queued.ctid = ready.place AND ready.bucket = oldest.bucket RETURNING queued.bucket, queued.rollup
    )
    SELECT count(DISTINCT taken.bucket)::integer AS buckets,
        array_agg(DISTINCT taken.bucket) FILTER (WHERE coalesce(taken.rollup, 'payment_rollups') = 'payment_rollups')
            AS payments,
        array_agg(DISTINCT taken.bucket) FILTER (WHERE coalesce(taken.rollup, 'failure_rollups') = 'failure_rollups')
            AS failures,
        array_agg(DISTINCT taken.bucket) FILTER (WHERE coalesce(taken.rollup, 'settlement_rollups') = 'settlement_rollups')
            AS settlements
    INTO due FROM taken;
    DELETE FROM payment_rollups WHERE bucket = ANY (due.payments);
    INSERT INTO payment_rollups
    SELECT anew.* FROM unnest(due.payments) AS one (bucket)
    CROSS JOIN LATERAL payments_rolled_up(one.bucket, one.bucket + interval '15 minutes') AS anew;
    DELETE FROM failure_rollups WHERE bucket = ANY (due.failures);
    INSERT INTO failure_rollups
    SELECT anew.* FROM unnest(due.failures) AS one (bucket)
    CROSS JOIN LATERAL failures_rolled_up(one.bucket, one.bucket + interval '15 minutes') AS anew;
    DELETE FROM settlement_rollups WHERE bucket = ANY (due.settlements);
    INSERT INTO settlement_rollups
    SELECT anew.* FROM unnest(due.settlements) AS one (bucket)
    CROSS JOIN LATERAL settlements_rolled_up(one.bucket, one.bucket + interval '15 minutes') AS anew;
    RETURN due.buckets;
END
$$;

-- While nobody refreshes, each change adds to the queue, and every figure reads it: so of what has waited for long, each
-- bucket is kept once. It is queued by who merges it, the newest of all that queued it: who is shown him is shown them.
CREATE OR REPLACE FUNCTION merge_queued_rollups(longer_than interval) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    before timestamptz := clock_timestamp() - longer_than;
BEGIN
    IF NOT pg_try_advisory_xact_lock('rollup_queue'::regclass::oid::integer, 0) THEN
        RETURN;  -- somebody refreshes
    END IF;
    WITH repeated AS (
        SELECT queued.bucket, queued.rollup FROM rollup_queue AS queued WHERE queued.queued_at < before
        GROUP BY queued.bucket, queued.rollup HAVING count(*) > 1
    ), taken AS (
        DELETE FROM rollup_queue AS queued USING repeated
        WHERE queued.bucket = repeated.bucket AND queued.rollup IS NOT DISTINCT FROM repeated.rollup
            AND queued.queued_at < before
        RETURNING queued.bucket, queued.rollup, queued.queued_at
    )
    INSERT INTO rollup_queue (bucket, rollup, queued_at)
    SELECT taken.bucket, taken.rollup, min(taken.queued_at) FROM taken GROUP BY taken.bucket, taken.rollup;
END
$$;

-- What queues buckets: every change of a row that some fact is made of, by whatever means it is made. A fact of one
-- object that another decides (a charge's plan is its invoice's) is found by the indexes that lead to it.

CREATE OR REPLACE FUNCTION queue_payments(accounts text[], livemodes boolean[], ids text[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO rollup_queue (bucket)
    SELECT bucket_of(intent.created_at) FROM unnest(accounts, livemodes, ids) AS changed (account, livemode, id)
    JOIN payment_intents AS intent
        ON intent.account = changed.account AND intent.livemode = changed.livemode AND intent.id = changed.id
    UNION
    SELECT bucket_of(charge.created_at) FROM unnest(accounts, livemodes, ids) AS changed (account, livemode, id)
    JOIN charges AS charge
        ON charge.account = changed.account AND charge.livemode = changed.livemode
        AND charge.payment_intent_id = changed.id;
END
$$;

CREATE OR REPLACE FUNCTION queue_invoices(accounts text[], livemodes boolean[], ids text[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO rollup_queue (bucket)
    SELECT bucket_of(charge.created_at) FROM unnest(accounts, livemodes, ids) AS changed (account, livemode, id)
    JOIN charges AS charge
        ON charge.account = changed.account AND charge.livemode = changed.livemode AND charge.invoice_id = changed.id
    GROUP BY 1;
    PERFORM queue_payments(array_agg(paid.account), array_agg(paid.livemode), array_agg(paid.id))
    FROM (
        SELECT intent.account, intent.livemode, intent.id
        FROM unnest(accounts, livemodes, ids) AS changed (account, livemode, id)
        JOIN payment_intents AS intent
            ON intent.account = changed.account AND intent.livemode = changed.livemode AND intent.invoice_id = changed.id
        UNION
        SELECT link.account, link.livemode, link.payment_intent_id
        FROM unnest(accounts, livemodes, ids) AS changed (account, livemode, id)
        JOIN invoice_payments AS link
            ON link.account = changed.account AND link.livemode = changed.livemode AND link.invoice_id = changed.id
        UNION
        SELECT invoice.account, invoice.livemode, invoice.payment_intent_id
        FROM unnest(accounts, livemodes, ids) AS changed (account, livemode, id)
        JOIN invoices AS invoice
            ON invoice.account = changed.account AND invoice.livemode = changed.livemode AND invoice.id = changed.id
    ) AS paid
    WHERE paid.id IS NOT NULL
    HAVING count(*) > 0;
END
$$;

-- A trigger function a table; "changed" are the rows before and after. What a row shows of itself alone queues its own
-- bucket, which a cheap look at the keys finds; what others show of it is told apart by the columns that they look at.
CREATE OR REPLACE FUNCTION queue_for_intents() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO rollup_queue (bucket)
    SELECT bucket_of(changed.created_at) FROM changed
    UNION
    SELECT bucket_of(charge.created_at) FROM changed
    JOIN charges AS charge
        ON charge.account = changed.account AND charge.livemode = changed.livemode
        AND charge.payment_intent_id = changed.id;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION queue_for_charges() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO rollup_queue (bucket)
    SELECT bucket_of(changed.created_at) FROM changed
    UNION
    SELECT bucket_of(intent.created_at) FROM changed
    JOIN payment_intents AS intent
        ON intent.account = changed.account AND intent.livemode = changed.livemode
        AND intent.id = changed.payment_intent_id
    UNION  -- whether a refund is none depends on what was captured
    SELECT bucket_of(refund.created_at) FROM changed
    JOIN all_refunds AS refund
        ON refund.account = changed.account AND refund.livemode = changed.livemode AND refund.charge_id = changed.id
    WHERE changed.paid AND changed.amount_captured < changed.amount;
    RETURN NULL;
END
$$;

-- Of refunds, in either of their tables, and of disputes.
CREATE OR REPLACE FUNCTION queue_for_reversals() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO rollup_queue (bucket)
    SELECT bucket_of(changed.created_at) FROM changed
    UNION
    SELECT bucket_of(charge.created_at) FROM changed
    JOIN charges AS charge
        ON charge.account = changed.account AND charge.livemode = changed.livemode AND charge.id = changed.charge_id
    UNION
    SELECT bucket_of(other.created_at) FROM changed
    JOIN charges AS charge
        ON charge.account = changed.account AND charge.livemode = changed.livemode AND charge.id = changed.charge_id
        AND charge.paid AND charge.amount_captured < charge.amount
    JOIN all_refunds AS other
        ON other.account = charge.account AND other.livemode = charge.livemode AND other.charge_id = charge.id;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION queue_for_balance() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO rollup_queue (bucket)
    SELECT bucket_of(changed.created_at) FROM changed
    UNION
    SELECT bucket_of(charge.created_at) FROM changed
    JOIN charges AS charge
        ON charge.account = changed.account AND charge.livemode = changed.livemode AND charge.id = changed.source_id
    UNION
    SELECT bucket_of(refund.created_at) FROM changed
    JOIN refunds AS refund
        ON refund.account = changed.account AND refund.livemode = changed.livemode AND refund.id = changed.source_id
    UNION
    SELECT bucket_of(listed.created_at) FROM changed
    JOIN charge_refunds AS listed
        ON listed.account = changed.account AND listed.livemode = changed.livemode AND listed.id = changed.source_id
    UNION
    SELECT bucket_of(dispute.created_at) FROM changed
    JOIN disputes AS dispute
        ON dispute.account = changed.account AND dispute.livemode = changed.livemode AND dispute.id = changed.source_id
    UNION
    SELECT bucket_of(failed.created_at) FROM changed
    CROSS JOIN LATERAL (
        SELECT charges.account, charges.livemode, charges.created_at FROM charges
        WHERE charges.failure_balance_transaction_id = changed.id
        UNION ALL
        SELECT refunds.account, refunds.livemode, refunds.created_at FROM refunds
        WHERE refunds.failure_balance_transaction_id = changed.id
        UNION ALL
        SELECT charge_refunds.account, charge_refunds.livemode, charge_refunds.created_at FROM charge_refunds
        WHERE charge_refunds.failure_balance_transaction_id = changed.id
    ) AS failed
    WHERE failed.account = changed.account AND failed.livemode = changed.livemode;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION queue_for_invoices() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM queue_invoices(array_agg(account), array_agg(livemode), array_agg(id)) FROM changed HAVING count(*) > 0;
    PERFORM queue_payments(array_agg(account), array_agg(livemode), array_agg(payment_intent_id)) FROM changed
    WHERE payment_intent_id IS NOT NULL HAVING count(*) > 0;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION queue_for_invoice_lines() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM queue_invoices(array_agg(account), array_agg(livemode), array_agg(invoice_id))
    FROM (SELECT DISTINCT account, livemode, invoice_id FROM changed) AS invoice HAVING count(*) > 0;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION queue_for_invoice_payments() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM queue_payments(array_agg(account), array_agg(livemode), array_agg(payment_intent_id)) FROM changed
    WHERE payment_intent_id IS NOT NULL HAVING count(*) > 0;
    RETURN NULL;
END
$$;

-- A subscription changes with every period, and its invoices go back for years: only another plan concerns them.
CREATE OR REPLACE FUNCTION queue_for_subscriptions() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM queue_invoices(array_agg(invoice.account), array_agg(invoice.livemode), array_agg(invoice.id))
    FROM (
        SELECT account, livemode, id FROM (
            SELECT account, livemode, id, plan_type FROM before
            UNION
            SELECT account, livemode, id, plan_type FROM after
        ) AS told
        GROUP BY account, livemode, id HAVING count(*) > 1
    ) AS changed
    JOIN invoices AS invoice
        ON invoice.account = changed.account AND invoice.livemode = changed.livemode
        AND invoice.subscription_id = changed.id
    HAVING count(*) > 0;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION queue_for_subscription() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM queue_invoices(array_agg(invoice.account), array_agg(invoice.livemode), array_agg(invoice.id))
    FROM changed
    JOIN invoices AS invoice
        ON invoice.account = changed.account AND invoice.livemode = changed.livemode
        AND invoice.subscription_id = changed.id
    WHERE changed.plan_type IS NOT NULL
    HAVING count(*) > 0;
    RETURN NULL;
END
$$;

-- Of prices and plans. That one gets a plan when lines have it already is so rare that no index leads from it to them.
CREATE OR REPLACE FUNCTION queue_for_prices() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM queue_priced(array_agg(account), array_agg(livemode), array_agg(id))
    FROM (
        SELECT account, livemode, id FROM (
            SELECT account, livemode, id, plan_type FROM before
            UNION
            SELECT account, livemode, id, plan_type FROM after
        ) AS told
        GROUP BY account, livemode, id HAVING count(*) > 1
    ) AS changed
    HAVING count(*) > 0;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION queue_for_price() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM queue_priced(array_agg(changed.account), array_agg(changed.livemode), array_agg(changed.id)) FROM changed
    WHERE changed.plan_type IS NOT NULL OR EXISTS (  -- a price hides what was told of it as a plan
        SELECT FROM plans
        WHERE plans.account = changed.account AND plans.livemode = changed.livemode AND plans.id = changed.id
            AND plans.plan_type IS NOT NULL
    )
    HAVING count(*) > 0;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION queue_priced(accounts text[], livemodes boolean[], ids text[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM queue_invoices(array_agg(line.account), array_agg(line.livemode), array_agg(line.invoice_id))
    FROM (
        SELECT DISTINCT line.account, line.livemode, line.invoice_id
        FROM unnest(accounts, livemodes, ids) AS changed (account, livemode, id)
        JOIN invoice_lines AS line
            ON line.account = changed.account AND line.livemode = changed.livemode AND line.price_id = changed.id
    ) AS line
    HAVING count(*) > 0;
END
$$;

-- What is truncated does not say what it held, but only of what there are rollups can it have been.
CREATE OR REPLACE FUNCTION queue_all_rolled_up() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO rollup_queue (bucket)
    SELECT bucket FROM payment_rollups
    UNION SELECT bucket FROM failure_rollups
    UNION SELECT bucket FROM settlement_rollups;
    RETURN NULL;
END
$$;

-- By the name of these triggers workers/rollups.py knows which tables feed the rollups.
DO $$
DECLARE
    fed record;
BEGIN
    FOR fed IN
        SELECT * FROM (VALUES
            ('payment_intents', 'queue_for_intents', NULL),
            ('charges', 'queue_for_charges', NULL),
            ('refunds', 'queue_for_reversals', NULL),
            ('charge_refunds', 'queue_for_reversals', NULL),
            ('disputes', 'queue_for_reversals', NULL),
            ('balance_transactions', 'queue_for_balance', NULL),
            ('invoices', 'queue_for_invoices', NULL),
            ('invoice_lines', 'queue_for_invoice_lines', NULL),
            ('invoice_payments', 'queue_for_invoice_payments', NULL),
            ('subscriptions', 'queue_for_subscription', 'queue_for_subscriptions'),
            ('prices', 'queue_for_price', 'queue_for_prices'),
            ('plans', 'queue_for_price', 'queue_for_prices')
        ) AS feeding (relation, each, of_both)
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER rolled_up_inserted AFTER INSERT ON %I REFERENCING NEW TABLE AS changed'
            ' FOR EACH STATEMENT EXECUTE FUNCTION %I()', fed.relation, fed.each);
        EXECUTE format('CREATE OR REPLACE TRIGGER rolled_up_deleted AFTER DELETE ON %I REFERENCING OLD TABLE AS changed'
            ' FOR EACH STATEMENT EXECUTE FUNCTION %I()', fed.relation, fed.each);
        IF fed.of_both IS NULL THEN
            EXECUTE format('CREATE OR REPLACE TRIGGER rolled_up_before AFTER UPDATE ON %I REFERENCING OLD TABLE AS changed'
                ' FOR EACH STATEMENT EXECUTE FUNCTION %I()', fed.relation, fed.each);
            EXECUTE format('CREATE OR REPLACE TRIGGER rolled_up_after AFTER UPDATE ON %I REFERENCING NEW TABLE AS changed'
                ' FOR EACH STATEMENT EXECUTE FUNCTION %I()', fed.relation, fed.each);
        ELSE
            EXECUTE format('CREATE OR REPLACE TRIGGER rolled_up_updated AFTER UPDATE ON %I'
                ' REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION %I()',
                fed.relation, fed.of_both);
        END IF;
        EXECUTE format('CREATE OR REPLACE TRIGGER rolled_up_truncated AFTER TRUNCATE ON %I'
            ' FOR EACH STATEMENT EXECUTE FUNCTION queue_all_rolled_up()', fed.relation);
    END LOOP;
END
$$;

-- What was folded when charges counted what was held and never captured as given back; a rebuild makes it exact.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM configuration WHERE name = 'given_back') THEN
        UPDATE charges SET amount_refunded = amount_refunded - least(amount_refunded, amount - amount_captured)
        WHERE amount_refunded > 0 AND amount_captured < amount;
        INSERT INTO configuration (name, value) VALUES ('given_back', '1');
    END IF;
END
$$;

-- What was there before there were rollups, or before their facts meant what they mean now: told by the text of what
-- they are made by, as one time too many changes no figure, and one too few leaves wrong ones. Only the table whose facts
-- mean something else is made anew, the newest buckets first: the figures of the others stay fast.
DO $$
DECLARE
    made record;
BEGIN
    FOR made IN
        WITH part AS (
            SELECT routines.rollup, pg_get_functiondef(name::regproc) AS body
            FROM (VALUES
                ('payment_rollups', ARRAY['bucket_of', 'given_back', 'formal_dispute', 'payment_facts', 'payments_rolled_up']),
                ('failure_rollups', ARRAY['bucket_of', 'failure_facts', 'failures_rolled_up']),
                ('settlement_rollups', ARRAY['bucket_of', 'formal_dispute', 'settlement_facts', 'settlements_rolled_up'])
            ) AS routines (rollup, names), unnest(routines.names) AS name
            UNION ALL
            SELECT views.rollup, pg_get_viewdef(name::regclass)
            FROM (VALUES
                ('payment_rollups', ARRAY['payments', 'invoice_plans', 'price_list', 'all_refunds']),
                ('settlement_rollups', ARRAY['all_refunds'])
            ) AS views (rollup, names), unnest(views.names) AS name
        )
        SELECT part.rollup, md5(string_agg(part.body, '' ORDER BY part.body)) AS meaning,
            part.rollup <> 'failure_rollups' AND EXISTS (  -- before there were these, one text told of both others
                SELECT FROM configuration WHERE name = 'rollups' AND value = (
                    SELECT md5(string_agg(DISTINCT other.body, '' ORDER BY other.body)) FROM part AS other
                    WHERE other.rollup <> 'failure_rollups'
                )
            ) AS known
        FROM part GROUP BY part.rollup
    LOOP
        IF NOT made.known AND NOT EXISTS (SELECT FROM configuration WHERE name = made.rollup AND value = made.meaning) THEN
            INSERT INTO rollup_queue (bucket, rollup)
            SELECT told.bucket, made.rollup FROM (
                SELECT bucket_of(created_at) AS bucket FROM payment_intents
                UNION SELECT bucket_of(created_at) FROM charges
                UNION SELECT bucket_of(created_at) FROM refunds
                UNION SELECT bucket_of(created_at) FROM charge_refunds
                UNION SELECT bucket_of(created_at) FROM disputes
                UNION SELECT bucket_of(created_at) FROM balance_transactions
                UNION SELECT bucket FROM payment_rollups
                UNION SELECT bucket FROM failure_rollups
                UNION SELECT bucket FROM settlement_rollups
            ) AS told
            ORDER BY told.bucket DESC;
        END IF;
        INSERT INTO configuration (name, value) VALUES (made.rollup, made.meaning)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value;
    END LOOP;
    DELETE FROM configuration WHERE name = 'rollups';
END
$$;

-- ------------------------------------------------------------ metrics: payments

-- How a range is read: of each period the whole buckets that are not queued from the rollups, all else from the facts.
CREATE OR REPLACE FUNCTION rolled_up_spans(since timestamptz, until timestamptz, "by" text, time_zone text)
RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, first_bucket timestamptz, end_bucket timestamptz
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT period.period_start, period.period_end, aligned.first_bucket, greatest(aligned.first_bucket, aligned.end_bucket)
    FROM period_starts(rolled_up_spans.since, rolled_up_spans.until, rolled_up_spans."by", rolled_up_spans.time_zone)
        AS period
    CROSS JOIN LATERAL (
        SELECT bucket_of(period.period_start + interval '15 minutes' - interval '1 microsecond') AS first_bucket,
            bucket_of(period.period_end) AS end_bucket
    ) AS aligned;
END;
COMMENT ON FUNCTION rolled_up_spans IS 'The periods of a range, each with the whole buckets in it.
first_bucket: the first whole bucket of the period.
end_bucket: the end of its last whole bucket; first_bucket where there is none.';

CREATE OR REPLACE FUNCTION fact_spans(
    since timestamptz, until timestamptz, "by" text, time_zone text, rollup text
) RETURNS TABLE (period_start timestamptz, span_start timestamptz, span_end timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT span.period_start, edge.span_start, edge.span_end
    FROM rolled_up_spans(fact_spans.since, fact_spans.until, fact_spans."by", fact_spans.time_zone) AS span
    CROSS JOIN LATERAL (VALUES
        (span.period_start, least(span.first_bucket, span.period_end)),
        (span.end_bucket, span.period_end)
    ) AS edge (span_start, span_end)
    WHERE edge.span_start < edge.span_end
    UNION ALL
    SELECT span.period_start, queued.bucket, queued.bucket + interval '15 minutes'
    FROM rolled_up_spans(fact_spans.since, fact_spans.until, fact_spans."by", fact_spans.time_zone) AS span
    JOIN (
        SELECT DISTINCT rollup_queue.bucket FROM rollup_queue
        WHERE coalesce(rollup_queue.rollup, fact_spans.rollup) = fact_spans.rollup
    ) AS queued
        ON queued.bucket >= span.first_bucket AND queued.bucket < span.end_bucket;
END;
COMMENT ON FUNCTION fact_spans IS 'What of each period is read from the facts: what is left of it beside its whole buckets, and the buckets that are queued.
rollup: the table that all else is read from.
span_start: the first instant.
span_end: the first instant after it.';

CREATE OR REPLACE FUNCTION payment_sums(
    since timestamptz, until timestamptz, "by" text, split text, currency text, source text, livemode boolean,
    time_zone text
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, currency text, split_value text,
    payments bigint, attempted bigint, succeeded bigint, failed bigint, unseen_charges bigint, attempts bigint,
    successful_attempts bigint, card_attempts bigint, authorized bigint, paid_charges bigint,
    anonymous_charges bigint, gross bigint, refunded_charges bigint, refunded bigint, disputed_charges bigint,
    lost bigint, unseen_refunds bigint, unseen_disputes bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH part AS (
        SELECT span.period_start, rolled.currency, CASE payment_sums.split WHEN 'source' THEN rolled.source ELSE rolled.split_value END AS split_value,
            rolled.payments, rolled.attempted, rolled.succeeded, rolled.failed, rolled.unseen_charges,
            rolled.attempts, rolled.successful_attempts, rolled.card_attempts, rolled.authorized, rolled.paid_charges,
            rolled.anonymous_charges, rolled.gross, rolled.refunded_charges, rolled.refunded, rolled.disputed_charges,
            rolled.lost, rolled.unseen_refunds, rolled.unseen_disputes
        FROM rolled_up_spans(payment_sums.since, payment_sums.until, payment_sums."by", payment_sums.time_zone) AS span
        JOIN payment_rollups AS rolled ON rolled.bucket >= span.first_bucket AND rolled.bucket < span.end_bucket
        WHERE rolled.split = CASE WHEN payment_sums.split IN ('origin', 'plan', 'payment_method') THEN payment_sums.split ELSE 'none' END
            AND rolled.livemode = (SELECT coalesce(payment_sums.livemode, default_livemode()))
            AND (payment_sums.currency IS NULL OR rolled.currency = lower(payment_sums.currency))
            AND (payment_sums.source IS NULL OR rolled.source = source_label(payment_sums.source))
            AND NOT EXISTS (
                SELECT FROM rollup_queue AS queued
                WHERE queued.bucket = rolled.bucket AND coalesce(queued.rollup, 'payment_rollups') = 'payment_rollups'
            )
        UNION ALL
        SELECT span.period_start, fact.currency, fact.split_value,
            fact.payments, fact.attempted, fact.succeeded, fact.failed, fact.unseen_charges, fact.attempts,
            fact.successful_attempts, fact.card_attempts, fact.authorized, fact.paid_charges, fact.anonymous_charges,
            fact.gross, fact.refunded_charges, fact.refunded, fact.disputed_charges, fact.lost, fact.unseen_refunds,
            fact.unseen_disputes
        FROM fact_spans(payment_sums.since, payment_sums.until, payment_sums."by", payment_sums.time_zone, 'payment_rollups') AS span
        CROSS JOIN LATERAL payment_facts(span.span_start, span.span_end, payment_sums.split) AS fact
        WHERE fact.livemode = (SELECT coalesce(payment_sums.livemode, default_livemode()))
            AND (payment_sums.currency IS NULL OR fact.currency = lower(payment_sums.currency))
            AND (payment_sums.source IS NULL OR fact.source = source_label(payment_sums.source))
    ), summed AS (
        SELECT part.period_start, part.currency, part.split_value,
            sum(part.payments)::bigint AS payments, sum(part.attempted)::bigint AS attempted,
            sum(part.succeeded)::bigint AS succeeded, sum(part.failed)::bigint AS failed,
            sum(part.unseen_charges)::bigint AS unseen_charges, sum(part.attempts)::bigint AS attempts,
            sum(part.successful_attempts)::bigint AS successful_attempts,
            sum(part.card_attempts)::bigint AS card_attempts, sum(part.authorized)::bigint AS authorized,
            sum(part.paid_charges)::bigint AS paid_charges, sum(part.anonymous_charges)::bigint AS anonymous_charges,
            sum(part.gross)::bigint AS gross, sum(part.refunded_charges)::bigint AS refunded_charges,
            sum(part.refunded)::bigint AS refunded, sum(part.disputed_charges)::bigint AS disputed_charges,
            sum(part.lost)::bigint AS lost, sum(part.unseen_refunds)::bigint AS unseen_refunds,
            sum(part.unseen_disputes)::bigint AS unseen_disputes
        FROM part GROUP BY part.period_start, part.currency, part.split_value
    )
    SELECT period.period_start, period.period_end, told.currency, told.split_value,
        coalesce(summed.payments, 0), coalesce(summed.attempted, 0), coalesce(summed.succeeded, 0),
        coalesce(summed.failed, 0), coalesce(summed.unseen_charges, 0), coalesce(summed.attempts, 0),
        coalesce(summed.successful_attempts, 0), coalesce(summed.card_attempts, 0), coalesce(summed.authorized, 0),
        coalesce(summed.paid_charges, 0), coalesce(summed.anonymous_charges, 0), coalesce(summed.gross, 0),
        coalesce(summed.refunded_charges, 0), coalesce(summed.refunded, 0), coalesce(summed.disputed_charges, 0),
        coalesce(summed.lost, 0), coalesce(summed.unseen_refunds, 0), coalesce(summed.unseen_disputes, 0)
    FROM period_starts(payment_sums.since, payment_sums.until, payment_sums."by", payment_sums.time_zone) AS period
    CROSS JOIN (SELECT DISTINCT summed.currency, summed.split_value FROM summed) AS told
    LEFT JOIN summed
        ON summed.period_start = period.period_start AND summed.currency = told.currency
        AND summed.split_value = told.split_value
    WHERE payment_sums.split IS NULL OR chosen('split', payment_sums.split, 'source', 'origin', 'plan', 'payment_method') IS NOT NULL;
END;
COMMENT ON FUNCTION payment_sums IS 'The facts of payments added up by period and currency, and by the split''s values: what payment_metrics makes its figures of. A currency and value that appears in a period appears in all. The counts and amounts are explained in payment_facts.';

CREATE OR REPLACE FUNCTION settlement_sums(
    since timestamptz, until timestamptz, "by" text, currency text, source text, livemode boolean,
    time_zone text
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, currency text,
    refunds bigint, refund_amount bigint, failed_refunds bigint, disputes bigint, dispute_amount bigint,
    inquiries bigint, disputes_won bigint, disputes_lost bigint, lost_amount bigint, transactions bigint, fees bigint,
    cash bigint, paid_out bigint, pending bigint, pending_amount bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH part AS (
        SELECT span.period_start, rolled.currency,
            rolled.refunds, rolled.refund_amount, rolled.failed_refunds, rolled.disputes, rolled.dispute_amount,
            rolled.inquiries, rolled.disputes_won, rolled.disputes_lost, rolled.lost_amount, rolled.transactions,
            rolled.fees, rolled.cash, rolled.paid_out, rolled.pending, rolled.pending_amount
        FROM rolled_up_spans(settlement_sums.since, settlement_sums.until, settlement_sums."by", settlement_sums.time_zone) AS span
        JOIN settlement_rollups AS rolled ON rolled.bucket >= span.first_bucket AND rolled.bucket < span.end_bucket
        WHERE rolled.livemode = (SELECT coalesce(settlement_sums.livemode, default_livemode()))
            AND (settlement_sums.currency IS NULL OR rolled.currency = lower(settlement_sums.currency))
            AND (settlement_sums.source IS NULL OR rolled.source = source_label(settlement_sums.source))
            AND NOT EXISTS (
                SELECT FROM rollup_queue AS queued
                WHERE queued.bucket = rolled.bucket AND coalesce(queued.rollup, 'settlement_rollups') = 'settlement_rollups'
            )
        UNION ALL
        SELECT span.period_start, fact.currency,
            fact.refunds, fact.refund_amount, fact.failed_refunds, fact.disputes, fact.dispute_amount, fact.inquiries,
            fact.disputes_won, fact.disputes_lost, fact.lost_amount, fact.transactions, fact.fees, fact.cash,
            fact.paid_out, fact.pending, fact.pending_amount
        FROM fact_spans(settlement_sums.since, settlement_sums.until, settlement_sums."by", settlement_sums.time_zone, 'settlement_rollups') AS span
        CROSS JOIN LATERAL settlement_facts(span.span_start, span.span_end) AS fact
        WHERE fact.livemode = (SELECT coalesce(settlement_sums.livemode, default_livemode()))
            AND (settlement_sums.currency IS NULL OR fact.currency = lower(settlement_sums.currency))
            AND (settlement_sums.source IS NULL OR fact.source = source_label(settlement_sums.source))
    ), summed AS (
        SELECT part.period_start, part.currency,
            sum(part.refunds)::bigint AS refunds, sum(part.refund_amount)::bigint AS refund_amount,
            sum(part.failed_refunds)::bigint AS failed_refunds, sum(part.disputes)::bigint AS disputes,
            sum(part.dispute_amount)::bigint AS dispute_amount, sum(part.inquiries)::bigint AS inquiries,
            sum(part.disputes_won)::bigint AS disputes_won, sum(part.disputes_lost)::bigint AS disputes_lost,
            sum(part.lost_amount)::bigint AS lost_amount, sum(part.transactions)::bigint AS transactions,
            sum(part.fees)::bigint AS fees, sum(part.cash)::bigint AS cash, sum(part.paid_out)::bigint AS paid_out,
            sum(part.pending)::bigint AS pending, sum(part.pending_amount)::bigint AS pending_amount
        FROM part GROUP BY part.period_start, part.currency
    )
    SELECT period.period_start, period.period_end, told.currency,
        coalesce(summed.refunds, 0), coalesce(summed.refund_amount, 0), coalesce(summed.failed_refunds, 0),
        coalesce(summed.disputes, 0), coalesce(summed.dispute_amount, 0), coalesce(summed.inquiries, 0),
        coalesce(summed.disputes_won, 0), coalesce(summed.disputes_lost, 0), coalesce(summed.lost_amount, 0),
        coalesce(summed.transactions, 0), coalesce(summed.fees, 0), coalesce(summed.cash, 0),
        coalesce(summed.paid_out, 0), coalesce(summed.pending, 0), coalesce(summed.pending_amount, 0)
    FROM period_starts(settlement_sums.since, settlement_sums.until, settlement_sums."by", settlement_sums.time_zone) AS period
    CROSS JOIN (SELECT DISTINCT summed.currency FROM summed) AS told
    LEFT JOIN summed
        ON summed.period_start = period.period_start AND summed.currency = told.currency;
END;
COMMENT ON FUNCTION settlement_sums IS 'The facts of refunds, disputes and the balance added up by period and currency. The counts and amounts are explained in settlement_facts.';

DROP FUNCTION IF EXISTS unrolled_spans(timestamptz, timestamptz, text, text);

-- A sum is explained as what it adds up.
DO $$
DECLARE
    summed record;
BEGIN
    FOR summed IN
        SELECT sums.rollup, sums.routine, said[1] AS name, said[2] AS meaning
        FROM (VALUES
            ('payment_facts', 'payment_rollups', 'payment_sums'),
            ('failure_facts', 'failure_rollups', NULL),
            ('settlement_facts', 'settlement_rollups', 'settlement_sums')
        ) AS sums (facts, rollup, routine)
        CROSS JOIN LATERAL regexp_matches(
            obj_description(sums.facts::regproc, 'pg_proc'), '^([a-z_]+): (.*)$', 'gn'
        ) AS said
        WHERE said[1] NOT IN ('at', 'account', 'decline_code', 'country', 'brand')
    LOOP
        IF summed.name NOT LIKE 'split%' THEN
            EXECUTE format('COMMENT ON COLUMN %I.%I IS %L', summed.rollup, summed.name,
                'Summed: ' || summed.meaning);
        END IF;
        IF summed.routine IS NOT NULL THEN
            EXECUTE format('COMMENT ON FUNCTION %I IS %L', summed.routine,
                format(E'%s\n%s: %s', obj_description(summed.routine::regproc, 'pg_proc'), summed.name, summed.meaning));
        END IF;
    END LOOP;
END
$$;

-- A row a payer, and in it a bit a period in which he paid, 62 to a number: so hardly more is hashed than there are
-- payers, and equal patterns are counted at once. It has memory of its own, and a plan for the range that is asked for.
CREATE OR REPLACE FUNCTION paying_customers(
    since timestamptz, until timestamptz, "by" text, split text, currency text, source text, livemode boolean,
    time_zone text
) RETURNS TABLE (
    period_start timestamptz, currency text, split_value text, customers bigint, returning_customers bigint
)
LANGUAGE sql STABLE SET work_mem = '64MB' SET plan_cache_mode = force_custom_plan
BEGIN ATOMIC
    WITH period AS MATERIALIZED (
        SELECT periods.period_start, row_number() OVER (ORDER BY periods.period_start) AS number
        FROM period_starts(
            paying_customers.since, paying_customers.until, paying_customers."by", paying_customers.time_zone
        ) AS periods
    ), paid AS (
        SELECT charge.account, charge.livemode, charge.payer, charge.currency, charge.source,
            width_bucket(
                charge.created_at, (SELECT array_agg(period.period_start ORDER BY period.number) FROM period)
            ) AS number,
            coalesce(CASE paying_customers.split
                WHEN 'source' THEN charge.source
                WHEN 'origin' THEN coalesce(payment.origin, charge.metadata ->> 'source')
                WHEN 'plan' THEN coalesce(
                    payment.plan_type,
                    (
                        SELECT invoice_plans.plan_type FROM invoice_plans
                        WHERE invoice_plans.account = charge.account AND invoice_plans.livemode = charge.livemode
                            AND invoice_plans.invoice_id = charge.invoice_id
                    ),
                    charge.metadata ->> 'plan_type'
                )
                WHEN 'payment_method' THEN charge.payment_method_type
            END, '') AS split_value
        FROM charges AS charge
        LEFT JOIN payments AS payment
            ON payment.account = charge.account AND payment.livemode = charge.livemode
            AND payment.id = charge.payment_intent_id
        WHERE charge.created_at >= paying_customers.since AND charge.created_at < paying_customers.until
            AND charge.paid AND charge.status = 'succeeded' AND charge.amount_captured > 0 AND charge.payer IS NOT NULL
            AND charge.livemode = (SELECT coalesce(paying_customers.livemode, default_livemode()))
    ), spread AS MATERIALIZED (
        SELECT paid.account, paid.livemode, paid.payer, paid.currency, paid.split_value, paid.number / 62 AS part,
            bit_or(1::bigint << paid.number % 62)
                FILTER (WHERE paying_customers.source IS NULL OR paid.source = source_label(paying_customers.source)) AS periods,
            min(paid.number) AS first
        FROM paid
        GROUP BY paid.account, paid.livemode, paid.payer, paid.currency, paid.split_value, paid.number / 62
    ), payer AS (
        SELECT spread.account, spread.livemode, spread.payer, min(spread.first) AS first FROM spread
        GROUP BY spread.account, spread.livemode, spread.payer
    ), pattern AS (
        SELECT spread.currency, spread.split_value, spread.part, spread.periods,
            CASE WHEN spread.first = payer.first AND NOT EXISTS (
                SELECT FROM charges AS earlier
                WHERE earlier.account = payer.account AND earlier.livemode = payer.livemode
                    AND earlier.payer = payer.payer AND earlier.created_at < paying_customers.since
                    AND earlier.paid AND earlier.status = 'succeeded' AND earlier.amount_captured > 0
            ) THEN spread.first END AS new_in,
            count(*) AS customers
        FROM spread
        JOIN payer
            ON payer.account = spread.account AND payer.livemode = spread.livemode AND payer.payer = spread.payer
        WHERE spread.periods IS NOT NULL
            AND (paying_customers.currency IS NULL OR spread.currency = lower(paying_customers.currency))
        GROUP BY spread.currency, spread.split_value, spread.part, spread.periods, new_in
    )
    SELECT period.period_start, pattern.currency, pattern.split_value, sum(pattern.customers)::bigint,
        (sum(pattern.customers) - coalesce(sum(pattern.customers) FILTER (WHERE pattern.new_in = period.number), 0))::bigint
    FROM pattern
    CROSS JOIN generate_series(0, 61) AS place (bit)
    JOIN period ON period.number = pattern.part * 62 + place.bit
    WHERE pattern.periods >> place.bit & 1 = 1
    GROUP BY period.period_start, pattern.currency, pattern.split_value;
END;
COMMENT ON FUNCTION paying_customers IS 'How many customers had a charge that took money in each period, and how many of them had one before it, in whatever currency and by whatever endpoint. One who is no customer counts by e-mail.
split: source, origin, plan or payment_method; null for none.
split_value: its value, empty where it is unknown or none was asked for.
customers: those who paid in the period.
returning_customers: those of them who had paid before it.';

CREATE OR REPLACE FUNCTION payment_metrics(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month', split text DEFAULT NULL,
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text, split_value text,
    payments bigint, attempted bigint, succeeded bigint, failed bigint,
    attempts bigint, successful_attempts bigint, paid_charges bigint,
    gross bigint, refunded bigint, disputed bigint, net bigint, average numeric,
    payment_success_rate numeric, attempt_success_rate numeric, authorization_rate numeric,
    payment_failure_rate numeric, payment_conversion_rate numeric,
    refund_rate numeric, refund_rate_by_amount numeric,
    customers bigint, new_customers bigint, returning_customers bigint, revenue_per_customer numeric,
    unseen_charges bigint, unseen_disputes bigint, anonymous_charges bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT sums.period_start, sums.period_end, coalesce(payment_metrics.livemode, default_livemode()), sums.currency,
        nullif(sums.split_value, ''),
        sums.payments, sums.attempted, sums.succeeded, sums.failed,
        sums.attempts, sums.successful_attempts, sums.paid_charges,
        sums.gross, sums.refunded, sums.lost, sums.gross - sums.refunded - sums.lost,
        sums.gross::numeric / nullif(sums.paid_charges, 0),
        sums.succeeded::numeric / nullif(sums.attempted, 0),
        sums.successful_attempts::numeric / nullif(sums.attempts, 0),
        sums.authorized::numeric / nullif(sums.card_attempts, 0),
        sums.failed::numeric / nullif(sums.attempted, 0),
        sums.succeeded::numeric / nullif(sums.payments, 0),
        sums.refunded_charges::numeric / nullif(sums.paid_charges, 0),
        sums.refunded::numeric / nullif(sums.gross, 0),
        coalesce(payers.customers, 0), coalesce(payers.customers - payers.returning_customers, 0),
        coalesce(payers.returning_customers, 0),
        (sums.gross - sums.refunded - sums.lost)::numeric / nullif(payers.customers, 0),
        sums.unseen_charges, sums.unseen_disputes, sums.anonymous_charges
    FROM payment_sums(
        payment_metrics.since, payment_metrics.until, payment_metrics."by", payment_metrics.split,
        payment_metrics.currency, payment_metrics.source, payment_metrics.livemode, payment_metrics.time_zone
    ) AS sums
    LEFT JOIN (  -- it counts each customer by himself; so grouped, it falls away where nobody asks for it
        SELECT paying.period_start, paying.currency, paying.split_value,
            max(paying.customers) AS customers, max(paying.returning_customers) AS returning_customers
        FROM paying_customers(
            payment_metrics.since, payment_metrics.until, payment_metrics."by", payment_metrics.split,
            payment_metrics.currency, payment_metrics.source, payment_metrics.livemode, payment_metrics.time_zone
        ) AS paying
        GROUP BY paying.period_start, paying.currency, paying.split_value
    ) AS payers
        ON payers.period_start = sums.period_start AND payers.currency = sums.currency
        AND payers.split_value = sums.split_value
    ORDER BY sums.period_start, sums.currency, sums.split_value;
END;
COMMENT ON FUNCTION payment_metrics IS 'Payments by period and currency: PaymentIntents by when they were made, each once however often it was tried; attempts and money by when the charge was made, those without a PaymentIntent included. A currency and value that appears in a period appears in all. Amounts are in minor units, rates are fractions of 1, null where there is nothing to divide by.
split: the breakdown: source (the endpoint), origin (the client that asked), plan or payment_method; null for none.
split_value: its value; null where it is unknown or none was asked for.
payments: PaymentIntents that were made.
attempted: those that were tried: they name a charge or an error, or are paid, authorised or processing.
succeeded: those that are paid.
failed: those that were tried, and wait for another try or were canceled after an error.
attempts: charges, each an attempt to take money.
successful_attempts: those that succeeded; an authorisation, too.
paid_charges: those that took money.
gross: what was captured; an authorisation alone is no revenue.
refunded: what was given back of it since, whenever that was.
disputed: what was lost by disputes of it since, whenever that was.
net: gross less refunded less disputed.
average: gross by paid charge.
payment_success_rate: succeeded ÷ attempted.
attempt_success_rate: successful_attempts ÷ attempts.
authorization_rate: attempts by card that the issuer approved ÷ those that reached the issuer: blocked ones did not.
payment_failure_rate: failed ÷ attempted; the rest of these succeeded or are on the way.
payment_conversion_rate: succeeded ÷ payments.
refund_rate: paid charges of which anything was given back ÷ paid charges.
refund_rate_by_amount: refunded ÷ gross.
customers: who paid, in this currency: customers by their id, guests by e-mail.
new_customers: those who had never paid before the period, in whatever currency.
returning_customers: those who had.
revenue_per_customer: net by customer.
unseen_charges: incomplete: PaymentIntents of which the newest charge is known by its id alone, so that its money is missing.
unseen_disputes: incomplete: charges that were disputed, of which no dispute is known, so that a loss may be missing.
anonymous_charges: incomplete: paid charges in no count of customers, as they name neither customer nor e-mail.';

CREATE OR REPLACE FUNCTION payments_as_of(instant timestamptz)
RETURNS TABLE (
    account text, livemode boolean, id text, source text, created_at timestamptz, as_of timestamptz,
    amount bigint, amount_received bigint, currency text, status text, customer_id text, origin text,
    payment_method_type text, charge_id text, amount_captured bigint, amount_refunded bigint,
    disputed boolean, dispute_status text, amount_lost bigint, stale boolean
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT intent.account, intent.livemode, intent.id, intent.source, intent.created_at, intent.at,
        intent.amount, intent.amount_received, intent.currency, intent.status, intent.customer_id, intent.origin,
        coalesce(charge.payment_method_type, intent.payment_method_type), intent.charge_id,
        CASE WHEN intent.charge_id IS NULL THEN 0 ELSE charge.amount_captured END,
        CASE WHEN intent.charge_id IS NULL THEN 0
            WHEN charge.amount_refunded > 0 THEN (
                SELECT back.amount
                FROM given_back(
                    charge.account, charge.livemode, charge.id, charge.amount_refunded, payments_as_of.instant
                ) AS back
            )
            ELSE charge.amount_refunded
        END,
        contested.charge_id IS NOT NULL, contested.status,
        CASE WHEN contested.currencies <> ARRAY[intent.currency] THEN NULL ELSE coalesce(contested.lost, 0) END,
        intent.stale OR coalesce(charge.stale, false)
    FROM (
        SELECT DISTINCT ON (version.account, version.livemode, version.id) version.*
        FROM payment_versions AS version
        WHERE version.object = 'payment_intent' AND version.at <= payments_as_of.instant
        ORDER BY version.account, version.livemode, version.id,
            version.phase DESC, version.terminal DESC, version.at DESC, version.tie DESC
    ) AS intent
    LEFT JOIN (
        SELECT DISTINCT ON (version.account, version.livemode, version.id) version.*
        FROM payment_versions AS version
        WHERE version.object = 'charge' AND version.at <= payments_as_of.instant
        ORDER BY version.account, version.livemode, version.id,
            version.phase DESC, version.terminal DESC, version.at DESC, version.tie DESC
    ) AS charge
        ON charge.account = intent.account AND charge.livemode = intent.livemode AND charge.id = intent.charge_id
    LEFT JOIN (
        SELECT dispute.account, dispute.livemode, dispute.charge_id,
            (array_agg(dispute.status ORDER BY dispute.created_at DESC, dispute.id DESC))[1] AS status,
            (sum(dispute.amount) FILTER (WHERE dispute.status = 'lost'))::bigint AS lost,
            array_agg(DISTINCT dispute.currency) FILTER (WHERE dispute.status = 'lost') AS currencies
        FROM (
            SELECT DISTINCT ON (version.account, version.livemode, version.id) version.*
            FROM payment_versions AS version
            WHERE version.object = 'dispute' AND version.at <= payments_as_of.instant
            ORDER BY version.account, version.livemode, version.id,
                version.phase DESC, version.terminal DESC, version.at DESC, version.tie DESC
        ) AS dispute
        GROUP BY dispute.account, dispute.livemode, dispute.charge_id
    ) AS contested
        ON contested.account = intent.account AND contested.livemode = intent.livemode
        AND contested.charge_id = intent.charge_id;
END;
COMMENT ON FUNCTION payments_as_of IS 'Each PaymentIntent as it was at an instant, on Stripe''s clock: as the events that Stripe had made by then tell it, whenever they came here. One whose first known event came later is not there yet.
instant: the instant; what happened in its second has happened.
account: the Stripe account.
id: the PaymentIntent, pi_….
source: which endpoint received the event that tells it.
created_at: when it was made.
as_of: when Stripe made the event that tells it.
amount: what was to be paid, in minor units of currency.
amount_received: what was paid.
currency: three letters, in lower case; of all amounts here.
status: Stripe''s status.
customer_id: the customer; null for a guest.
origin: which client asked for it; null for what was made elsewhere.
payment_method_type: how it was paid, or last tried.
charge_id: the newest attempt by then.
amount_captured: what that took; null where no event of it had been made by then.
amount_refunded: what was given back of it by then; likewise.
disputed: whether it had been disputed or inquired about.
dispute_status: of its newest dispute.
amount_lost: what disputes had lost; null where that is in another currency.
stale: whether an event of it could not be digested: see dead_letters.';

CREATE OR REPLACE FUNCTION payment_failures(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month', split text DEFAULT 'decline_code',
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text, split_value text,
    failed_attempts bigint, failed_amount bigint, recovered_attempts bigint, attempt_failure_rate numeric,
    failed bigint, payment_failure_rate numeric
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH part AS (
        SELECT span.period_start, rolled.currency, rolled.split_value, rolled.attempts, rolled.failed_attempts,
            rolled.failed_amount, rolled.recovered_attempts, rolled.attempted, rolled.failed
        FROM rolled_up_spans(
            payment_failures.since, payment_failures.until, payment_failures."by", payment_failures.time_zone
        ) AS span
        JOIN failure_rollups AS rolled ON rolled.bucket >= span.first_bucket AND rolled.bucket < span.end_bucket
        WHERE rolled.split = payment_failures.split
            AND rolled.livemode = (SELECT coalesce(payment_failures.livemode, default_livemode()))
            AND (payment_failures.currency IS NULL OR rolled.currency = lower(payment_failures.currency))
            AND (payment_failures.source IS NULL OR rolled.source = source_label(payment_failures.source))
            AND NOT EXISTS (
                SELECT FROM rollup_queue AS queued
                WHERE queued.bucket = rolled.bucket AND coalesce(queued.rollup, 'failure_rollups') = 'failure_rollups'
            )
        UNION ALL
        SELECT span.period_start, fact.currency,
            CASE payment_failures.split
                WHEN 'decline_code' THEN fact.decline_code WHEN 'country' THEN fact.country WHEN 'brand' THEN fact.brand
            END,
            fact.attempts, fact.failed_attempts, fact.failed_amount, fact.recovered_attempts, fact.attempted, fact.failed
        FROM fact_spans(
            payment_failures.since, payment_failures.until, payment_failures."by", payment_failures.time_zone,
            'failure_rollups'
        ) AS span
        CROSS JOIN LATERAL failure_facts(span.span_start, span.span_end) AS fact
        WHERE fact.livemode = (SELECT coalesce(payment_failures.livemode, default_livemode()))
            AND (payment_failures.currency IS NULL OR fact.currency = lower(payment_failures.currency))
            AND (payment_failures.source IS NULL OR fact.source = source_label(payment_failures.source))
    ), summed AS (
        SELECT part.period_start, part.currency, part.split_value,
            sum(part.attempts) AS attempts, sum(part.failed_attempts)::bigint AS failed_attempts,
            sum(part.failed_amount)::bigint AS failed_amount,
            sum(part.recovered_attempts)::bigint AS recovered_attempts,
            sum(part.attempted) AS attempted, sum(part.failed)::bigint AS failed
        FROM part GROUP BY part.period_start, part.currency, part.split_value
    ), whole AS (  -- hardly a try that succeeds has a decline code: the rates are of all that was tried
        SELECT summed.period_start, summed.currency, sum(summed.attempts) AS attempts, sum(summed.attempted) AS attempted
        FROM summed WHERE payment_failures.split = 'decline_code' GROUP BY summed.period_start, summed.currency
    )
    SELECT period.period_start, period.period_end, coalesce(payment_failures.livemode, default_livemode()),
        told.currency, nullif(told.split_value, ''),
        coalesce(summed.failed_attempts, 0), coalesce(summed.failed_amount, 0), coalesce(summed.recovered_attempts, 0),
        coalesce(summed.failed_attempts, 0)::numeric / nullif(coalesce(whole.attempts, summed.attempts), 0),
        coalesce(summed.failed, 0),
        coalesce(summed.failed, 0)::numeric / nullif(coalesce(whole.attempted, summed.attempted), 0)
    FROM period_starts(
        payment_failures.since, payment_failures.until, payment_failures."by", payment_failures.time_zone
    ) AS period
    CROSS JOIN (
        SELECT summed.currency, summed.split_value FROM summed
        GROUP BY summed.currency, summed.split_value HAVING sum(summed.failed_attempts + summed.failed) > 0
    ) AS told
    LEFT JOIN summed
        ON summed.period_start = period.period_start AND summed.currency = told.currency
        AND summed.split_value = told.split_value
    LEFT JOIN whole ON whole.period_start = period.period_start AND whole.currency = told.currency
    WHERE chosen('split', payment_failures.split, 'decline_code', 'country', 'brand') IS NOT NULL
        AND is_range(payment_failures.since, payment_failures.until)
    ORDER BY period.period_start, told.currency, coalesce(summed.failed_attempts, 0) DESC, told.split_value;
END;
COMMENT ON FUNCTION payment_failures IS 'What failed and why, by period and currency: attempts by when the charge was made, payments by when the PaymentIntent was. Amounts are in minor units, rates are fractions of 1.
split: decline_code (the issuer''s reason, else what blocked it or Stripe''s code), country or brand of the card.
split_value: its value; null where it is unknown, or no card.
failed_attempts: charges that failed.
failed_amount: what they were to take.
recovered_attempts: those of them whose PaymentIntent succeeded after all.
attempt_failure_rate: failed_attempts ÷ all attempts; by country or brand ÷ those of the same.
failed: PaymentIntents that were tried, and wait for another try or were canceled after an error, by the reason of the last try.
payment_failure_rate: failed ÷ all that were tried; by country or brand ÷ those of the same.';

CREATE OR REPLACE FUNCTION refund_metrics(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month',
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text,
    refunds bigint, refund_amount bigint, failed_refunds bigint,
    paid_charges bigint, refunded_charges bigint, refund_rate numeric,
    gross bigint, refunded bigint, refund_rate_by_amount numeric, unseen_refunds bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH made AS (  -- without the currencies that are the balance's alone
        SELECT * FROM (
            SELECT sums.*, sum(sums.refunds + sums.failed_refunds) OVER (PARTITION BY sums.currency) AS told
            FROM settlement_sums(
                refund_metrics.since, refund_metrics.until, refund_metrics."by",
                refund_metrics.currency, refund_metrics.source, refund_metrics.livemode, refund_metrics.time_zone
            ) AS sums
        ) AS settled
        WHERE settled.told > 0
    ), paid AS (
        SELECT * FROM payment_sums(
            refund_metrics.since, refund_metrics.until, refund_metrics."by", NULL,
            refund_metrics.currency, refund_metrics.source, refund_metrics.livemode, refund_metrics.time_zone
        )
    )
    SELECT coalesce(made.period_start, paid.period_start), coalesce(made.period_end, paid.period_end),
        coalesce(refund_metrics.livemode, default_livemode()), coalesce(made.currency, paid.currency),
        coalesce(made.refunds, 0), coalesce(made.refund_amount, 0), coalesce(made.failed_refunds, 0),
        coalesce(paid.paid_charges, 0), coalesce(paid.refunded_charges, 0),
        paid.refunded_charges::numeric / nullif(paid.paid_charges, 0),
        coalesce(paid.gross, 0), coalesce(paid.refunded, 0), paid.refunded::numeric / nullif(paid.gross, 0),
        coalesce(paid.unseen_refunds, 0)
    FROM made
    FULL JOIN paid ON paid.period_start = made.period_start AND paid.currency = made.currency
    ORDER BY 1, 4;
END;
COMMENT ON FUNCTION refund_metrics IS 'Refunds by period and currency, both by when they were made (activity) and by when the charge was made that they give back (rates). Amounts are in minor units, rates are fractions of 1, null where there is nothing to divide by.
refunds: refunds made in the period, without those that failed or were canceled.
refund_amount: what they give back.
failed_refunds: those made in the period that failed or were canceled.
paid_charges: charges made in the period that took money.
refunded_charges: those of them of which anything was given back since, whenever that was.
refund_rate: refunded_charges ÷ paid_charges.
gross: what the period''s charges captured.
refunded: what was given back of it since.
refund_rate_by_amount: refunded ÷ gross.
unseen_refunds: incomplete: the period''s charges of which more was given back than the known refunds come to, so that refunds are missing in some period.';

CREATE OR REPLACE FUNCTION dispute_metrics(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month',
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text,
    disputes bigint, dispute_amount bigint, inquiries bigint,
    disputes_won bigint, disputes_lost bigint, lost_amount bigint, win_rate numeric,
    paid_charges bigint, dispute_activity numeric, disputed_charges bigint, dispute_rate numeric,
    unseen_disputes bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH made AS (  -- without the currencies that are the balance's alone
        SELECT * FROM (
            SELECT sums.*, sum(sums.disputes + sums.inquiries) OVER (PARTITION BY sums.currency) AS told
            FROM settlement_sums(
                dispute_metrics.since, dispute_metrics.until, dispute_metrics."by",
                dispute_metrics.currency, dispute_metrics.source, dispute_metrics.livemode, dispute_metrics.time_zone
            ) AS sums
        ) AS settled
        WHERE settled.told > 0
    ), paid AS (
        SELECT * FROM payment_sums(
            dispute_metrics.since, dispute_metrics.until, dispute_metrics."by", NULL,
            dispute_metrics.currency, dispute_metrics.source, dispute_metrics.livemode, dispute_metrics.time_zone
        )
    )
    SELECT coalesce(made.period_start, paid.period_start), coalesce(made.period_end, paid.period_end),
        coalesce(dispute_metrics.livemode, default_livemode()), coalesce(made.currency, paid.currency),
        coalesce(made.disputes, 0), coalesce(made.dispute_amount, 0), coalesce(made.inquiries, 0),
        coalesce(made.disputes_won, 0), coalesce(made.disputes_lost, 0), coalesce(made.lost_amount, 0),
        made.disputes_won::numeric / nullif(made.disputes_won + made.disputes_lost, 0),
        coalesce(paid.paid_charges, 0), coalesce(made.disputes, 0)::numeric / nullif(paid.paid_charges, 0),
        coalesce(paid.disputed_charges, 0), paid.disputed_charges::numeric / nullif(paid.paid_charges, 0),
        coalesce(paid.unseen_disputes, 0)
    FROM made
    FULL JOIN paid ON paid.period_start = made.period_start AND paid.currency = made.currency
    ORDER BY 1, 4;
END;
COMMENT ON FUNCTION dispute_metrics IS 'Disputes by period and currency, both by when they were made (activity, what the networks count) and by when the disputed charge was made (the rate). Inquiries, and what was prevented, are no disputes. Amounts are in minor units, rates are fractions of 1, null where there is nothing to divide by.
disputes: disputes made in the period.
dispute_amount: what they dispute.
inquiries: inquiries made in the period, and disputes that were prevented.
disputes_won: the period''s disputes that were won since.
disputes_lost: those that were lost.
lost_amount: what these lost.
win_rate: disputes_won ÷ those that are decided.
paid_charges: charges made in the period that took money.
dispute_activity: disputes ÷ paid_charges, whichever charges they dispute.
disputed_charges: the period''s charges that were disputed since.
dispute_rate: disputed_charges ÷ paid_charges.
unseen_disputes: incomplete: the period''s charges that were disputed, of which no dispute is known.';

CREATE OR REPLACE FUNCTION balance_metrics(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month',
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text,
    transactions bigint, fees bigint, cash bigint, paid_out bigint,
    fee_status text, pending bigint, pending_amount bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT sums.period_start, sums.period_end, coalesce(balance_metrics.livemode, default_livemode()), sums.currency,
        sums.transactions, sums.fees, sums.cash, sums.paid_out,
        CASE WHEN sums.pending > 0 THEN 'pending' ELSE 'known' END, sums.pending, sums.pending_amount
    FROM (
        SELECT settled.*, sum(settled.transactions + settled.pending) OVER (PARTITION BY settled.currency) AS told
        FROM settlement_sums(
            balance_metrics.since, balance_metrics.until, balance_metrics."by",
            balance_metrics.currency, balance_metrics.source, balance_metrics.livemode, balance_metrics.time_zone
        ) AS settled
    ) AS sums
    WHERE sums.told > 0
    ORDER BY sums.period_start, sums.currency;
END;
COMMENT ON FUNCTION balance_metrics IS 'The account''s balance by period and currency: fees and cash by when the balance transaction was made, in the balance''s currency; and what is not known of it yet, by when the charge, refund or dispute was made, in that one''s own currency. Amounts are in minor units.
transactions: balance transactions.
fees: what they cost; what Stripe bills by itself included.
cash: their net, without what only moves the balance to a bank or from there; what that costs is in it.
paid_out: what was moved to a bank, less what came from there.
fee_status: pending where pending is not 0, else known.
pending: incomplete: balance transactions of charges, refunds and disputes that are not known yet.
pending_amount: what they put on the balance less what they take, before fees.';

-- ------------------------------------------------------------ metrics: converted into one currency

-- Each fact is converted at the rate of its own day in UTC. Sums are made of unrounded amounts and rounded once.

CREATE OR REPLACE FUNCTION target_currency(target text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF currency_decimals(target) IS NULL THEN
        RAISE EXCEPTION 'target is %, which is no currency that Stripe has', coalesce(quote_literal(target), 'null')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN lower(target);
END
$$;
COMMENT ON FUNCTION target_currency IS 'The currency in lower case, or an error where Stripe has none of that name.
target: three letters.';

CREATE OR REPLACE FUNCTION converted_amount(
    amount numeric, currency text, target text, per_currency numeric, per_target numeric
) RETURNS numeric
LANGUAGE sql IMMUTABLE
RETURN round(amount * per_target * (10::numeric ^ currency_decimals(target)), 30)
    / (per_currency * (10::numeric ^ currency_decimals(currency)));
COMMENT ON FUNCTION converted_amount IS 'An amount in minor units of currency in minor units of target, not rounded; null without a rate, or where Stripe has no such currency.
amount: in minor units of currency.
currency: three letters.
target: three letters.
per_currency: what one euro costs of currency, as fx_rate gives it.
per_target: what one euro costs of target.';

CREATE OR REPLACE FUNCTION payment_metrics_converted(
    target text,
    since timestamptz, until timestamptz, "by" text DEFAULT 'month', split text DEFAULT NULL,
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text, split_value text,
    payments bigint, attempted bigint, succeeded bigint, failed bigint,
    attempts bigint, successful_attempts bigint, paid_charges bigint,
    gross bigint, refunded bigint, disputed bigint, net bigint, average numeric,
    payment_success_rate numeric, attempt_success_rate numeric, authorization_rate numeric,
    payment_failure_rate numeric, payment_conversion_rate numeric,
    refund_rate numeric, refund_rate_by_amount numeric,
    unseen_charges bigint, unseen_disputes bigint, anonymous_charges bigint,
    rates_from date, rates_provider text, rates_missing bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH wanted AS MATERIALIZED (
        SELECT target_currency(payment_metrics_converted.target) AS target
    ), period AS MATERIALIZED (
        SELECT periods.period_start, periods.period_end
        FROM period_starts(
            payment_metrics_converted.since, payment_metrics_converted.until, payment_metrics_converted."by",
            payment_metrics_converted.time_zone
        ) AS periods
    ), part AS MATERIALIZED (  -- of each period the days in UTC, as far as they are in it
        SELECT period.period_start AS within, (day.period_start AT TIME ZONE 'UTC')::date AS day, day.*
        FROM period
        CROSS JOIN LATERAL payment_sums(
            period.period_start, period.period_end, 'day', payment_metrics_converted.split,
            payment_metrics_converted.currency, payment_metrics_converted.source,
            payment_metrics_converted.livemode, 'UTC'
        ) AS day
    ), rate AS MATERIALIZED (
        SELECT used.currency, used.day, found.rate_date, found.provider,
            converted_amount(1, used.currency, wanted.target, found.per_currency, found.per_target) IS NOT NULL AS known,
            found.per_currency, found.per_target
        FROM (SELECT DISTINCT part.currency, part.day FROM part WHERE part.paid_charges > 0) AS used
        CROSS JOIN wanted
        CROSS JOIN LATERAL fx_rate(used.currency, wanted.target, used.day) AS found
    ), summed AS (
        SELECT part.within, part.split_value,
            sum(part.payments)::bigint AS payments, sum(part.attempted)::bigint AS attempted,
            sum(part.succeeded)::bigint AS succeeded, sum(part.failed)::bigint AS failed,
            sum(part.attempts)::bigint AS attempts, sum(part.successful_attempts)::bigint AS successful_attempts,
            sum(part.card_attempts)::bigint AS card_attempts, sum(part.authorized)::bigint AS authorized,
            sum(part.paid_charges)::bigint AS paid_charges, sum(part.refunded_charges)::bigint AS refunded_charges,
            sum(part.unseen_charges)::bigint AS unseen_charges, sum(part.unseen_disputes)::bigint AS unseen_disputes,
            sum(part.anonymous_charges)::bigint AS anonymous_charges,
            half_even(coalesce(sum(converted_amount(
                part.gross, part.currency, wanted.target, rate.per_currency, rate.per_target)), 0))::bigint AS gross,
            half_even(coalesce(sum(converted_amount(
                part.refunded, part.currency, wanted.target, rate.per_currency, rate.per_target)), 0))::bigint AS refunded,
            half_even(coalesce(sum(converted_amount(
                part.lost, part.currency, wanted.target, rate.per_currency, rate.per_target)), 0))::bigint AS lost,
            min(rate.rate_date) FILTER (WHERE rate.known AND rate.provider IS NOT NULL) AS rates_from,
            string_agg(DISTINCT rate.provider, ', ') FILTER (WHERE rate.known) AS rates_provider,
            coalesce(sum(part.paid_charges) FILTER (WHERE NOT rate.known), 0)::bigint AS rates_missing
        FROM part
        CROSS JOIN wanted
        LEFT JOIN rate ON rate.currency = part.currency AND rate.day = part.day
        GROUP BY part.within, part.split_value
    )
    SELECT period.period_start, period.period_end,
        coalesce(payment_metrics_converted.livemode, default_livemode()), wanted.target,
        nullif(told.split_value, ''),
        coalesce(summed.payments, 0), coalesce(summed.attempted, 0), coalesce(summed.succeeded, 0),
        coalesce(summed.failed, 0), coalesce(summed.attempts, 0), coalesce(summed.successful_attempts, 0),
        coalesce(summed.paid_charges, 0),
        coalesce(summed.gross, 0), coalesce(summed.refunded, 0), coalesce(summed.lost, 0),
        coalesce(summed.gross - summed.refunded - summed.lost, 0),
        summed.gross::numeric / nullif(summed.paid_charges - summed.rates_missing, 0),
        summed.succeeded::numeric / nullif(summed.attempted, 0),
        summed.successful_attempts::numeric / nullif(summed.attempts, 0),
        summed.authorized::numeric / nullif(summed.card_attempts, 0),
        summed.failed::numeric / nullif(summed.attempted, 0),
        summed.succeeded::numeric / nullif(summed.payments, 0),
        summed.refunded_charges::numeric / nullif(summed.paid_charges, 0),
        summed.refunded::numeric / nullif(summed.gross, 0),
        coalesce(summed.unseen_charges, 0), coalesce(summed.unseen_disputes, 0),
        coalesce(summed.anonymous_charges, 0),
        summed.rates_from, summed.rates_provider, coalesce(summed.rates_missing, 0)
    FROM period
    CROSS JOIN wanted
    CROSS JOIN (SELECT DISTINCT summed.split_value FROM summed) AS told
    LEFT JOIN summed ON summed.within = period.period_start AND summed.split_value = told.split_value
    ORDER BY period.period_start, told.split_value;
END;
COMMENT ON FUNCTION payment_metrics_converted IS 'payment_metrics of all currencies together: counts as they are, amounts converted into target, each charge''s at the rate of its own day in UTC, or the last known before. Each amount is rounded once, half to even, to the minor unit of target. Customers are not counted here: one who paid in two currencies would be two.
target: what amounts are converted into, three letters.
currency: target; as a parameter only what was paid in this currency, null for all.
split: the breakdown: source (the endpoint), origin (the client that asked), plan or payment_method; null for none.
split_value: its value; null where it is unknown or none was asked for.
payments: PaymentIntents that were made.
attempted: those that were tried.
succeeded: those that are paid.
failed: those that were tried, and wait for another try or were canceled after an error.
attempts: charges, each an attempt to take money.
successful_attempts: those that succeeded; an authorisation, too.
paid_charges: those that took money.
gross: what was captured, in minor units of target.
refunded: what was given back of it since, at the rate of the charge''s day, so that a payment that was given back in full is nothing.
disputed: what was lost by disputes of it since, at the rate of the charge''s day.
net: gross less refunded less disputed.
average: gross by paid charge that has a rate.
payment_success_rate: succeeded ÷ attempted.
attempt_success_rate: successful_attempts ÷ attempts.
authorization_rate: attempts by card that the issuer approved ÷ those that reached the issuer.
payment_failure_rate: failed ÷ attempted.
payment_conversion_rate: succeeded ÷ payments.
refund_rate: paid charges of which anything was given back ÷ paid charges.
refund_rate_by_amount: refunded ÷ gross.
unseen_charges: incomplete: PaymentIntents of which the newest charge is known by its id alone, so that its money is missing.
unseen_disputes: incomplete: charges that were disputed, of which no dispute is known, so that a loss may be missing.
anonymous_charges: paid charges that name neither customer nor e-mail.
rates_from: the day of the oldest rate that was used; null where none was needed.
rates_provider: who gave the rates.
rates_missing: incomplete: paid charges without any rate yet on their day, which are in no amount.';

CREATE OR REPLACE FUNCTION mrr_daily_converted(
    target text, since timestamptz, until timestamptz,
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text,
    mrr bigint, customers bigint, incomplete bigint, rates_from date, rates_provider text, rates_missing bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH wanted AS MATERIALIZED (
        SELECT target_currency(mrr_daily_converted.target) AS target
    ), told AS (
        SELECT day.period_start, day.period_end, day.mrr_end, day.customers_end, day.incomplete_end,
            rate.rate_date, rate.provider,
            converted_amount(day.mrr_end, day.currency, wanted.target, rate.per_currency, rate.per_target) AS mrr
        FROM ledger_periods(
            mrr_daily_converted.since, mrr_daily_converted.until, 'day', mrr_daily_converted.currency,
            mrr_daily_converted.source, mrr_daily_converted.livemode, mrr_daily_converted.time_zone
        ) AS day
        CROSS JOIN wanted
        CROSS JOIN LATERAL fx_rate(
            day.currency, wanted.target,
            ((least(day.period_end, now()) - interval '1 microsecond') AT TIME ZONE 'UTC')::date
        ) AS rate
    )
    SELECT told.period_start, told.period_end, coalesce(mrr_daily_converted.livemode, default_livemode()),
        target_currency(mrr_daily_converted.target),
        half_even(coalesce(sum(told.mrr), 0))::bigint, sum(told.customers_end)::bigint, sum(told.incomplete_end)::bigint,
        min(told.rate_date) FILTER (WHERE told.mrr <> 0 AND told.provider IS NOT NULL),
        string_agg(DISTINCT told.provider, ', ') FILTER (WHERE told.mrr <> 0),
        count(*) FILTER (WHERE told.mrr IS NULL AND told.mrr_end <> 0)
    FROM told
    GROUP BY told.period_start, told.period_end
    ORDER BY told.period_start;
END;
COMMENT ON FUNCTION mrr_daily_converted IS 'mrr_daily of all currencies together: MRR at the end of each day that has begun, converted into target at the rates of that day in UTC, or the last known before, and rounded once, half to even, to the minor unit of target.
target: what MRR is converted into, three letters.
currency: target; as a parameter only MRR in this currency, null for all.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
mrr: MRR at the day''s end, in minor units of target a month.
customers: those who have any; one who pays in two currencies counts twice.
incomplete: those of them whose MRR leaves something out that is known only by its id, as a coupon.
rates_from: the day of the oldest rate that was used; null where none was needed.
rates_provider: who gave the rates.
rates_missing: incomplete: currencies without any rate yet, whose MRR is left out.';

CREATE OR REPLACE FUNCTION mrr_waterfall_converted(
    target text, since timestamptz, until timestamptz, "by" text DEFAULT 'month',
    currency text DEFAULT NULL, source text DEFAULT NULL, livemode boolean DEFAULT NULL, time_zone text DEFAULT 'UTC'
) RETURNS TABLE (
    period_start timestamptz, period_end timestamptz, livemode boolean, currency text,
    mrr_start bigint, opening bigint, "new" bigint, reactivation bigint, expansion bigint, contraction bigint,
    churn bigint, fx bigint, mrr_end bigint, incomplete bigint,
    rates_from date, rates_provider text, rates_missing bigint
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH wanted AS MATERIALIZED (
        SELECT target_currency(mrr_waterfall_converted.target) AS target
    ), period AS MATERIALIZED (
        SELECT begun.period_start, begun.period_end, begun.told_until
        FROM begun_periods(
            mrr_waterfall_converted.since, mrr_waterfall_converted.until, mrr_waterfall_converted."by",
            mrr_waterfall_converted.time_zone
        ) AS begun
    ), bound AS (  -- between two bounds lies no midnight in UTC: all of it is of one rate
        SELECT period.period_start AS instant FROM period
        UNION SELECT period.told_until FROM period
        UNION SELECT midnight.period_start
        FROM (SELECT min(period.period_start) AS first, max(period.told_until) AS last FROM period) AS span
        CROSS JOIN LATERAL period_starts(span.first, span.last, 'day', 'UTC') AS midnight
        WHERE span.first IS NOT NULL
    ), total AS MATERIALIZED (
        SELECT sums.*
        FROM ledger_totals(
            (SELECT array_agg(bound.instant ORDER BY bound.instant) FROM bound),
            mrr_waterfall_converted.currency, mrr_waterfall_converted.source, mrr_waterfall_converted.livemode
        ) AS sums
    ), rate AS MATERIALIZED (  -- what is before an instant is of the day that ends there
        SELECT used.currency, used.day, found.rate_date, found.provider, found.per_currency, found.per_target
        FROM (
            SELECT DISTINCT total.currency,
                ((total.instant - interval '1 microsecond') AT TIME ZONE 'UTC')::date AS day
            FROM total
        ) AS used
        CROSS JOIN wanted
        CROSS JOIN LATERAL fx_rate(used.currency, wanted.target, used.day) AS found
    ), stock AS MATERIALIZED (
        SELECT total.*, wanted.target, rate.rate_date, rate.provider, rate.per_currency, rate.per_target,
            converted_amount(total.mrr, total.currency, wanted.target, rate.per_currency, rate.per_target) AS worth
        FROM total
        CROSS JOIN wanted
        JOIN rate ON rate.currency = total.currency
            AND rate.day = ((total.instant - interval '1 microsecond') AT TIME ZONE 'UTC')::date
    ), step AS (  -- what happened up to an instant since the one before, at the rate of that day
        SELECT stock.instant, stock.currency, stock.rate_date, stock.provider, stock.worth, stock.mrr,
            stock.mrr <> 0 OR stock.mrr IS DISTINCT FROM lag(stock.mrr) OVER before
                OR stock.churn IS DISTINCT FROM lag(stock.churn) OVER before AS moved,
            converted_amount(stock.opening - lag(stock.opening) OVER before, stock.currency, stock.target,
                stock.per_currency, stock.per_target)
            -- What had no rate until now is found, like a subscription whose past is unknown; no rate changed.
            + CASE WHEN lag(stock.worth) OVER before IS NULL THEN converted_amount(lag(stock.mrr) OVER before,
                stock.currency, stock.target, stock.per_currency, stock.per_target) ELSE 0 END AS opening,
            converted_amount(stock."new" - lag(stock."new") OVER before, stock.currency, stock.target,
                stock.per_currency, stock.per_target) AS "new",
            converted_amount(stock.reactivation - lag(stock.reactivation) OVER before, stock.currency, stock.target,
                stock.per_currency, stock.per_target) AS reactivation,
            converted_amount(stock.expansion - lag(stock.expansion) OVER before, stock.currency, stock.target,
                stock.per_currency, stock.per_target) AS expansion,
            converted_amount(stock.contraction - lag(stock.contraction) OVER before, stock.currency, stock.target,
                stock.per_currency, stock.per_target) AS contraction,
            converted_amount(stock.churn - lag(stock.churn) OVER before, stock.currency, stock.target,
                stock.per_currency, stock.per_target) AS churn
        FROM stock
        WINDOW before AS (PARTITION BY stock.currency ORDER BY stock.instant)
    ), moved AS (
        SELECT period.period_start,
            half_even(coalesce(sum(step.opening), 0))::bigint AS opening,
            half_even(coalesce(sum(step."new"), 0))::bigint AS "new",
            half_even(coalesce(sum(step.reactivation), 0))::bigint AS reactivation,
            half_even(coalesce(sum(step.expansion), 0))::bigint AS expansion,
            half_even(coalesce(sum(step.contraction), 0))::bigint AS contraction,
            half_even(coalesce(sum(step.churn), 0))::bigint AS churn,
            min(step.rate_date) FILTER (WHERE step.worth IS NOT NULL AND step.moved AND step.provider IS NOT NULL)
                AS rates_from,
            string_agg(DISTINCT step.provider, ', ') FILTER (WHERE step.worth IS NOT NULL AND step.moved)
                AS rates_provider,
            count(DISTINCT step.currency) FILTER (WHERE step.worth IS NULL AND step.moved) AS rates_missing
        FROM period
        JOIN step ON step.instant > period.period_start AND step.instant <= period.told_until
        GROUP BY period.period_start
    ), ends AS (
        SELECT period.period_start, half_even(coalesce(sum(first.worth), 0))::bigint AS mrr_start,
            half_even(coalesce(sum(last.worth), 0))::bigint AS mrr_end,
            sum(first.incomplete + last.incomplete_so_far - first.incomplete_so_far)::bigint AS incomplete,
            min(first.rate_date) FILTER (WHERE first.worth <> 0 AND first.provider IS NOT NULL) AS rates_from
        FROM period
        JOIN stock AS first ON first.instant = period.period_start
        JOIN stock AS last ON last.instant = period.told_until AND last.currency = first.currency
        GROUP BY period.period_start
    )
    SELECT period.period_start, period.period_end,
        coalesce(mrr_waterfall_converted.livemode, default_livemode()), wanted.target,
        ends.mrr_start, moved.opening, moved."new", moved.reactivation, moved.expansion, moved.contraction,
        moved.churn,
        ends.mrr_end - ends.mrr_start - moved.opening - moved."new" - moved.reactivation - moved.expansion
            - moved.contraction - moved.churn,
        ends.mrr_end, ends.incomplete, least(ends.rates_from, moved.rates_from), moved.rates_provider,
        moved.rates_missing
    FROM period
    CROSS JOIN wanted
    JOIN ends ON ends.period_start = period.period_start
    JOIN moved ON moved.period_start = period.period_start
    ORDER BY period.period_start;
END;
COMMENT ON FUNCTION mrr_waterfall_converted IS 'mrr_waterfall of all currencies together, converted into target: MRR at the rates of the day that ends or goes on, each movement at the rate of its own day in UTC, or the last known before. mrr_start + opening + new + reactivation + expansion + contraction + churn + fx = mrr_end, exactly: each is rounded once, half to even, to the minor unit of target, and fx is what is left. mrr_end is the next period''s mrr_start.
target: what MRR is converted into, three letters.
currency: target; as a parameter only MRR in this currency, null for all.
source: only customers of whom this endpoint told first; null for all: see ledger_movements.
mrr_start: MRR when the period begins, at the rates of the day before.
opening: what was found: subscriptions whose creation was not seen, and MRR in a currency that gets its first rate.
new: of customers who never paid before.
reactivation: of customers who came back, after whatever time.
expansion: of customers who pay more, and never of rates.
contraction: of customers who pay less; negative.
churn: of customers who pay nothing any more; negative.
fx: what changes of rates did to the MRR that was there, and a few minor units that rounding leaves.
mrr_end: MRR when the period ends, at the rates of its last day; now where it goes on.
incomplete: customers whose MRR left something out that is known only by its id, as a coupon, when the period began, and how often it began to do so in it; one who pays in two currencies counts twice.
rates_from: the day of the oldest rate that was used; null where none was needed.
rates_provider: who gave the rates.
rates_missing: incomplete: currencies that had no rate yet on some day of the period, whose MRR is left out until they have.';

-- What means the same everywhere is said once, and a view's column means what the table's does that it shows.
DO $$
DECLARE
    undescribed record;
BEGIN
    FOR undescribed IN
        SELECT relation.oid::regclass AS relation, attribute.attname, common.meaning
        FROM pg_class AS relation
        JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid
        JOIN (VALUES
            ('account', 'The Stripe account.'),
            ('livemode', 'True for real money, false for test data.'),
            ('source', 'Which endpoint received the newest event: the last part of /webhooks/{source}.'),
            ('metadata', 'The merchant''s own keys and values.'),
            ('created_at', 'When Stripe made the object.'),
            ('updated_at', 'When Stripe made the newest event that the row shows.'),
            ('stale', 'Whether a newer event could not be digested: see dead_letters.')
        ) AS common (attname, meaning) USING (attname)
        WHERE relation.relnamespace = current_schema()::regnamespace AND relation.relkind = 'r'
            AND col_description(relation.oid, attribute.attnum) IS NULL
            AND EXISTS (
                SELECT FROM pg_attribute AS mark
                WHERE mark.attrelid = relation.oid AND mark.attname = 'stale' AND NOT mark.attisdropped
            )
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L',
            undescribed.relation, undescribed.attname, undescribed.meaning);
    END LOOP;
    FOR undescribed IN
        SELECT shown.attrelid::regclass AS relation, shown.attname,
            min(col_description(origin.attrelid, origin.attnum)) AS meaning
        FROM pg_class AS relation
        JOIN pg_attribute AS shown ON shown.attrelid = relation.oid
        JOIN pg_rewrite AS rule ON rule.ev_class = relation.oid
        JOIN pg_depend AS reads ON reads.classid = 'pg_rewrite'::regclass AND reads.objid = rule.oid
            AND reads.refclassid = 'pg_class'::regclass AND reads.refobjid <> relation.oid
        JOIN pg_attribute AS origin ON origin.attrelid = reads.refobjid AND origin.attnum = reads.refobjsubid
            AND origin.attname = shown.attname
        WHERE relation.relnamespace = current_schema()::regnamespace AND relation.relkind = 'v'
            AND col_description(relation.oid, shown.attnum) IS NULL
            AND col_description(origin.attrelid, origin.attnum) IS NOT NULL
        GROUP BY shown.attrelid, shown.attname
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L',
            undescribed.relation, undescribed.attname, undescribed.meaning);
    END LOOP;
    FOR undescribed IN
        SELECT routine.oid::regprocedure AS routine,
            obj_description(routine.oid, 'pg_proc') || string_agg(
                format(E'\n%s: %s', common.name, common.meaning), '' ORDER BY common.place
            ) AS meaning
        FROM pg_proc AS routine
        JOIN (VALUES
            (1, 'since', 'the first instant of the range.'),
            (2, 'until', 'the first instant after the range.'),
            (3, 'by', 'day, week (from Monday), month, quarter, year, or all (the range as one period).'),
            (4, 'currency', 'three letters, in lower case; as a parameter only this one, null for each by itself.'),
            (5, 'source', 'only what this endpoint received, the last part of /webhooks/{source}; null for all.'),
            (6, 'livemode', 'true for real money, false for test data; as a parameter null means default_livemode().'),
            (7, 'time_zone', 'in which periods begin and end, as Europe/Berlin.'),
            (8, 'period_start', 'the first instant of the period, or of the range where that begins later.'),
            (9, 'period_end', 'the first instant after the period, or after the range where that ends earlier.')
        ) AS common (place, name, meaning) ON common.name = ANY (routine.proargnames)
        WHERE routine.pronamespace = current_schema()::regnamespace
            AND obj_description(routine.oid, 'pg_proc') !~ format(E'(^|\n)%s: ', common.name)
        GROUP BY routine.oid
    LOOP
        EXECUTE format('COMMENT ON FUNCTION %s IS %L', undescribed.routine, undescribed.meaning);
    END LOOP;
END
$$;

-- ============================================================ analysts

-- Until PostgreSQL 14 everybody may create in public. Whoever does, analysts too, could put a function beside one of
-- these that fits a call better, and it would run with the rights of whoever drains.
DO $$
BEGIN
    IF has_schema_privilege('public', current_schema(), 'CREATE') THEN
        EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
    END IF;
END
$$;

-- Give it to people with GRANT hooklog_analyst TO …: it reads what is listed here, and can do nothing else.
-- Roles belong to the whole server, so another database's schema.sql may be making it at the same time.
DO $$
DECLARE
    readable text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hooklog_analyst') THEN
        BEGIN
            CREATE ROLE hooklog_analyst NOLOGIN;
            IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
                -- Since PostgreSQL 16 whoever makes a role may not also act in it, as ./run query does.
                EXECUTE format('GRANT hooklog_analyst TO %I', current_user);
            END IF;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO hooklog_analyst', current_schema());
    FOREACH readable IN ARRAY ARRAY[
        'events', 'mentions', 'checkpoints', 'stripe_objects', 'dead_letters', 'incidents', 'lookups', 'notifications',
        'payments', 'customers', 'payment_intents', 'charges', 'refunds', 'charge_refunds', 'all_refunds', 'disputes',
        'balance_transactions',
        'products', 'prices', 'plans', 'price_list', 'invoices', 'invoice_lines', 'invoice_payments',
        'invoice_payment_links', 'subscriptions', 'subscription_items', 'stopped_subscriptions', 'churn', 'subscription_changes',
        'subscription_events', 'subscription_versions', 'mrr_movements', 'mrr_ledger_residual', 'scheduled_churn',
        'usage_revenue',
        'discount_versions', 'shown_discounts', 'customer_discounts', 'trial_payments',
        'subscription_access', 'subscription_access_versions', 'user_access',
        'subscription_mrr', 'stripe_accounts', 'invoice_plans', 'payment_versions',
        'payment_rollups', 'failure_rollups', 'settlement_rollups', 'rollup_queue', 'fx_rates'
    ] LOOP
        EXECUTE format('GRANT SELECT ON %I TO hooklog_analyst', readable);
    END LOOP;
    FOREACH readable IN ARRAY ARRAY[
        'named_ids', 'user_access_at', 'user_access_as_of',
        'exact_amount', 'discount_off', 'default_livemode', 'chosen', 'source_label', 'is_range', 'period_starts',
        'bucket_of', 'payment_facts', 'failure_facts', 'settlement_facts',
        'payments_rolled_up', 'failures_rolled_up', 'settlements_rolled_up',
        'given_back', 'formal_dispute',
        'rolled_up_spans', 'fact_spans', 'payment_sums', 'settlement_sums', 'paying_customers',
        'payment_metrics', 'payments_as_of', 'payment_failures', 'refund_metrics', 'dispute_metrics',
        'balance_metrics',
        'currency_decimals', 'half_even', 'fx_rate',
        'target_currency', 'converted_amount', 'payment_metrics_converted', 'mrr_daily_converted',
        'mrr_waterfall_converted', 'stopping_cause',
        'ledger_movements', 'ledger_totals', 'begun_periods', 'ledger_periods', 'lost_customers',
        'mrr_daily', 'mrr_waterfall', 'churned_customers', 'churn_metrics', 'churn_reasons', 'arpu', 'ltv',
        'quick_ratio', 'mrr_as_of', 'subscriptions_as_of', 'mrr_by_plan', 'subscription_metrics',
        'trial_conversion', 'dunning_recovery', 'retention_cohorts'
    ] LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO hooklog_analyst', readable);
    END LOOP;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'there is no read-only role for analysts: % may not make or grant hooklog_analyst; have it made by an administrator and start again', current_user;
END
$$;
