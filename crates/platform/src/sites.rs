//! Sites and their hosts: adding them, and proving who owns them.

use ringfence_fence::HostError;
use ringfence_model::{AccountId, Host, HostId, HostProof, PoolId, Site, SiteId, Timestamp};
use ringfence_store::StoreError;

use crate::Platform;

/// Why a site or host could not be added or proved.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A name is missing or too long.
    #[error("expected a name of 1 to 100 characters, got {0}")]
    Name(usize),
    /// No host name.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The host is proved by another site already.
    #[error("{0} belongs to a site already")]
    HostTaken(String),
    /// No such site or host in this account.
    #[error("no such site or host in this account")]
    NotFound,
    /// Nothing that was published proves the host; what was tried, one line each.
    #[error("{host} is not proved yet: {}", .tried.join("; "))]
    NotProved {
        /// The host.
        host: String,
        /// What was looked at and what was found there.
        tried: Vec<String>,
    },
    /// Rows could not be read or written.
    #[error("the database did not answer")]
    Store(#[from] StoreError),
}

/// The three ways to prove a host, each of which is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofInstructions {
    /// The name of the TXT record.
    pub txt_name: String,
    /// Its value; the file's content and the meta tag's too.
    pub challenge: String,
    /// The URL of the file.
    pub file_url: String,
    /// The tag to put into the first page's head.
    pub meta_tag: String,
}

impl ProofInstructions {
    /// For a host.
    pub fn of(host: &Host) -> Self {
        let _ = host;
        todo!()
    }
}

impl Platform {
    /// Adds a site.
    ///
    /// # Errors
    /// [`SiteError::Name`], [`SiteError::Store`].
    pub async fn add_site(
        &self,
        account: AccountId,
        name: &str,
        swap_targets: Vec<String>,
        pool: Option<PoolId>,
        now: Timestamp,
    ) -> Result<Site, SiteError> {
        let _ = (account, name, swap_targets, pool, now);
        todo!()
    }

    /// Adds a host to a site, unproved, with a new challenge.
    ///
    /// # Errors
    /// [`SiteError::Host`], [`SiteError::HostTaken`], [`SiteError::NotFound`], [`SiteError::Store`].
    pub async fn add_host(
        &self,
        account: AccountId,
        site: SiteId,
        host: &str,
        now: Timestamp,
    ) -> Result<Host, SiteError> {
        let _ = (account, site, host, now);
        todo!()
    }

    /// Looks for the challenge in DNS, in the file and in the first page, and marks the host as proved when it is there.
    ///
    /// # Errors
    /// [`SiteError::NotProved`] with what was found instead; [`SiteError::NotFound`], [`SiteError::Store`].
    pub async fn prove_host(
        &self,
        account: AccountId,
        host: HostId,
        now: Timestamp,
    ) -> Result<HostProof, SiteError> {
        let _ = (account, host, now);
        todo!()
    }

    /// The account's sites with their hosts, by name.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn sites(&self, account: AccountId) -> Result<Vec<(Site, Vec<Host>)>, StoreError> {
        let _ = account;
        todo!()
    }

    /// What the page's author pastes before `</head>`.
    pub fn tag_snippet(&self, site: &Site) -> String {
        let _ = site;
        todo!()
    }
}
