//! Sites and their hosts.

use ringfence_model::{AccountId, Host, HostId, HostProof, PoolId, Site, SiteId, Timestamp};

use crate::bulk::json;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! site_columns {
    () => {
        "id, account, name, key, swap_targets, pool, created_at"
    };
}

macro_rules! host_columns {
    () => {
        "id, site, account, name, challenge, proof, proved_at"
    };
}

const ADD_SITE: &str = concat!(
    "INSERT INTO sites (",
    site_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7)"
);
const SITES: &str = concat!(
    "SELECT ",
    site_columns!(),
    " FROM sites WHERE account = $1 ORDER BY name, id"
);
const SITE: &str = concat!(
    "SELECT ",
    site_columns!(),
    " FROM sites WHERE account = $1 AND id = $2"
);
const SITE_BY_KEY: &str = concat!("SELECT ", site_columns!(), " FROM sites WHERE key = $1");
const UPDATE_SITE: &str = "UPDATE sites SET name = $3, swap_targets = $4, pool = $5 \
    WHERE account = $1 AND id = $2";
const ADD_HOST: &str = concat!(
    "INSERT INTO hosts (",
    host_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7)"
);
const HOSTS: &str = concat!(
    "SELECT ",
    host_columns!(),
    " FROM hosts WHERE account = $1 AND site = $2 ORDER BY name, id"
);
const HOST: &str = concat!(
    "SELECT ",
    host_columns!(),
    " FROM hosts WHERE account = $1 AND id = $2"
);
const HOSTS_BY_NAME: &str = concat!(
    "SELECT ",
    host_columns!(),
    " FROM hosts WHERE name = $1 ORDER BY id"
);
const SET_HOST_PROOF: &str =
    "UPDATE hosts SET proof = $3, proved_at = $4 WHERE account = $1 AND id = $2";
const PROVED_HOSTS: &str = concat!(
    "SELECT ",
    host_columns!(),
    " FROM hosts WHERE proved_at IS NOT NULL ORDER BY name, id"
);

impl Db {
    /// Adds a site.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its key is in use; [`StoreError::MissingParent`] when its pool is not the account's.
    pub async fn add_site(&self, site: &Site) -> Result<(), StoreError> {
        let args = args![
            site.id,
            site.account,
            site.name.as_str(),
            site.key.as_str(),
            json(&site.swap_targets)?,
            site.pool,
            site.created_at,
        ];
        self.run_one(ADD_SITE, args).await.map(drop)
    }
    /// The sites of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn sites(&self, account: AccountId) -> Result<Vec<Site>, StoreError> {
        self.rows(SITES, args![account], read_site).await
    }
    /// One site.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn site(&self, account: AccountId, site: SiteId) -> Result<Option<Site>, StoreError> {
        self.row(SITE, args![account, site], read_site).await
    }
    /// The site whose `data-site` is `key`, of whatever account: the tag names nothing else.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn site_by_key(&self, key: &str) -> Result<Option<Site>, StoreError> {
        self.row(SITE_BY_KEY, args![key], read_site).await
    }
    /// Changes a site's name, swap targets and pool; `false` when there is no such site.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when its pool is not the account's.
    pub async fn update_site(&self, site: &Site) -> Result<bool, StoreError> {
        let args = args![
            site.account,
            site.id,
            site.name.as_str(),
            json(&site.swap_targets)?,
            site.pool,
        ];
        Ok(self.run_one(UPDATE_SITE, args).await? > 0)
    }
    /// Adds a host. The same name may stand in several accounts until one of them proves it.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the site has the name already; [`StoreError::MissingParent`] without its site.
    pub async fn add_host(&self, host: &Host) -> Result<(), StoreError> {
        let args = args![
            host.id,
            host.site,
            host.account,
            host.name.as_str(),
            host.challenge.as_str(),
            host.proof.map(HostProof::as_str),
            host.proved_at,
        ];
        self.run_one(ADD_HOST, args).await.map(drop)
    }
    /// The hosts of a site, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn hosts(&self, account: AccountId, site: SiteId) -> Result<Vec<Host>, StoreError> {
        self.rows(HOSTS, args![account, site], read_host).await
    }
    /// One host.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn host(&self, account: AccountId, host: HostId) -> Result<Option<Host>, StoreError> {
        self.row(HOST, args![account, host], read_host).await
    }
    /// Every host of that name, of whatever account.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn hosts_by_name(&self, name: &str) -> Result<Vec<Host>, StoreError> {
        self.rows(HOSTS_BY_NAME, args![name], read_host).await
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
        let (proof, proved_at) = proof.unzip();
        let args = args![account, host, proof.map(HostProof::as_str), proved_at];
        Ok(self.run_one(SET_HOST_PROOF, args).await? > 0)
    }
    /// Every proved host of every account, for the platform's cache.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn proved_hosts(&self) -> Result<Vec<Host>, StoreError> {
        self.rows(PROVED_HOSTS, args![], read_host).await
    }
}

fn read_site(row: &mut Reader<'_>) -> Result<Site, StoreError> {
    Ok(Site {
        id: SiteId(row.uuid()?),
        account: AccountId(row.uuid()?),
        name: row.text()?,
        key: row.text()?,
        swap_targets: row.json()?,
        pool: row.optional_uuid()?.map(PoolId),
        created_at: row.time()?,
    })
}

fn read_host(row: &mut Reader<'_>) -> Result<Host, StoreError> {
    Ok(Host {
        id: HostId(row.uuid()?),
        site: SiteId(row.uuid()?),
        account: AccountId(row.uuid()?),
        name: row.text()?,
        challenge: row.text()?,
        proof: row.optional_word(HostProof::from_word)?,
        proved_at: row.optional_time()?,
    })
}
