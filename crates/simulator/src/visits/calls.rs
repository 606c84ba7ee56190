//! Calls: which lease each one falls into, and whether it is attributed to that.

use std::sync::Arc;

use ringfence_model::VisitId;

use super::pages::Within;
use super::simulation::{Held, VisitSimulation, number_of, place};

impl VisitSimulation<'_> {
    pub(super) fn called(&mut self, number: usize, by: Option<u64>) -> Held {
        let at = self.clock();
        let id = super::world::number_id(number);
        let (attribution, considered) = self.server.call(&self.world, id, at);
        self.log("is called", by.unwrap_or(u64::MAX), number as u64);
        let shared = self
            .world
            .pools
            .iter()
            .any(|of| of.pool.overflow == Some(id));
        let checked = if shared {
            self.summary.calls_shared += 1;
            let caller = by.map(|visit| &self.visitors[place(visit)]);
            let credential = caller
                .filter(|caller| caller.overflow_until > at)
                .and_then(|caller| caller.credential);
            match credential {
                Some(shown) => {
                    self.overflow
                        .called(number, shown.lease, at, &attribution, &considered)
                }
                None => Ok(()),
            }
        } else {
            let source_of = |visit: VisitId| {
                let visitor = self.visitors.get(place(number_of(visit)))?;
                Some(Arc::clone(&visitor.source))
            };
            let checked = self.books.called(number, at, &attribution, source_of);
            checked.map(|within| {
                let count = match within {
                    Within::Lease => &mut self.summary.calls_within_a_lease,
                    Within::Late => &mut self.summary.calls_late,
                    Within::Nobody => &mut self.summary.calls_of_nobody,
                    Within::Unsure => &mut self.summary.calls_behind_the_clock,
                };
                *count += 1;
            })
        };
        checked.map_err(|broken| self.violation(broken))
    }
}
