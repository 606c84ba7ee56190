//! The simulation of one world of visits: the true time, the clock that may be wrong, and what happens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ringfence_model::{Lease, LeaseId, NumberChange, Source, Timestamp, VisitId};

use super::books::Books;
use super::invariants::{VisitInvariant, VisitViolation};
use super::overflow::OverflowBooks;
use super::pages::Broken;
use super::server::{Credential, Placed, Server};
use super::world::{WorldOfVisits, place_of};
use super::{Tell, VisitFault, VisitSettings, VisitSummary};
use crate::random::Random;
use crate::timeline::Timeline;
use crate::world::BEGINS;

/// How long a world goes on after its last visit has come.
const DRAINS_FOR: Duration = Duration::from_mins(90);

/// Something that will happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    Arrives,
    /// The visit opens another page, which asks for its number.
    Page(u64),
    /// A write becomes durable, or fails.
    Written(u64),
    /// A sign of life, while the page with this lease is open.
    Beat(u64, LeaseId),
    /// The visit gives its number back.
    Releases(u64),
    Calls(u64),
    /// Somebody dials any number.
    Dials,
    Clock,
    Restarts,
    Moves,
    Timer,
}

/// A visit, as its browser has it.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) pool: usize,
    pub(super) source: Arc<Source>,
    pub(super) credential: Option<Credential>,
    /// When a lease of an overflow number ends.
    pub(super) overflow_until: Timestamp,
    /// The last page is closed, in true time.
    pub(super) leaves_at: Timestamp,
}

/// A number request whose rows are on their way.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) visit: u64,
    pub(super) pool: usize,
    pub(super) placed: Placed,
    pub(super) row: Lease,
}

pub(super) type Held = Result<(), VisitViolation>;

pub(super) struct VisitSimulation<'a> {
    settings: VisitSettings,
    tell: Option<Tell<'a>>,
    pub(super) random: Random,
    pub(super) world: WorldOfVisits,
    pub(super) server: Server,
    pub(super) books: Books,
    pub(super) overflow: OverflowBooks,
    /// Numbers that rest, and the change by which they do.
    pub(super) resting: BTreeMap<usize, NumberChange>,
    pub(super) timeline: Timeline<Event>,
    /// True time.
    pub(super) now: Timestamp,
    /// How far the clock is from it, in µs.
    clock_error: i64,
    pub(super) visitors: Vec<Visitor>,
    pub(super) pending: BTreeMap<u64, Pending>,
    pub(super) leases: u64,
    /// Arrivals come so many times as quickly, in tenths, until then.
    peak: (u64, Timestamp),
    pub(super) summary: VisitSummary,
}

impl<'a> VisitSimulation<'a> {
    pub(super) fn new(settings: VisitSettings, tell: Option<Tell<'a>>) -> Self {
        let mut random = Random::new(settings.seed);
        let world = WorldOfVisits::draw(&mut random);
        let holds = world
            .pools
            .iter()
            .map(|of| (of.pool.hold, of.site))
            .collect();
        let mut books = Books::new(world.numbers.len(), holds, world.late_call_window);
        for (n, of) in world.pools.iter().enumerate() {
            for &number in &of.members {
                books.moved(number, Some(n), None, None);
            }
        }
        Self {
            server: Server::new(world.pools.len(), settings.fault),
            settings,
            tell,
            random,
            world,
            books,
            overflow: OverflowBooks::default(),
            resting: BTreeMap::new(),
            timeline: Timeline::new(),
            now: BEGINS,
            clock_error: 0,
            visitors: Vec::new(),
            pending: BTreeMap::new(),
            leases: 0,
            peak: (10, BEGINS),
            summary: VisitSummary::new(),
        }
    }

    pub(super) fn run(mut self) -> Result<VisitSummary, VisitViolation> {
        self.timeline.add(self.now, Event::Arrives);
        for event in [
            Event::Clock,
            Event::Restarts,
            Event::Moves,
            Event::Timer,
            Event::Dials,
        ] {
            self.again(event);
        }
        let mut ends_at = None;
        while let Some((at, event)) = self.timeline.next() {
            if ends_at.is_some_and(|end| at > end) {
                break;
            }
            self.now = at;
            self.summary.events += 1;
            self.books.sees(self.clock());
            self.happens(event)?;
            if ends_at.is_none() && self.summary.visits == self.settings.visits {
                ends_at = Some(at + DRAINS_FOR);
            }
        }
        Ok(self.summary)
    }

    fn happens(&mut self, event: Event) -> Held {
        match event {
            Event::Arrives => self.arrives(),
            Event::Page(visit) => self.asks(visit),
            Event::Written(write) => {
                self.written(write);
                Ok(())
            }
            Event::Beat(visit, lease) => self.beats(visit, lease),
            Event::Releases(visit) => {
                self.releases(visit);
                Ok(())
            }
            Event::Calls(visit) => match self.visitors[place(visit)].credential {
                Some(credential) => self.called(place_of(credential.number), Some(visit)),
                None => Ok(()),
            },
            Event::Dials => {
                self.again(Event::Dials);
                let number = self.random.index(self.world.numbers.len().max(1));
                if number < self.world.numbers.len() {
                    self.called(number, None)?;
                }
                Ok(())
            }
            Event::Clock => {
                self.turns_clock();
                Ok(())
            }
            Event::Restarts => {
                self.restarts();
                Ok(())
            }
            Event::Moves => {
                self.again(event);
                self.moves()
            }
            Event::Timer => {
                self.again(event);
                self.ends_rests()
            }
        }
    }

    /// Once more after a while; the draws are the same however many visits come, so that a shorter run comes to the
    /// same point.
    fn again(&mut self, event: Event) {
        let span = self.world.span();
        let wait = match event {
            Event::Timer => (span / 2000).max(Duration::from_mins(1)),
            Event::Restarts => self.random.within(span / 5),
            Event::Moves => self.random.within(span / 40),
            Event::Dials => self.random.within(span / 400),
            _ => self.random.within(span / 30),
        };
        self.timeline.add(self.now + wait, event);
    }

    fn arrives(&mut self) -> Held {
        if self.now >= self.peak.1 {
            let pace = *self.random.one_of(&[2, 10, 10, 10, 30, 100]);
            self.peak = (pace, self.now + self.random.within(self.world.span() / 20));
        }
        let gap = self.world.mean_gap * 20 / u32::try_from(self.peak.0).unwrap_or(10);
        let gap = self.random.within(gap);
        if self.summary.visits == self.settings.visits {
            return Ok(());
        }
        self.timeline.add(self.now + gap, Event::Arrives);
        let visit = self.summary.visits;
        self.summary.visits += 1;

        let arrival = self.world.draw_arrival(visit, &mut self.random);
        let (source, pool) = Server::classify(&self.world, &arrival);
        if source != *arrival.source {
            let detail = format!("{arrival:?} is said to be {source:?}");
            return Err(self.violation((VisitInvariant::VisitsHaveTheirSource, detail)));
        }
        if pool != Some(arrival.pool) {
            let detail = format!("{arrival:?} is given to pool {pool:?}");
            return Err(self.violation((VisitInvariant::VisitsDrawFromTheirPool, detail)));
        }
        let hold = self.world.pools[arrival.pool].pool.hold;
        let stays = match self.random.below(10) {
            0 => self.random.within(Duration::from_mins(30)),
            _ => self.random.within(Duration::from_mins(4)),
        };
        self.visitors.push(Visitor {
            pool: arrival.pool,
            source: arrival.source,
            credential: None,
            overflow_until: BEGINS,
            leaves_at: self.now + stays,
        });
        self.asks(visit)?;
        let random = &mut self.random;
        let add =
            |timeline: &mut Timeline<Event>, wait, event| timeline.add(self.now + wait, event);
        for _ in 0..2 {
            if random.percent(20) {
                add(&mut self.timeline, random.within(stays), Event::Page(visit));
            }
            if random.percent(6) {
                add(
                    &mut self.timeline,
                    random.within(stays + hold),
                    Event::Calls(visit),
                );
            }
        }
        if random.percent(8) {
            // Long after: the number may be another's by then. Two tabs at once, now and then.
            let wait = random.within(hold * 3);
            add(&mut self.timeline, wait, Event::Page(visit));
            if random.percent(30) {
                add(
                    &mut self.timeline,
                    wait + random.within(Duration::from_millis(20)),
                    Event::Page(visit),
                );
            }
        }
        if random.percent(5) {
            add(&mut self.timeline, stays, Event::Releases(visit));
        }
        if random.percent(3) {
            add(
                &mut self.timeline,
                random.within(hold * 4),
                Event::Calls(visit),
            );
        }
        Ok(())
    }

    fn turns_clock(&mut self) {
        self.again(Event::Clock);
        let most = i64::try_from(self.world.clock_error.as_micros()).unwrap_or(0);
        let lot = i64::try_from(self.random.below(2_000_001)).unwrap_or(0) - 1_000_000;
        if most > 0 {
            self.clock_error = most / 1_000_000 * lot;
            self.summary.clock_jumps += 1;
            self.log("clock jumps", self.clock_error.unsigned_abs(), 0);
        }
    }

    /// The process ends in the midst of it: of the writes on their way the first ones became durable, and nobody heard.
    fn restarts(&mut self) {
        self.again(Event::Restarts);
        let durable = self.random.index(self.pending.len() + 1);
        for (_, pending) in std::mem::take(&mut self.pending).into_iter().take(durable) {
            let row = pending.row;
            let number = place_of(row.number);
            if row.overflow {
                self.overflow
                    .shown(number, row.id, row.visit, row.started_at);
            } else {
                self.books.durable(number, row.id, row.expires_at);
            }
            let source = Arc::clone(&self.visitors[place(pending.visit)].source);
            self.server.written(&self.world, pending.pool, row, &source);
        }
        let now = self.clock();
        self.server.restart(&self.world, now);
        self.books.restarted();
        self.summary.restarts += 1;
        self.log("restarts", 0, 0);
    }

    /// What the server takes for the time.
    pub(super) fn clock(&self) -> Timestamp {
        Timestamp::from_micros(self.now.as_micros() + self.clock_error)
    }

    /// True time since the world's beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.now.since(BEGINS)
    }

    /// A fault makes pools lease numbers that are no members.
    pub(super) fn fault_reads_all(&self) -> bool {
        self.settings.fault == Some(VisitFault::IgnoresQuarantine)
    }

    pub(super) fn log(&mut self, what: &str, one: u64, other: u64) {
        let clock = self.clock();
        let micros = u64::try_from(clock.as_micros()).unwrap_or(0);
        for part in [micros, one, other, what.len() as u64] {
            self.summary.log = (self.summary.log ^ part).wrapping_mul(0x0100_0000_01b3);
        }
        let at = self.now.since(BEGINS);
        if let Some(tell) = &mut self.tell {
            tell(at, &format!("{clock}  {what}: {one} {other}"));
        }
    }

    pub(super) fn violation(&self, (invariant, detail): Broken) -> VisitViolation {
        VisitViolation {
            invariant,
            seed: self.settings.seed,
            visits: self.summary.visits,
            detail,
        }
    }
}

pub(super) fn visit_id(visit: u64) -> VisitId {
    VisitId::new(BEGINS, visit.into())
}

pub(super) fn number_of(visit: VisitId) -> u64 {
    visit.0.as_u64_pair().1 & u64::from(u32::MAX)
}

pub(super) fn place(visit: u64) -> usize {
    usize::try_from(visit).expect("a world has few visits")
}
