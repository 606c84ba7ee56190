-- Matters for the operator: what was seen on pages that show numbers, what is withheld for it, and who decided.

-- Users who run the platform, in whatever account they sign in.
CREATE TABLE operators (
    account BLOB NOT NULL,
    user_id BLOB NOT NULL,
    added_at INTEGER NOT NULL,
    PRIMARY KEY (account, user_id),
    FOREIGN KEY (account, user_id) REFERENCES users (account, id)
) STRICT;

-- `risk` is in thousandths.
CREATE TABLE cases (
    id BLOB NOT NULL,
    account BLOB NOT NULL,
    site BLOB NOT NULL,
    state TEXT NOT NULL,
    risk INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    decided_at INTEGER,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, site) REFERENCES sites (account, id)
) STRICT;
CREATE UNIQUE INDEX cases_id ON cases (id);
CREATE UNIQUE INDEX cases_open ON cases (account, site) WHERE state = 'open';
CREATE INDEX cases_site ON cases (account, site, state);

-- `page` holds the beginning of what was served; `page_length` and `page_sha256` are of all of it.
CREATE TABLE case_evidence (
    id BLOB NOT NULL,
    account BLOB NOT NULL,
    case_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    what TEXT NOT NULL,
    risk INTEGER,
    signals TEXT NOT NULL,
    page_url TEXT,
    page BLOB,
    page_length INTEGER,
    page_sha256 BLOB,
    at INTEGER NOT NULL,
    by_user BLOB,
    PRIMARY KEY (account, case_id, id),
    FOREIGN KEY (account, case_id) REFERENCES cases (account, id)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER case_evidence_stays BEFORE UPDATE ON case_evidence
BEGIN SELECT RAISE(ABORT, 'evidence is only ever added'); END;
CREATE TRIGGER case_evidence_is_kept BEFORE DELETE ON case_evidence
BEGIN SELECT RAISE(ABORT, 'evidence is only ever added'); END;

-- While a hold has no end, its site's numbers are withheld.
CREATE TABLE holds (
    account BLOB NOT NULL,
    case_id BLOB NOT NULL,
    site BLOB NOT NULL,
    placed_at INTEGER NOT NULL,
    ended_at INTEGER,
    PRIMARY KEY (account, case_id),
    FOREIGN KEY (account, case_id) REFERENCES cases (account, id),
    FOREIGN KEY (account, site) REFERENCES sites (account, id)
) STRICT;
CREATE UNIQUE INDEX holds_live ON holds (account, site) WHERE ended_at IS NULL;
