-- Campaign keys with which pages that were written for Retreaver ask, and what they mean here. A site without one answers none.
CREATE TABLE campaign_keys (
    account BLOB NOT NULL,
    site BLOB NOT NULL,
    key TEXT NOT NULL,
    campaign TEXT,
    PRIMARY KEY (account, key),
    FOREIGN KEY (account, site) REFERENCES sites (account, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
