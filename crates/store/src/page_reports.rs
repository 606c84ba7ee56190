//! What the tag found on each page of a site last.

use ringfence_model::{AccountId, PageReport, SiteId, Timestamp};

use crate::bulk::json;
use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

/// Pages that are kept of one site; those that were told of the longest ago go first.
const KEPT: i64 = 200;

const PUT: &str = "INSERT INTO page_reports (account, site, page, at, targets) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (account, site, page) DO UPDATE SET at = excluded.at, targets = excluded.targets";
const FORGET: &str = "DELETE FROM page_reports WHERE account = $1 AND site = $2 AND page NOT IN \
    (SELECT page FROM page_reports WHERE account = $1 AND site = $2 ORDER BY at DESC, page LIMIT $3)";
const FORGET_OLD: &str = "DELETE FROM page_reports WHERE account = $1 AND at < $2";
const OF_SITE: &str = "SELECT account, site, page, at, targets FROM page_reports \
    WHERE account = $1 AND site = $2 ORDER BY at DESC, page LIMIT $3";

impl Db {
    /// Keeps what a page's tag found in the place of what it found before; the last 200 pages of a site are kept.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the account has no such site.
    pub async fn put_page_report(&self, report: &PageReport) -> Result<(), StoreError> {
        let (account, site) = (report.account, report.site);
        let put = args![
            account,
            site,
            report.page.as_str(),
            report.at,
            json(&report.targets)?
        ];
        self.run(vec![
            Statement::new(PUT, put),
            Statement::new(FORGET, args![account, site, KEPT]),
        ])
        .await
        .map(drop)
    }

    /// Forgets what was found on an account's pages before an instant and never since.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn forget_page_reports(
        &self,
        account: AccountId,
        before: Timestamp,
    ) -> Result<u64, StoreError> {
        self.run_one(FORGET_OLD, args![account, before]).await
    }

    /// What was found on a site's pages, the last one first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn page_reports(
        &self,
        account: AccountId,
        site: SiteId,
        limit: u32,
    ) -> Result<Vec<PageReport>, StoreError> {
        self.rows(OF_SITE, args![account, site, limit], read).await
    }
}

fn read(row: &mut Reader<'_>) -> Result<PageReport, StoreError> {
    Ok(PageReport {
        account: AccountId(row.uuid()?),
        site: SiteId(row.uuid()?),
        page: row.text()?,
        at: row.time()?,
        targets: row.json()?,
    })
}
