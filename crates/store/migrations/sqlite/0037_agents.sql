-- The people who answer at targets, each at one, and how they stand: a row a target, so that a restart forgets nothing.
CREATE TABLE agents (
    account BLOB NOT NULL,
    target BLOB NOT NULL,
    user_id BLOB NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    since INTEGER NOT NULL,
    until INTEGER,
    PRIMARY KEY (account, target),
    FOREIGN KEY (account, target) REFERENCES targets (account, id),
    FOREIGN KEY (account, user_id) REFERENCES users (account, id)
) STRICT;
CREATE UNIQUE INDEX agents_user ON agents (account, user_id);

-- Every change of it with its time, for reports. It outlives the target.
CREATE TABLE agent_changes (
    account BLOB NOT NULL REFERENCES accounts (id),
    user_id BLOB NOT NULL,
    target BLOB NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    until INTEGER,
    means TEXT NOT NULL,
    PRIMARY KEY (account, user_id, at)
) STRICT, WITHOUT ROWID;
