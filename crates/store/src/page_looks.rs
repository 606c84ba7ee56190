//! Looks at pages that show numbers, in the order of their numbers, the last of each page.

use ringfence_model::{AccountId, LookOutcome, LookedPage, PageLook, SiteId};

use crate::bulk::json;
use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

/// Looks that are kept of one page: enough to see what it was before it turned.
const KEPT: i64 = 20;

macro_rules! page_columns {
    () => {
        "account, site, page, tries, looks, failures, tried_at, looked_at, outcome, risk"
    };
}

const COUNT_LOOK: &str = concat!(
    "INSERT INTO looked_pages (",
    page_columns!(),
    ") VALUES ($1, $2, $3, 1, $4, $5, $6, $7, $8, $9) ON CONFLICT (account, site, page) DO UPDATE SET \
     tries = looked_pages.tries + 1, looks = looked_pages.looks + excluded.looks, \
     failures = CASE WHEN excluded.failures = 0 THEN 0 ELSE looked_pages.failures + 1 END, \
     tried_at = excluded.tried_at, looked_at = COALESCE(excluded.looked_at, looked_pages.looked_at), \
     outcome = excluded.outcome, risk = excluded.risk"
);
/// The count that was just raised is the look's number.
const ADD_LOOK: &str = "INSERT INTO page_looks (account, site, page, sequence, at, outcome, risk, views) \
    SELECT account, site, page, tries, $4, $5, $6, $7 FROM looked_pages \
    WHERE account = $1 AND site = $2 AND page = $3";
const FORGET_LOOKS: &str = "DELETE FROM page_looks WHERE account = $1 AND site = $2 AND page = $3 \
    AND sequence <= (SELECT tries FROM looked_pages WHERE account = $1 AND site = $2 AND page = $3) - $4";
const LOOKED_PAGE: &str = concat!(
    "SELECT ",
    page_columns!(),
    " FROM looked_pages WHERE account = $1 AND site = $2 AND page = $3"
);
const LOOKS: &str = "SELECT account, site, page, at, outcome, risk, views FROM page_looks \
    WHERE account = $1 AND site = $2 AND page = $3 ORDER BY sequence DESC LIMIT $4";
const UNSEEN: &str = concat!(
    "SELECT ",
    page_columns!(),
    " FROM looked_pages WHERE outcome = 'unseen' ORDER BY tried_at DESC, account, site, page LIMIT $1"
);

impl Db {
    /// Adds a look at a page and what follows of it for the page; looks before the last 20 are forgotten.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when the account has no such site.
    pub async fn add_page_look(&self, look: &PageLook) -> Result<(), StoreError> {
        let (account, site, page) = (look.account, look.site, look.page.as_str());
        let seen = look.outcome != LookOutcome::Unseen;
        let (word, risk) = (look.outcome.as_str(), look.risk);
        let count = args![
            account,
            site,
            page,
            i64::from(seen),
            i64::from(!seen),
            look.at,
            seen.then_some(look.at),
            word,
            risk,
        ];
        let add = args![account, site, page, look.at, word, risk, json(&look.views)?];
        self.run(vec![
            Statement::new(COUNT_LOOK, count),
            Statement::new(ADD_LOOK, add),
            Statement::new(FORGET_LOOKS, args![account, site, page, KEPT]),
        ])
        .await
        .map(drop)
    }

    /// What is known of a page that asked for numbers.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn looked_page(
        &self,
        account: AccountId,
        site: SiteId,
        page: &str,
    ) -> Result<Option<LookedPage>, StoreError> {
        self.row(LOOKED_PAGE, args![account, site, page], read_page)
            .await
    }

    /// Looks at a page, the last one first, at most `limit` of those that are kept.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn page_looks(
        &self,
        account: AccountId,
        site: SiteId,
        page: &str,
        limit: u32,
    ) -> Result<Vec<PageLook>, StoreError> {
        self.rows(LOOKS, args![account, site, page, limit], read_look)
            .await
    }

    /// Pages of every account that could not be looked at when it was tried last: for operators, never for a tenant.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn unseen_pages(&self, limit: u32) -> Result<Vec<LookedPage>, StoreError> {
        self.rows(UNSEEN, args![limit], read_page).await
    }
}

fn read_page(row: &mut Reader<'_>) -> Result<LookedPage, StoreError> {
    Ok(LookedPage {
        account: AccountId(row.uuid()?),
        site: SiteId(row.uuid()?),
        page: row.text()?,
        tries: row.number()?,
        looks: row.number()?,
        failures: row.number()?,
        tried_at: row.time()?,
        looked_at: row.optional_time()?,
        outcome: row.word(LookOutcome::from_word)?,
        risk: row.number()?,
    })
}

fn read_look(row: &mut Reader<'_>) -> Result<PageLook, StoreError> {
    Ok(PageLook {
        account: AccountId(row.uuid()?),
        site: SiteId(row.uuid()?),
        page: row.text()?,
        at: row.time()?,
        outcome: row.word(LookOutcome::from_word)?,
        risk: row.number()?,
        views: row.json()?,
    })
}
