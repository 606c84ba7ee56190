//! What operators look through: every account's cases, and the pages that nobody could look at.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use ringfence_model::{AbuseCase, AccountId, LookedPage, SiteId};
use ringfence_store::StoreError;

use crate::Platform;

/// A case in a list.
#[derive(Debug, Clone)]
pub struct CaseLine {
    /// The case.
    pub case: AbuseCase,
    /// The name of the account.
    pub account: String,
    /// The name of the site.
    pub site: String,
    /// The site's numbers are withheld now.
    pub held: bool,
}

/// A page that asked for a number and could not be looked at.
#[derive(Debug, Clone)]
pub struct UnseenPage {
    /// The page.
    pub page: LookedPage,
    /// The name of the account.
    pub account: String,
    /// The name of the site.
    pub site: String,
    /// Why, in words.
    pub why: String,
}

/// Names that were read already.
#[derive(Default)]
struct Names {
    accounts: HashMap<AccountId, String>,
    sites: HashMap<SiteId, String>,
}

impl Names {
    async fn of(
        &mut self,
        platform: &Platform,
        account: AccountId,
        site: SiteId,
    ) -> Result<(String, String), StoreError> {
        if let Entry::Vacant(unread) = self.accounts.entry(account) {
            let read = platform.db.account(account).await?;
            unread.insert(read.map(|account| account.name).unwrap_or_default());
        }
        if let Entry::Vacant(unread) = self.sites.entry(site) {
            let read = platform.db.site(account, site).await?;
            unread.insert(read.map(|site| site.name).unwrap_or_default());
        }
        Ok((
            self.accounts.get(&account).cloned().unwrap_or_default(),
            self.sites.get(&site).cloned().unwrap_or_default(),
        ))
    }
}

impl Platform {
    /// Cases of every account, open ones first, then by risk: for operators.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn case_lines(&self, limit: u32) -> Result<Vec<CaseLine>, StoreError> {
        let mut names = Names::default();
        let mut lines = Vec::new();
        for case in self.db.cases(limit).await? {
            let (account, site) = names.of(self, case.account, case.site).await?;
            let holds = self.db.live_holds(case.account).await?;
            lines.push(CaseLine {
                held: holds.iter().any(|hold| hold.site == case.site),
                account,
                site,
                case,
            });
        }
        Ok(lines)
    }

    /// Pages of every account that could not be looked at when it was tried last, the last one first: for operators.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn unseen_pages(&self, limit: u32) -> Result<Vec<UnseenPage>, StoreError> {
        let mut names = Names::default();
        let mut pages = Vec::new();
        for page in self.db.unseen_pages(limit).await? {
            let (account, site) = names.of(self, page.account, page.site).await?;
            let looks = self
                .db
                .page_looks(page.account, page.site, &page.page, 1)
                .await?;
            let views = looks.into_iter().next().map(|look| look.views);
            let why = views.unwrap_or_default().into_iter().find_map(|v| v.failed);
            pages.push(UnseenPage {
                account,
                site,
                why: why.unwrap_or_default(),
                page,
            });
        }
        Ok(pages)
    }
}
