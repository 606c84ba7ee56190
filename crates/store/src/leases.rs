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
        "id, account, pool, number, e164, visit, started_at, expires_at, overflow"
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
/// The same of one account.
const LIVE_LEASES_OF_ACCOUNT: &str = concat!(
    "SELECT ",
    lease_columns!(),
    " FROM leases WHERE account = $1 AND expires_at > $2 ORDER BY started_at, id"
);
/// The newest of a number's, however long ago they ended.
const LEASES_OF_NUMBER: &str = concat!(
    "SELECT ",
    lease_columns!(),
    " FROM leases WHERE account = $1 AND number = $2 AND started_at <= $3 \
     ORDER BY started_at DESC, id DESC LIMIT $4"
);
/// Written for as many visits as are asked for at once; an identifier that is asked for twice is found once.
const VISITS: &str = concat!(
    "SELECT ",
    visit_columns!(),
    " FROM visits WHERE account = $1 AND id IN ($2, $3, $4, $5, $6, $7, $8, $9)"
);
const VISITS_AT_ONCE: usize = 8;
/// A lease never ends before it begins, so the index on its end finds it.
const BEGUN_LEASES: &str = "SELECT id, started_at FROM leases \
    WHERE expires_at >= $1 AND started_at >= $1 ORDER BY started_at, id";
const ANY_VISIT: &str = "SELECT id FROM visits WHERE account = $1 LIMIT 1";

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
        self.written_row(VISIT, args![account, visit], read_visit)
            .await
    }
    /// Whether an account has a visit, of whatever time.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn has_visits(&self, account: AccountId) -> Result<bool, StoreError> {
        let any = self
            .written_row(ANY_VISIT, args![account], |row| Ok(VisitId(row.uuid()?)))
            .await?;
        Ok(any.is_some())
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
        self.written_row(LEASE, args![account, lease], read_lease)
            .await
    }
    /// Every lease of every account that has not ended at `now`, oldest first: what a start begins from.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn live_leases(&self, now: Timestamp) -> Result<Vec<Lease>, StoreError> {
        self.written_rows(LIVE_LEASES, args![now], read_lease).await
    }
    /// [`live_leases`](Self::live_leases) of one account.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn live_leases_of_account(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Vec<Lease>, StoreError> {
        let args = args![account, now];
        self.written_rows(LIVE_LEASES_OF_ACCOUNT, args, read_lease)
            .await
    }
    /// From now on a lease is only written, or moved on, when its number has no other lease at that time; else
    /// [`StoreError::NumberLeased`]. For servers that share their leases over one PostgreSQL: whatever they share it by,
    /// rows have the last word. Does nothing over SQLite, which one server has.
    pub fn guard_leases(&self) {
        self.writer().guard_leases();
    }
    /// The last leases of a number that began at or before `at`, the newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn leases_of_number(
        &self,
        account: AccountId,
        number: NumberId,
        at: Timestamp,
        limit: u32,
    ) -> Result<Vec<Lease>, StoreError> {
        let args = args![account, number, at, limit];
        self.written_rows(LEASES_OF_NUMBER, args, read_lease).await
    }
    /// The visits that exist of these, in no order.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn visits(
        &self,
        account: AccountId,
        visits: &[VisitId],
    ) -> Result<Vec<Visit>, StoreError> {
        let mut found = Vec::with_capacity(visits.len());
        for some in visits.chunks(VISITS_AT_ONCE) {
            let mut args = args![account];
            let padding = std::iter::repeat(&some[0]);
            args.extend(
                some.iter()
                    .chain(padding)
                    .take(VISITS_AT_ONCE)
                    .map(|visit| (*visit).into()),
            );
            found.extend(self.written_rows(VISITS, args, read_visit).await?);
        }
        Ok(found)
    }
    /// Leases of every account that began at or after `since`, and when, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn begun_leases(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(LeaseId, Timestamp)>, StoreError> {
        self.written_rows(BEGUN_LEASES, args![since], |row| {
            Ok((LeaseId(row.uuid()?), row.time()?))
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
    })
}
