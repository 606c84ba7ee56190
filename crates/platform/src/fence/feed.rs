//! The hosts of confirmed cases, for networks that want to keep their people from them.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map};

use ringfence_model::{Duration, FeedEntry};
use ringfence_store::StoreError;
use url::Url;

use crate::Platform;

/// The risk, in thousandths, from which a look is not clean.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a constant between 0 and 1"
)]
const NOT_CLEAN: u16 = (ringfence_fence::look::SUSPICIOUS_FROM * 1000.0) as u16;

impl Platform {
    /// The hosts on which confirmed cases saw abuse, by name, each until `keep` after it was last seen. A case that is
    /// released takes its hosts back.
    ///
    /// Only hosts of the case's own site are named: a page that leads a look elsewhere cannot put somebody else's host
    /// into a feed.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn feed(&self, keep: Duration) -> Result<Vec<FeedEntry>, StoreError> {
        let mut seen = BTreeMap::new();
        let mut hosts_of_sites = HashMap::new();
        for page in self.db.confirmed_pages(NOT_CLEAN).await? {
            let own = match hosts_of_sites.entry(page.site) {
                hash_map::Entry::Occupied(entry) => entry.into_mut(),
                hash_map::Entry::Vacant(entry) => {
                    let hosts = self.db.hosts(page.account, page.site).await?;
                    let names = hosts.iter().map(|host| without_port(&host.name).to_owned());
                    entry.insert(names.collect::<HashSet<_>>())
                }
            };
            let Some(host) = name_of(&page.url).filter(|host| own.contains(host)) else {
                continue;
            };
            let times = seen
                .entry(host)
                .or_insert((page.first_seen, page.last_seen));
            *times = (times.0.min(page.first_seen), times.1.max(page.last_seen));
        }
        let entry = |(host, (first_seen, last_seen))| FeedEntry {
            host,
            first_seen,
            last_seen,
            expires: last_seen + keep,
        };
        Ok(seen.into_iter().map(entry).collect())
    }
}

fn name_of(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let name = url.host_str()?;
    Some(name.strip_suffix('.').unwrap_or(name).to_owned())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => name,
        _ => host,
    }
}
