-- What pages told of their visits, at most 50 pieces a visit. `data` is JSON.
CREATE TABLE visit_events (
    account BLOB NOT NULL,
    visit BLOB NOT NULL,
    id BLOB NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT,
    data TEXT NOT NULL,
    PRIMARY KEY (account, visit, id),
    FOREIGN KEY (account, visit) REFERENCES visits (account, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
