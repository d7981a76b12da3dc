/* Safe to run again: an existing shop keeps its stock and its orders. */

CREATE TABLE IF NOT EXISTS items (
    id          integer PRIMARY KEY,
    name        text    NOT NULL UNIQUE,
    price_cents integer NOT NULL CHECK (price_cents > 0),
    stock       integer NOT NULL CHECK (stock >= 0)
);

CREATE TABLE IF NOT EXISTS orders (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer    text    NOT NULL,
    total_cents bigint  NOT NULL
);

CREATE TABLE IF NOT EXISTS order_lines (
    order_id    integer NOT NULL REFERENCES orders,
    item_id     integer NOT NULL REFERENCES items,
    quantity    integer NOT NULL CHECK (quantity > 0),
    price_cents integer NOT NULL,  -- what the item cost on that day
    PRIMARY KEY (order_id, item_id)
);

INSERT INTO items (id, name, price_cents, stock) VALUES
    (1, 'Espresso cup',     900, 120),
    (2, 'Teapot',          4900,  12),
    (3, 'Gooseneck kettle', 7900, 30),
    (4, 'Signed print',   12000,   1),
    (5, 'Filter papers',    450, 200),
    (6, 'Cold brew tower', 9900,   0)
ON CONFLICT (id) DO NOTHING;
