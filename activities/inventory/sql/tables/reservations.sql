-- Numbers of operations. A reservation's number is that of the operation that made it.
CREATE SEQUENCE holdfast.operation_sequence;

-- What checkouts hold, held or were denied: a row for each attempt of each checkout. Two of its
-- operations are its own columns, because nearly every checkout has them: the reserve that made it
-- and the ending; a third is the payment of one that is committed. The view `operations` tells them
-- with all others.
CREATE TABLE holdfast.reservations (
    id bigint NOT NULL DEFAULT nextval('holdfast.operation_sequence'),
    -- The order of ids is part of the order of locks, so it must not depend on a locale.
    checkout_id text COLLATE "C" NOT NULL,
    attempt integer NOT NULL DEFAULT 1,
    status text NOT NULL,
    customer_id text,
    cart_id text,
    expires_at timestamptz,
    paying_until timestamptz,
    -- The one deadline by which holds are ended.
    ends_at timestamptz GENERATED ALWAYS AS (
        CASE WHEN status = 'held' THEN greatest(expires_at, paying_until) END) STORED,
    created_at timestamptz NOT NULL,
    -- Of one that has taken over another's units: when that began. Null where it began by itself.
    held_since timestamptz,
    -- The checkout that has taken its units over.
    superseded_by text COLLATE "C",
    -- When it was paid with its goods still on the shelf, by whom if anybody said, and the number
    -- of that operation.
    committed_at timestamptz,
    committed_by text,
    committing bigint,
    closed_at timestamptz,
    -- The number of the operation that ended it, where that is no record of its own.
    closing bigint,
    reason text NOT NULL DEFAULT '',
    actor text NOT NULL DEFAULT '',
    payment_reference text,
    -- Tells a repeated request from a different one under the same id. Null in a tombstone.
    digest bytea,
    -- One more with each change of its lines.
    revision integer NOT NULL DEFAULT 1,
    -- What a denied request lacked: the answer to give again, and the record of lost demand.
    shortages jsonb,
    CONSTRAINT reservations_pkey PRIMARY KEY (id),
    CONSTRAINT reservations_checkout_id_attempt_key UNIQUE (checkout_id, attempt),
    CONSTRAINT reservations_status_known CHECK (
        status IN ('held', 'committed', 'denied', 'fulfilled', 'cancelled', 'expired')),
    CONSTRAINT reservations_open_is_not_closed CHECK (
        (status IN ('held', 'committed')) = (closed_at IS NULL)),
    CONSTRAINT reservations_held_has_deadline CHECK (
        status <> 'held' OR expires_at IS NOT NULL),
    CONSTRAINT reservations_paid_has_payment CHECK (
        status NOT IN ('committed', 'fulfilled') OR payment_reference IS NOT NULL),
    CONSTRAINT reservations_when_committed CHECK (
        status <> 'committed' OR committed_at IS NOT NULL),
    CONSTRAINT reservations_superseded_is_cancelled CHECK (
        superseded_by IS NULL OR status = 'cancelled')
);

-- Holds only what is open, so looking for overdue holds costs the same however many are closed.
CREATE INDEX reservations_open_by_deadline ON holdfast.reservations (ends_at)
    WHERE ends_at IS NOT NULL;

CREATE INDEX reservations_denied_by_time ON holdfast.reservations (created_at)
    WHERE shortages IS NOT NULL;

-- What is to be packed, the oldest first.
CREATE INDEX reservations_committed ON holdfast.reservations (committed_at)
    WHERE status = 'committed';
