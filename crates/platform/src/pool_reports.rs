//! Are there enough numbers? Pools measured over the last seven days, against what Erlang's formula says of the same load.

use std::time::Duration;

use ringfence_model::{AccountId, NumberState, Pool, Timestamp};
use ringfence_store::{PoolLoad, StoreError};
use ringfence_tracking::OfferedLoad;

use crate::Platform;

/// Hours that are looked at, the present one included.
pub const HOURS: u32 = 7 * 24;
/// The share of visits without a number of their own that a pool is sized for.
pub const BLOCKING: f64 = 0.01;
/// A pool of which so much was in use at once, in percent, is near its end.
pub const NEAR_PERCENT: u64 = 90;

const HOUR_MINUTES: i64 = 60;

/// A pool, measured.
#[derive(Debug, Clone)]
pub struct PoolReport {
    /// The pool.
    pub pool: Pool,
    /// Its numbers that are in use or may be, without the overflow number.
    pub size: u64,
    /// Numbers that rest and come to it afterwards.
    pub resting: u64,
    /// Hour by hour, the oldest first; always [`HOURS`] of them.
    pub hours: Vec<PoolHour>,
    /// Its leases now.
    pub in_use: u64,
    /// What its busiest whole hour offered; `None` before there was one.
    pub load: Option<OfferedLoad>,
    /// When its first whole hour is over, where visits came and it is not yet.
    pub measured_from: Option<Timestamp>,
    /// The fewest numbers with which at most [`BLOCKING`] of the visits of such an hour find none of their own.
    pub needed: Option<u64>,
    /// The mean time for which a visit of those hours kept its number.
    pub kept: Option<Duration>,
}

/// An hour of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolHour {
    /// When it began.
    pub start: Timestamp,
    /// The most of its numbers that were leased in one minute.
    pub peak: u64,
    /// Visits that came to it.
    pub visits: u64,
    /// Visits that were shown its overflow number.
    pub overflow: u64,
}

impl PoolHour {
    /// What a chart of it has to hold.
    pub const fn shown(&self) -> u64 {
        self.peak + self.overflow
    }
}

/// How a pool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolState {
    /// It has no numbers of its own: a fixed number, or only an overflow number.
    Shared,
    /// There are enough.
    Enough,
    /// At least [`NEAR_PERCENT`] of it was in use at once within a day, or its busiest hour asks for more than it has.
    Near,
    /// Visits of the last day found no number of their own.
    Exhausted,
}

impl PoolReport {
    /// How it stands.
    pub fn state(&self) -> PoolState {
        let day = &self.hours[self.hours.len().saturating_sub(24)..];
        let peak = day.iter().map(|hour| hour.peak).max().unwrap_or(0);
        if self.size == 0 {
            PoolState::Shared
        } else if day.iter().any(|hour| hour.overflow > 0) {
            PoolState::Exhausted
        } else if peak * 100 >= self.size * NEAR_PERCENT
            || self.needed.is_some_and(|needed| needed > self.size)
        {
            PoolState::Near
        } else {
            PoolState::Enough
        }
    }

    /// Visits of all its hours, and those of them that were shown its overflow number.
    pub fn visits(&self) -> (u64, u64) {
        self.hours.iter().fold((0, 0), |(visits, overflow), hour| {
            (visits + hour.visits, overflow + hour.overflow)
        })
    }

    /// The most numbers that were leased in one minute.
    pub fn peak(&self) -> u64 {
        self.hours.iter().map(|hour| hour.peak).max().unwrap_or(0)
    }

    /// The most visits of one whole hour.
    pub fn busiest(&self) -> u64 {
        busiest(whole(&self.hours))
    }

    /// The share of visits without a number of their own that `numbers` would leave in such an hour.
    pub fn share_without(&self, numbers: u64) -> Option<f64> {
        let numbers = u32::try_from(numbers).unwrap_or(u32::MAX);
        self.load.map(|load| load.share_without(numbers))
    }
}

/// The hours that are over, from the first with a visit on; none before one of them was whole. The present hour is not
/// over, and the first one may have begun without the pool.
fn whole(hours: &[PoolHour]) -> &[PoolHour] {
    match first_used(hours) {
        Some(first) if first + 2 < hours.len() => &hours[first..hours.len() - 1],
        _ => &[],
    }
}

fn first_used(hours: &[PoolHour]) -> Option<usize> {
    hours.iter().position(|hour| hour.visits > 0)
}

fn busiest(hours: &[PoolHour]) -> u64 {
    hours.iter().map(|hour| hour.visits).max().unwrap_or(0)
}

impl Platform {
    /// The account's pools, measured until `now`, by name.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn pool_reports(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Vec<PoolReport>, StoreError> {
        let last = hour_of(now);
        let from = last - Duration::from_hours(u64::from(HOURS) - 1);
        let loads = self.db.pool_loads(account, from, now).await?;
        let numbers = self.db.numbers(account).await?;
        let empty = PoolLoad::default();
        let reports = self.db.pools(account).await?.into_iter().map(|pool| {
            let own = numbers
                .iter()
                .filter(|number| number.pool == Some(pool.id) && pool.overflow != Some(number.id));
            let (mut size, mut resting) = (0, 0);
            for number in own {
                match number.state {
                    NumberState::Quarantined => resting += 1,
                    NumberState::Released => {}
                    _ => size += 1,
                }
            }
            let load = loads.get(&pool.id).unwrap_or(&empty);
            measured(pool, size, resting, load, from)
        });
        Ok(reports.collect())
    }
}

fn measured(pool: Pool, size: u64, resting: u64, load: &PoolLoad, from: Timestamp) -> PoolReport {
    let first = minute_of(from);
    let mut leased = load.standing;
    let mut lengths = Vec::new();
    let hours: Vec<PoolHour> = (0..i64::from(HOURS))
        .map(|nth| {
            let start = first + nth * HOUR_MINUTES;
            let mut hour = PoolHour {
                start: from + Duration::from_hours(nth.unsigned_abs()),
                peak: leased,
                visits: 0,
                overflow: 0,
            };
            let mut kept = Duration::ZERO;
            for (_, minute) in load.minutes.range(start..start + HOUR_MINUTES) {
                let with_new = leased + minute.begun.saturating_sub(minute.overflow);
                leased = with_new.saturating_sub(minute.ended);
                // Within a minute a number may go from hand to hand; more than there are were never leased at once.
                hour.peak = hour.peak.max(with_new.min(size)).max(leased);
                hour.visits += minute.begun;
                hour.overflow += minute.overflow;
                kept += minute.length;
            }
            lengths.push(kept);
            hour
        })
        .collect();
    let first = first_used(&hours).unwrap_or(0);
    let whole = whole(&hours);
    let visits: u64 = whole.iter().map(|hour| hour.visits).sum();
    let busiest = busiest(whole);
    let kept: Duration = lengths.iter().skip(first).take(whole.len()).sum();
    let measured_from = (whole.is_empty() && hours[first].visits > 0)
        .then(|| hours[first].start + Duration::from_hours(2));
    let kept = u32::try_from(visits)
        .ok()
        .filter(|visits| *visits > 0)
        .map(|visits| kept / visits);
    let offered = kept.and_then(|kept| {
        #[expect(
            clippy::cast_precision_loss,
            reason = "visits of an hour are far fewer than 2^52"
        )]
        OfferedLoad::of_visits(busiest as f64, kept, Duration::ZERO).ok()
    });
    let needed = offered.and_then(|load| load.numbers_for(BLOCKING).ok());
    PoolReport {
        pool,
        size,
        resting,
        hours,
        in_use: leased,
        load: offered,
        measured_from,
        needed: needed.map(u64::from),
        kept,
    }
}

fn minute_of(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(60_000_000)
}

fn hour_of(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros().div_euclid(3_600_000_000) * 3_600_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::PoolId;
    use ringfence_store::PoolMinute;

    fn report(size: u64, load: &PoolLoad) -> PoolReport {
        let from = Timestamp::from_micros(0);
        let pool = Pool {
            id: PoolId::new(from, 1),
            account: AccountId::new(from, 1),
            name: "Web".into(),
            hold: Duration::from_mins(30),
            overflow: None,
            quarantine: Pool::QUARANTINE,
        };
        measured(pool, size, 0, load, from)
    }

    fn minute(begun: u64, overflow: u64, ended: u64) -> PoolMinute {
        PoolMinute {
            begun,
            overflow,
            length: Duration::from_mins(33 * begun),
            ended,
        }
    }

    #[test]
    fn hours_show_the_most_that_was_leased_at_once() {
        let load = PoolLoad {
            standing: 1,
            minutes: [
                (5, minute(2, 0, 0)),
                (70, minute(1, 0, 2)),
                // More come than there are numbers.
                (130, minute(4, 1, 3)),
            ]
            .into(),
        };
        let report = report(4, &load);
        let shown: Vec<_> = report.hours[..4]
            .iter()
            .map(|hour| (hour.peak, hour.visits, hour.overflow))
            .collect();
        assert_eq!(shown, [(3, 2, 0), (4, 1, 0), (4, 4, 1), (2, 0, 0)]);
        assert_eq!((report.in_use, report.peak(), report.busiest()), (2, 4, 4));
        assert_eq!(report.measured_from, None);
        assert_eq!(report.visits(), (7, 1));
        assert_eq!(report.kept, Some(Duration::from_mins(33)));
        assert_eq!(report.hours.len(), 168);
        // What is long over is no warning.
        assert_ne!(report.state(), PoolState::Exhausted);
    }

    #[test]
    fn the_busiest_hour_says_how_many_are_needed() {
        let hour = |start: i64| (start..start + 50).map(|at| (at, minute(4, 0, 0)));
        let load = PoolLoad {
            standing: 0,
            minutes: hour(60).collect(),
        };
        // 200 visits, 33 minutes each: 110 erlangs.
        let enough = report(200, &load);
        assert_eq!(enough.needed, Some(128));
        assert!(enough.share_without(10).unwrap() > 0.9);
        assert_eq!(report(127, &load).state(), PoolState::Near);
        assert_eq!(report(0, &load).state(), PoolState::Shared);
    }

    #[test]
    fn nothing_is_sized_by_an_hour_that_is_not_over_or_that_began_without_the_pool() {
        let last = i64::from(HOURS) - 1;
        let from = |first: i64| PoolLoad {
            standing: 0,
            minutes: (first..=last * 60 + 5)
                .map(|at| (at, minute(4, 0, 0)))
                .collect(),
        };
        let end_of = |hour: i64| Some(Timestamp::from_micros((hour + 1) * 3_600_000_000));
        // They came in this hour first, or at the end of the one before it.
        for (first, measured_from) in [(last * 60 + 1, last + 1), (last * 60 - 10, last)] {
            let report = report(100, &from(first));
            assert_eq!(
                (report.needed, report.kept, report.busiest()),
                (None, None, 0)
            );
            assert_eq!(report.measured_from, end_of(measured_from));
        }
        let report = report(100, &from((last - 1) * 60 - 10));
        assert_eq!(report.measured_from, None);
        assert_eq!(report.busiest(), 240);
        assert!(report.needed > Some(100));
    }

    #[test]
    fn the_last_day_says_how_a_pool_stands() {
        let last = (i64::from(HOURS) - 1) * 60;
        let of = |begun, overflow| PoolLoad {
            standing: 0,
            minutes: [(last, minute(begun, overflow, 0))].into(),
        };
        assert_eq!(report(100, &of(9, 0)).state(), PoolState::Enough);
        assert_eq!(report(100, &of(90, 0)).state(), PoolState::Near);
        assert_eq!(report(100, &of(101, 1)).state(), PoolState::Exhausted);
        assert_eq!(report(100, &PoolLoad::default()).state(), PoolState::Enough);
        assert_eq!(report(100, &PoolLoad::default()).needed, None);
    }
}
