-- Pages that asked for numbers, and the looks at them. `risk` is in thousandths; `page` is an address without values of
-- its query.
CREATE TABLE looked_pages (
    account BLOB NOT NULL,
    site BLOB NOT NULL,
    page TEXT NOT NULL,
    tries INTEGER NOT NULL,
    looks INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    tried_at INTEGER NOT NULL,
    looked_at INTEGER,
    outcome TEXT NOT NULL,
    risk INTEGER NOT NULL,
    PRIMARY KEY (account, site, page),
    FOREIGN KEY (account, site) REFERENCES sites (account, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX looked_pages_unseen ON looked_pages (tried_at) WHERE outcome = 'unseen';

-- `sequence` counts the tries at a page: it is their order.
CREATE TABLE page_looks (
    account BLOB NOT NULL,
    site BLOB NOT NULL,
    page TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    risk INTEGER NOT NULL,
    views TEXT NOT NULL,
    PRIMARY KEY (account, site, page, sequence),
    FOREIGN KEY (account, site, page) REFERENCES looked_pages (account, site, page)
) STRICT, WITHOUT ROWID;

-- Evidence of one moment had no order but that of its random identifiers. Each piece gets its number within its case.
ALTER TABLE cases ADD COLUMN pieces INTEGER NOT NULL DEFAULT 0;
ALTER TABLE case_evidence ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER case_evidence_stays;
UPDATE case_evidence SET sequence = (
    SELECT COUNT(*) FROM case_evidence AS e
    WHERE e.account = case_evidence.account AND e.case_id = case_evidence.case_id
        AND (e.at, e.id) <= (case_evidence.at, case_evidence.id)
);
CREATE TRIGGER case_evidence_stays BEFORE UPDATE ON case_evidence
BEGIN SELECT RAISE(ABORT, 'evidence is only ever added'); END;
UPDATE cases SET pieces = (
    SELECT COUNT(*) FROM case_evidence AS e WHERE e.account = cases.account AND e.case_id = cases.id
);
CREATE UNIQUE INDEX case_evidence_order ON case_evidence (account, case_id, sequence);
