//! What slows guesses down: failed sign-ins are remembered and cost ever more time; links are spent once.
//!
//! All of it in memory and bounded; a restart forgets.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use ringfence_model::Timestamp;
use tokio::sync::Semaphore;

/// Failures that cost nothing, per mail address and per network address.
const FREE_FAILURES: u32 = 5;

/// The longest that a failure locks out.
const LONGEST_LOCK: Duration = Duration::from_mins(15);

/// Who and where we remember failures of; the oldest are forgotten first.
const MOST_REMEMBERED: usize = 10_000;

/// Passwords that are hashed at the same time: each takes 19 MiB.
const HASHES_AT_ONCE: usize = 2;

/// Failed sign-ins and used links, in memory and bounded.
#[derive(Debug)]
pub struct SignIns {
    failures: Mutex<HashMap<String, Failures>>,
    used_links: Mutex<HashMap<[u8; 16], Timestamp>>,
    pub(super) hashing: Semaphore,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
    locked_until: Timestamp,
}

impl Default for SignIns {
    fn default() -> Self {
        Self::new()
    }
}

impl SignIns {
    /// Nobody has failed yet.
    pub fn new() -> Self {
        Self {
            failures: Mutex::new(HashMap::new()),
            used_links: Mutex::new(HashMap::new()),
            hashing: Semaphore::new(HASHES_AT_ONCE),
        }
    }

    pub(super) fn wait(&self, keys: &[String], now: Timestamp) -> Option<Duration> {
        wait_of(&self.failures.lock(), keys, now)
    }

    pub(super) fn failed(&self, keys: &[String], now: Timestamp) {
        count(&mut self.failures.lock(), keys, now);
    }

    /// Counts a try as failed before it is looked at, so that many at the same time are not each the first;
    /// [`succeeded`](Self::succeeded) takes it back. How long to wait where there were too many.
    pub(super) fn claim(&self, keys: &[String], now: Timestamp) -> Result<(), Duration> {
        let mut failures = self.failures.lock();
        if let Some(wait) = wait_of(&failures, keys, now) {
            return Err(wait);
        }
        count(&mut failures, keys, now);
        Ok(())
    }

    pub(super) fn succeeded(&self, keys: &[String]) {
        let mut failures = self.failures.lock();
        for key in keys {
            failures.remove(key);
        }
    }

    pub(super) fn spend_link(
        &self,
        nonce: [u8; 16],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> bool {
        let mut used = self.used_links.lock();
        used.retain(|_, expiry| *expiry > now);
        used.len() < MOST_REMEMBERED && used.insert(nonce, expires_at).is_none()
    }
}

fn wait_of(
    failures: &HashMap<String, Failures>,
    keys: &[String],
    now: Timestamp,
) -> Option<Duration> {
    keys.iter()
        .filter_map(|key| failures.get(key))
        .map(|known| known.locked_until.since(now))
        .max()
        .filter(|wait| !wait.is_zero())
}

fn count(failures: &mut HashMap<String, Failures>, keys: &[String], now: Timestamp) {
    for key in keys {
        if failures.len() >= MOST_REMEMBERED && !failures.contains_key(key) {
            forget_oldest(failures);
        }
        let known = failures.entry(key.clone()).or_insert(Failures {
            count: 0,
            last: now,
            locked_until: now,
        });
        if now.since(known.last) > LONGEST_LOCK * 4 {
            known.count = 0;
        }
        known.count = known.count.saturating_add(1);
        known.last = now;
        known.locked_until = now + lock_after(known.count);
    }
}

/// 1 s after the sixth failure, then doubling, up to [`LONGEST_LOCK`].
fn lock_after(count: u32) -> Duration {
    match count.checked_sub(FREE_FAILURES + 1) {
        None => Duration::ZERO,
        Some(doublings) => LONGEST_LOCK.min(Duration::from_secs(1 << doublings.min(20))),
    }
}

/// Makes room: the tenth that failed longest ago goes.
fn forget_oldest(failures: &mut HashMap<String, Failures>) {
    let mut times: Vec<_> = failures.values().map(|known| known.last).collect();
    times.sort_unstable();
    let cut = times[times.len() / 10];
    failures.retain(|_, known| known.last > cut);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_cost_ever_more_time() {
        let sign_ins = SignIns::new();
        let keys = ["mail a@example.com".to_string()];
        let now = Timestamp::from_micros(0);
        for _ in 0..FREE_FAILURES {
            sign_ins.failed(&keys, now);
        }
        assert_eq!(sign_ins.wait(&keys, now), None);
        sign_ins.failed(&keys, now);
        assert_eq!(sign_ins.wait(&keys, now), Some(Duration::from_secs(1)));
        for _ in 0..30 {
            sign_ins.failed(&keys, now);
        }
        assert_eq!(sign_ins.wait(&keys, now), Some(LONGEST_LOCK));
        assert_eq!(sign_ins.wait(&keys, now + LONGEST_LOCK), None);
        sign_ins.succeeded(&keys);
        assert_eq!(sign_ins.wait(&keys, now), None);
    }

    #[test]
    fn tries_at_the_same_time_are_counted_before_they_are_looked_at() {
        let sign_ins = SignIns::new();
        let keys = ["code of a".to_string()];
        let now = Timestamp::from_micros(0);
        let tried = (0..100).filter(|_| sign_ins.claim(&keys, now).is_ok());
        assert_eq!(tried.count(), FREE_FAILURES as usize + 1);
        assert_eq!(sign_ins.claim(&keys, now), Err(Duration::from_secs(1)));
        sign_ins.succeeded(&keys);
        assert_eq!(sign_ins.claim(&keys, now), Ok(()));
    }

    #[test]
    fn a_flood_of_names_does_not_grow_the_memory_of_failures() {
        let sign_ins = SignIns::new();
        for nth in 0..(2 * MOST_REMEMBERED) {
            let at = Timestamp::from_micros(i64::try_from(nth).unwrap());
            sign_ins.failed(&[format!("mail {nth}@example.com")], at);
        }
        assert!(sign_ins.failures.lock().len() <= MOST_REMEMBERED);
    }

    #[test]
    fn a_link_is_spent_once() {
        let sign_ins = SignIns::new();
        let now = Timestamp::from_micros(0);
        let later = now + Duration::from_mins(1);
        assert!(sign_ins.spend_link([1; 16], later, now));
        assert!(!sign_ins.spend_link([1; 16], later, now));
        assert!(sign_ins.spend_link([2; 16], later, now));
    }
}
