//! Wrong passwords, counted by whoever sent them or whomever they were for: too many, and they are not heard for a
//! time. Bounded: beyond the most that are remembered, those who guessed longest ago are forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How much guessing is too much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Wrong answers before there is a ban.
    pub most: u32,
    /// They count together when no longer than this lies between two of them, and a ban ends after it.
    pub window: Duration,
    /// Guessers that are remembered.
    pub remembered: usize,
}

/// Guesses of each `K`.
pub(crate) struct Guesses<K> {
    patience: Patience,
    guessers: Mutex<HashMap<K, Guesser>>,
}

struct Guesser {
    count: u32,
    last: Instant,
}

impl<K: Hash + Eq + Clone> Guesses<K> {
    pub(crate) fn new(patience: Patience) -> Self {
        Self {
            patience,
            guessers: Mutex::default(),
        }
    }

    /// Whether somebody is not to be heard at `now`.
    pub(crate) fn is_banned(&self, who: &K, now: Instant) -> bool {
        let guessers = self.guessers.lock();
        guessers.get(who).is_some_and(|guesser| {
            guesser.count >= self.patience.most && self.is_fresh(guesser, now)
        })
    }

    /// Counts a wrong answer; whether it was the one too many.
    pub(crate) fn count(&self, who: &K, now: Instant) -> bool {
        let mut guessers = self.guessers.lock();
        if guessers.len() >= self.patience.remembered && !guessers.contains_key(who) {
            guessers.retain(|_, guesser| self.is_fresh(guesser, now));
            let oldest = guessers.iter().min_by_key(|(_, guesser)| guesser.last);
            if let Some(oldest) = oldest.map(|(who, _)| who.clone())
                && guessers.len() >= self.patience.remembered
            {
                guessers.remove(&oldest);
            }
        }
        let guesser = guessers.entry(who.clone()).or_insert(Guesser {
            count: 0,
            last: now,
        });
        guesser.count = if self.is_fresh(guesser, now) {
            guesser.count.saturating_add(1)
        } else {
            1
        };
        guesser.last = now;
        guesser.count == self.patience.most
    }

    /// Forgets whoever has proved a password.
    pub(crate) fn forget(&self, who: &K) {
        self.guessers.lock().remove(who);
    }

    fn is_fresh(&self, guesser: &Guesser, now: Instant) -> bool {
        now.saturating_duration_since(guesser.last) < self.patience.window
    }
}

/// The address that stands for all that one party has: of IPv6 a /64 (RFC 6177).
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let network = u128::from(six) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        most: 3,
        window: Duration::from_secs(10),
        remembered: 2,
    };

    #[test]
    fn too_many_are_banned_and_the_ban_ends() {
        let guesses = Guesses::new(PATIENCE);
        let now = Instant::now();
        let counted: Vec<bool> = (0..4).map(|_| guesses.count(&1, now)).collect();
        assert_eq!(counted, [false, false, true, false], "it is told once");
        assert!(guesses.is_banned(&1, now));
        assert!(!guesses.is_banned(&2, now));
        let later = now + PATIENCE.window;
        assert!(!guesses.is_banned(&1, later));
        assert!(!guesses.count(&1, later), "the count begins afresh");
        guesses.forget(&1);
        assert!(!guesses.is_banned(&1, later));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_oldest() {
        let guesses = Guesses::new(PATIENCE);
        let now = Instant::now();
        for (at, who) in (0..).zip([1, 1, 1, 2, 3]) {
            guesses.count(&who, now + Duration::from_millis(at));
        }
        assert_eq!(guesses.guessers.lock().len(), 2);
        assert!(!guesses.is_banned(&1, now), "the oldest is forgotten");
    }

    #[test]
    fn a_network_of_ipv6_is_one_party() {
        let of = |text: &str| neighbourhood(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.2"), of("192.0.2.1"));
    }
}
