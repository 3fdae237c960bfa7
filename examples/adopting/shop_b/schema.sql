-- The tables of shop B, as its database has them: none of what only its models know.

CREATE TABLE inventory_product (
    id serial PRIMARY KEY,
    sku varchar(100) UNIQUE NOT NULL,
    name varchar(255) NOT NULL,
    total_stock integer NOT NULL DEFAULT 0,
    reserved_stock integer NOT NULL DEFAULT 0,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now()
);

CREATE TABLE inventory_stockreservation (
    id serial PRIMARY KEY,
    product_id integer REFERENCES inventory_product (id),
    session_key varchar(40),
    user_id integer,
    quantity integer NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now()
);

CREATE TABLE orders_cart (
    id serial PRIMARY KEY,
    session_key varchar(40),
    user_id integer,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now()
);

CREATE TABLE orders_cartitem (
    id serial PRIMARY KEY,
    cart_id integer REFERENCES orders_cart (id),
    product_id integer REFERENCES inventory_product (id),
    quantity integer NOT NULL,
    added_at timestamp with time zone DEFAULT now()
);
