//! Campaign keys of pages that were written for Retreaver: which site's numbers they ask for, and who sets that.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ringfence_fence::{Refusal, origin_host};
use ringfence_model::{AccountId, CampaignKey, SiteId, Timestamp};
use ringfence_store::StoreError;
use serde_json::json;

use super::facts::Known;
use super::unavailable;
use crate::Platform;
use crate::audit::{self, Change};
use crate::sites::SiteError;

/// Campaign keys of one site.
const KEYS_MAX: usize = 100;
/// Octets of a key, and characters of a campaign.
const LENGTH_MAX: usize = 64;

/// What a campaign key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedFor {
    /// The site's own key.
    pub site: String,
    /// The campaign of the visit, when the key stands for one.
    pub campaign: Option<String>,
}

/// What a key asks for in one account, and the proved hosts of its site.
type Meaning = (AskedFor, Vec<String>);

/// What is known of all keys. One key may stand in several accounts: keys are public, and who enters another's first must
/// not keep it from working.
pub(super) type CampaignKeys = HashMap<String, Vec<Meaning>>;

impl Platform {
    /// What a page of this origin asks for with a campaign key: of several accounts that have the key, the one that has
    /// proved the page's host. Whether it is proved at all is asked with the number.
    ///
    /// # Errors
    /// [`Refusal::UnknownCampaignKey`], [`Refusal::Unavailable`]; both are counted.
    pub async fn asked_for(
        &self,
        campaign_key: &str,
        origin: Option<&str>,
        now: Timestamp,
    ) -> Result<AskedFor, Refusal> {
        let keys = self.known_campaign_keys(now).await;
        let found = keys.map_err(|error| unavailable(&error)).and_then(|keys| {
            let host = origin.and_then(|origin| origin_host(origin).ok());
            let all = keys.facts.get(campaign_key).map_or(&[][..], Vec::as_slice);
            let is_own = |(_, hosts): &&Meaning| host.as_ref().is_some_and(|h| hosts.contains(h));
            let (asked, _) = all
                .iter()
                .find(is_own)
                .or_else(|| all.first())
                .ok_or(Refusal::UnknownCampaignKey)?;
            Ok(asked.clone())
        });
        found.inspect_err(|&refusal| self.count_refusal(None, refusal))
    }

    async fn known_campaign_keys(
        &self,
        now: Timestamp,
    ) -> Result<Arc<Known<CampaignKeys>>, StoreError> {
        let known = self.tag_facts.campaign_keys.load_full();
        if let Some(known) = &known
            && !known.is_mine_to_refresh(now)
        {
            return Ok(Arc::clone(known));
        }
        let changes = self.tag_facts.changes.load(Ordering::SeqCst);
        match (self.db.all_campaign_keys().await, known) {
            (Ok(rows), _) => {
                let read = Arc::new(Known::new(by_key(rows), now));
                if self.tag_facts.changes.load(Ordering::SeqCst) == changes {
                    self.tag_facts.campaign_keys.store(Some(Arc::clone(&read)));
                }
                Ok(read)
            }
            (Err(error), Some(known)) => {
                tracing::warn!(%error, "campaign keys could not be read again; what is known of them stands");
                Ok(known)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// The campaign keys of a site, by key.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn campaign_keys(
        &self,
        account: AccountId,
        site: SiteId,
    ) -> Result<Vec<CampaignKey>, StoreError> {
        self.db.campaign_keys(account, site).await
    }

    /// Has a site answer pages that were written for Retreaver and ask with this key; visits that come with it are of
    /// `campaign`, or left to the source rules.
    ///
    /// # Errors
    /// [`SiteError::CampaignKey`], [`SiteError::Campaign`], [`SiteError::TooManyCampaignKeys`],
    /// [`SiteError::CampaignKeyTaken`], [`SiteError::NotFound`], [`SiteError::Store`].
    pub async fn add_campaign_key(
        &self,
        account: AccountId,
        site: SiteId,
        key: &str,
        campaign: &str,
    ) -> Result<(), SiteError> {
        let site = self.db.site(account, site).await?;
        let site = site.ok_or(SiteError::NotFound)?;
        let (key, campaign) = (key.trim(), campaign.trim());
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if !(1..=LENGTH_MAX).contains(&key.len()) || !key.bytes().all(plain) {
            return Err(SiteError::CampaignKey(key.into()));
        }
        let length = campaign.chars().count();
        if length > LENGTH_MAX {
            return Err(SiteError::Campaign(length));
        }
        if self.db.campaign_keys(account, site.id).await?.len() >= KEYS_MAX {
            return Err(SiteError::TooManyCampaignKeys(KEYS_MAX));
        }
        let key = CampaignKey {
            account,
            site: site.id,
            key: key.into(),
            campaign: (!campaign.is_empty()).then(|| campaign.into()),
        };
        let change = Change::new(account, "campaign_key.add", audit::of_site(&site))
            .after(json!({"campaign_key": key.key, "campaign": key.campaign}));
        match self.recorded(change).add_campaign_key(&key).await {
            Ok(()) => {}
            Err(StoreError::Taken(_)) => return Err(SiteError::CampaignKeyTaken(key.key)),
            Err(error) => return Err(error.into()),
        }
        self.tag_facts.changed();
        Ok(())
    }

    /// Has a site answer pages that ask with this key no more.
    ///
    /// # Errors
    /// [`SiteError::NotFound`], [`SiteError::Store`].
    pub async fn remove_campaign_key(
        &self,
        account: AccountId,
        site: SiteId,
        key: &str,
    ) -> Result<(), SiteError> {
        let site = self.db.site(account, site).await?;
        let site = site.ok_or(SiteError::NotFound)?;
        let known = self.db.campaign_keys(account, site.id).await?;
        let known = known.into_iter().find(|known| known.key == key);
        let known = known.ok_or(SiteError::NotFound)?;
        let change = Change::new(account, "campaign_key.remove", audit::of_site(&site))
            .before(json!({"campaign_key": known.key, "campaign": known.campaign}));
        let recorded = self.recorded(change);
        if !recorded.remove_campaign_key(account, site.id, key).await? {
            return Err(SiteError::NotFound);
        }
        self.tag_facts.changed();
        Ok(())
    }
}

/// Rows come in the order of key, account and host, and an account has a key once.
fn by_key(rows: Vec<(CampaignKey, String, Option<String>)>) -> CampaignKeys {
    let mut keys = CampaignKeys::new();
    for (CampaignKey { key, campaign, .. }, site, host) in rows {
        let meanings = keys.entry(key).or_default();
        match meanings.last_mut() {
            Some((asked, hosts)) if asked.site == site => hosts.extend(host),
            _ => meanings.push((AskedFor { site, campaign }, host.into_iter().collect())),
        }
    }
    keys
}
