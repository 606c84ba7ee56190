-- The people who answer at targets, each at one, and how they stand: a row a target, so that a restart forgets nothing.
CREATE TABLE agents (
    account UUID NOT NULL,
    target UUID NOT NULL,
    user_id UUID NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    since BIGINT NOT NULL,
    until BIGINT,
    PRIMARY KEY (account, target),
    FOREIGN KEY (account, target) REFERENCES targets (account, id),
    FOREIGN KEY (account, user_id) REFERENCES users (account, id)
);
CREATE UNIQUE INDEX agents_user ON agents (account, user_id);

-- Every change of it with its time, for reports. It outlives the target.
CREATE TABLE agent_changes (
    account UUID NOT NULL REFERENCES accounts (id),
    user_id UUID NOT NULL,
    target UUID NOT NULL,
    at BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    until BIGINT,
    means TEXT NOT NULL,
    PRIMARY KEY (account, user_id, at)
);
