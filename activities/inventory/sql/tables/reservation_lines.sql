-- The units of a stock item that a reservation took, and what became of them.
CREATE TABLE holdfast.reservation_lines (
    reservation_id bigint NOT NULL,
    stock_item_id bigint NOT NULL,
    -- The reservation's, here too so that the open lines of an item are found by deadline.
    ends_at timestamptz,
    -- What is open.
    quantity bigint NOT NULL,
    fulfilled_quantity bigint NOT NULL DEFAULT 0,
    released_quantity bigint NOT NULL DEFAULT 0,
    taken_quantity bigint NOT NULL,
    returned_quantity bigint NOT NULL DEFAULT 0,
    CONSTRAINT reservation_lines_pkey PRIMARY KEY (reservation_id, stock_item_id),
    CONSTRAINT reservation_lines_reservation_id_fkey
        FOREIGN KEY (reservation_id) REFERENCES holdfast.reservations (id),
    CONSTRAINT reservation_lines_quantities_add_up CHECK (
        quantity + fulfilled_quantity + released_quantity = taken_quantity),
    CONSTRAINT reservation_lines_quantities_not_negative CHECK (
        quantity >= 0 AND fulfilled_quantity >= 0 AND released_quantity >= 0),
    CONSTRAINT reservation_lines_returned_within_fulfilled CHECK (
        returned_quantity BETWEEN 0 AND fulfilled_quantity)
);

CREATE INDEX reservation_lines_open ON holdfast.reservation_lines (stock_item_id, ends_at)
    WHERE quantity > 0;
