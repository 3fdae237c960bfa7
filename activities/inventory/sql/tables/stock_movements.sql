-- Every change of a stock item's figures, one row for each operation and stock item.
CREATE TABLE holdfast.stock_movements (
    -- Given under the lock of the stock item, so an item's movements are in the order of their ids.
    id bigint GENERATED ALWAYS AS IDENTITY,
    stock_item_id bigint NOT NULL,
    -- The number of the operation that made it.
    operation bigint NOT NULL,
    reservation_id bigint,
    kind text NOT NULL,
    total_delta bigint NOT NULL,
    reserved_delta bigint NOT NULL,
    reason text NOT NULL DEFAULT '',
    actor text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    CONSTRAINT stock_movements_pkey PRIMARY KEY (stock_item_id, id),
    CONSTRAINT stock_movements_once_per_operation UNIQUE (operation, stock_item_id),
    CONSTRAINT stock_movements_stock_item_id_fkey
        FOREIGN KEY (stock_item_id) REFERENCES holdfast.stock_items (id),
    CONSTRAINT stock_movements_deltas_fit_the_kind CHECK (
        CASE kind
            WHEN 'receive' THEN total_delta > 0 AND reserved_delta = 0
            WHEN 'adjust' THEN total_delta <> 0 AND reserved_delta = 0
            WHEN 'count' THEN reserved_delta = 0
            WHEN 'activate' THEN total_delta = 0 AND reserved_delta = 0
            WHEN 'deactivate' THEN total_delta = 0 AND reserved_delta = 0
            WHEN 'reserve' THEN total_delta = 0 AND reserved_delta > 0
            WHEN 'amend' THEN total_delta = 0 AND reserved_delta <> 0
            WHEN 'supersede' THEN total_delta = 0 AND reserved_delta <> 0
            WHEN 'fulfil' THEN total_delta < 0 AND reserved_delta = total_delta
            WHEN 'release' THEN total_delta = 0 AND reserved_delta < 0
            WHEN 'cancel' THEN total_delta = 0 AND reserved_delta < 0
            WHEN 'expire' THEN total_delta = 0 AND reserved_delta < 0
            -- A row of a shop's that is taken in as it stands moves nothing.
            WHEN 'shop' THEN true
            ELSE false
        END),
    CONSTRAINT stock_movements_reservation_fits_the_kind CHECK (
        (reservation_id IS NOT NULL) = (kind IN (
            'reserve', 'amend', 'supersede', 'fulfil', 'release', 'cancel', 'expire')))
);
