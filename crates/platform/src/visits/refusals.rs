//! Refused number requests: counted by reason for the operator, and by site for its owner.

use std::collections::HashMap;

use parking_lot::Mutex;
use ringfence_fence::Refusal;
use ringfence_model::SiteId;

/// Sites whose refusals are told apart; further ones are counted for the operator only.
const SITES_MAX: usize = 10_000;

/// Counts since the program began.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<SiteId, HashMap<Refusal, u64>>>);

impl Refusals {
    pub(super) fn count(&self, site: Option<SiteId>, refusal: Refusal) {
        metrics::counter!("ringfence_number_refusals_total", "reason" => refusal.as_str())
            .increment(1);
        tracing::debug!(reason = refusal.as_str(), site = ?site, "no number is shown");
        let Some(site) = site else { return };
        let mut sites = self.0.lock();
        if sites.len() < SITES_MAX || sites.contains_key(&site) {
            *sites.entry(site).or_default().entry(refusal).or_default() += 1;
        }
    }

    /// Most frequent first.
    pub(super) fn of(&self, site: SiteId) -> Vec<(Refusal, u64)> {
        let mut counts: Vec<(Refusal, u64)> = self
            .0
            .lock()
            .get(&site)
            .map(|counts| {
                counts
                    .iter()
                    .map(|(&refusal, &count)| (refusal, count))
                    .collect()
            })
            .unwrap_or_default();
        counts.sort_by_key(|&(refusal, count)| (std::cmp::Reverse(count), refusal));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::Timestamp;

    #[test]
    fn the_most_frequent_reason_comes_first_and_sites_are_told_apart() {
        let refusals = Refusals::default();
        let site = |n| SiteId::new(Timestamp::from_micros(0), n);
        for refusal in [
            Refusal::HostNotProved,
            Refusal::TokenSpent,
            Refusal::TokenSpent,
        ] {
            refusals.count(Some(site(1)), refusal);
        }
        refusals.count(None, Refusal::UnknownSite);
        assert_eq!(
            refusals.of(site(1)),
            [(Refusal::TokenSpent, 2), (Refusal::HostNotProved, 1)]
        );
        assert!(refusals.of(site(2)).is_empty());
    }
}
