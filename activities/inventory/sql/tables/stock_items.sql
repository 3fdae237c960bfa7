-- What the shop has, a row for each SKU at each location. Every rule that one row can state is a
-- named CHECK, so that no code path, and no hand in a SQL console, can break it.
CREATE TABLE holdfast.stock_items (
    id bigint GENERATED ALWAYS AS IDENTITY,
    sku text NOT NULL,
    location text NOT NULL DEFAULT 'main',
    name text NOT NULL DEFAULT '',
    active boolean NOT NULL DEFAULT true,
    total_quantity bigint NOT NULL DEFAULT 0,
    reserved_quantity bigint NOT NULL DEFAULT 0,
    -- How many of the reserved units the code of an adopted shop has, and not a checkout.
    shop_reserved bigint NOT NULL DEFAULT 0,
    -- What new holds leave on the shelf.
    safety_quantity bigint NOT NULL DEFAULT 0,
    available_quantity bigint NOT NULL
        GENERATED ALWAYS AS (total_quantity - reserved_quantity) STORED,
    -- What new holds may take. The rule, the functions and the views compare with this alone.
    for_sale_quantity bigint NOT NULL GENERATED ALWAYS AS (
        CASE WHEN active
             THEN greatest(total_quantity - reserved_quantity - safety_quantity, 0)
             ELSE 0
        END) STORED,
    -- One more with each movement.
    revision bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT holdfast.clock(),
    updated_at timestamptz NOT NULL DEFAULT holdfast.clock(),
    CONSTRAINT stock_items_pkey PRIMARY KEY (id),
    CONSTRAINT stock_items_sku_location_key UNIQUE (sku, location),
    CONSTRAINT stock_items_total_not_negative CHECK (total_quantity >= 0),
    CONSTRAINT stock_items_reserved_not_negative CHECK (reserved_quantity >= 0),
    CONSTRAINT stock_items_reserved_within_total CHECK (reserved_quantity <= total_quantity),
    CONSTRAINT stock_items_shop_reserved_not_negative CHECK (shop_reserved >= 0),
    CONSTRAINT stock_items_safety_not_negative CHECK (safety_quantity >= 0),
    CONSTRAINT stock_items_sku_length CHECK (length(sku) BETWEEN 1 AND 100),
    CONSTRAINT stock_items_location_length CHECK (length(location) BETWEEN 1 AND 100),
    -- Two spellings that look the same would be two stock items.
    CONSTRAINT stock_items_key_is_composed
        CHECK (sku IS NFC NORMALIZED AND location IS NFC NORMALIZED),
    CONSTRAINT stock_items_key_is_seen CHECK (holdfast.is_id(sku) AND holdfast.is_id(location))
)
-- Room on each page, so that the frequent change of a quantity stays on it and off the indexes.
WITH (fillfactor = 50);
