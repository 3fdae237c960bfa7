-- What became of each payment that was named, one row for a reference. A plain paid checkout writes
-- one, once, in its last state. Holdfast moves no money: it says where some is due back.
CREATE TABLE holdfast.payments (
    -- The order of references is part of the order of locks, so it must not depend on a locale.
    payment_reference text COLLATE "C" NOT NULL,
    -- The first checkout that named it; only a failed payment may move to another.
    checkout_id text COLLATE "C" NOT NULL,
    state text NOT NULL,
    -- Why it failed, or is due back.
    reason text NOT NULL DEFAULT '',
    actor text NOT NULL DEFAULT '',
    -- What kept an expired checkout from being held again for it; null where that was not tried.
    shortages jsonb,
    -- Until when its checkout waits for it. Null where it does not.
    paying_until timestamptz,
    created_at timestamptz NOT NULL,
    -- Since when it is in its state.
    changed_at timestamptz NOT NULL,
    CONSTRAINT payments_pkey PRIMARY KEY (payment_reference),
    CONSTRAINT payments_state_known CHECK (
        state IN ('started', 'failed', 'settled', 'refund_due', 'refunded')),
    CONSTRAINT payments_refund_has_reason CHECK (
        state NOT IN ('refund_due', 'refunded') OR reason <> ''),
    CONSTRAINT payments_waited_for_is_open CHECK (
        paying_until IS NULL OR state IN ('started', 'failed'))
);

-- A settled payment is found by its checkout's reservation, which names it.
CREATE INDEX payments_of_checkout ON holdfast.payments (checkout_id) WHERE state <> 'settled';

CREATE INDEX payments_refund_due ON holdfast.payments (changed_at) WHERE state = 'refund_due';
