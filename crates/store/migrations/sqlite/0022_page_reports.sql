-- What the tag found on a page last, at most 200 pages a site. `page` is host and path; `targets` is JSON.
CREATE TABLE page_reports (
    account BLOB NOT NULL,
    site BLOB NOT NULL,
    page TEXT NOT NULL,
    at INTEGER NOT NULL,
    targets TEXT NOT NULL,
    PRIMARY KEY (account, site, page),
    FOREIGN KEY (account, site) REFERENCES sites (account, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX page_reports_at ON page_reports (account, site, at);
