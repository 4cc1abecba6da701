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
COMMENT ON TABLE configuration IS 'What the rows were built under: the configured plans, the number of partitions.';

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
COMMENT ON TABLE outbox IS 'What other systems are to be told, once per cause. Written with the rows that it tells of, never by a rebuild.';
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
COMMENT ON COLUMN lookups.object IS 'What is to be fetched: a balance_transaction, a subscription or an invoice.';
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
    metadata               jsonb       NOT NULL,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    stale                  boolean     NOT NULL,
    PRIMARY KEY (account, livemode, id)
);
ALTER TABLE charges ADD COLUMN IF NOT EXISTS failure_balance_transaction_id text;
CREATE INDEX IF NOT EXISTS charges_by_creation ON charges (created_at);
CREATE INDEX IF NOT EXISTS charges_by_intent ON charges (payment_intent_id);
COMMENT ON TABLE charges IS 'One row a charge, that is an attempt to take money, as Stripe last described it. A charge without a PaymentIntent (payment_intent_id IS NULL) is in no row of payments.';
COMMENT ON COLUMN charges.id IS 'Stripe''s id of the charge, ch_… or py_…';
COMMENT ON COLUMN charges.payment_intent_id IS 'The PaymentIntent that it is an attempt of; null for what old integrations charge directly.';
COMMENT ON COLUMN charges.customer_id IS 'The customer, or the account that stands for one; null for a guest.';
COMMENT ON COLUMN charges.invoice_id IS 'The invoice that it pays, in API versions before 2025-03-31.';
COMMENT ON COLUMN charges.amount IS 'What was to be taken, in minor units of currency.';
COMMENT ON COLUMN charges.amount_captured IS 'What was taken, in minor units of currency: 0 for a mere authorisation. Gross is the sum of these.';
COMMENT ON COLUMN charges.amount_refunded IS 'What was given back so far, in minor units of currency; Stripe counts here what was authorised and never captured, too.';
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

CREATE TABLE IF NOT EXISTS churn (
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
    started_at                timestamptz,
    lived                     interval    NOT NULL,
    created_at                timestamptz NOT NULL,
    source                    text        NOT NULL,
    updated_at                timestamptz NOT NULL,
    stale                     boolean     NOT NULL,
    PRIMARY KEY (account, livemode, subscription_id)
);
COMMENT ON TABLE churn IS 'Each subscription that stopped counting as recurring revenue and has not come back. One that counts is active or past_due, collected, and not free; one that never counted is no churn.';
COMMENT ON COLUMN churn.subscription_id IS 'The subscription.';
COMMENT ON COLUMN churn.churned_at IS 'When it stopped counting: when it ended, or before that when it went unpaid, was paused or became free.';
COMMENT ON COLUMN churn.requested_at IS 'When its cancellation was asked for; null where nobody asked.';
COMMENT ON COLUMN churn.cause IS 'What ended the counting: a status (canceled, unpaid, paused, …), collection_paused or free.';
COMMENT ON COLUMN churn.voluntary IS 'Whether the customer chose to go; false for payments that failed or were disputed; null where Stripe does not say.';
COMMENT ON COLUMN churn.reason IS 'Stripe''s reason for the cancellation or the pause.';
COMMENT ON COLUMN churn.feedback IS 'What the customer chose as the reason.';
COMMENT ON COLUMN churn.comment IS 'What the customer wrote about it.';
COMMENT ON COLUMN churn.customer_id IS 'Whose it was.';
COMMENT ON COLUMN churn.user_id IS 'The user that its own metadata names.';
COMMENT ON COLUMN churn.plan_type IS 'The plan while it last counted.';
COMMENT ON COLUMN churn.price_id IS 'The price of that plan.';
COMMENT ON COLUMN churn.interval IS 'How it was billed: day, week, month or year.';
COMMENT ON COLUMN churn.interval_count IS 'How many intervals a billing period had.';
COMMENT ON COLUMN churn.currency IS 'Three letters, in lower case.';
COMMENT ON COLUMN churn.monthly_amount IS 'What it came to a month while it last counted, in minor units: licensed items less lasting discounts, its customer''s where an event brings them along.';
COMMENT ON COLUMN churn.monthly_amount_incomplete IS 'Whether that leaves something out that was known only by its id, as a coupon.';
COMMENT ON COLUMN churn.started_at IS 'When it started.';
COMMENT ON COLUMN churn.lived IS 'From its start until it stopped counting.';

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
    told.metadata, told.created_at, told.updated_at, told.stale
FROM (
    SELECT account, livemode, id, source, charge_id, payment_intent_id, amount, currency, status, reason,
        failure_reason, balance_transaction_id, metadata, created_at, updated_at, stale
    FROM refunds
    UNION ALL
    SELECT account, livemode, id, source, charge_id, payment_intent_id, amount, currency, status, reason,
        failure_reason, balance_transaction_id, metadata, created_at, updated_at, stale
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
        ELSE charges.amount_refunded
            - least(charges.amount_refunded, coalesce(charges.amount - charges.amount_captured, 0))
    END AS amount_refunded,
    coalesce(charges.disputed, false) OR contested.charge_id IS NOT NULL AS disputed,
    contested.status AS dispute_status,
    CASE WHEN contested.charge_id IS NULL AND charges.disputed THEN NULL ELSE coalesce(contested.amount, 0) END
        AS amount_disputed,
    CASE WHEN contested.charge_id IS NULL AND charges.disputed THEN NULL ELSE coalesce(contested.lost, 0) END
        AS amount_lost,
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
LEFT JOIN (
    SELECT account, livemode, charge_id,
        (array_agg(status ORDER BY created_at DESC, id DESC))[1] AS status,
        (sum(amount) FILTER (WHERE status NOT LIKE 'warning%'))::bigint AS amount,
        (sum(amount) FILTER (WHERE NOT won))::bigint AS lost
    FROM disputes
    GROUP BY account, livemode, charge_id
) AS contested
    ON contested.account = paid.account AND contested.livemode = paid.livemode
    AND contested.charge_id = paid.latest_charge_id;
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
COMMENT ON COLUMN payments.amount_captured IS 'What was taken, in minor units; null where no event of the charge came.';
COMMENT ON COLUMN payments.amount_refunded IS 'What was given back so far of what was captured, in minor units; null where no event of the charge came.';
COMMENT ON COLUMN payments.disputed IS 'Whether it was ever disputed or inquired about.';
COMMENT ON COLUMN payments.dispute_status IS 'Of its newest dispute.';
COMMENT ON COLUMN payments.amount_disputed IS 'What was disputed, in minor units, without inquiries; null where no event of the dispute came.';
COMMENT ON COLUMN payments.amount_lost IS 'What disputes lost, in minor units; null where no event of the dispute came.';
COMMENT ON COLUMN payments.metadata IS 'The PaymentIntent''s own keys and values.';
COMMENT ON COLUMN payments.stale IS 'Whether its newest event, or its charge''s, could not be digested: see dead_letters.';

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
COMMENT ON COLUMN subscription_versions.counts IS 'Whether it was recurring revenue at valid_from: active or past_due, collected, and not free.';
COMMENT ON COLUMN subscription_versions.monthly_amount IS 'What its terms came to a month at valid_from, whether or not it counted, in minor units: licensed items less lasting discounts, its customer''s where an event brings them along.';
COMMENT ON COLUMN subscription_versions.monthly_amount_incomplete IS 'Whether that leaves something out that was known only by its id, as a coupon.';
COMMENT ON COLUMN subscription_versions.missing IS 'What that is: coupon, discount or tiers with the id, items where there are more than the events list; empty where monthly_amount is complete.';
COMMENT ON COLUMN subscription_versions.source IS 'Which endpoint received that event: the last part of /webhooks/{source}.';
COMMENT ON COLUMN subscription_versions.updated_at IS 'When Stripe made that event.';
COMMENT ON COLUMN subscription_versions.mrr IS 'The spans of time in which it counted as MRR: since, until (left out; null for ever), amount (exact minor units a month, as 2000 or 2500/3), incomplete, opening, cause (what began it), ended_by.';

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
    incomplete_after boolean     NOT NULL,
    cause            text        NOT NULL,
    subscription_ids text[]      NOT NULL,
    plan_type        text,
    price_id         text,
    source           text        NOT NULL,
    stale            boolean     NOT NULL,
    PRIMARY KEY (account, livemode, customer_id, currency, at, kind)
);
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
COMMENT ON COLUMN mrr_movements.incomplete_after IS 'Whether mrr_after does.';
COMMENT ON COLUMN mrr_movements.cause IS 'The event that caused it (of several the one that changed most), or discount_end:<id> where a repeating coupon ended by itself.';
COMMENT ON COLUMN mrr_movements.subscription_ids IS 'The subscriptions that changed.';
COMMENT ON COLUMN mrr_movements.plan_type IS 'The plan that the cause''s subscription is on; where it ended, was on.';
COMMENT ON COLUMN mrr_movements.price_id IS 'The price of that plan.';
COMMENT ON COLUMN mrr_movements.source IS 'Which endpoint received the event that began or brought what changed: the last part of /webhooks/{source}.';
COMMENT ON COLUMN mrr_movements.stale IS 'Whether a newer event of a subscription of it could not be digested: see dead_letters.';

CREATE OR REPLACE VIEW scheduled_churn AS
SELECT account, livemode, version.subscription_id, coalesce(version.cancel_at, latest.current_period_end) AS due_at,
    version.customer_id, version.plan_type, version.price_id, version.currency, version.monthly_amount,
    version.monthly_amount_incomplete, latest.canceled_at AS requested_at, latest.cancellation_reason AS reason,
    latest.cancellation_feedback AS feedback, latest.cancellation_comment AS comment,
    version.source, version.updated_at, version.stale
FROM subscription_versions AS version
JOIN subscriptions AS latest USING (account, livemode)
WHERE latest.id = version.subscription_id
    AND version.valid_to IS NULL AND version.counts AND version.cancellation_scheduled;
COMMENT ON VIEW scheduled_churn IS 'Recurring revenue that is known to end: subscriptions that count and whose cancellation is scheduled. When it takes effect it is in churn and mrr_movements instead.';
COMMENT ON COLUMN scheduled_churn.due_at IS 'When it will end: the date that was set, else the end of the period.';
COMMENT ON COLUMN scheduled_churn.requested_at IS 'When the cancellation was asked for.';
COMMENT ON COLUMN scheduled_churn.monthly_amount IS 'What will be lost a month by today''s terms, in minor units: licensed items less lasting discounts.';
COMMENT ON COLUMN scheduled_churn.reason IS 'Stripe''s reason for the cancellation.';
COMMENT ON COLUMN scheduled_churn.feedback IS 'What the customer chose as the reason.';
COMMENT ON COLUMN scheduled_churn.comment IS 'What the customer wrote about it.';

-- The spans are exact fractions, the ledger is rounded once a customer: they may be half a minor unit apart.
CREATE OR REPLACE VIEW mrr_ledger_residual AS
WITH booked AS (
    SELECT account, livemode, customer_id, currency, at, sum(amount) AS amount,
        (array_agg(mrr_after ORDER BY kind = 'opening'))[1] AS mrr_after
    FROM mrr_movements GROUP BY account, livemode, customer_id, currency, at
), spans AS (
    SELECT account, livemode, customer_id, currency, span.since, span.until,
        split_part(span.amount, '/', 1)::numeric
            / coalesce(nullif(split_part(span.amount, '/', 2), ''), '1')::numeric AS amount
    FROM subscription_versions
    CROSS JOIN LATERAL jsonb_to_recordset(mrr) AS span (since timestamptz, until timestamptz, amount text)
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
COMMENT ON VIEW mrr_ledger_residual IS 'Empty while the ledger is right: each instant at which a customer''s movements so far do not add up to what its subscriptions come to, or not to mrr_after. As they add up at every instant, start + movements = end holds for any period, customers and currency.';
COMMENT ON COLUMN mrr_ledger_residual.mrr IS 'What the customer''s subscription versions come to at that instant, in minor units a month.';
COMMENT ON COLUMN mrr_ledger_residual.ledger IS 'The sum of the customer''s movements until then.';
COMMENT ON COLUMN mrr_ledger_residual.residual IS 'What the ledger has too much, in minor units a month.';

-- ------------------------------------------------------------ access

-- What each subscription grants its user. A status that is not named here grants nothing.
CREATE OR REPLACE VIEW subscription_access AS
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
            ),
            owned.current_period_start, owned.started_at  -- where its first known event found it past due
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
    END AS reason_afterwards
FROM (
    -- A union, so that an index finds a user's, whichever of the two names him.
    SELECT account, livemode, origin, user_id, id, plan_type, status, created_at, started_at,
        current_period_start, ended_at, updated_at,
        coalesce(cancel_at, CASE WHEN cancel_at_period_end THEN current_period_end END) AS scheduled_end
    FROM subscriptions
    WHERE user_id IS NOT NULL
    UNION ALL
    SELECT billed.account, billed.livemode, billed.origin, customers.user_id, billed.id, billed.plan_type,
        billed.status, billed.created_at, billed.started_at, billed.current_period_start, billed.ended_at,
        billed.updated_at,
        coalesce(billed.cancel_at, CASE WHEN billed.cancel_at_period_end THEN billed.current_period_end END)
    FROM subscriptions AS billed
    JOIN customers
        ON customers.account = billed.account AND customers.livemode = billed.livemode
        AND customers.id = billed.customer_id
    WHERE billed.user_id IS NULL AND customers.user_id IS NOT NULL
) AS owned;
COMMENT ON VIEW subscription_access IS 'What each subscription grants its user, and until when; user_access picks the best of a user''s.';
COMMENT ON COLUMN subscription_access.user_id IS 'The user that its own metadata names, else its customer''s.';
COMMENT ON COLUMN subscription_access.subscription_id IS 'The subscription.';
COMMENT ON COLUMN subscription_access.plan_rank IS 'Of two that grant access the greater counts: enterprise 3, pro 2, basic 1, any other plan 0.';
COMMENT ON COLUMN subscription_access.grants IS 'Whether its status grants access, or did until access_until.';
COMMENT ON COLUMN subscription_access.access_from IS 'When it was made.';
COMMENT ON COLUMN subscription_access.access_until IS 'When its access ends by itself, or ended: at its scheduled or actual end, or with the days of grace after it went past due. Null where no end is set, or where it grants none.';
COMMENT ON COLUMN subscription_access.reason IS 'Until then: active, trialing, past_due (in grace), canceled (it ends, or ended, at access_until), or none.';
COMMENT ON COLUMN subscription_access.reason_afterwards IS 'From then on: unpaid, paused or none.';

CREATE OR REPLACE FUNCTION user_access_as_of(instant timestamptz)
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
        SELECT subscription_access.*,
            subscription_access.grants AND coalesce(instant < subscription_access.access_until, true) AS has_access
        FROM subscription_access
        WHERE subscription_access.access_from <= instant
    ) AS granted
    ORDER BY granted.account, granted.livemode, granted.origin, granted.user_id,
        granted.has_access DESC,
        CASE WHEN granted.has_access THEN granted.plan_rank END DESC,
        CASE WHEN granted.has_access THEN 0 WHEN granted.reason_afterwards = 'unpaid' THEN 2
            WHEN granted.reason_afterwards = 'paused' THEN 1 ELSE 0 END DESC,
        granted.access_until DESC NULLS FIRST,
        granted.access_from DESC, granted.subscription_id;
END;
COMMENT ON FUNCTION user_access_as_of IS 'user_access at an instant, as the newest facts tell it: what a subscription was before its newest event is in subscription_events. Its columns are those of user_access.
instant: the instant.';

CREATE OR REPLACE VIEW user_access AS
SELECT account, livemode, origin, user_id, plan_type, has_access, access_until, reason, subscription_id
FROM user_access_as_of(now());
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

-- A period begins with the first instant of its first local day. That is what AT TIME ZONE gives, also where clocks
-- skip midnight; only where they are set back and midnight comes twice it gives the second, so the first is looked for.
CREATE OR REPLACE FUNCTION period_starts(
    since timestamptz, until timestamptz, "by" text DEFAULT 'month', time_zone text DEFAULT 'UTC'
) RETURNS TABLE (period_start timestamptz, period_end timestamptz)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    step interval;
BEGIN
    PERFORM chosen('by', "by", 'day', 'week', 'month', 'quarter', 'year', 'all');
    IF since IS NULL OR until IS NULL OR time_zone IS NULL THEN
        RAISE EXCEPTION 'since, until and time_zone may not be null' USING ERRCODE = 'null_value_not_allowed';
    END IF;
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

CREATE OR REPLACE FUNCTION half_even(amount numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN round(amount, 20) - floor(round(amount, 20)) = 0.5 THEN 2 * round(round(amount, 20) / 2)
    ELSE round(amount)
END;
COMMENT ON FUNCTION half_even IS 'A whole number: the nearest one, of two as near the even one.
amount: what to round; within 20 decimals of the middle it is in the middle.';

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

-- Give it to people with GRANT hooklog_analyst TO …: it reads what is listed here, and can do nothing else.
-- Roles belong to the whole server, so another database's schema.sql may be making it at the same time.
DO $$
DECLARE
    readable text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hooklog_analyst') THEN
        BEGIN
            CREATE ROLE hooklog_analyst NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO hooklog_analyst', current_schema());
    FOREACH readable IN ARRAY ARRAY[
        'events', 'stripe_objects', 'dead_letters', 'incidents', 'lookups',
        'payments', 'customers', 'payment_intents', 'charges', 'refunds', 'charge_refunds', 'all_refunds', 'disputes',
        'balance_transactions',
        'products', 'prices', 'plans', 'price_list', 'invoices', 'invoice_lines', 'invoice_payments',
        'invoice_payment_links', 'subscriptions', 'subscription_items', 'churn', 'subscription_changes',
        'subscription_events', 'subscription_versions', 'mrr_movements', 'mrr_ledger_residual', 'scheduled_churn',
        'subscription_access', 'user_access',
        'stripe_accounts', 'fx_rates'
    ] LOOP
        EXECUTE format('GRANT SELECT ON %I TO hooklog_analyst', readable);
    END LOOP;
    FOREACH readable IN ARRAY ARRAY[
        'user_access_as_of', 'default_livemode', 'chosen', 'period_starts',
        'currency_decimals', 'half_even', 'fx_rate'
    ] LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO hooklog_analyst', readable);
    END LOOP;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE NOTICE 'there is no read-only role for analysts: % may not make or grant hooklog_analyst; have it made by an administrator and start again', current_user;
END
$$;
