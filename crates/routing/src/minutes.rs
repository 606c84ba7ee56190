//! Minutes that an account's calls to telephone numbers take: whoever steals a telephone dials numbers that cost, many at
//! a time. What is counted are begun minutes of whoever answered, as carriers bill them, and one for each number that
//! still rings, so that calls side by side are not all let through before the first of them has lasted.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use ringfence_model::{LegId, Timestamp};

/// The time over which minutes are counted.
pub const SPAN: Duration = Duration::from_hours(1);

const MINUTE: Duration = Duration::from_mins(1);
const MICROS: i64 = 60_000_000;

/// What one process has dialled of one account.
#[derive(Debug, Clone, Default)]
pub struct DialledMinutes {
    ringing: HashSet<LegId>,
    talking: HashMap<LegId, Talk>,
    /// Minutes of calls that began in each minute of the clock, by its number since 1970.
    begun: BTreeMap<i64, u32>,
    /// Those of them that nobody has been told of.
    changed: HashSet<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Talk {
    answered_at: Timestamp,
    counted: u32,
}

/// More minutes were dialled, or would be, than may be within an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverLimit {
    /// Those of the last hour, the one among them that a number which rings may take.
    pub minutes: u64,
    /// Those that may be.
    pub limit: u32,
}

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} minutes were dialled within an hour, and {} may be",
            self.minutes, self.limit
        )
    }
}

/// Whether `minutes` of the last hour are not too many; a limit of 0 is none.
///
/// # Errors
/// [`OverLimit`] when they are.
pub fn within_limit(minutes: u64, limit: u32) -> Result<(), OverLimit> {
    if limit == 0 || minutes <= u64::from(limit) {
        Ok(())
    } else {
        Err(OverLimit { minutes, limit })
    }
}

impl DialledMinutes {
    /// A number is rung.
    pub fn rings(&mut self, leg: LegId) {
        self.ringing.insert(leg);
    }

    /// Somebody answered there.
    pub fn answered(&mut self, leg: LegId, now: Timestamp) {
        if self.ringing.remove(&leg) {
            let talk = Talk {
                answered_at: now,
                counted: 0,
            };
            self.talking.insert(leg, talk);
            self.advance(now);
        }
    }

    /// It rings no more, or the talk is over.
    pub fn ended(&mut self, leg: LegId, now: Timestamp) {
        self.ringing.remove(&leg);
        if self.talking.contains_key(&leg) {
            self.advance(now);
            self.talking.remove(&leg);
        }
    }

    /// Counts what has begun until `now`, and forgets what is older than anybody asks for.
    pub fn advance(&mut self, now: Timestamp) {
        for talk in self.talking.values_mut() {
            let begun = now.since(talk.answered_at).as_micros() / MINUTE.as_micros() + 1;
            let begun = u32::try_from(begun).unwrap_or(u32::MAX);
            // After a pause of whatever length only the last hour is of use.
            let last_hour = begun.saturating_sub(61);
            for nth in talk.counted.max(last_hour)..begun {
                let minute = number_of(talk.answered_at + MINUTE * nth);
                *self.begun.entry(minute).or_default() += 1;
                self.changed.insert(minute);
            }
            talk.counted = talk.counted.max(begun);
        }
        let oldest = number_of(now - SPAN) - 1;
        self.begun.retain(|minute, _| *minute >= oldest);
        self.changed.retain(|minute| *minute >= oldest);
    }

    /// The minutes of the last hour until `now`, as far as they began after `since`, with one for each number that rings.
    pub fn within_the_hour(&self, now: Timestamp, since: Option<Timestamp>) -> u64 {
        let after = counted_after(now, since).as_micros();
        let begun = self.begun.iter();
        let begun = begun.filter(|(minute, _)| minute.saturating_mul(MICROS) > after);
        let begun: u64 = begun.map(|(_, minutes)| u64::from(*minutes)).sum();
        begun + self.ringing.len() as u64
    }

    /// The minutes of the clock whose count has changed since this was asked last: when each began, and its count.
    pub fn changed(&mut self) -> Vec<(Timestamp, u32)> {
        let changed = self.changed.drain();
        let changed = changed.filter_map(|minute| {
            let count = self.begun.get(&minute)?;
            Some((
                Timestamp::from_micros(minute.saturating_mul(MICROS)),
                *count,
            ))
        });
        changed.collect()
    }

    /// Has what [`changed`](Self::changed) told of told again: it could not be written.
    pub fn tell_again(&mut self, minutes: &[(Timestamp, u32)]) {
        let again = minutes.iter().map(|(began, _)| number_of(*began));
        self.changed.extend(again);
    }

    /// Whether there is nothing to be known of it.
    pub fn is_empty(&self) -> bool {
        self.ringing.is_empty() && self.talking.is_empty() && self.begun.is_empty()
    }
}

/// Minutes of the clock that began later are counted: those of the last hour, and after what `since` forgave.
pub fn counted_after(now: Timestamp, since: Option<Timestamp>) -> Timestamp {
    let hour = now - SPAN;
    since.map_or(hour, |since| since.max(hour))
}

fn number_of(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(1_764_000_000_000_000) + Duration::from_secs(seconds)
    }

    fn leg(n: u128) -> LegId {
        LegId::new(at(0), n)
    }

    #[test]
    fn begun_minutes_of_those_who_answered_are_counted_as_they_begin() {
        let mut dialled = DialledMinutes::default();
        dialled.rings(leg(1));
        assert_eq!(dialled.within_the_hour(at(30), None), 1, "it may be taken");
        dialled.answered(leg(1), at(30));
        assert_eq!(dialled.within_the_hour(at(30), None), 1);
        dialled.advance(at(89));
        assert_eq!(dialled.within_the_hour(at(89), None), 1);
        dialled.advance(at(90));
        assert_eq!(dialled.within_the_hour(at(90), None), 2);
        dialled.ended(leg(1), at(30 + 600));
        assert_eq!(dialled.within_the_hour(at(700), None), 11);
        dialled.ended(leg(1), at(900));
        assert_eq!(dialled.within_the_hour(at(900), None), 11, "ended once");
    }

    #[test]
    fn who_does_not_answer_takes_nothing() {
        let mut dialled = DialledMinutes::default();
        dialled.rings(leg(1));
        dialled.ended(leg(1), at(25));
        assert_eq!(dialled.within_the_hour(at(25), None), 0);
        assert!(dialled.is_empty());
        dialled.answered(leg(2), at(30));
        assert!(dialled.is_empty(), "nobody rang it");
    }

    #[test]
    fn a_hundred_calls_side_by_side_count_before_the_first_has_lasted() {
        let mut dialled = DialledMinutes::default();
        let mut rung = 0;
        for n in 0..100 {
            dialled.rings(leg(n));
            if within_limit(dialled.within_the_hour(at(0), None), 60).is_ok() {
                rung += 1;
            } else {
                dialled.ended(leg(n), at(0));
            }
        }
        assert_eq!(rung, 60);
        for n in 0..100 {
            dialled.answered(leg(n), at(5));
        }
        dialled.advance(at(65));
        assert_eq!(dialled.within_the_hour(at(65), None), 120);
    }

    #[test]
    fn minutes_are_counted_when_they_began_however_seldom_one_looks_and_for_an_hour() {
        let (mut often, mut seldom) = (DialledMinutes::default(), DialledMinutes::default());
        for dialled in [&mut often, &mut seldom] {
            dialled.rings(leg(1));
            dialled.answered(leg(1), at(7));
        }
        for second in 8..5_000 {
            often.advance(at(second));
        }
        seldom.advance(at(4_999));
        assert_eq!(
            often.within_the_hour(at(4_999), None),
            seldom.within_the_hour(at(4_999), None)
        );
        assert_eq!(often.within_the_hour(at(4_999), None), 60);
        often.ended(leg(1), at(5_000));
        assert_eq!(often.within_the_hour(at(5_000 + 3_700), None), 0);
        often.advance(at(5_000 + 3_700));
        assert!(often.is_empty(), "nothing is kept for ever");
    }

    #[test]
    fn what_was_forgiven_is_not_counted_and_what_changed_is_told_once() {
        let mut dialled = DialledMinutes::default();
        dialled.rings(leg(1));
        dialled.answered(leg(1), at(0));
        dialled.advance(at(299));
        assert_eq!(dialled.within_the_hour(at(299), None), 5);
        assert_eq!(dialled.within_the_hour(at(299), Some(at(299))), 0);
        dialled.advance(at(400));
        let since = Some(at(299));
        assert_eq!(dialled.within_the_hour(at(400), since), 2);
        let told = dialled.changed();
        assert_eq!(told.iter().map(|(_, count)| count).sum::<u32>(), 7);
        assert_eq!(dialled.changed(), []);
        dialled.tell_again(&told);
        assert_eq!(dialled.changed().len(), told.len());
    }

    #[test]
    fn no_limit_is_zero() {
        assert_eq!(within_limit(1_000_000, 0), Ok(()));
        assert_eq!(within_limit(600, 600), Ok(()));
        let over = within_limit(601, 600).unwrap_err();
        assert_eq!(
            over.to_string(),
            "601 minutes were dialled within an hour, and 600 may be"
        );
    }
}
