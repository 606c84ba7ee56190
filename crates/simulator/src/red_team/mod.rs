//! A scam ring beside honest accounts, in front of the fence as the product runs it.
//!
//! Every page is one that is made for the detector: inert, without a brand, with fictitious numbers. The ring has its
//! throw-away hosts proved, for whoever has a host can; what it is up against are looks, gates and holds.

mod gatekeeper;
mod pages;
mod ring;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ringfence_fence::{LookFrom, Visitor};
use ringfence_model::Timestamp;
use serde::Serialize;
use url::Url;

use crate::random::Random;
use crate::world::BEGINS;
use gatekeeper::{Platform, Request, Site};
use pages::{PageAt, Pages};
pub use ring::Behaviour;
use ring::{Asker, page};

/// Lures of each behaviour.
const LURES: u64 = 20;
/// How long a lure lasts that is used up in its time.
const SHORT: Duration = Duration::from_mins(10);
/// Between two views, on average.
const GAP: Duration = Duration::from_mins(1);
/// Honest accounts by the kind of their pages.
const HONEST: [&str; 5] = ["shop", "awareness", "kiosk", "support", "game"];
/// From where a kit's server asks (RFC 5737).
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// What came of one way to behave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RingRow {
    /// What the ring did.
    pub behaviour: Behaviour,
    /// Accounts that it opened for that.
    pub lures: u64,
    /// Of these, those whose numbers were withheld in the end.
    pub held: u64,
    /// Of these, those with a case and no hold.
    pub suspected: u64,
    /// Views of a lock page. Without the fence each of them sees a number.
    pub lock_views: u64,
    /// Of these, those that saw a number with the fence.
    pub saw_a_number: u64,
    /// From the first view of a lock page to the hold, in seconds; the middle one of those that were held. 0 when the
    /// hold came first, for what another visitor or a look of the platform was shown.
    pub seconds_to_hold: Option<u64>,
}

/// What came of honest accounts of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HonestRow {
    /// What their pages are.
    pub kind: &'static str,
    /// How many there are.
    pub accounts: u64,
    /// Accounts whose numbers were withheld.
    pub held: u64,
    /// Accounts with a case and no hold.
    pub suspected: u64,
    /// Views of their pages.
    pub views: u64,
    /// Of these, those that saw a number.
    pub saw_a_number: u64,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RedTeam {
    /// From which everything follows.
    pub seed: u64,
    /// By what the ring did.
    pub ring: Vec<RingRow>,
    /// By what honest accounts are.
    pub honest: Vec<HonestRow>,
}

/// Lets a ring and honest accounts ask for numbers; `progress` hears what is on.
pub fn run_red_team(seed: u64, progress: &mut dyn FnMut(&str)) -> RedTeam {
    let mut run = Run {
        random: Random::new(seed),
        platform: Platform::new(seed),
        pages: Pages::made(),
        sites: 0,
    };
    let ring = Behaviour::ALL.map(|behaviour| {
        progress(behaviour.words());
        run.ring(behaviour)
    });
    let honest = HONEST.map(|kind| {
        progress(kind);
        run.honest(kind)
    });
    RedTeam {
        seed,
        ring: ring.into(),
        honest: honest.into(),
    }
}

struct Run {
    random: Random,
    platform: Platform,
    pages: Pages,
    sites: u64,
}

/// What a ring's server has to show.
#[derive(Clone, Copy)]
struct Lure {
    behaviour: Behaviour,
    lock: PageAt,
    shop: PageAt,
    began: Timestamp,
    turns: Duration,
}

impl Lure {
    fn locks(&self, asker: &Asker<'_>, now: Timestamp) -> bool {
        let after = now.since(self.began);
        self.behaviour.locks(asker, after, self.turns)
    }

    /// What a look of the platform is shown.
    fn shows_the_platform(&self, place: &LookFrom, now: Timestamp) -> PageAt {
        let asker = Asker {
            user_agent: &place.user_agent,
            language: place.language.as_deref(),
            referrer: place.referrer.as_deref(),
            url: &place.url,
            is_the_platform: true,
        };
        if self.locks(&asker, now) {
            self.lock
        } else {
            self.shop
        }
    }
}

impl Run {
    fn ring(&mut self, behaviour: Behaviour) -> RingRow {
        let mut row = RingRow {
            behaviour,
            lures: 0,
            held: 0,
            suspected: 0,
            lock_views: 0,
            saw_a_number: 0,
            seconds_to_hold: None,
        };
        let mut waits = Vec::new();
        for _ in 0..LURES {
            let (site, first) = self.lure(behaviour, &mut row);
            row.lures += 1;
            row.suspected += u64::from(site.suspected && site.held_at.is_none());
            if let Some(held) = site.held_at {
                row.held += 1;
                waits.push(first.map_or(0, |first| held.since(first).as_secs()));
            }
        }
        waits.sort_unstable();
        row.seconds_to_hold = waits.get(waits.len() / 2).copied();
        row
    }

    fn site(&mut self, age: Duration) -> Site {
        self.sites += 1;
        Site::new(self.sites, BEGINS - age)
    }

    /// One account's life; its site, and when a lock page was seen first.
    fn lure(&mut self, behaviour: Behaviour, row: &mut RingRow) -> (Site, Option<Timestamp>) {
        let mut site = self.site(match behaviour {
            Behaviour::UsesAnOldAccount => Duration::from_hours(31 * 24),
            _ => Duration::from_mins(5),
        });
        let lasts = match behaviour {
            Behaviour::RotatesAccounts => SHORT,
            _ => Duration::from_secs(60 * (30 + self.random.below(570))),
        };
        let lure = Lure {
            behaviour,
            lock: *self.random.one_of(&self.pages.locks()),
            shop: *self.random.one_of(&self.pages.ordinary("shop")),
            began: BEGINS,
            turns: Duration::from_secs(60 * (3 + self.random.below(57))),
        };
        let name = self.sites;
        if behaviour.sends_a_scout() {
            let host = format!("lure{name}-0.test");
            site.prove(&host);
            let (visitor, url) = Behaviour::scout(&host);
            self.views(&mut site, &lure, &visitor, &url, BEGINS);
        }
        let mut first = None;
        let mut now = BEGINS + self.random.within(GAP * 2);
        while now.since(BEGINS) < lasts {
            let turn = match behaviour {
                Behaviour::RotatesHosts => now.since(BEGINS).as_secs() / SHORT.as_secs(),
                _ => 0,
            };
            let host = format!("lure{name}-{turn}.test");
            site.prove(&host);
            let (visitor, url) = behaviour.victim(&host, &mut self.random);
            let asker = Asker {
                user_agent: &visitor.user_agent,
                language: visitor.language.as_deref(),
                referrer: visitor.referrer.as_deref(),
                url: &url,
                is_the_platform: false,
            };
            let is_locked = behaviour.asks_from_a_server() || lure.locks(&asker, now);
            let shown = self.views(&mut site, &lure, &visitor, &url, now);
            if is_locked {
                first = first.or(Some(now));
                row.lock_views += 1;
                row.saw_a_number += u64::from(shown);
            }
            now = now + self.random.within(GAP * 2);
        }
        site.ends_looks(now + GAP);
        (site, first)
    }

    /// Somebody opens the page, or the kit's server asks on his behalf; whether a number came.
    fn views(
        &mut self,
        site: &mut Site,
        lure: &Lure,
        visitor: &Visitor,
        url: &Url,
        now: Timestamp,
    ) -> bool {
        let serves = |place: &LookFrom| lure.shows_the_platform(place, now);
        let own = self.address();
        let from = if lure.behaviour.asks_from_a_server() {
            SERVER
        } else {
            own
        };
        // Whose address the token was given to.
        let token_for = match lure.behaviour {
            Behaviour::AsksFromAServer => None,
            Behaviour::ReplaysTokens => Some(own),
            _ => Some(from),
        };
        self.asks(site, visitor, url, (token_for, from), &serves, now)
    }

    fn asks(
        &mut self,
        site: &mut Site,
        visitor: &Visitor,
        url: &Url,
        (token_for, from): (Option<IpAddr>, IpAddr),
        serves: &dyn Fn(&LookFrom) -> PageAt,
        now: Timestamp,
    ) -> bool {
        let host = url.host_str().unwrap_or_default();
        let token = token_for.map(|address| {
            self.platform
                .token(site, host, &visitor.user_agent, address, now)
        });
        let origin = url.origin().ascii_serialization();
        let request = Request {
            page: url,
            origin: Some(&origin),
            token: token.as_deref(),
            visitor,
            address: from,
        };
        site.asks(&self.platform, &self.pages, &request, serves, now)
            .is_ok()
    }

    /// Anybody's.
    fn address(&mut self) -> IpAddr {
        let [.., a, b, c] = self.random.bits().to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(10, a, b, c))
    }

    /// New accounts with ordinary pages, for a day.
    fn honest(&mut self, kind: &'static str) -> HonestRow {
        let mut row = HonestRow {
            kind,
            accounts: 0,
            held: 0,
            suspected: 0,
            views: 0,
            saw_a_number: 0,
        };
        for shown in self.pages.ordinary(kind) {
            let mut site = self.site(Duration::from_mins(5));
            let host = format!("{kind}{}.example.com", row.accounts);
            site.prove(&host);
            row.accounts += 1;
            let mut now = BEGINS;
            while now.since(BEGINS) < Duration::from_hours(24) {
                let (visitor, _) = Behaviour::LocksEverybody.victim(&host, &mut self.random);
                let url = page(&host, "?utm_source=letter");
                let own = self.address();
                let from = (Some(own), own);
                let saw = self.asks(&mut site, &visitor, &url, from, &|_| shown, now);
                row.views += 1;
                row.saw_a_number += u64::from(saw);
                now = now + self.random.within(GAP * 20);
            }
            site.ends_looks(now + GAP);
            row.held += u64::from(site.held_at.is_some());
            row.suspected += u64::from(site.suspected && site.held_at.is_none());
        }
        row
    }
}
