//! Sites and their hosts.

use ringfence_model::{AccountId, Host, HostId, HostProof, Site, SiteId, Timestamp};

use crate::{Db, StoreError};

impl Db {
    /// Adds a site.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its key is in use; [`StoreError::MissingParent`] when its pool is not the account's.
    pub async fn add_site(&self, site: &Site) -> Result<(), StoreError> {
        todo!()
    }
    /// The sites of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn sites(&self, account: AccountId) -> Result<Vec<Site>, StoreError> {
        todo!()
    }
    /// One site.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn site(&self, account: AccountId, site: SiteId) -> Result<Option<Site>, StoreError> {
        todo!()
    }
    /// The site whose `data-site` is `key`, of whatever account: the tag names nothing else.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn site_by_key(&self, key: &str) -> Result<Option<Site>, StoreError> {
        todo!()
    }
    /// Changes a site's name, swap targets and pool; `false` when there is no such site.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when its pool is not the account's.
    pub async fn update_site(&self, site: &Site) -> Result<bool, StoreError> {
        todo!()
    }
    /// Adds a host. The same name may stand in several accounts until one of them proves it.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the site has the name already; [`StoreError::MissingParent`] without its site.
    pub async fn add_host(&self, host: &Host) -> Result<(), StoreError> {
        todo!()
    }
    /// The hosts of a site, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn hosts(&self, account: AccountId, site: SiteId) -> Result<Vec<Host>, StoreError> {
        todo!()
    }
    /// One host.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn host(&self, account: AccountId, host: HostId) -> Result<Option<Host>, StoreError> {
        todo!()
    }
    /// Every host of that name, of whatever account.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn hosts_by_name(&self, name: &str) -> Result<Vec<Host>, StoreError> {
        todo!()
    }
    /// Sets how and when a host was proved, or with `None` takes the proof back; `false` when there is no such host.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn set_host_proof(
        &self,
        account: AccountId,
        host: HostId,
        proof: Option<(HostProof, Timestamp)>,
    ) -> Result<bool, StoreError> {
        todo!()
    }
    /// Every proved host of every account, for the platform's cache.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn proved_hosts(&self) -> Result<Vec<Host>, StoreError> {
        todo!()
    }
}
