//! A random account of pools, and the visits that come to its sites.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ringfence_model::{
    AccountId, NumberId, NumberState, Pool, PoolId, PoolWish, Source, SourceKind, TrackingNumber,
};

use super::VISITS_OF_A_WORLD;
use crate::random::Random;
use crate::world::BEGINS;

/// The host of each site.
pub(super) const HOSTS: [&str; 2] = ["one.example.com", "two.example.com"];

/// A pool of this world.
#[derive(Debug)]
pub(super) struct PoolOfWorld {
    pub(super) pool: Pool,
    pub(super) site: usize,
    /// Which visits draw from it; the site's own pool asks for nothing.
    pub(super) wish: PoolWish,
    /// Numbers that may be leased, in the order of their digits.
    pub(super) members: BTreeSet<usize>,
    /// Chances that a visit is made for it.
    weight: u64,
}

/// What a request of this visit says, and what must come of it.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) pool: usize,
    pub(super) url: String,
    pub(super) referrer: Option<String>,
    pub(super) language: Option<&'static str>,
    pub(super) source: Arc<Source>,
}

/// An account: pools, numbers, and how many come.
#[derive(Debug)]
pub(super) struct WorldOfVisits {
    pub(super) pools: Vec<PoolOfWorld>,
    /// Each by its place; overflow numbers among them.
    pub(super) numbers: Vec<TrackingNumber>,
    pub(super) mean_gap: Duration,
    pub(super) late_call_window: Duration,
    /// How far the clock may be from the true time, either way; zero in worlds whose clock is right.
    pub(super) clock_error: Duration,
    /// Number requests that fail to become durable, in a thousand.
    pub(super) failures: u64,
    total_weight: u64,
}

impl WorldOfVisits {
    pub(super) fn draw(random: &mut Random) -> Self {
        let mut world = Self {
            pools: Vec::new(),
            numbers: Vec::new(),
            mean_gap: Duration::ZERO,
            late_call_window: Duration::from_secs(60 * (1 + random.below(60))),
            clock_error: Duration::from_secs(*random.one_of(&[0, 0, 5, 120, 1800])),
            failures: *random.one_of(&[0, 5, 50]),
            total_weight: 0,
        };
        let pools = 1 + random.index(5);
        // Visits a second, in millionths.
        let mut rate = 0;
        for n in 0..pools {
            rate += world.add_pool(n, pools, random);
        }
        world.mean_gap = Duration::from_micros(1_000_000_000_000 / rate.max(1));
        world
    }

    /// How long the visits of a whole world take to come.
    pub(super) fn span(&self) -> Duration {
        self.mean_gap * u32::try_from(VISITS_OF_A_WORLD).unwrap_or(u32::MAX)
    }

    /// Adds a pool; answers how many visits come to it in a second, in millionths.
    fn add_pool(&mut self, n: usize, pools: usize, random: &mut Random) -> u64 {
        let count = match random.below(100) {
            0..7 => 0,
            7..40 => 1 + random.below(5),
            40..75 => 1 + random.below(100),
            75..92 => 1 + random.below(1000),
            _ => 1 + random.below(10_000),
        };
        let hold = Duration::from_secs(60 + random.below(3540));
        let id = PoolId::new(BEGINS, n as u128);
        let members: BTreeSet<usize> = (0..count).map(|_| self.add_number(Some(id))).collect();
        let overflow = random.percent(70).then(|| self.add_number(None));
        let site = usize::from(n > 0 && n * 2 >= pools);
        let last_of_site = n + 1 == pools || n * 2 < pools && (n + 1) * 2 >= pools;
        let wish = match (last_of_site, random.below(2)) {
            (true, _) => PoolWish::default(),
            (false, 0) => PoolWish {
                campaign: Some(campaign(n)),
                ..PoolWish::default()
            },
            (false, _) => PoolWish {
                language: vec![language(n).to_owned()],
                ..PoolWish::default()
            },
        };
        // From a fifth of what its numbers can bear to twice that.
        let rate = (1 + count) * (200_000 + random.below(1_800_000)) / hold.as_secs();
        self.total_weight += rate.max(1);
        let quarantine = match random.below(10) {
            0..4 => Duration::ZERO,
            _ => Duration::from_secs(600 + random.below(10_000)),
        };
        self.pools.push(PoolOfWorld {
            pool: Pool {
                id,
                account: AccountId::new(BEGINS, 1),
                name: format!("P{n}"),
                hold,
                overflow: overflow.map(number_id),
                quarantine,
            },
            site,
            wish,
            members,
            weight: rate.max(1),
        });
        rate
    }

    fn add_number(&mut self, pool: Option<PoolId>) -> usize {
        let place = self.numbers.len();
        self.numbers.push(TrackingNumber {
            id: number_id(place),
            account: AccountId::new(BEGINS, 1),
            // Nothing here goes by the digits.
            e164: match self.numbers.first() {
                Some(first) => first.e164.clone(),
                None => "+442079460000".parse().expect("it is a number"),
            },
            label: String::new(),
            state: NumberState::Assigned,
            pool,
            plan: None,
            created_at: BEGINS,
        });
        place
    }

    /// A visit for one of the pools, by their weights.
    pub(super) fn draw_arrival(&self, visit: u64, random: &mut Random) -> Arrival {
        let mut lot = random.below(self.total_weight);
        let mut pool = 0;
        for (n, candidate) in self.pools.iter().enumerate() {
            pool = n;
            if lot < candidate.weight {
                break;
            }
            lot -= candidate.weight;
        }
        let chosen = &self.pools[pool];
        let host = HOSTS[chosen.site];
        let asked = chosen.wish.campaign.clone();
        let spoken = if chosen.wish.language.is_empty() {
            None
        } else {
            Some(language(pool))
        };
        let named = |kind, name: &str, campaign: Option<&String>| Source {
            kind,
            name: name.to_owned(),
            campaign: campaign.cloned(),
            keyword: None,
        };
        // Who is made for a campaign names it, in any case of letters; others name none that a pool asks for.
        let campaign = asked.or_else(|| random.percent(40).then(|| "elsewhere".to_owned()));
        let query = campaign.as_ref().map(|name| format!("utm_campaign={name}"));
        let (query, referrer, source) = match (random.below(6), query) {
            (0 | 1, query) => (
                format!("gclid=x{visit}&{}", query.unwrap_or_default()),
                Some("https://www.google.com/".to_owned()),
                named(SourceKind::Paid, "Google Ads", campaign.as_ref()),
            ),
            (2, Some(query)) => (
                format!("utm_source=letter&utm_medium=email&{query}"),
                None,
                named(SourceKind::Mail, "letter", campaign.as_ref()),
            ),
            (_, Some(query)) => {
                let name = campaign.clone().unwrap_or_default();
                let source = named(SourceKind::Campaign, &name, campaign.as_ref());
                (query, None, source)
            }
            (2, None) => (
                String::new(),
                Some("https://www.google.de/search?q=x".to_owned()),
                named(SourceKind::Search, "Google", None),
            ),
            (3, None) => (
                String::new(),
                Some(format!("https://news{}.example.org/", visit % 7)),
                named(
                    SourceKind::Referral,
                    &format!("news{}.example.org", visit % 7),
                    None,
                ),
            ),
            (4, None) => (
                String::new(),
                Some(format!("https://{host}/before")),
                named(SourceKind::Direct, "Direct", None),
            ),
            (_, None) => (
                String::new(),
                None,
                named(SourceKind::Direct, "Direct", None),
            ),
        };
        Arrival {
            pool,
            url: format!("https://{host}/page{}?{query}#top", visit % 100),
            referrer,
            language: spoken.or_else(|| random.percent(50).then_some("pt")),
            source: Arc::new(source),
        }
    }

    /// The pools of a site that ask for something, and its own.
    pub(super) fn of_site(&self, site: usize) -> impl Iterator<Item = usize> + Clone {
        (0..self.pools.len()).filter(move |&n| self.pools[n].site == site)
    }
}

/// The number at a place.
pub(super) fn number_id(place: usize) -> NumberId {
    NumberId::new(BEGINS, place as u128)
}

/// The place of a number.
pub(super) fn place_of(number: NumberId) -> usize {
    usize::try_from(number.0.as_u64_pair().1 & u64::from(u32::MAX)).expect("it is a 32-bit number")
}

fn campaign(n: usize) -> String {
    format!("campaign-{n}")
}

const fn language(n: usize) -> &'static str {
    ["de", "fr", "nl", "sv", "ja"][n % 5]
}
