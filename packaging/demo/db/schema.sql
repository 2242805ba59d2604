-- The shop's tables and its first goods. Safe to run again.
CREATE TABLE IF NOT EXISTS products (
    id integer PRIMARY KEY,
    name text NOT NULL,
    price_cents integer NOT NULL CHECK (price_cents > 0),
    stock integer NOT NULL CHECK (stock >= 0)
);
CREATE TABLE IF NOT EXISTS orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product integer NOT NULL REFERENCES products,
    quantity integer NOT NULL CHECK (quantity > 0),
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'shipped')),
    created_at timestamptz NOT NULL DEFAULT now(),
    shipped_at timestamptz
);
INSERT INTO products (id, name, price_cents, stock) VALUES
    (1, 'Tea, green, 100 g', 690, 500),
    (2, 'Tea, black, 100 g', 590, 500),
    (3, 'Teapot, 0.8 l', 3900, 40),
    (4, 'Cup, 0.3 l', 1200, 0)
ON CONFLICT (id) DO NOTHING;
