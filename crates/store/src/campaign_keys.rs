//! Campaign keys of pages that were written for Retreaver.

use ringfence_model::{AccountId, CampaignKey, SiteId};

use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

const ADD: &str =
    "INSERT INTO campaign_keys (account, site, key, campaign) VALUES ($1, $2, $3, $4)";
const REMOVE: &str = "DELETE FROM campaign_keys WHERE account = $1 AND site = $2 AND key = $3";
const OF_SITE: &str = "SELECT account, site, key, campaign FROM campaign_keys \
    WHERE account = $1 AND site = $2 ORDER BY key";
const ALL: &str = "SELECT c.account, c.site, c.key, c.campaign, s.key, h.name FROM campaign_keys c \
    JOIN sites s ON s.account = c.account AND s.id = c.site \
    LEFT JOIN hosts h ON h.account = c.account AND h.site = c.site AND h.proved_at IS NOT NULL \
    ORDER BY c.key, c.account, h.name";

impl Db {
    /// Adds a campaign key to a site.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when a site of the account has it, [`StoreError::MissingParent`] without the site.
    pub async fn add_campaign_key(&self, key: &CampaignKey) -> Result<(), StoreError> {
        let campaign = key.campaign.as_deref();
        let args = args![key.account, key.site, key.key.as_str(), campaign];
        self.run_one(ADD, args).await.map(drop)
    }

    /// Removes a campaign key from a site; `false` when the site has no such key.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn remove_campaign_key(
        &self,
        account: AccountId,
        site: SiteId,
        key: &str,
    ) -> Result<bool, StoreError> {
        Ok(self.run_one(REMOVE, args![account, site, key]).await? > 0)
    }

    /// The campaign keys of a site, by key.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn campaign_keys(
        &self,
        account: AccountId,
        site: SiteId,
    ) -> Result<Vec<CampaignKey>, StoreError> {
        self.rows(OF_SITE, args![account, site], read).await
    }

    /// Every campaign key of every account with its site's own key and, a row for each, the site's proved hosts: for the
    /// platform's memory of them. In the order of key, account and host.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn all_campaign_keys(
        &self,
    ) -> Result<Vec<(CampaignKey, String, Option<String>)>, StoreError> {
        self.rows(ALL, args![], |row| {
            Ok((read(row)?, row.text()?, row.optional_text()?))
        })
        .await
    }
}

fn read(row: &mut Reader<'_>) -> Result<CampaignKey, StoreError> {
    Ok(CampaignKey {
        account: AccountId(row.uuid()?),
        site: SiteId(row.uuid()?),
        key: row.text()?,
        campaign: row.optional_text()?,
    })
}
