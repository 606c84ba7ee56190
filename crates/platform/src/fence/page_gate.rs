//! The gate in front of numbers: which pages are known, which are looked at now, and who waits for that.
//!
//! Bounded: pages that are remembered, looks that wait and that are under way, and looks a site. One look a page and a
//! site at a time.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use ringfence_fence::{GatePolicy, PageFacts, Refusal, Visitor, gate, page_name};
use ringfence_model::{AccountId, Duration, LookOutcome, SiteId, Timestamp};
use ringfence_store::StoreError;
use tokio::sync::{Mutex as Turn, Semaphore, watch};
use url::Url;

use crate::Platform;

/// How long a request waits for the first look at its page; the tag waits for 10 s in all.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pages that are remembered; of others the rows are read.
const PAGES_MAX: usize = 20_000;
/// Sites of which it is remembered how often they were looked at.
const SITES_MAX: usize = 10_000;
/// Looks that wait or are under way.
const WAITING_MAX: usize = 256;
/// Looks that are under way.
const UNDER_WAY_MAX: usize = 8;
/// Looks at pages of one site that may come at once, so that nobody makes us flood its server…
const SITE_BURST: u32 = 40;
/// …and the time after which there may be one more.
const SITE_PAUSE: Duration = Duration::from_secs(15);

/// A page that asks for a number.
pub(crate) struct Asked<'a, V> {
    pub account: AccountId,
    pub site: SiteId,
    pub account_since: Timestamp,
    /// Canonical names of the site's proved hosts.
    pub hosts: &'a [String],
    pub page: &'a Url,
    /// Who asks: only a look needs to know.
    pub visitor: V,
}

/// A look that is to be made.
#[derive(Debug)]
pub(super) struct Job {
    pub account: AccountId,
    pub site: SiteId,
    /// What the page is called.
    pub page: String,
    pub url: Url,
    pub hosts: Vec<String>,
    pub visitor: Visitor,
    /// Tries before this one.
    pub tries: u32,
    pub at: Timestamp,
}

/// Pages that ask for numbers, and looks at them that are under way.
pub struct PageLooks {
    own: Weak<Platform>,
    pages: Mutex<HashMap<(SiteId, String), Known>>,
    sites: Mutex<HashMap<SiteId, SiteLooks>>,
    waiting: Arc<Semaphore>,
    under_way: Arc<Semaphore>,
}

impl std::fmt::Debug for PageLooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageLooks")
            .field("pages", &self.pages.lock().len())
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Known {
    facts: PageFacts,
    tries: u32,
    /// Closed as soon as the look has come to its end.
    look: Option<watch::Receiver<()>>,
}

impl Known {
    fn under_way(&self) -> Option<watch::Receiver<()>> {
        let open = |look: &&watch::Receiver<()>| look.has_changed().is_ok();
        self.look.as_ref().filter(open).cloned()
    }
}

#[derive(Debug)]
struct SiteLooks {
    turn: Arc<Turn<()>>,
    left: u32,
    counted_at: Timestamp,
}

impl PageLooks {
    pub(crate) fn new(own: Weak<Platform>) -> Self {
        Self {
            own,
            pages: Mutex::default(),
            sites: Mutex::default(),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
        }
    }

    /// Resolves once every look that was begun has come to its end.
    pub async fn settled(&self) {
        let all = u32::try_from(WAITING_MAX).unwrap_or(u32::MAX);
        // It is never closed.
        drop(self.waiting.acquire_many(all).await);
    }

    fn known(&self, site: SiteId, page: &str) -> Option<PageFacts> {
        let pages = self.pages.lock();
        pages.get(&(site, page.to_owned())).map(|known| known.facts)
    }

    fn remember(&self, site: SiteId, page: &str, facts: PageFacts, tries: u32) {
        let mut pages = self.pages.lock();
        if pages.len() >= PAGES_MAX {
            pages.retain(|_, known| known.under_way().is_some());
        }
        pages.entry((site, page.to_owned())).or_insert(Known {
            facts,
            tries,
            look: None,
        });
    }

    /// A look has come to its end.
    fn ended(&self, job: &Job, seen: bool, at: Timestamp) {
        let mut pages = self.pages.lock();
        let known = pages.entry((job.site, job.page.clone())).or_default();
        known.tries = known.tries.saturating_add(1);
        known.facts.tried_at = Some(at);
        if seen {
            known.facts.looks = known.facts.looks.saturating_add(1);
            known.facts.failures = 0;
        } else {
            known.facts.failures = known.facts.failures.saturating_add(1);
        }
    }

    /// The site's turn, when it was not looked at too often.
    fn turn(&self, site: SiteId, now: Timestamp) -> Option<Arc<Turn<()>>> {
        let mut sites = self.sites.lock();
        if sites.len() >= SITES_MAX {
            sites.retain(|_, looks| Arc::strong_count(&looks.turn) > 1);
        }
        let looks = sites.entry(site).or_insert_with(|| SiteLooks {
            turn: Arc::default(),
            left: SITE_BURST,
            counted_at: now,
        });
        let more = now.since(looks.counted_at).as_secs() / SITE_PAUSE.as_secs();
        if more > 0 {
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            looks.left = looks.left.saturating_add(more).min(SITE_BURST);
            looks.counted_at = now;
        }
        looks.left = looks.left.checked_sub(1)?;
        Some(Arc::clone(&looks.turn))
    }

    fn under_way(&self, site: SiteId, page: &str) -> Option<watch::Receiver<()>> {
        let pages = self.pages.lock();
        pages.get(&(site, page.to_owned()))?.under_way()
    }

    /// Begins a look, unless one is under way or was made just now; what is closed when it has come to its end.
    fn begin(
        &self,
        page: String,
        asked: &Asked<'_, impl Fn() -> Visitor>,
        due: impl FnOnce(&PageFacts) -> bool,
        now: Timestamp,
    ) -> Option<watch::Receiver<()>> {
        let platform = self.own.upgrade()?;
        let mut pages = self.pages.lock();
        let known = pages.entry((asked.site, page.clone())).or_default();
        if let Some(look) = known.under_way() {
            return Some(look);
        }
        if !due(&known.facts) {
            return None;
        }
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else {
            skipped("queue_full");
            return None;
        };
        let Some(turn) = self.turn(asked.site, now) else {
            skipped("site_too_often");
            return None;
        };
        let job = Job {
            account: asked.account,
            site: asked.site,
            page,
            url: asked.page.clone(),
            hosts: asked.hosts.to_vec(),
            visitor: (asked.visitor)(),
            tries: known.tries,
            at: now,
        };
        let (ended, look) = watch::channel(());
        known.look = Some(look.clone());
        let under_way = Arc::clone(&self.under_way);
        tokio::spawn(async move {
            let stopping = platform.stopping.clone();
            let looking = async {
                let _turn = turn.lock().await;
                let _slot = under_way.acquire().await;
                let (seen, at) = platform.look_at(&job).await;
                platform.page_looks.ended(&job, seen, at);
            };
            stopping.run_until_cancelled(looking).await;
            drop((ended, place));
        });
        Some(look)
    }
}

fn skipped(reason: &'static str) {
    metrics::counter!("ringfence_page_looks_skipped_total", "reason" => reason).increment(1);
    tracing::warn!(reason, "a page is not looked at now");
}

impl Platform {
    /// Lets a page's request for a number through, or says that the page has to be looked at first; whether it waited
    /// for a look.
    ///
    /// # Errors
    /// [`Refusal::NotLookedAt`]; [`Refusal::Unavailable`] when rows could not be read.
    pub(crate) async fn pass_page_gate(
        &self,
        asked: &Asked<'_, impl Fn() -> Visitor>,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let settings = &self.settings.fence;
        if !settings.look_at_pages {
            return Ok(false);
        }
        let policy = GatePolicy {
            again_after: settings.look_again_after,
            show_unseen: settings.show_on_unseen_pages,
        };
        let new = now.since(asked.account_since) < settings.new_account_for;
        let page = page_name(asked.page);
        let facts = self
            .page_facts(asked.account, asked.site, &page)
            .await
            .map_err(|error| {
                tracing::error!(%error, "looks at a page could not be read, so no number is shown");
                Refusal::Unavailable
            })?;
        let answer = gate(&facts, new, policy, now);
        let look = if answer.look {
            let due = |facts: &PageFacts| gate(facts, new, policy, now).look;
            self.page_looks.begin(page.clone(), asked, due, now)
        } else {
            self.page_looks.under_way(asked.site, &page)
        };
        if answer.shows {
            return Ok(false);
        }
        if let Some(mut look) = look {
            // It is never sent anything: what ends the wait is that it is closed.
            let _ = tokio::time::timeout(PATIENCE, look.changed()).await;
        }
        let facts = self.page_looks.known(asked.site, &page).unwrap_or_default();
        if gate(&facts, new, policy, now).shows {
            Ok(true)
        } else {
            Err(Refusal::NotLookedAt)
        }
    }

    async fn page_facts(
        &self,
        account: AccountId,
        site: SiteId,
        page: &str,
    ) -> Result<PageFacts, StoreError> {
        if let Some(facts) = self.page_looks.known(site, page) {
            return Ok(facts);
        }
        let known = self.db.looked_page(account, site, page).await?;
        let (facts, tries) = known.map_or((PageFacts::default(), 0), |known| {
            let facts = PageFacts {
                looks: known.looks,
                failures: known.failures,
                tried_at: Some(known.tried_at),
            };
            (facts, known.tries)
        });
        self.page_looks.remember(site, page, facts, tries);
        Ok(facts)
    }

    /// Looks at a page from every vantage, keeps what was seen and lets it have its consequences; whether it was seen,
    /// and when.
    async fn look_at(&self, job: &Job) -> (bool, Timestamp) {
        let began = tokio::time::Instant::now();
        let seen = super::looking::from_everywhere(
            &self.outbound,
            job,
            self.settings.fence.limits,
            &self.settings.public_url,
        )
        .await;
        let at = job.at + began.elapsed();
        let look = super::judging::page_look(job, &seen, at);
        metrics::counter!("ringfence_page_looks_total", "outcome" => look.outcome.as_str())
            .increment(1);
        metrics::histogram!("ringfence_page_look_seconds").record(began.elapsed().as_secs_f64());
        for view in seen.iter().filter_map(super::looking::Seen::failure) {
            metrics::counter!("ringfence_page_views_failed_total", "reason" => view).increment(1);
        }
        tracing::debug!(site = %job.site, page = job.page, outcome = look.outcome.as_str(), "a page was looked at");
        let mut kept = self.db.add_page_look(&look).await;
        if kept.is_ok() && matches!(look.outcome, LookOutcome::Suspicious | LookOutcome::Scam) {
            kept = self.take_up(job, &seen, at).await;
        }
        if let Err(error) = &kept {
            // Until it can be kept, the page counts as one that nobody has seen.
            tracing::error!(%error, site = %job.site, "what was seen on a page could not be kept");
        }
        (kept.is_ok() && look.outcome != LookOutcome::Unseen, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_not_looked_at_too_often() {
        let looks = PageLooks::new(Weak::new());
        let start = Timestamp::from_micros(1_800_000_000_000_000);
        let (one, other) = (SiteId::new(start, 1), SiteId::new(start, 2));
        for _ in 0..SITE_BURST {
            assert!(looks.turn(one, start).is_some());
        }
        assert!(looks.turn(one, start).is_none());
        assert!(looks.turn(other, start).is_some());
        let later = start + SITE_PAUSE;
        assert!(looks.turn(one, later).is_some());
        assert!(looks.turn(one, later).is_none());
    }
}
