-- Pages that asked for numbers, and the looks at them. `risk` is in thousandths; `page` is an address without values of
-- its query.
CREATE TABLE looked_pages (
    account UUID NOT NULL,
    site UUID NOT NULL,
    page TEXT NOT NULL,
    tries BIGINT NOT NULL,
    looks BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    tried_at BIGINT NOT NULL,
    looked_at BIGINT,
    outcome TEXT NOT NULL,
    risk BIGINT NOT NULL,
    PRIMARY KEY (account, site, page),
    FOREIGN KEY (account, site) REFERENCES sites (account, id)
);
CREATE INDEX looked_pages_unseen ON looked_pages (tried_at) WHERE outcome = 'unseen';

-- `sequence` counts the tries at a page: it is their order.
CREATE TABLE page_looks (
    account UUID NOT NULL,
    site UUID NOT NULL,
    page TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    risk BIGINT NOT NULL,
    views TEXT NOT NULL,
    PRIMARY KEY (account, site, page, sequence),
    FOREIGN KEY (account, site, page) REFERENCES looked_pages (account, site, page)
);

-- Evidence of one moment had no order but that of its random identifiers. Each piece gets its number within its case.
ALTER TABLE cases ADD COLUMN pieces BIGINT NOT NULL DEFAULT 0;
ALTER TABLE case_evidence ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0;
ALTER TABLE case_evidence DISABLE TRIGGER case_evidence_stays;
UPDATE case_evidence SET sequence = (
    SELECT COUNT(*) FROM case_evidence AS e
    WHERE e.account = case_evidence.account AND e.case_id = case_evidence.case_id
        AND (e.at, e.id) <= (case_evidence.at, case_evidence.id)
);
ALTER TABLE case_evidence ENABLE TRIGGER case_evidence_stays;
UPDATE cases SET pieces = (
    SELECT COUNT(*) FROM case_evidence AS e WHERE e.account = cases.account AND e.case_id = cases.id
);
CREATE UNIQUE INDEX case_evidence_order ON case_evidence (account, case_id, sequence);
