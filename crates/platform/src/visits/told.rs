//! What pages tell: which of the site's numbers the tag found on them, and what happened in their visits.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use ringfence_fence::{Refusal, agreed_host};
use ringfence_model::{
    AccountId, Duration, PageReport, SiteId, TargetSeen, Timestamp, VisitEvent, VisitEventId,
    VisitEventKind, VisitId,
};
use ringfence_store::StoreError;
use ringfence_tracking::{PAGE_URL_MAX, shortened};
use serde_json::Value;
use url::Url;

use super::{FollowUp, is_own, unavailable};
use crate::{Platform, random};

/// Targets that one page may have.
const TARGETS_MAX: usize = 20;
/// Octets of a target as it is written.
const TARGET_MAX: usize = 64;
/// Octets of a page's host and path.
const PAGE_MAX: usize = 300;
/// Octets of an event's name.
const NAME_MAX: usize = 100;
/// Octets of what is told with it, as JSON.
const DATA_MAX: usize = 2048;
/// A page that tells the same again is written again after this time.
const SAME_FOR: Duration = Duration::from_mins(10);
/// Pages that are remembered for that.
const REPORTS_MAX: usize = 10_000;
/// The parameter of the dashboard's link to test a page.
pub const TEST_PARAMETER: &str = "rf-test";

/// Which targets stand on a page.
#[derive(Debug, Clone, Copy)]
pub struct PageFound<'a> {
    /// The page's URL.
    pub page: &'a str,
    /// Each target, and whether it was found.
    pub targets: &'a [(String, bool)],
}

/// What a page tells of its visit.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// An event, or words about the visit.
    pub kind: VisitEventKind,
    /// The event's name.
    pub name: Option<String>,
    /// What the page says of it.
    pub data: BTreeMap<String, Value>,
}

/// What was written of pages a moment ago, so that each visit of a page does not write the same again.
#[derive(Default)]
pub(super) struct Reports {
    written: Mutex<HashMap<(SiteId, String), Written>>,
}

/// When it was written, and what.
type Written = (Timestamp, Vec<TargetSeen>);

impl Reports {
    /// Whether the report tells something new; it is taken as written then.
    fn is_new(&self, report: &PageReport) -> bool {
        let mut written = self.written.lock();
        let key = (report.site, report.page.clone());
        if let Some((at, targets)) = written.get(&key)
            && *targets == report.targets
            && report.at.since(*at) < SAME_FOR
        {
            return false;
        }
        if written.len() >= REPORTS_MAX {
            written.clear();
        }
        written.insert(key, (report.at, report.targets.clone()));
        true
    }

    fn forget(&self, report: &PageReport) {
        let key = (report.site, report.page.clone());
        self.written.lock().remove(&key);
    }
}

impl Platform {
    /// Keeps what the tag found on a page, told with a beat that was accepted. A report that is wrong is passed over: the
    /// beat was right.
    pub async fn keep_page_report(
        &self,
        request: &FollowUp<'_>,
        found: &PageFound<'_>,
        now: Timestamp,
    ) {
        let Ok(site) = self.known_site(request.site, request.address, now).await else {
            return;
        };
        let Some(page) = (found.page.len() <= PAGE_URL_MAX)
            .then(|| Url::parse(found.page).ok())
            .flatten()
        else {
            return;
        };
        let Ok(host) = agreed_host(request.origin, &page) else {
            return;
        };
        let targets = targets_seen(found.targets);
        if !is_own(&site, &host) || targets.is_empty() {
            return;
        }
        let report = PageReport {
            account: site.account,
            site: site.id,
            page: page_name(host.as_str(), &page),
            at: now,
            targets,
        };
        let tested = page.query_pairs().any(|(name, _)| name == TEST_PARAMETER);
        if !self.tag_facts.reports.is_new(&report) && !tested {
            return;
        }
        if let Err(error) = self.db.put_page_report(&report).await {
            self.tag_facts.reports.forget(&report);
            tracing::warn!(%error, "what was found on a page could not be kept");
        }
    }

    /// Keeps what a page tells of its visit.
    ///
    /// # Errors
    /// [`Refusal::BodyTooLarge`] over 100 octets of a name or 2,048 of data, [`Refusal::EnoughTold`] when 50 pieces are kept of the
    /// visit; any other [`Refusal`] says what is wrong.
    pub async fn keep_told(
        &self,
        request: &FollowUp<'_>,
        told: Told,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (site, checked) = self.followed(request, now).await;
        let kept = match checked {
            Ok((facts, credential)) => {
                self.keep_told_of(facts.account, credential.visit, told, now)
                    .await
            }
            Err(refusal) => Err(refusal),
        };
        kept.inspect_err(|&refusal| self.count_refusal(site, refusal))
    }

    async fn keep_told_of(
        &self,
        account: AccountId,
        visit: VisitId,
        told: Told,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let octets = serde_json::to_vec(&told.data).map_or(usize::MAX, |data| data.len());
        if octets > DATA_MAX || told.name.as_ref().is_some_and(|name| name.len() > NAME_MAX) {
            return Err(Refusal::BodyTooLarge);
        }
        if told.kind == VisitEventKind::Tag {
            // A site says the same words on every page of a visit.
            let known = self.db.visit_events(account, visit).await;
            let known = known.map_err(|error| unavailable(&error))?;
            if known
                .iter()
                .any(|known| known.kind == told.kind && known.data == told.data)
            {
                return Ok(());
            }
        }
        let event = VisitEvent {
            id: VisitEventId::new(now, random()),
            account,
            visit,
            at: now,
            kind: told.kind,
            name: told.name,
            data: told.data,
        };
        let kept = self.db.add_visit_event(&event).await;
        if kept.map_err(|error| unavailable(&error))? {
            Ok(())
        } else {
            Err(Refusal::EnoughTold)
        }
    }

    /// What the tag found on a site's pages, the last one first: at most 200.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn page_reports(
        &self,
        account: AccountId,
        site: SiteId,
    ) -> Result<Vec<PageReport>, StoreError> {
        self.db.page_reports(account, site, 200).await
    }

    /// What pages told of a visit, in its order: at most 50 pieces.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn visit_events(
        &self,
        account: AccountId,
        visit: VisitId,
    ) -> Result<Vec<VisitEvent>, StoreError> {
        self.db.visit_events(account, visit).await
    }
}

/// Host and path: what stands in a page's query is its visitors' business.
fn page_name(host: &str, page: &Url) -> String {
    shortened(&format!("{host}{}", page.path()), PAGE_MAX).to_owned()
}

fn targets_seen(targets: &[(String, bool)]) -> Vec<TargetSeen> {
    targets
        .iter()
        .filter(|(target, _)| !target.is_empty() && target.len() <= TARGET_MAX)
        .take(TARGETS_MAX)
        .map(|(target, found)| TargetSeen {
            target: target.clone(),
            found: *found,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(second: u64, found: bool) -> PageReport {
        let start = Timestamp::from_micros(1_700_000_000_000_000);
        PageReport {
            account: AccountId::new(start, 1),
            site: SiteId::new(start, 2),
            page: "www.example.com/prices".into(),
            at: start + Duration::from_secs(second),
            targets: vec![TargetSeen {
                target: "+44 20 7946 0000".into(),
                found,
            }],
        }
    }

    #[test]
    fn a_page_that_tells_the_same_again_is_not_written_again_for_a_while() {
        let reports = Reports::default();
        assert!(reports.is_new(&report(0, true)));
        assert!(!reports.is_new(&report(599, true)));
        assert!(reports.is_new(&report(599, false)), "it changed");
        assert!(!reports.is_new(&report(1_198, false)));
        assert!(reports.is_new(&report(1_199, false)), "it is old");
        reports.forget(&report(1_199, false));
        assert!(reports.is_new(&report(1_200, false)), "it was not written");
    }

    #[test]
    fn a_page_is_named_by_host_and_path() {
        let page = Url::parse("https://www.example.com/prices/today?utm_source=news#top").unwrap();
        assert_eq!(
            page_name("www.example.com", &page),
            "www.example.com/prices/today"
        );
        let long = Url::parse(&format!("https://www.example.com/{}", "a".repeat(999))).unwrap();
        assert_eq!(page_name("www.example.com", &long).len(), PAGE_MAX);
    }

    #[test]
    fn targets_are_bounded() {
        let many = (0..50).map(|n| (format!("+44 20 7946 {n:04}"), n % 2 == 0));
        let targets: Vec<(String, bool)> = many
            .chain([("x".repeat(65), true), (String::new(), true)])
            .collect();
        let seen = targets_seen(&targets);
        assert_eq!(seen.len(), TARGETS_MAX);
        assert!(seen.iter().all(|seen| seen.target.starts_with("+44")));
    }
}
