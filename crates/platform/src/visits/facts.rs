//! What number requests need to know of sites, hosts and pools, kept in memory so that a request reads no rows.
//!
//! Bounded. Changes made by this process are seen at once, those of another process within seconds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, RwLock};
use ringfence_fence::{Signer, Silences, WithdrawnVisits};
use ringfence_live::LiveError;
use ringfence_model::{
    AccountId, Duration, E164, NumberId, NumberState, Pool, PoolId, PoolRule, PoolWish, Site,
    SiteId, Timestamp, TrackingNumber, Visit,
};
use ringfence_store::StoreError;
use ringfence_tracking::{ChoiceFacts, choose};

use super::campaign_keys::CampaignKeys;
use super::refusals::Refusals;
use super::sharing::leased_of;
use super::swap::targets_of;
use super::told::Reports;
use crate::Platform;

/// Facts older than this are read again; the request that finds out waits, others go on with what is known.
const FRESH_FOR: Duration = Duration::from_secs(10);
/// Site keys that are known at one time, unknown ones included.
const SITES_MAX: usize = 10_000;
/// A request that reads facts again and vanishes is replaced after this time.
const REFRESH_PATIENCE: Duration = Duration::from_secs(5);

/// What number requests need to know of sites, hosts and pools, kept in memory.
#[derive(Default)]
pub struct TagFacts {
    sites: RwLock<HashMap<Box<str>, Arc<KnownSite>>>,
    proved_hosts: ArcSwapOption<Known<HashSet<String>>>,
    pub(super) campaign_keys: ArcSwapOption<Known<CampaignKeys>>,
    /// Counts changes: what was read before one is not kept after it.
    pub(super) changes: AtomicU64,
    pub(super) refusals: Refusals,
    /// Networks, and whether pages follow what they ask for.
    pub(crate) silences: Mutex<Silences>,
    /// Visits whose number was taken back.
    pub(crate) withdrawn: Mutex<WithdrawnVisits>,
    pub(super) reports: Reports,
    signer: std::sync::OnceLock<Signer>,
}

impl std::fmt::Debug for TagFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TagFacts")
            .field("sites", &self.sites.read().len())
            .finish_non_exhaustive()
    }
}

/// A site as the tag sees it.
#[derive(Debug)]
pub(super) struct SiteFacts {
    pub id: SiteId,
    pub account: AccountId,
    /// Numbers on the page that are replaced, with their country.
    pub swap: Arc<[String]>,
    /// Canonical names of its proved hosts.
    pub hosts: Vec<String>,
    pools: Arc<SitePools>,
    /// Its numbers are withheld.
    pub held: bool,
    /// When its account was made.
    pub account_since: Timestamp,
}

/// The pools of a site, and what they were made of: while that is the same, so are they.
#[derive(Debug)]
struct SitePools {
    origin: Origin,
    /// The pool of visits that no rule takes.
    pool: Option<Arc<PoolFacts>>,
    /// Rules that have something to show, in their order.
    rules: Vec<RuleFacts>,
}

/// All rows that a site's pools are made of. Its numbers may be many thousands, so a mark stands for them.
#[derive(Debug, PartialEq)]
struct Origin {
    pool: Option<PoolId>,
    rules: Vec<PoolRule>,
    pools: Vec<Pool>,
    numbers: Option<i64>,
}

impl SitePools {
    /// Every pool, that of the rules first; one may come twice.
    fn all(&self) -> impl Iterator<Item = &Arc<PoolFacts>> {
        self.rules.iter().map(|rule| &rule.pool).chain(&self.pool)
    }

    /// Leases know all of them.
    fn told(&self) -> bool {
        self.all().all(|pool| pool.told)
    }
}

/// Which visits draw from which pool.
#[derive(Debug)]
pub(super) struct RuleFacts {
    pub wish: PoolWish,
    pub pool: Arc<PoolFacts>,
}

impl SiteFacts {
    /// The pool of a new visit.
    pub fn pool_of(&self, visit: &Visit) -> Option<&Arc<PoolFacts>> {
        let facts = ChoiceFacts {
            source: &visit.source,
            language: visit.language.as_deref(),
            country: None,
        };
        let SitePools { rules, pool, .. } = &*self.pools;
        choose(rules.iter().map(|rule| &rule.wish), &facts)
            .map(|place| &rules[place].pool)
            .or_else(|| pool.as_ref().filter(|pool| !pool.shows_nothing()))
    }

    /// Every pool of the site, that of its rules first; one may come twice.
    pub fn pools(&self) -> impl Iterator<Item = &Arc<PoolFacts>> {
        self.pools.all()
    }
}

/// A pool, or a fixed number.
#[derive(Debug)]
pub(super) struct PoolFacts {
    pub id: PoolId,
    pub hold: Duration,
    /// What is shown when there is no other.
    pub overflow: Option<Arc<ShownNumber>>,
    pub numbers: HashMap<NumberId, Arc<ShownNumber>>,
    /// The overflow number is a campaign's fixed one, and no sign that others are lacking.
    pub fixed: bool,
    /// Leases know its numbers.
    told: bool,
}

impl PoolFacts {
    fn shows_nothing(&self) -> bool {
        self.numbers.is_empty() && self.overflow.is_none()
    }
}

/// A tracking number in the forms that a page may need, written once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownNumber {
    /// Its identifier.
    pub id: NumberId,
    /// `+442079460123`
    pub e164: E164,
    /// `020 7946 0123`
    pub national: String,
    /// `+44 20 7946 0123`
    pub international: String,
}

impl ShownNumber {
    pub(super) fn of(number: &TrackingNumber) -> Self {
        Self {
            id: number.id,
            e164: number.e164.clone(),
            national: number.e164.national(),
            international: number.e164.international(),
        }
    }
}

/// That there is no site with a key is known too.
type KnownSite = Known<Option<Arc<SiteFacts>>>;

/// Something that was read, and when.
#[derive(Debug)]
pub(super) struct Known<T> {
    pub facts: T,
    read_at: Timestamp,
    /// When a request began to read it again, in microseconds.
    refresh_began: AtomicI64,
}

impl<T> Known<T> {
    pub fn new(facts: T, now: Timestamp) -> Self {
        Self {
            facts,
            read_at: now,
            refresh_began: AtomicI64::new(0),
        }
    }

    /// It is old, and nobody else is reading it again.
    pub fn is_mine_to_refresh(&self, now: Timestamp) -> bool {
        if now.since(self.read_at) < FRESH_FOR && now >= self.read_at {
            return false;
        }
        let began = self.refresh_began.load(Ordering::Relaxed);
        let waited = now.since(Timestamp::from_micros(began));
        waited >= REFRESH_PATIENCE
            && self
                .refresh_began
                .compare_exchange(began, now.as_micros(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

impl TagFacts {
    /// Nothing known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sites, hosts, pools or numbers were changed: the next request reads them again.
    pub fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.sites.write().clear();
        self.proved_hosts.store(None);
        self.campaign_keys.store(None);
    }

    /// The key was asked for before, and no rows need to be read to answer for it.
    pub(super) fn has_read(&self, key: &str) -> bool {
        self.sites.read().contains_key(key)
    }

    fn keep(&self, key: &str, facts: Option<Arc<SiteFacts>>, now: Timestamp, changes: u64) {
        let mut sites = self.sites.write();
        if self.changes.load(Ordering::SeqCst) != changes {
            return;
        }
        if sites.len() >= SITES_MAX && !sites.contains_key(key) {
            sites.retain(|_, known| known.facts.is_some());
            if sites.len() >= SITES_MAX {
                sites.clear();
            }
        }
        sites.insert(key.into(), Arc::new(Known::new(facts, now)));
    }
}

impl Platform {
    pub(super) fn signer(&self) -> &Signer {
        self.tag_facts
            .signer
            .get_or_init(|| Signer::new(&self.keys.tag))
    }

    /// What is known of the site with this key.
    pub(super) async fn site_facts(
        &self,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<SiteFacts>>, StoreError> {
        let plausible = (1..=64).contains(&key.len())
            && key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !plausible {
            return Ok(None);
        }
        let known = self.tag_facts.sites.read().get(key).map(Arc::clone);
        if let Some(known) = &known
            && !known.is_mine_to_refresh(now)
        {
            return Ok(known.facts.clone());
        }
        let changes = self.tag_facts.changes.load(Ordering::SeqCst);
        let before = known.and_then(|known| known.facts.clone());
        match self.read_site_facts(key, before.as_deref(), now).await {
            Ok(facts) => {
                self.tag_facts.keep(key, facts.clone(), now, changes);
                Ok(facts)
            }
            Err(error) => match before {
                Some(before) => {
                    tracing::warn!(%error, "a site could not be read again; what is known of it stands");
                    Ok(Some(before))
                }
                None => Err(error),
            },
        }
    }

    /// The host is a proved one of some site.
    pub(super) async fn is_proved(&self, host: &str, now: Timestamp) -> Result<bool, StoreError> {
        let known = self.tag_facts.proved_hosts.load_full();
        if let Some(known) = &known
            && !known.is_mine_to_refresh(now)
        {
            return Ok(known.facts.contains(host));
        }
        let changes = self.tag_facts.changes.load(Ordering::SeqCst);
        match (self.db.proved_hosts().await, known) {
            (Ok(hosts), _) => {
                let names: HashSet<String> = hosts.into_iter().map(|host| host.name).collect();
                let proved = names.contains(host);
                if self.tag_facts.changes.load(Ordering::SeqCst) == changes {
                    let known = Arc::new(Known::new(names, now));
                    self.tag_facts.proved_hosts.store(Some(known));
                }
                Ok(proved)
            }
            (Err(_), Some(known)) => Ok(known.facts.contains(host)),
            (Err(error), None) => Err(error),
        }
    }

    async fn read_site_facts(
        &self,
        key: &str,
        before: Option<&SiteFacts>,
        now: Timestamp,
    ) -> Result<Option<Arc<SiteFacts>>, StoreError> {
        let Some(site) = self.db.site_by_key(key).await? else {
            return Ok(None);
        };
        let hosts = self.db.hosts(site.account, site.id).await?;
        let holds = self.db.live_holds(site.account).await?;
        let account = self.db.account(site.account).await?;
        let pools = self.site_pools(&site, before, now).await?;
        Ok(Some(Arc::new(SiteFacts {
            id: site.id,
            account: site.account,
            swap: targets_of(&site, account.as_ref()),
            hosts: hosts
                .into_iter()
                .filter(|host| host.proved_at.is_some())
                .map(|host| host.name)
                .collect(),
            pools,
            held: holds.iter().any(|hold| hold.site == site.id)
                || self.db.is_frozen(site.account).await?,
            account_since: account.map_or(site.created_at, |account| account.created_at),
        })))
    }

    /// The pools of a site: those that are known, as long as nothing that they were made of changed.
    async fn site_pools(
        &self,
        site: &Site,
        before: Option<&SiteFacts>,
        now: Timestamp,
    ) -> Result<Arc<SitePools>, StoreError> {
        let rules = self.db.pool_rules(site.account, site.id).await?;
        let drawn_from = rules.iter().filter(|rule| rule.number.is_none());
        let mut pools: Vec<Pool> = Vec::new();
        for id in drawn_from.map(|rule| rule.pool).chain(site.pool) {
            if !pools.iter().any(|pool| pool.id == id) {
                pools.extend(self.db.pool(site.account, id).await?);
            }
        }
        let origin = Origin {
            pool: site.pool,
            numbers: self.db.numbers_mark(site.account).await?,
            rules,
            pools,
        };
        let known = before.map(|before| &before.pools);
        if let Some(known) = known.filter(|known| known.told() && known.origin == origin) {
            return Ok(Arc::clone(known));
        }
        let numbers = match (origin.pool, origin.rules.as_slice()) {
            (None, []) => Vec::new(),
            _ => self.db.numbers(site.account).await?,
        };
        let known = |id: PoolId| {
            let mut pools = before?.pools();
            pools.find(|pool| pool.id == id && !pool.fixed)
        };
        let mut read: HashMap<PoolId, Arc<PoolFacts>> = HashMap::new();
        for pool in &origin.pools {
            let facts = self.pool_facts(pool, &numbers, known(pool.id), now).await;
            read.insert(pool.id, Arc::new(facts));
        }
        let rule_facts = |rule: &PoolRule| {
            let pool = match rule.number {
                Some(id) => Arc::new(fixed(rule.pool, numbers.iter().find(|n| n.id == id)?)?),
                None => Arc::clone(read.get(&rule.pool)?),
            };
            let wish = rule.wish.clone();
            (!pool.shows_nothing()).then_some(RuleFacts { wish, pool })
        };
        Ok(Arc::new(SitePools {
            rules: origin.rules.iter().filter_map(rule_facts).collect(),
            pool: origin.pool.and_then(|id| read.get(&id).cloned()),
            origin,
        }))
    }

    async fn pool_facts(
        &self,
        pool: &Pool,
        all: &[TrackingNumber],
        before: Option<&Arc<PoolFacts>>,
        now: Timestamp,
    ) -> PoolFacts {
        // Writing ten thousand numbers in two forms takes a while: those that did not change are not written again.
        let shown = |number: &TrackingNumber| {
            before
                .and_then(|before| before.numbers.get(&number.id))
                .filter(|shown| shown.e164 == number.e164)
                .cloned()
                .unwrap_or_else(|| Arc::new(ShownNumber::of(number)))
        };
        let overflow = pool.overflow.and_then(|id| {
            all.iter()
                .filter(|number| is_usable(number))
                .find(|number| number.id == id)
                .map(shown)
        });
        let numbers: HashMap<NumberId, Arc<ShownNumber>> = all
            .iter()
            .filter(|number| is_usable(number))
            .filter(|number| number.pool == Some(pool.id) && Some(number.id) != pool.overflow)
            .map(|number| (number.id, shown(number)))
            .collect();
        // In the order of their digits, so that a pool is used in an order that people expect.
        let order = leased_of(pool, all);
        // Setting a pool of many thousands takes milliseconds in which nobody leases.
        let unchanged = before.is_some_and(|before| {
            before.id == pool.id
                && before.told
                && before.numbers.len() == numbers.len()
                && order.iter().all(|id| before.numbers.contains_key(id))
        });
        let mut told = true;
        if !unchanged {
            let set = self.live.set_pool(pool.account, pool.id, &order, now).await;
            // Who finds the account unbuilt builds it, with this pool's rows. Other facts are of use without leases.
            told = !matches!(set, Err(LiveError::Away));
        }
        PoolFacts {
            id: pool.id,
            hold: pool.hold,
            overflow,
            numbers,
            fixed: false,
            told,
        }
    }
}

/// The leases of a fixed number live for this long past the last sign of their visit; they keep it from nobody.
const FIXED_HOLD: Duration = Duration::from_mins(30);

/// A fixed number as a pool that has no other.
fn fixed(pool: PoolId, number: &TrackingNumber) -> Option<PoolFacts> {
    is_usable(number).then(|| PoolFacts {
        id: pool,
        hold: FIXED_HOLD,
        overflow: Some(Arc::new(ShownNumber::of(number))),
        numbers: HashMap::new(),
        fixed: true,
        told: true,
    })
}

pub(super) const fn is_usable(number: &TrackingNumber) -> bool {
    matches!(number.state, NumberState::Available | NumberState::Assigned)
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
