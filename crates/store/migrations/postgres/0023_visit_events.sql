-- What pages told of their visits, at most 50 pieces a visit. `data` is JSON.
CREATE TABLE visit_events (
    account UUID NOT NULL,
    visit UUID NOT NULL,
    id UUID NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT,
    data TEXT NOT NULL,
    PRIMARY KEY (account, visit, id),
    FOREIGN KEY (account, visit) REFERENCES visits (account, id) ON DELETE CASCADE
);
