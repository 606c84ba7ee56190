//! That no number has two live leases, asked of PostgreSQL in the transaction that writes them.
//!
//! Two servers that write leases of one number wait for each other at that number's row, so each sees what the other
//! wrote. It costs a group of writes two statements, however many leases it has.

use ringfence_model::{AccountId, Lease, LeaseId};

use crate::commit::Connection;
use crate::value::args;
use crate::{StoreError, Write};

/// Of leases that are written and of those that are moved on. Sorted, so that two servers wait and do not deadlock.
const LOCK_NUMBERS: &str = "SELECT 1 FROM tracking_numbers WHERE (account, id) IN ( \
        SELECT account::uuid, id::uuid \
        FROM unnest(string_to_array($1, ','), string_to_array($2, ',')) AS written (account, id) \
        UNION SELECT leases.account, leases.number FROM leases WHERE (leases.account, leases.id) IN ( \
            SELECT account::uuid, id::uuid \
            FROM unnest(string_to_array($3, ','), string_to_array($4, ',')) AS moved (account, id))) \
    ORDER BY account, id FOR NO KEY UPDATE";
/// A number's leases are one after another, so of those that began earlier only the last can overlap.
const OVERLAPPING: &str = "SELECT 1 FROM leases own WHERE (own.account, own.id) IN ( \
        SELECT account::uuid, id::uuid \
        FROM unnest(string_to_array($1, ','), string_to_array($2, ',')) AS asked (account, id)) \
    AND NOT own.overflow AND own.started_at < own.expires_at AND ( \
        (SELECT before.expires_at FROM leases before \
            WHERE before.account = own.account AND before.number = own.number AND before.id <> own.id \
            AND NOT before.overflow AND before.started_at <= own.started_at \
            ORDER BY before.started_at DESC LIMIT 1) > own.started_at \
        OR EXISTS (SELECT 1 FROM leases later \
            WHERE later.account = own.account AND later.number = own.number AND later.id <> own.id \
            AND NOT later.overflow AND later.started_at > own.started_at \
            AND later.started_at < own.expires_at AND later.started_at < later.expires_at)) \
    LIMIT 1";

/// What a group of writes does to leases.
#[derive(Debug, Default)]
pub(crate) struct LeaseGuard {
    /// Numbers of leases that are written, with their accounts.
    numbers: Pairs,
    /// Leases that are moved on.
    moved: Pairs,
    /// All of them.
    leases: Pairs,
}

/// Identifiers as PostgreSQL's `string_to_array` takes them.
#[derive(Debug, Default)]
struct Pairs {
    accounts: String,
    ids: String,
}

impl Pairs {
    fn add(&mut self, account: AccountId, id: uuid::Uuid) {
        for (list, id) in [(&mut self.accounts, account.0), (&mut self.ids, id)] {
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(&id.to_string());
        }
    }
}

impl LeaseGuard {
    /// Nothing where nobody asked for it.
    pub fn of<'w>(
        connection: &Connection,
        written: impl Iterator<Item = &'w Lease>,
        changes: &[&'w Write],
    ) -> Self {
        let mut guard = Self::default();
        if !matches!(connection, Connection::Postgres(_, true)) {
            return guard;
        }
        for lease in written.filter(|lease| !lease.overflow) {
            guard.numbers.add(lease.account, lease.number.0);
            guard.leases.add(lease.account, lease.id.0);
        }
        for write in changes {
            if let Write::LeaseExtended {
                account,
                lease: LeaseId(lease),
                ..
            } = write
            {
                guard.moved.add(*account, *lease);
                guard.leases.add(*account, *lease);
            }
        }
        guard
    }

    /// Before anything is written: until the transaction ends, nobody else writes leases of these numbers.
    pub async fn lock_numbers(&self, connection: &mut Connection) -> Result<(), StoreError> {
        if self.leases.ids.is_empty() {
            return Ok(());
        }
        let args = args![
            self.numbers.accounts.as_str(),
            self.numbers.ids.as_str(),
            self.moved.accounts.as_str(),
            self.moved.ids.as_str(),
        ];
        connection.execute(LOCK_NUMBERS, args).await.map(drop)
    }

    /// After everything was.
    ///
    /// # Errors
    /// [`StoreError::NumberLeased`] when one of these leases is not alone.
    pub async fn check(&self, connection: &mut Connection) -> Result<(), StoreError> {
        if self.leases.ids.is_empty() {
            return Ok(());
        }
        let args = args![self.leases.accounts.as_str(), self.leases.ids.as_str()];
        match connection.execute(OVERLAPPING, args).await? {
            0 => Ok(()),
            _ => Err(StoreError::NumberLeased),
        }
    }
}
