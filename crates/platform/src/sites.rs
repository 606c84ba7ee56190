//! Sites and their hosts: adding them, and proving who owns them.

use std::sync::Arc;

use ringfence_fence::{
    HostError, META_NAME, PROOF_FILE_PATH, TXT_LABEL, file_proves, meta_proves, normalise_host,
    txt_proves,
};
use ringfence_model::{
    AccountId, Duration, Host, HostId, HostProof, PoolId, Site, SiteId, Timestamp,
};
use ringfence_outbound::{FetchLimits, Fetched, Outbound, OutboundError};
use ringfence_store::StoreError;
use serde_json::json;
use tokio::task::JoinSet;

use crate::audit::{self, Change};
use crate::{Platform, random};

/// The longest name of a site, in characters.
const NAME_MAX: usize = 100;
/// Hosts of one site.
const HOSTS_MAX: usize = 200;
/// What a look for a proof may take.
const LIMITS: FetchLimits = FetchLimits {
    time: Duration::from_secs(8),
    body: 256 * 1024,
    redirects: 3,
};

/// Why a site or host could not be added or proved.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A name is missing or too long.
    #[error("expected a name of 1 to {NAME_MAX} characters, got {0}")]
    Name(usize),
    /// No host name.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The site has it, or another account has proved it.
    #[error("{0} belongs to a site already")]
    HostTaken(String),
    /// The site has as many hosts as it may.
    #[error("expected at most {HOSTS_MAX} hosts in a site; make another site")]
    TooManyHosts,
    /// No campaign key.
    #[error("expected a campaign key of 1 to 64 letters, digits, - and _, got {0:?}")]
    CampaignKey(String),
    /// The campaign's name is too long.
    #[error("expected a campaign of at most 64 characters, got {0}")]
    Campaign(usize),
    /// A site of the account has it.
    #[error("{0} belongs to a site of this account already; remove it there first")]
    CampaignKeyTaken(String),
    /// The site has as many as it may.
    #[error("expected at most {0} campaign keys in a site; remove one that no page asks with")]
    TooManyCampaignKeys(usize),
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
        Self {
            txt_name: txt_name(&host.name),
            challenge: host.challenge.clone(),
            file_url: format!("https://{}{PROOF_FILE_PATH}", host.name),
            meta_tag: format!(r#"<meta name="{META_NAME}" content="{}">"#, host.challenge),
        }
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
        let name = site_name(name)?;
        let site = Site {
            id: SiteId::new(now, random()),
            account,
            name: name.into(),
            // Public, but not to be guessed: 80 bits.
            key: format!("{:020x}", random() >> 48),
            swap_targets,
            pool,
            created_at: now,
        };
        let change =
            Change::new(account, "site.add", audit::of_site(&site)).after(audit::site(&site));
        self.recorded(change).add_site(&site).await?;
        self.tag_facts.changed();
        Ok(site)
    }

    /// Changes a site's name, the numbers that it replaces and its pool.
    ///
    /// # Errors
    /// [`SiteError::Name`], [`SiteError::NotFound`], [`SiteError::Store`].
    pub async fn change_site(
        &self,
        account: AccountId,
        site: SiteId,
        name: &str,
        swap_targets: Vec<String>,
        pool: Option<PoolId>,
    ) -> Result<(), SiteError> {
        let old = self.db.site(account, site).await?;
        let old = old.ok_or(SiteError::NotFound)?;
        let site = Site {
            name: site_name(name)?.into(),
            swap_targets,
            pool,
            ..old.clone()
        };
        if site == old {
            return Ok(());
        }
        let change = Change::new(account, "site.change", audit::of_site(&site))
            .before(audit::site(&old))
            .after(audit::site(&site));
        if !self.recorded(change).update_site(&site).await? {
            return Err(SiteError::NotFound);
        }
        self.tag_facts.changed();
        Ok(())
    }

    /// Adds a host to a site, unproved, with a new challenge.
    ///
    /// # Errors
    /// [`SiteError::Host`], [`SiteError::HostTaken`], [`SiteError::TooManyHosts`], [`SiteError::NotFound`],
    /// [`SiteError::Store`].
    pub async fn add_host(
        &self,
        account: AccountId,
        site: SiteId,
        host: &str,
        now: Timestamp,
    ) -> Result<Host, SiteError> {
        let name = normalise_host(host)?;
        let site = self
            .db
            .site(account, site)
            .await?
            .ok_or(SiteError::NotFound)?;
        self.check_not_anothers(account, &name).await?;
        if self.db.hosts(account, site.id).await?.len() >= HOSTS_MAX {
            return Err(SiteError::TooManyHosts);
        }
        let host = Host {
            id: HostId::new(now, random()),
            site: site.id,
            account,
            name,
            challenge: format!("ringfence-{:032x}", random()),
            proof: None,
            proved_at: None,
        };
        let change = Change::new(account, "host.add", audit::of_host(&host))
            .after(json!({"name": host.name, "site_id": host.site.0}));
        match self.recorded(change).add_host(&host).await {
            Ok(()) => {}
            Err(StoreError::Taken(_)) => return Err(SiteError::HostTaken(host.name)),
            Err(error) => return Err(error.into()),
        }
        self.tag_facts.changed();
        Ok(host)
    }

    /// Looks for the challenge in DNS, in the file and in the first page, and marks the host as proved when it is there.
    ///
    /// # Errors
    /// [`SiteError::NotProved`] with what was found instead; [`SiteError::HostTaken`], [`SiteError::NotFound`],
    /// [`SiteError::Store`].
    pub async fn prove_host(
        &self,
        account: AccountId,
        host: HostId,
        now: Timestamp,
    ) -> Result<HostProof, SiteError> {
        let host = self
            .db
            .host(account, host)
            .await?
            .ok_or(SiteError::NotFound)?;
        let proof = match find_proof(&self.outbound, &host).await {
            Ok(proof) => proof,
            Err(tried) => {
                metrics::counter!("ringfence_host_proofs_total", "outcome" => "not_proved")
                    .increment(1);
                return Err(SiteError::NotProved {
                    host: host.name,
                    tried,
                });
            }
        };
        self.check_not_anothers(account, &host.name).await?;
        let change = Change::new(account, "host.prove", audit::of_host(&host))
            .before(json!({"proof": host.proof.map(HostProof::as_str)}))
            .after(json!({"proof": proof.as_str()}));
        if !self
            .recorded(change)
            .set_host_proof(account, host.id, Some((proof, now)))
            .await?
        {
            return Err(SiteError::NotFound);
        }
        self.tag_facts.changed();
        metrics::counter!("ringfence_host_proofs_total", "outcome" => proof.as_str()).increment(1);
        tracing::info!(host = host.name, by = proof.as_str(), "a host is proved");
        Ok(proof)
    }

    /// The account's sites with their hosts, by name.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn sites(&self, account: AccountId) -> Result<Vec<(Site, Vec<Host>)>, StoreError> {
        let mut sites = Vec::new();
        for site in self.db.sites(account).await? {
            let hosts = self.db.hosts(account, site.id).await?;
            sites.push((site, hosts));
        }
        Ok(sites)
    }

    /// What the page's author pastes before `</head>`.
    pub fn tag_snippet(&self, site: &Site) -> String {
        format!(
            r#"<script async src="{}/tag.js" data-site="{}"></script>"#,
            self.settings.public_url, site.key
        )
    }

    /// What a page that was written for Retreaver loads in the place of the vendor's script.
    pub fn moved_script(&self) -> String {
        format!("{}/jsapi/v1/retreaver.min.js", self.settings.public_url)
    }

    /// A host that another account has proved is that account's.
    async fn check_not_anothers(&self, account: AccountId, name: &str) -> Result<(), SiteError> {
        let known = self.db.hosts_by_name(name).await?;
        if known
            .iter()
            .any(|host| host.account != account && host.proved_at.is_some())
        {
            return Err(SiteError::HostTaken(name.into()));
        }
        Ok(())
    }
}

fn site_name(name: &str) -> Result<&str, SiteError> {
    let name = name.trim();
    let length = name.chars().count();
    if (1..=NAME_MAX).contains(&length) {
        Ok(name)
    } else {
        Err(SiteError::Name(length))
    }
}

fn txt_name(host: &str) -> String {
    // A record has no port: it proves the name for all of them.
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    format!("{TXT_LABEL}.{name}")
}

/// Looks everywhere at once; the first proof that is found counts.
async fn find_proof(outbound: &Outbound, host: &Host) -> Result<HostProof, Vec<String>> {
    let host = Arc::new(host.clone());
    let mut looks = JoinSet::new();
    for (order, way) in [Way::Dns, Way::Page("https"), Way::Page("http")]
        .into_iter()
        .chain([Way::File("https"), Way::File("http")])
        .enumerate()
    {
        let (outbound, host) = (outbound.clone(), Arc::clone(&host));
        looks.spawn(async move { (order, look(&outbound, &host, way).await) });
    }
    let mut tried = Vec::new();
    while let Some(looked) = looks.join_next().await {
        match looked {
            Ok((_, Ok(proof))) => return Ok(proof),
            Ok((order, Err(found))) => tried.push((order, found)),
            Err(error) => tracing::error!(%error, "a look for a host's proof broke"),
        }
    }
    tried.sort();
    Err(tried.into_iter().map(|(_, found)| found).collect())
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Dns,
    File(&'static str),
    Page(&'static str),
}

/// The proof, or in words what was there instead.
async fn look(outbound: &Outbound, host: &Host, way: Way) -> Result<HostProof, String> {
    match way {
        Way::Dns => {
            let name = txt_name(&host.name);
            let records = outbound
                .txt(&name)
                .await
                .map_err(|error| error.to_string())?;
            if txt_proves(&records, &host.challenge) {
                return Ok(HostProof::Dns);
            }
            Err(match records.len() {
                0 => format!("{name} has no TXT record"),
                1 => format!("{name} has a TXT record with another value"),
                several => format!("{name} has {several} TXT records with other values"),
            })
        }
        Way::File(scheme) => {
            let url = format!("{scheme}://{}{PROOF_FILE_PATH}", host.name);
            let page = fetched(outbound, host, &url).await?;
            if file_proves(&page.body, &host.challenge) {
                return Ok(HostProof::File);
            }
            Err(format!("{url} does not hold the line {}", host.challenge))
        }
        Way::Page(scheme) => {
            let url = format!("{scheme}://{}/", host.name);
            let page = fetched(outbound, host, &url).await?;
            if meta_proves(&page.body, &host.challenge) {
                return Ok(HostProof::Meta);
            }
            Err(format!(
                "{url} has no meta tag with the challenge in its head"
            ))
        }
    }
}

async fn fetched(outbound: &Outbound, host: &Host, url: &str) -> Result<Fetched, String> {
    let page = outbound
        .fetch(url, LIMITS)
        .await
        .map_err(|error| match error {
            OutboundError::NotPublic { .. } | OutboundError::NotResolved { .. } => {
                error.to_string()
            }
            error => format!("{url}: {error}"),
        })?;
    if page.status != 200 {
        return Err(format!("{url} answered {}", page.status));
    }
    if !is_same_site(&page.final_url, &host.name) {
        // Who owns the place where a redirect leads may be somebody else.
        return Err(format!(
            "{url} leads to {}, which is another host",
            page.final_url
        ));
    }
    Ok(page)
}

/// The same host, or the same but for a leading `www.`, whatever the port.
fn is_same_site(url: &str, host: &str) -> bool {
    let bare = |host: &str| {
        let host = txt_name(host);
        let host = host.trim_start_matches(TXT_LABEL).trim_start_matches('.');
        host.strip_prefix("www.").unwrap_or(host).to_string()
    };
    normalise_host(url).is_ok_and(|arrived| bare(&arrived) == bare(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_looked_up_below_the_name_without_its_port() {
        assert_eq!(txt_name("www.example.com"), "_ringfence.www.example.com");
        assert_eq!(txt_name("localhost:8081"), "_ringfence.localhost");
    }

    #[test]
    fn a_redirect_within_the_site_is_followed_and_one_away_is_not() {
        for (url, host, same) in [
            ("https://example.com/", "example.com", true),
            ("https://www.example.com/a", "example.com", true),
            ("https://example.com:8443/", "www.example.com", true),
            ("https://example.org/", "example.com", false),
            ("https://shop.example.com/", "example.com", false),
            ("https://example.com.evil.test/", "example.com", false),
        ] {
            assert_eq!(is_same_site(url, host), same, "{url} {host}");
        }
    }

    #[test]
    fn instructions_name_all_three_ways() {
        let host = Host {
            id: HostId::new(Timestamp::from_micros(0), 1),
            site: SiteId::new(Timestamp::from_micros(0), 1),
            account: AccountId::new(Timestamp::from_micros(0), 1),
            name: "www.example.com".into(),
            challenge: "ringfence-1".into(),
            proof: None,
            proved_at: None,
        };
        let ways = ProofInstructions::of(&host);
        assert_eq!(ways.txt_name, "_ringfence.www.example.com");
        assert_eq!(
            ways.file_url,
            "https://www.example.com/.well-known/ringfence.txt"
        );
        assert_eq!(
            ways.meta_tag,
            r#"<meta name="ringfence" content="ringfence-1">"#
        );
        assert!(meta_proves(ways.meta_tag.as_bytes(), &ways.challenge));
    }
}
