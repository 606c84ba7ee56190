-- Carriers whose numbers an account orders here. The secret is sealed with a key that is not in the database.
CREATE TABLE carriers (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    login TEXT NOT NULL,
    secret BYTEA NOT NULL,
    trunk TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, id)
);

-- What carriers are asked for: placed before they are asked, so that a crash loses no number that was paid for. It
-- outlives its carrier, pool and plan.
CREATE TABLE number_orders (
    id UUID NOT NULL,
    account UUID NOT NULL REFERENCES accounts (id),
    carrier UUID NOT NULL,
    e164 TEXT NOT NULL,
    kind TEXT NOT NULL,
    pool UUID,
    plan UUID,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    said TEXT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (account, id)
);
-- Two orders cannot take one number.
CREATE UNIQUE INDEX number_orders_e164 ON number_orders (e164) WHERE state = 'open';
CREATE INDEX number_orders_due ON number_orders (next_at) WHERE state = 'open';
CREATE INDEX number_orders_log ON number_orders (account, carrier, created_at);
