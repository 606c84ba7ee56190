-- What the tag found on a page last, at most 200 pages a site. `page` is host and path; `targets` is JSON.
CREATE TABLE page_reports (
    account UUID NOT NULL,
    site UUID NOT NULL,
    page TEXT NOT NULL,
    at BIGINT NOT NULL,
    targets TEXT NOT NULL,
    PRIMARY KEY (account, site, page),
    FOREIGN KEY (account, site) REFERENCES sites (account, id)
);
CREATE INDEX page_reports_at ON page_reports (account, site, at);
