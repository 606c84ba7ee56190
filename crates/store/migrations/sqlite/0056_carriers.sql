-- Carriers whose numbers an account orders here. The secret is sealed with a key that is not in the database.
CREATE TABLE carriers (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    login TEXT NOT NULL,
    secret BLOB NOT NULL,
    trunk TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) STRICT;

-- What carriers are asked for: placed before they are asked, so that a crash loses no number that was paid for. It
-- outlives its carrier, pool and plan.
CREATE TABLE number_orders (
    id BLOB NOT NULL,
    account BLOB NOT NULL REFERENCES accounts (id),
    carrier BLOB NOT NULL,
    e164 TEXT NOT NULL,
    kind TEXT NOT NULL,
    pool BLOB,
    plan BLOB,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    said TEXT,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) STRICT;
-- Two orders cannot take one number.
CREATE UNIQUE INDEX number_orders_e164 ON number_orders (e164) WHERE state = 'open';
CREATE INDEX number_orders_due ON number_orders (next_at) WHERE state = 'open';
CREATE INDEX number_orders_log ON number_orders (account, carrier, created_at);
