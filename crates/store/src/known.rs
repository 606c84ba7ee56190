//! Which rows are certain to exist, so that a batch that names them cannot be refused after it was acknowledged.
//!
//! A batch can fail for its own sake in two ways: a row that it points to is missing, or a row that it changes is. (Two
//! rows with one key are no failure: the later one changes nothing, or counts.) Sites, numbers, visits, leases and calls
//! are never deleted, so what once was there stays. What is not known here is no mistake: such a batch is asked of the
//! database itself, and known from then on.

use std::collections::HashMap;

use ringfence_model::AccountId;
use rusqlite::Connection;
use uuid::Uuid;

use crate::{StoreError, Write};

/// Rows of one kind that are remembered at least; twice as many at most.
const REMEMBERED: u32 = 131_072;

/// The rows that are known to exist.
#[derive(Debug, Default)]
pub(crate) struct Known {
    sites: Rows,
    numbers: Rows,
    leases: Rows,
    calls: Rows,
    legs: Rows,
    recordings: Rows,
}

impl Known {
    /// Learns what every visit and every call points to.
    pub fn begin(&mut self, connection: &Connection) -> Result<(), StoreError> {
        for (sql, rows) in [
            ("SELECT account, id FROM sites LIMIT ?1", &mut self.sites),
            (
                "SELECT account, id FROM tracking_numbers LIMIT ?1",
                &mut self.numbers,
            ),
        ] {
            let mut statement = connection.prepare(sql)?;
            let mut found = statement.query([2 * REMEMBERED])?;
            while let Some(row) = found.next()? {
                let id = |column| row.get::<_, [u8; 16]>(column).map(Uuid::from_bytes);
                rows.add(AccountId(id(0)?), id(1)?);
            }
        }
        Ok(())
    }

    /// Whether a batch cannot fail. Its own new rows count.
    pub fn proves(&mut self, writes: &[Write]) -> bool {
        writes.iter().all(|write| self.proves_one(write, writes))
    }

    fn proves_one(&mut self, write: &Write, batch: &[Write]) -> bool {
        match write {
            Write::Visit(visit) => self.sites.has(visit.account, visit.site.0),
            Write::Lease(lease) => {
                self.numbers.has(lease.account, lease.number.0)
                    && batch.iter().any(|other| {
                        matches!(other, Write::Visit(visit)
                            if visit.id == lease.visit && visit.account == lease.account)
                    })
            }
            Write::LeaseExtended { account, lease, .. }
            | Write::LeaseEnded { account, lease, .. } => {
                self.leases.has(*account, lease.0)
                    || batch.iter().any(|other| {
                        matches!(other, Write::Lease(new) if new.id == *lease && new.account == *account)
                    })
            }
            Write::CallBegun(call) => self.numbers.has(call.account, call.number.0),
            Write::CallEvent(event) => self.has_call(event.account, event.call.0, batch),
            Write::LegBegun(leg) => self.has_call(leg.account, leg.call.0, batch),
            Write::RecordingOpened(recording) => {
                self.has_call(recording.account, recording.call.0, batch)
            }
            Write::LegEnded { account, leg, .. } => {
                self.legs.has(*account, leg.0)
                    || batch.iter().any(|other| {
                        matches!(other, Write::LegBegun(new) if new.id == *leg && new.account == *account)
                    })
            }
            Write::CallAnswered { account, call, .. } | Write::CallEnded { account, call, .. } => {
                self.has_call(*account, call.0, batch)
            }
            Write::RecordingClosed {
                account, recording, ..
            } => {
                self.recordings.has(*account, recording.0)
                    || batch.iter().any(|other| {
                        matches!(other, Write::RecordingOpened(new)
                            if new.id == *recording && new.account == *account)
                    })
            }
        }
    }

    fn has_call(&mut self, account: AccountId, call: Uuid, batch: &[Write]) -> bool {
        self.calls.has(account, call)
            || batch.iter().any(|other| {
                matches!(other, Write::CallBegun(new) if new.id.0 == call && new.account == account)
            })
    }

    /// Remembers what a batch that was written proves.
    pub fn learn(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Visit(visit) => self.sites.add(visit.account, visit.site.0),
                Write::Lease(lease) => {
                    self.numbers.add(lease.account, lease.number.0);
                    self.leases.add(lease.account, lease.id.0);
                }
                Write::LeaseExtended { account, lease, .. }
                | Write::LeaseEnded { account, lease, .. } => self.leases.add(*account, lease.0),
                Write::CallBegun(call) => {
                    self.numbers.add(call.account, call.number.0);
                    self.calls.add(call.account, call.id.0);
                }
                Write::CallEvent(event) => self.calls.add(event.account, event.call.0),
                Write::LegBegun(leg) => self.legs.add(leg.account, leg.id.0),
                Write::RecordingOpened(recording) => {
                    self.recordings.add(recording.account, recording.id.0);
                }
                Write::CallAnswered { account, call, .. } => self.calls.add(*account, call.0),
                Write::LegEnded { .. }
                | Write::CallEnded { .. }
                | Write::RecordingClosed { .. } => {}
            }
        }
    }
}

/// Identifiers with their account. When there are many, those that were not looked up lately are forgotten.
#[derive(Debug, Default)]
struct Rows {
    newer: HashMap<Uuid, AccountId>,
    older: HashMap<Uuid, AccountId>,
}

impl Rows {
    fn has(&mut self, account: AccountId, id: Uuid) -> bool {
        if self.newer.get(&id) == Some(&account) {
            return true;
        }
        let known = self.older.get(&id) == Some(&account);
        if known {
            self.add(account, id);
        }
        known
    }

    fn add(&mut self, account: AccountId, id: Uuid) {
        if self.newer.len() >= REMEMBERED as usize {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(id, account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::Timestamp;

    #[test]
    fn what_is_looked_up_stays_and_the_rest_is_forgotten_in_the_end() {
        let account = AccountId::new(Timestamp::from_micros(0), 1);
        let stranger = AccountId::new(Timestamp::from_micros(0), 2);
        let mut rows = Rows::default();
        let id = |n: u32| Uuid::from_u128(n.into());
        for n in 0..REMEMBERED * 4 {
            rows.add(account, id(n));
            assert!(rows.has(account, id(0)), "{n}");
        }
        assert!(!rows.has(account, id(1)));
        assert!(!rows.has(stranger, id(0)));
        assert!(rows.newer.len() + rows.older.len() <= 2 * REMEMBERED as usize);
    }
}
