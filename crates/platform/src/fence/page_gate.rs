//! The gate in front of numbers: which pages are known, which are looked at now, and who waits for that.
//!
//! Bounded: pages that are remembered, looks that wait and that are under way, and looks a site. One look a page and a
//! site at a time.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use ringfence_fence::{Gate, GatePolicy, PageCalls, PageFacts, Refusal, Visitor, gate, page_name};
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
/// Of these, so many are kept for pages that ask for a number: whoever has a page open, or says so, takes no others.
const KEPT_FOR_REQUESTS: u32 = 20;
/// What a page's tag counted leads to a look at that page this often at most.
const REPORT_PAUSE: Duration = Duration::from_mins(1);

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

/// Why a look is wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The page asks for a number.
    Number,
    /// The page is open, and shows one.
    Open,
    /// Its tag counted this.
    Reported(PageCalls),
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
    /// What its tags counted since the last look.
    calls: PageCalls,
    /// When that led to a look.
    reported_at: Option<Timestamp>,
    /// It was counted while a look was under way, which may have begun before.
    once_more: bool,
}

impl Known {
    fn under_way(&self) -> Option<watch::Receiver<()>> {
        let open = |look: &&watch::Receiver<()>| look.has_changed().is_ok();
        self.look.as_ref().filter(open).cloned()
    }

    /// Remembers what was counted; whether it leads to a look now. A clock that was set back puts none off.
    fn told(&mut self, wish: Wish, now: Timestamp) -> bool {
        let Wish::Reported(calls) = wish else {
            return false;
        };
        self.calls = self.calls.max(&calls);
        self.reported_at
            .is_none_or(|at| now.since(at) >= REPORT_PAUSE || at.since(now) > REPORT_PAUSE)
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
            ..Known::default()
        });
    }

    /// A look has come to its end; whether there is to be one more.
    fn ended(&self, job: &Job, seen: bool, at: Timestamp) -> bool {
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
        std::mem::take(&mut known.once_more)
    }

    /// What the page's tags counted since this was asked last.
    pub(super) fn counted(&self, job: &Job) -> Option<PageCalls> {
        let mut pages = self.pages.lock();
        let known = pages.get_mut(&(job.site, job.page.clone()))?;
        let calls = std::mem::take(&mut known.calls);
        (!calls.is_empty()).then_some(calls)
    }

    /// The site's turn, when it was not looked at too often; so many looks are left for others.
    fn turn(&self, site: SiteId, leaves: u32, now: Timestamp) -> Option<Arc<Turn<()>>> {
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
        looks.left = looks.left.checked_sub(1).filter(|left| *left >= leaves)?;
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
        wish: Wish,
        due: impl FnOnce(&PageFacts) -> bool,
        now: Timestamp,
    ) -> Option<watch::Receiver<()>> {
        let platform = self.own.upgrade()?;
        let mut pages = self.pages.lock();
        let known = pages.entry((asked.site, page.clone())).or_default();
        let told = known.told(wish, now);
        if let Some(look) = known.under_way() {
            if told {
                known.once_more = true;
                known.reported_at = Some(now);
            }
            return Some(look);
        }
        if !told && !due(&known.facts) {
            return None;
        }
        let Ok(place) = Arc::clone(&self.waiting).try_acquire_owned() else {
            skipped("queue_full");
            return None;
        };
        let leaves = match wish {
            Wish::Number => 0,
            Wish::Open | Wish::Reported(_) => KEPT_FOR_REQUESTS,
        };
        let Some(turn) = self.turn(asked.site, leaves, now) else {
            skipped("site_too_often");
            return None;
        };
        if told {
            known.reported_at = Some(now);
        }
        let mut job = Job {
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
                loop {
                    let (seen, at) = platform.look_at(&job).await;
                    if !platform.page_looks.ended(&job, seen, at) {
                        break;
                    }
                    (job.tries, job.at) = (job.tries.saturating_add(1), at);
                }
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
        if !self.settings.fence.look_at_pages {
            return Ok(false);
        }
        let gate = self.gate_of(asked.account_since, now);
        let page = page_name(asked.page);
        let facts = self
            .page_facts(asked.account, asked.site, &page)
            .await
            .map_err(|error| {
                tracing::error!(%error, "looks at a page could not be read, so no number is shown");
                Refusal::Unavailable
            })?;
        let answer = gate(&facts);
        let look = if answer.look {
            let due = |facts: &PageFacts| gate(facts).look;
            self.page_looks
                .begin(page.clone(), asked, Wish::Number, due, now)
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
        if gate(&facts).shows {
            Ok(true)
        } else {
            Err(Refusal::NotLookedAt)
        }
    }

    /// What the gate says of pages of an account.
    fn gate_of(&self, account_since: Timestamp, now: Timestamp) -> impl Fn(&PageFacts) -> Gate {
        let settings = &self.settings.fence;
        let policy = GatePolicy {
            again_after: settings.look_again_after,
            show_unseen: settings.show_on_unseen_pages,
        };
        let new = now.since(account_since) < settings.new_account_for;
        move |facts| gate(facts, new, policy, now)
    }

    /// A page that is open is looked at when its time has come, and at once for what its tag counted. Nobody waits for
    /// it, and a page that cannot be looked at now is at a later beat.
    pub(crate) async fn look_while_open(
        &self,
        asked: &Asked<'_, impl Fn() -> Visitor>,
        wish: Wish,
        now: Timestamp,
    ) {
        if !self.settings.fence.look_at_pages {
            return;
        }
        let gate = self.gate_of(asked.account_since, now);
        let page = page_name(asked.page);
        match self.page_facts(asked.account, asked.site, &page).await {
            Ok(facts) if wish != Wish::Open || gate(&facts).look => {
                let due = |facts: &PageFacts| gate(facts).look;
                self.page_looks.begin(page, asked, wish, due, now);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "looks at a page could not be read, so it is not looked at while it is open");
            }
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
        let calls = self.page_looks.counted(job);
        let mut kept = self.db.add_page_look(&look).await;
        if kept.is_ok() {
            kept = match (look.outcome, calls) {
                (LookOutcome::Suspicious | LookOutcome::Scam, _) => {
                    self.take_up(job, &seen, calls, at).await
                }
                (_, Some(calls)) => self.note_calls(job, &calls, at).await,
                (_, None) => Ok(()),
            };
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
            assert!(looks.turn(one, 0, start).is_some());
        }
        assert!(looks.turn(one, 0, start).is_none());
        assert!(looks.turn(other, 0, start).is_some());
        let later = start + SITE_PAUSE;
        assert!(looks.turn(one, 0, later).is_some());
        assert!(looks.turn(one, 0, later).is_none());
    }

    #[test]
    fn whoever_says_that_pages_are_open_leaves_looks_for_those_that_ask() {
        let looks = PageLooks::new(Weak::new());
        let start = Timestamp::from_micros(1_800_000_000_000_000);
        let site = SiteId::new(start, 1);
        let taken = (0..1000).filter(|_| looks.turn(site, KEPT_FOR_REQUESTS, start).is_some());
        let left = SITE_BURST - KEPT_FOR_REQUESTS;
        assert_eq!(u32::try_from(taken.count()).unwrap(), left);
        for _ in 0..KEPT_FOR_REQUESTS {
            assert!(looks.turn(site, 0, start).is_some());
        }
    }

    #[test]
    fn what_a_tag_counts_leads_to_a_look_once_a_minute() {
        let start = Timestamp::from_micros(1_800_000_000_000_000);
        let mut known = Known::default();
        let few = PageCalls::named([("requestFullscreen", 1), ("lock", 1)]);
        let many = PageCalls::named([("requestFullscreen", 3), ("alert", 2)]);
        assert!(!known.told(Wish::Open, start));
        assert!(known.told(Wish::Reported(few), start));
        known.reported_at = Some(start);
        assert!(!known.told(Wish::Reported(many), start + Duration::from_secs(59)));
        assert!(known.told(Wish::Reported(few), start + REPORT_PAUSE));
        let all = [("requestFullscreen", 3), ("lock", 1), ("alert", 2)];
        assert_eq!(known.calls, PageCalls::named(all));
    }
}
