//! Visits and leases as they are read; they are written through [`Db::write`].

use ringfence_model::{
    AccountId, ClickId, Lease, LeaseId, NumberId, PoolId, SiteId, Source, SourceKind, Timestamp,
    Visit, VisitId, VisitorId,
};

use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! visit_columns {
    () => {
        "id, account, site, visitor, started_at, seen_at, landing_page, referrer, source_kind, \
         source_name, campaign, keyword, utm, click_id_parameter, click_id_value, language, \
         device, address_prefix"
    };
}
pub(crate) use visit_columns;

macro_rules! lease_columns {
    () => {
        "id, account, pool, number, e164, visit, started_at, expires_at, overflow, nonce"
    };
}
pub(crate) use lease_columns;

const VISIT: &str = concat!(
    "SELECT ",
    visit_columns!(),
    " FROM visits WHERE account = $1 AND id = $2"
);
const LEASE: &str = concat!(
    "SELECT ",
    lease_columns!(),
    " FROM leases WHERE account = $1 AND id = $2"
);
const LIVE_LEASES: &str = concat!(
    "SELECT ",
    lease_columns!(),
    " FROM leases WHERE expires_at > $1 ORDER BY started_at, id"
);
const LEASES_FOR_NUMBER: &str = concat!(
    "SELECT l.*, v.* FROM (SELECT ",
    lease_columns!(),
    " FROM leases WHERE account = $1 AND number = $2 AND started_at <= $3 AND expires_at >= $4 \
     ORDER BY started_at DESC, id DESC LIMIT $5) AS l JOIN (SELECT ",
    visit_columns!(),
    " FROM visits) AS v ON v.account = l.account AND v.id = l.visit \
     ORDER BY l.started_at DESC, l.id DESC"
);
/// A lease never ends before it begins, so the index on its end finds it.
const SPENT_NONCES: &str = "SELECT nonce, started_at FROM leases \
    WHERE expires_at >= $1 AND started_at >= $1 AND nonce IS NOT NULL ORDER BY started_at, id";

impl Db {
    /// One visit.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn visit(
        &self,
        account: AccountId,
        visit: VisitId,
    ) -> Result<Option<Visit>, StoreError> {
        self.row(VISIT, args![account, visit], read_visit).await
    }
    /// One lease.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn lease(
        &self,
        account: AccountId,
        lease: LeaseId,
    ) -> Result<Option<Lease>, StoreError> {
        self.row(LEASE, args![account, lease], read_lease).await
    }
    /// Every lease of every account that has not ended at `now`, oldest first: what a start begins from.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn live_leases(&self, now: Timestamp) -> Result<Vec<Lease>, StoreError> {
        self.rows(LIVE_LEASES, args![now], read_lease).await
    }
    /// Leases of a number that began at or before `started_before` and had not ended by `expired_after`, with their
    /// visits, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn leases_for_number(
        &self,
        account: AccountId,
        number: NumberId,
        started_before: Timestamp,
        expired_after: Timestamp,
        limit: u32,
    ) -> Result<Vec<(Lease, Visit)>, StoreError> {
        let args = args![account, number, started_before, expired_after, limit];
        self.rows(LEASES_FOR_NUMBER, args, |row| {
            Ok((read_lease(row)?, read_visit(row)?))
        })
        .await
    }
    /// Nonces that were spent at or after `since`, and when, of every account.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn spent_nonces(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.rows(SPENT_NONCES, args![since], |row| {
            Ok((row.text()?, row.time()?))
        })
        .await
    }
}

fn read_visit(row: &mut Reader<'_>) -> Result<Visit, StoreError> {
    Ok(Visit {
        id: VisitId(row.uuid()?),
        account: AccountId(row.uuid()?),
        site: SiteId(row.uuid()?),
        visitor: VisitorId(row.uuid()?),
        started_at: row.time()?,
        seen_at: row.time()?,
        landing_page: row.text()?,
        referrer: row.optional_text()?,
        source: Source {
            kind: row.word(SourceKind::from_word)?,
            name: row.text()?,
            campaign: row.optional_text()?,
            keyword: row.optional_text()?,
        },
        utm: row.json()?,
        click_id: match (row.optional_text()?, row.optional_text()?) {
            (Some(parameter), Some(value)) => Some(ClickId { parameter, value }),
            _ => None,
        },
        language: row.optional_text()?,
        device: row.optional_text()?,
        address_prefix: row.optional_text()?,
    })
}

fn read_lease(row: &mut Reader<'_>) -> Result<Lease, StoreError> {
    Ok(Lease {
        id: LeaseId(row.uuid()?),
        account: AccountId(row.uuid()?),
        pool: PoolId(row.uuid()?),
        number: NumberId(row.uuid()?),
        e164: row.e164()?,
        visit: VisitId(row.uuid()?),
        started_at: row.time()?,
        expires_at: row.time()?,
        overflow: row.flag()?,
        nonce: row.optional_text()?,
    })
}
