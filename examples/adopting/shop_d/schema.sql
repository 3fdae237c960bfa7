-- The tables of shop D, beside Django's own `auth_user`.

CREATE TABLE product (
    id serial PRIMARY KEY,
    name varchar(200) NOT NULL,
    price decimal(10, 2) NOT NULL,
    is_active boolean NOT NULL DEFAULT true
);

CREATE TABLE cart (
    id serial PRIMARY KEY,
    user_id integer NOT NULL REFERENCES auth_user (id),
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now()
);

CREATE TABLE cart_item (
    id serial PRIMARY KEY,
    cart_id integer NOT NULL REFERENCES cart (id) ON DELETE CASCADE,
    product_id integer NOT NULL REFERENCES product (id),
    quantity integer NOT NULL DEFAULT 1,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now()
);

CREATE UNIQUE INDEX cart_user_idx ON cart (user_id);
CREATE UNIQUE INDEX cart_item_cart_product_idx ON cart_item (cart_id, product_id);
