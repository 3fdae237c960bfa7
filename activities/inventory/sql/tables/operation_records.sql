-- What was asked for and what was answered, once for each id: every operation but those that are
-- columns of their reservation. What was refused is told by the answer's `status`, `refused`. Read
-- the view `operations`.
CREATE TABLE holdfast.operation_records (
    sequence bigint NOT NULL DEFAULT nextval('holdfast.operation_sequence'),
    operation_id text COLLATE "C" NOT NULL,
    reservation_id bigint,
    kind text NOT NULL,
    digest bytea,
    -- Null only within the transaction that decides.
    answer jsonb,
    reason text NOT NULL DEFAULT '',
    actor text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    CONSTRAINT operation_records_pkey PRIMARY KEY (sequence),
    CONSTRAINT operation_records_reservation_id_fkey
        FOREIGN KEY (reservation_id) REFERENCES holdfast.reservations (id),
    CONSTRAINT operation_records_id_length CHECK (length(operation_id) BETWEEN 1 AND 200)
);

-- Within a reservation an id is used once for each kind, beside reservations once.
CREATE UNIQUE INDEX operation_records_of_reservation
    ON holdfast.operation_records (reservation_id, kind, operation_id)
    WHERE reservation_id IS NOT NULL;

CREATE UNIQUE INDEX operation_records_of_stock ON holdfast.operation_records (operation_id)
    WHERE reservation_id IS NULL;
