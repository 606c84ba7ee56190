//! What browsers ask for: a number, another while of it, and to be rid of it; and what becomes durable of it.

use std::sync::Arc;
use std::time::Duration;

use ringfence_model::{LeaseId, Timestamp, VisitId};

use super::server::{Credential, Placed, Server};
use super::simulation::{Event, Held, Pending, VisitSimulation, place, visit_id};
use super::world::place_of;

/// Pools up to this size are searched for a free number whenever one is said to have none; larger ones now and then.
const SEARCHED_ALWAYS: usize = 64;

impl VisitSimulation<'_> {
    /// A page asks for a number: a new one, or the one that the visit has.
    pub(super) fn asks(&mut self, visit: u64) -> Held {
        let (now, elapsed) = (self.clock(), self.elapsed());
        self.leases += 1;
        let (id, lease) = (visit_id(visit), LeaseId::new(now, self.leases.into()));
        let wanted = self.visitors[place(visit)].pool;
        let (pool, placed) = self.server.place(&self.world, wanted, id, lease, now);
        let (kept, number, began, ends) = match placed {
            Placed::New(held) => {
                self.summary.new_leases += 1;
                self.log("is given", visit, place_of(held.number) as u64);
                let given = (id, held.lease, pool);
                let number = place_of(held.number);
                let checked = self
                    .books
                    .given(number, given, now, held.expires_at, elapsed);
                checked.map_err(|broken| self.violation(broken))?;
                (held.lease, held.number, held.started_at, held.expires_at)
            }
            Placed::Kept(held) => {
                self.summary.kept_leases += 1;
                self.log("keeps", visit, place_of(held.number) as u64);
                let kept = (id, held.lease);
                let number = place_of(held.number);
                let checked = self.books.kept(number, kept, now, held.expires_at, elapsed);
                checked.map_err(|broken| self.violation(broken))?;
                (held.lease, held.number, held.started_at, held.expires_at)
            }
            Placed::Overflow(_) | Placed::Exhausted => {
                self.log("finds none free", visit, pool as u64);
                self.finds_none(id, pool, now)?;
                let Placed::Overflow(number) = placed else {
                    self.summary.without_number += 1;
                    return Ok(());
                };
                self.summary.overflow_leases += 1;
                (lease, number, now, now + self.world.pools[pool].pool.hold)
            }
        };
        let overflow = matches!(placed, Placed::Overflow(_));
        let row = Server::row(&self.world, id, kept, number, (began, ends), overflow);
        let pending = Pending {
            visit,
            pool,
            placed,
            row,
        };
        self.pending.insert(self.leases, pending);
        let wait = self.random.within(Duration::from_millis(50));
        self.timeline
            .add(self.now + wait, Event::Written(self.leases));
        Ok(())
    }

    fn finds_none(&mut self, visit: VisitId, pool: usize, now: Timestamp) -> Held {
        self.summary.found_none += 1;
        let members = &self.world.pools[pool].members;
        let searched =
            members.len() <= SEARCHED_ALWAYS || self.summary.found_none.is_multiple_of(50);
        let members = members.iter().take(if searched { usize::MAX } else { 0 });
        let checked = self.books.exhausted(visit, members, now, self.elapsed());
        checked.map_err(|broken| self.violation(broken))
    }

    /// The rows of a number request are durable and the visitor sees the number, or they never will be.
    pub(super) fn written(&mut self, write: u64) {
        let Some(pending) = self.pending.remove(&write) else {
            return;
        };
        let Pending {
            visit,
            pool,
            placed,
            row,
        } = pending;
        let number = place_of(row.number);
        if self.random.below(1000) < self.world.failures {
            self.summary.failed_writes += 1;
            self.server.failed(&self.world, pool, &placed);
            if let Placed::New(held) = placed {
                self.books.undone(number, held.lease);
            }
            return;
        }
        let visitor = &mut self.visitors[place(visit)];
        let credential = Credential {
            lease: row.id,
            number: row.number,
            pool,
            overflow: row.overflow,
        };
        visitor.credential = Some(credential);
        if row.overflow {
            visitor.overflow_until = row.expires_at;
            self.overflow
                .shown(number, row.id, row.visit, row.started_at);
        } else {
            self.books.durable(number, row.id, row.expires_at);
        }
        let source = Arc::clone(&visitor.source);
        self.server.written(&self.world, pool, row, &source);
        self.server.doubts(&self.world, pool, &placed);
        self.beats_later(visit, credential);
    }

    fn beats_later(&mut self, visit: u64, credential: Credential) {
        let hold = self.world.pools[credential.pool].pool.hold;
        let wait = (hold / 10).clamp(Duration::from_secs(5), Duration::from_mins(1));
        if self.now + wait < self.visitors[place(visit)].leaves_at {
            let beat = Event::Beat(visit, credential.lease);
            self.timeline.add(self.now + wait, beat);
        }
    }

    pub(super) fn beats(&mut self, visit: u64, lease: LeaseId) -> Held {
        let visitor = &self.visitors[place(visit)];
        // Another page of the visit has another lease by now, and beats for itself.
        let Some(credential) = visitor.credential.filter(|known| known.lease == lease) else {
            return Ok(());
        };
        let (now, elapsed, id) = (self.clock(), self.elapsed(), visit_id(visit));
        let durable = self.random.below(1000) >= self.world.failures;
        let ends = self.server.beat(&self.world, id, &credential, now, durable);
        let number = place_of(credential.number);
        self.summary.beats += 1;
        self.log("beats", visit, number as u64);
        let checked = match ends {
            None => {
                self.summary.refused_beats += 1;
                self.books.refused(id, lease, now)
            }
            Some(ends) if credential.overflow => {
                if durable {
                    self.visitors[place(visit)].overflow_until = ends;
                }
                Ok(())
            }
            Some(ends) => self.books.extended(number, (id, lease), now, ends, elapsed),
        };
        checked.map_err(|broken| self.violation(broken))?;
        match ends {
            Some(ends) => {
                if durable && !credential.overflow {
                    self.books.durable(number, lease, ends);
                }
                self.beats_later(visit, credential);
                Ok(())
            }
            // The tag asks anew.
            None => self.asks(visit),
        }
    }

    pub(super) fn releases(&mut self, visit: u64) {
        let now = self.clock();
        if self.pending.values().any(|pending| pending.visit == visit) {
            // Writes become durable in their order.
            let wait = Duration::from_millis(50);
            self.timeline.add(self.now + wait, Event::Releases(visit));
            return;
        }
        let Some(credential) = self.visitors[place(visit)].credential.take() else {
            return;
        };
        self.log("gives back", visit, place_of(credential.number) as u64);
        let id = visit_id(visit);
        self.server.end(&self.world, id, &credential, now);
        self.summary.released += 1;
        if !credential.overflow {
            self.books
                .released(place_of(credential.number), credential.lease, now);
        }
    }
}
