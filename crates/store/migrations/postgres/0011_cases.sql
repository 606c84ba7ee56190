-- Matters for the operator: what was seen on pages that show numbers, what is withheld for it, and who decided.

-- Users who run the platform, in whatever account they sign in.
CREATE TABLE operators (
    account UUID NOT NULL,
    user_id UUID NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (account, user_id),
    FOREIGN KEY (account, user_id) REFERENCES users (account, id)
);

-- `risk` is in thousandths.
CREATE TABLE cases (
    id UUID NOT NULL,
    account UUID NOT NULL,
    site UUID NOT NULL,
    state TEXT NOT NULL,
    risk BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    decided_at BIGINT,
    PRIMARY KEY (account, id),
    FOREIGN KEY (account, site) REFERENCES sites (account, id)
);
CREATE UNIQUE INDEX cases_id ON cases (id);
CREATE UNIQUE INDEX cases_open ON cases (account, site) WHERE state = 'open';
CREATE INDEX cases_site ON cases (account, site, state);

-- `page` holds the beginning of what was served; `page_length` and `page_sha256` are of all of it.
CREATE TABLE case_evidence (
    id UUID NOT NULL,
    account UUID NOT NULL,
    case_id UUID NOT NULL,
    kind TEXT NOT NULL,
    what TEXT NOT NULL,
    risk BIGINT,
    signals TEXT NOT NULL,
    page_url TEXT,
    page BYTEA,
    page_length BIGINT,
    page_sha256 BYTEA,
    at BIGINT NOT NULL,
    by_user UUID,
    PRIMARY KEY (account, case_id, id),
    FOREIGN KEY (account, case_id) REFERENCES cases (account, id)
);

CREATE FUNCTION case_evidence_refuses() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'evidence is only ever added'; END $$;
CREATE TRIGGER case_evidence_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON case_evidence
FOR EACH STATEMENT EXECUTE FUNCTION case_evidence_refuses();

-- While a hold has no end, its site's numbers are withheld.
CREATE TABLE holds (
    account UUID NOT NULL,
    case_id UUID NOT NULL,
    site UUID NOT NULL,
    placed_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (account, case_id),
    FOREIGN KEY (account, case_id) REFERENCES cases (account, id),
    FOREIGN KEY (account, site) REFERENCES sites (account, id)
);
CREATE UNIQUE INDEX holds_live ON holds (account, site) WHERE ended_at IS NULL;
