-- Which pool a visit draws from when its site has several, how long a number rests when it leaves a pool, and every
-- change of a number's state. The SQLite twin of this file has the same tables and columns. Documents are JSON text.

CREATE TABLE pool_rules (
    account UUID NOT NULL,
    site UUID NOT NULL,
    position BIGINT NOT NULL,
    wanted TEXT NOT NULL,
    pool UUID NOT NULL,
    number UUID,
    PRIMARY KEY (account, site, position),
    FOREIGN KEY (account, site) REFERENCES sites (account, id),
    FOREIGN KEY (account, pool) REFERENCES pools (account, id),
    FOREIGN KEY (account, number) REFERENCES tracking_numbers (account, id)
);

ALTER TABLE pools ADD COLUMN quarantine BIGINT NOT NULL DEFAULT 2592000000000;

CREATE TABLE number_states (
    account UUID NOT NULL,
    number UUID NOT NULL,
    changed_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    until BIGINT,
    left_pool UUID,
    PRIMARY KEY (account, number, changed_at),
    FOREIGN KEY (account, number) REFERENCES tracking_numbers (account, id)
);
CREATE INDEX number_states_until ON number_states (until) WHERE until IS NOT NULL;
