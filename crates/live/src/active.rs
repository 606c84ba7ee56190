//! Active calls, counted per key.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Counts per key; a key without active calls takes no room.
#[derive(Debug, Default, Clone)]
pub(crate) struct ActiveCounts(Arc<Mutex<HashMap<u128, u32>>>);

impl ActiveCounts {
    pub(crate) fn begin(&self, key: u128) -> ActiveGuard {
        *self.0.lock().entry(key).or_default() += 1;
        ActiveGuard {
            counts: self.clone(),
            key,
        }
    }

    pub(crate) fn active(&self, key: u128) -> u32 {
        self.0.lock().get(&key).copied().unwrap_or(0)
    }
}

/// Counts one call as active until it is dropped.
#[derive(Debug)]
pub struct ActiveGuard {
    counts: ActiveCounts,
    key: u128,
}

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_until_their_guard_is_dropped() {
        let counts = ActiveCounts::default();
        let one = counts.begin(1);
        let two = counts.begin(1);
        assert_eq!((counts.active(1), counts.active(2)), (2, 0));
        drop(one);
        assert_eq!(counts.active(1), 1);
        drop(two);
        assert!(counts.0.lock().is_empty());
    }
}
