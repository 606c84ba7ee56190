//! The last leases of each number, so that a call is attributed without a search through rows.

use parking_lot::Mutex;
use ringfence_model::{Duration, NumberId, Timestamp};
use ringfence_tracking::{RecentLease, RecentLeases};
use std::collections::HashMap;

const SHARDS: usize = 16;

/// By number; there are as many as the inventory has.
#[derive(Debug, Default)]
pub(crate) struct Recent([Mutex<HashMap<NumberId, RecentLeases>>; SHARDS]);

impl Recent {
    pub(crate) fn remember(&self, number: NumberId, lease: RecentLease, forget_before: Timestamp) {
        let mut shard = self.shard(number).lock();
        let leases = shard.entry(number).or_default();
        leases.remember(lease, forget_before);
    }

    pub(crate) fn with(&self, number: NumberId, act: impl FnOnce(&mut RecentLeases)) {
        if let Some(leases) = self.shard(number).lock().get_mut(&number) {
            act(leases);
        }
    }

    pub(crate) fn around(
        &self,
        number: NumberId,
        at: Timestamp,
        late_call_window: Duration,
    ) -> Vec<RecentLease> {
        let shard = self.shard(number).lock();
        let leases = shard.get(&number);
        leases.map_or_else(Vec::new, |leases| {
            leases.around(at, late_call_window).collect()
        })
    }

    /// The last octet of an identifier is random.
    fn shard(&self, number: NumberId) -> &Mutex<HashMap<NumberId, RecentLeases>> {
        &self.0[usize::from(number.0.as_bytes()[15]) % SHARDS]
    }
}
