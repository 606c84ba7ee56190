//! The breaker of a target: after several failures in a row it keeps calls away, then lets one through to see.

use std::time::Duration;

use ringfence_model::Timestamp;

/// Failures in a row that open a breaker.
const FAILURES_TO_OPEN: u32 = 3;

/// The first pause; each further one in a row is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// A probe of which nothing was heard for so long is given up, and the next call may be one.
const PROBE_FOR: Duration = Duration::from_secs(90);

/// Whether calls may go to a target, by how the last ones went.
///
/// A failure is an error of the far side or not a word from it: 5xx, a broken connection, no response. Busy, declined and
/// no answer are not, for a person may do that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    /// Failures in a row while closed.
    failures: u32,
    /// Pauses in a row.
    pauses: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    Open {
        until: Timestamp,
    },
    /// One call may find out; while `probed_until` has not come, one is at it.
    HalfOpen {
        probed_until: Option<Timestamp>,
    },
}

/// What a breaker says to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Go ahead.
    Free,
    /// Go ahead alone: tell [`Breaker::probe`] first.
    Probe,
    /// Not before this instant, if nothing happens until then.
    Refused {
        /// When to ask again.
        until: Timestamp,
    },
}

impl Breaker {
    /// What a call that comes now is told.
    pub fn admission(&self, now: Timestamp) -> Admission {
        match self.state {
            State::Closed => Admission::Free,
            State::Open { until }
            | State::HalfOpen {
                probed_until: Some(until),
            } if now < until => Admission::Refused { until },
            State::Open { .. } | State::HalfOpen { .. } => Admission::Probe,
        }
    }

    /// A call goes there as the probe. `false` when it may not.
    pub fn probe(&mut self, now: Timestamp) -> bool {
        let may = self.admission(now) == Admission::Probe;
        if may {
            self.state = State::HalfOpen {
                probed_until: Some(now + PROBE_FOR),
            };
        }
        may
    }

    /// A call got through: somebody answered, was busy, declined, or let it ring.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A call failed.
    pub fn failed(&mut self, now: Timestamp) {
        match self.state {
            State::Closed => {
                self.failures += 1;
                if self.failures >= FAILURES_TO_OPEN {
                    self.open(now);
                }
            }
            State::HalfOpen { .. } => self.open(now),
            // A call from before the pause; it says nothing new.
            State::Open { .. } => {}
        }
    }

    /// An OPTIONS request was answered (RFC 3261 §11), or not.
    ///
    /// An answer does not close the breaker, for it does not prove that calls get through; it lets one try at once.
    pub fn pinged(&mut self, answered: bool, now: Timestamp) {
        match (answered, self.state) {
            (true, State::Open { .. }) => {
                self.state = State::HalfOpen { probed_until: None };
            }
            (false, State::Closed) => self.failed(now),
            // No call need suffer for what is known.
            (false, State::Open { .. } | State::HalfOpen { probed_until: None }) => self.wait(now),
            (true, State::Closed | State::HalfOpen { .. })
            | (
                false,
                State::HalfOpen {
                    probed_until: Some(_),
                },
            ) => {}
        }
    }

    fn open(&mut self, now: Timestamp) {
        self.pauses = self.pauses.saturating_add(1);
        self.wait(now);
    }

    fn wait(&mut self, now: Timestamp) {
        let doublings = self.pauses.saturating_sub(1).min(10);
        self.failures = 0;
        self.state = State::Open {
            until: now + (FIRST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES_TO_OPEN {
            breaker.failed(at(0));
        }
        breaker
    }

    #[test]
    fn three_failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let mut breaker = Breaker::default();
        breaker.failed(at(0));
        breaker.failed(at(0));
        breaker.succeeded();
        breaker.failed(at(0));
        breaker.failed(at(0));
        assert_eq!(breaker.admission(at(0)), Admission::Free);
        breaker.failed(at(0));
        let until = at(30);
        assert_eq!(breaker.admission(at(29)), Admission::Refused { until });
    }

    #[test]
    fn after_the_pause_one_call_probes_and_the_others_keep_away() {
        let mut breaker = opened();
        assert_eq!(breaker.admission(at(30)), Admission::Probe);
        assert!(breaker.probe(at(30)));
        assert!(!breaker.probe(at(31)), "a second probe was let through");
        breaker.succeeded();
        assert_eq!(breaker.admission(at(32)), Admission::Free);
    }

    #[test]
    fn a_probe_that_fails_doubles_the_pause_up_to_ten_minutes() {
        let mut breaker = opened();
        let mut now = at(0);
        for pause in [30, 60, 120, 240, 480, 600, 600] {
            let until = now + Duration::from_secs(pause);
            assert_eq!(breaker.admission(now), Admission::Refused { until });
            now = until;
            assert!(breaker.probe(now));
            breaker.failed(now);
        }
    }

    #[test]
    fn a_probe_that_is_never_heard_of_again_does_not_close_the_way_for_ever() {
        let mut breaker = opened();
        assert!(breaker.probe(at(30)));
        assert_eq!(
            breaker.admission(at(119)),
            Admission::Refused { until: at(120) }
        );
        assert!(breaker.probe(at(120)));
    }

    #[test]
    fn an_answered_options_lets_a_call_probe_at_once_and_a_lost_one_puts_it_off() {
        let mut breaker = opened();
        breaker.pinged(true, at(1));
        assert_eq!(breaker.admission(at(1)), Admission::Probe);
        breaker.pinged(false, at(2));
        assert_eq!(
            breaker.admission(at(2)),
            Admission::Refused { until: at(32) }
        );
    }

    #[test]
    fn lost_options_alone_open_it() {
        let mut breaker = Breaker::default();
        for second in 0..3 {
            assert_eq!(breaker.admission(at(second)), Admission::Free);
            breaker.pinged(false, at(second));
        }
        assert_eq!(
            breaker.admission(at(3)),
            Admission::Refused { until: at(32) }
        );
    }

    proptest! {
        #[test]
        fn whatever_happens_it_never_stays_shut_for_more_than_the_longest_pause(
            events in proptest::collection::vec((0..5u8, 0..400i64), 0..60),
        ) {
            let mut breaker = Breaker::default();
            let mut now = at(0);
            for (event, seconds) in events {
                now = now + Duration::from_secs(seconds.unsigned_abs());
                match event {
                    0 => breaker.failed(now),
                    1 => breaker.succeeded(),
                    2 => breaker.pinged(true, now),
                    3 => breaker.pinged(false, now),
                    _ => { breaker.probe(now); }
                }
                if let Admission::Refused { until } = breaker.admission(now) {
                    prop_assert!(until.since(now) <= LONGEST_PAUSE);
                    prop_assert_eq!(breaker.admission(until), Admission::Probe);
                }
            }
        }
    }
}
