//! Rate limits per address prefix: the generic cell rate algorithm (ITU-T Rec. I.371) over bounded keys.

use parking_lot::Mutex;
use ringfence_model::{Duration, Timestamp};
use std::collections::HashMap;

/// A rate with a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests a minute that may go on for ever; 0 turns the limit off.
    pub per_minute: u32,
    /// Requests that may come at once after a quiet time, at least 1.
    pub burst: u32,
}

const SHARDS: usize = 16;
/// How often a full shard looks for keys that it may forget.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// For each key, the instant at which it would be as if it had never been seen.
#[derive(Debug)]
pub(crate) struct RateLimits {
    /// Between two requests at the rate; `None` without a limit.
    interval: Option<Duration>,
    tolerance: Duration,
    keys_per_shard: usize,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    quiet_at: HashMap<u64, Timestamp>,
    /// Keys that found no room share one allowance.
    others_quiet_at: Timestamp,
    last_sweep: Timestamp,
}

impl RateLimits {
    pub(crate) fn new(limit: RateLimit, keys: usize) -> Self {
        let interval = (limit.per_minute > 0).then(|| Duration::from_mins(1) / limit.per_minute);
        Self {
            interval,
            tolerance: interval.unwrap_or_default() * limit.burst.max(1),
            keys_per_shard: (keys / SHARDS).max(1),
            shards: Default::default(),
        }
    }

    pub(crate) fn within(&self, key: u64, now: Timestamp) -> bool {
        let Some(interval) = self.interval else {
            return true;
        };
        // Keys of neighbouring networks differ in their low bits (IPv4) or in high ones (IPv6).
        let spread = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60;
        let mut shard = self.shards[usize::try_from(spread).unwrap_or(0) % SHARDS].lock();
        let shard = &mut *shard;
        let known = shard.quiet_at.contains_key(&key);
        if !known && shard.quiet_at.len() >= self.keys_per_shard {
            shard.sweep(now);
        }
        let quiet_at = if known || shard.quiet_at.len() < self.keys_per_shard {
            shard.quiet_at.entry(key).or_insert(now)
        } else {
            &mut shard.others_quiet_at
        };
        if *quiet_at > now + self.tolerance {
            // Only a clock that was set back comes here: nobody is locked out for that.
            *quiet_at = now;
        }
        let next = (*quiet_at).max(now) + interval;
        let within = next <= now + self.tolerance;
        if within {
            *quiet_at = next;
        }
        within
    }
}

impl Shard {
    fn sweep(&mut self, now: Timestamp) {
        if now.since(self.last_sweep) >= SWEEP_EVERY || now < self.last_sweep {
            self.last_sweep = now;
            self.quiet_at.retain(|_, quiet_at| *quiet_at > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_micros(1_000_000_000 + ms * 1000)
    }

    fn limits(per_minute: u32, burst: u32, keys: usize) -> RateLimits {
        RateLimits::new(RateLimit { per_minute, burst }, keys)
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_rate() {
        let limits = limits(60, 3, 1000);
        let at_once = (0..10).filter(|_| limits.within(1, at(0))).count();
        assert_eq!(at_once, 3);
        assert!(!limits.within(1, at(999)));
        assert!(limits.within(1, at(1000)));
        assert!(!limits.within(1, at(1001)));
        let later = (0..10).filter(|_| limits.within(1, at(60_000))).count();
        assert_eq!(later, 3, "a quiet time brings the burst back, and no more");
    }

    #[test]
    fn networks_do_not_disturb_each_other() {
        let limits = limits(60, 1, 1000);
        assert!(limits.within(1, at(0)) && limits.within(2, at(0)));
        assert!(!limits.within(1, at(1)));
    }

    #[test]
    fn no_limit_lets_everything_through() {
        let limits = limits(0, 0, 10);
        assert!((0..1000).all(|_| limits.within(1, at(0))));
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out_for_long() {
        let limits = limits(60, 2, 1000);
        assert!(limits.within(1, at(3_600_000)));
        assert!(limits.within(1, at(0)) && limits.within(1, at(0)));
        assert!(!limits.within(1, at(0)), "the limit holds from there");
    }

    #[test]
    fn keys_are_bounded_and_forgotten_when_quiet() {
        let limits = limits(60, 1, 160);
        for key in 0..100_000 {
            limits.within(key, at(0));
        }
        let held: usize = limits.shards.iter().map(|s| s.lock().quiet_at.len()).sum();
        assert!(held <= 160, "{held}");
        let accepted = (200_000..200_160)
            .filter(|&key| limits.within(key, at(10_000)))
            .count();
        assert!(accepted > 80, "{accepted}: quiet keys made room");
    }
}
