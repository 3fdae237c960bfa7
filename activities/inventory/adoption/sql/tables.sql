-- What is adopted: one plan, and how far its rows have been taken in.
CREATE TABLE holdfast.adoption (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    plan jsonb NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT holdfast.clock(),
    -- The last row that was taken in, in the order of keys; null before the first.
    last_key {key_type},
    -- The last movement that the shop's rows have: what checkouts have moved since, a row lacks
    -- until it is taken in.
    moved_after bigint NOT NULL,
    -- What could not be shown of checkouts and is not listed any more: how often.
    misfits_forgotten bigint NOT NULL DEFAULT 0,
    done_at timestamptz
);

-- Which row of the shop has the figures of which stock item. It goes by the row's key, so a SKU may
-- be renamed.
CREATE TABLE holdfast.adopted_rows (
    stock_item_id bigint PRIMARY KEY REFERENCES holdfast.stock_items (id),
    -- Null from the moment at which the row is deleted to the end of that transaction.
    key {key_type} UNIQUE,
    gone_key {key_type},
    CHECK (num_nonnulls(key, gone_key) = 1),
    -- False until the figures of the row are the item's: then the row's count, whatever the policy.
    begun boolean NOT NULL DEFAULT false
);

-- Each page, and each write of the shop, asks which rows are deleted: nearly always none of a
-- million.
CREATE INDEX adopted_rows_gone ON holdfast.adopted_rows (gone_key) WHERE gone_key IS NOT NULL;

-- Items that went out of sale with their rows, where the shop has no column that says what is for
-- sale.
CREATE TABLE holdfast.gone_items (
    stock_item_id bigint PRIMARY KEY REFERENCES holdfast.stock_items (id)
);

-- What the shop's code wrote and Holdfast put back, by row and column: how often, and the last
-- time.
CREATE TABLE holdfast.put_back_writes (
    key text NOT NULL,
    column_name text NOT NULL,
    sku text NOT NULL,
    times bigint NOT NULL DEFAULT 1,
    written text,
    kept text,
    written_by text NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (key, column_name)
);
