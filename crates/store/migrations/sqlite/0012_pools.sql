-- Which pool a visit draws from when its site has several, how long a number rests when it leaves a pool, and every
-- change of a number's state. The PostgreSQL twin of this file has the same tables and columns. Documents are JSON text.

CREATE TABLE pool_rules (
    account BLOB NOT NULL,
    site BLOB NOT NULL,
    position INTEGER NOT NULL,
    wanted TEXT NOT NULL,
    pool BLOB NOT NULL,
    number BLOB,
    PRIMARY KEY (account, site, position),
    FOREIGN KEY (account, site) REFERENCES sites (account, id),
    FOREIGN KEY (account, pool) REFERENCES pools (account, id),
    FOREIGN KEY (account, number) REFERENCES tracking_numbers (account, id)
) STRICT;

ALTER TABLE pools ADD COLUMN quarantine INTEGER NOT NULL DEFAULT 2592000000000;

CREATE TABLE number_states (
    account BLOB NOT NULL,
    number BLOB NOT NULL,
    changed_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    why TEXT NOT NULL,
    until INTEGER,
    left_pool BLOB,
    PRIMARY KEY (account, number, changed_at),
    FOREIGN KEY (account, number) REFERENCES tracking_numbers (account, id)
) STRICT;
CREATE INDEX number_states_until ON number_states (until) WHERE until IS NOT NULL;
