//! Spent nonces, remembered until their token has expired anyway.

use parking_lot::Mutex;
use ringfence_model::Timestamp;
use std::collections::{BTreeSet, HashMap};

use crate::LiveError;

/// Why a nonce could not be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpendError {
    /// It was spent before.
    #[error("expected a token that was not used before, got one that was; ask for a new one")]
    Spent,
    /// As many are remembered as may be; forgetting one would let its token be used twice.
    #[error("too many tokens were used in the last minutes; try again shortly")]
    Full,
    /// What several servers share cannot be used.
    #[error(transparent)]
    Live(#[from] LiveError),
}

const SHARDS: usize = 16;

#[derive(Debug)]
pub(crate) struct SpentNonces {
    per_shard: usize,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    spent: HashMap<[u8; 16], Timestamp>,
    by_expiry: BTreeSet<(Timestamp, [u8; 16])>,
}

impl SpentNonces {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            per_shard: (most / SHARDS).max(1),
            shards: Default::default(),
        }
    }

    pub(crate) fn spend(
        &self,
        nonce: [u8; 16],
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), SpendError> {
        let mut shard = self.shard(nonce).lock();
        while let Some(&(expiry, oldest)) = shard.by_expiry.first()
            && expiry <= now
        {
            shard.by_expiry.pop_first();
            shard.spent.remove(&oldest);
        }
        if shard.spent.contains_key(&nonce) {
            return Err(SpendError::Spent);
        }
        if shard.spent.len() >= self.per_shard {
            return Err(SpendError::Full);
        }
        shard.spent.insert(nonce, expires_at);
        shard.by_expiry.insert((expires_at, nonce));
        Ok(())
    }

    pub(crate) fn unspend(&self, nonce: [u8; 16]) {
        let mut shard = self.shard(nonce).lock();
        if let Some(expires_at) = shard.spent.remove(&nonce) {
            shard.by_expiry.remove(&(expires_at, nonce));
        }
    }

    /// Nonces begin with the time; their last octet is random and spreads them evenly.
    fn shard(&self, nonce: [u8; 16]) -> &Mutex<Shard> {
        &self.shards[usize::from(nonce[15]) % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn nonce(n: u128) -> [u8; 16] {
        n.to_le_bytes()
    }

    #[test]
    fn a_nonce_is_spent_once() {
        let nonces = SpentNonces::new(100);
        assert_eq!(nonces.spend(nonce(1), at(300), at(0)), Ok(()));
        assert_eq!(
            nonces.spend(nonce(1), at(300), at(299)),
            Err(SpendError::Spent)
        );
        nonces.unspend(nonce(1));
        assert_eq!(nonces.spend(nonce(1), at(300), at(299)), Ok(()));
    }

    #[test]
    fn nonces_of_one_moment_do_not_crowd_each_other_out() {
        let nonces = SpentNonces::new(16 * 200);
        for n in 0..16 * 100_u128 {
            // As tokens have them: the time first, chance last.
            let nonce = (0x01a2_0b24_aa64 << 80 | n).to_be_bytes();
            assert_eq!(nonces.spend(nonce, at(300), at(0)), Ok(()), "{n}");
        }
    }

    #[test]
    fn a_full_memory_refuses_instead_of_forgetting() {
        let nonces = SpentNonces::new(16);
        assert_eq!(nonces.spend(nonce(0), at(300), at(0)), Ok(()));
        assert_eq!(
            nonces.spend(nonce(256), at(300), at(0)),
            Err(SpendError::Full)
        );
        assert_eq!(
            nonces.spend(nonce(0), at(300), at(0)),
            Err(SpendError::Spent)
        );
        assert_eq!(
            nonces.spend(nonce(256), at(600), at(300)),
            Ok(()),
            "an expired one makes room"
        );
    }

    #[test]
    fn of_many_threads_that_spend_one_nonce_one_succeeds() {
        let nonces = SpentNonces::new(1000);
        let won = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| nonces.spend(nonce(7), at(300), at(0)).is_ok()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .filter(|won| *won)
                .count()
        });
        assert_eq!(won, 1);
    }
}
