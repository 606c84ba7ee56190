//! The hosts of confirmed cases, for networks that want to keep their people from them.

use std::collections::{BTreeMap, HashSet};

use ringfence_model::{AbuseCase, CaseId, Duration, EvidenceKind, FeedEntry, Timestamp};
use ringfence_store::StoreError;
use url::Url;
use uuid::Uuid;

use super::cases::EVIDENCE_MAX;
use crate::Platform;

/// Cases that are read at once.
const CASES: u32 = 200;

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
        let mut after = CaseId(Uuid::nil());
        loop {
            let cases = self.db.confirmed_cases(after, CASES).await?;
            let Some(last) = cases.last() else {
                break;
            };
            after = last.id;
            for case in &cases {
                self.see(case, &mut seen).await?;
            }
        }
        let entry = |(host, (first_seen, last_seen))| FeedEntry {
            host,
            first_seen,
            last_seen,
            expires: last_seen + keep,
        };
        Ok(seen.into_iter().map(entry).collect())
    }

    async fn see(
        &self,
        case: &AbuseCase,
        seen: &mut BTreeMap<String, (Timestamp, Timestamp)>,
    ) -> Result<(), StoreError> {
        let hosts = self.db.hosts(case.account, case.site).await?;
        let own: HashSet<&str> = hosts.iter().map(|host| without_port(&host.name)).collect();
        for piece in self
            .db
            .evidence(case.account, case.id, EVIDENCE_MAX)
            .await?
        {
            let is_abuse = piece.kind == EvidenceKind::Look
                && piece.risk.is_some_and(|risk| risk >= NOT_CLEAN);
            let Some(host) = piece
                .page
                .filter(|_| is_abuse)
                .and_then(|page| name_of(&page.url))
            else {
                continue;
            };
            if own.contains(host.as_str()) {
                let times = seen.entry(host).or_insert((piece.at, piece.at));
                *times = (times.0.min(piece.at), times.1.max(piece.at));
            }
        }
        Ok(())
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
