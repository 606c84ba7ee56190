//! Erasing what is known of somebody, on request: what would go, and doing it.
//!
//! It is done a batch at a time, so that nobody's call waits for more than one, and each batch is whole: whoever is
//! stopped between two has erased less, and asks again. Files of recordings go last, see `retention.rs`.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use hmac::{Hmac, Mac};
use ringfence_model::{AccountId, AuditObject, Call, E164, Timestamp};
pub use ringfence_model::{Erased, ErasedBy, Whose};
pub use ringfence_store::Erasable;
use ringfence_store::{Db, StoreError};
use serde_json::json;
use sha2::Sha256;
use uuid::Uuid;

use crate::Platform;
use crate::audit::{Change, acting, actor, object};
use crate::retention::FilesRemoved;

/// Calls or visits that are erased in one transaction.
const BATCH: u32 = 100;

/// What was erased of somebody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erasure {
    /// Calls.
    pub calls: u64,
    /// Visits.
    pub visits: u64,
    /// Recordings and messages whose files are gone.
    pub recordings: u64,
    /// Recordings and messages that nobody hears any more and whose files are still to go: a running server goes on.
    pub recordings_left: u64,
    /// Calls under way, which were left alone.
    pub under_way: u64,
}

/// Who made a call: whoever calls from its number, or when that was withheld, of this call alone.
pub fn caller_of(call: &Call) -> Whose {
    match &call.caller {
        Some(number) => Whose::Caller(number.clone()),
        None => Whose::Call(call.id),
    }
}

impl Platform {
    /// What of somebody would be erased at `now`.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn erasable(
        &self,
        account: AccountId,
        whose: &Whose,
        now: Timestamp,
    ) -> Result<Erasable, StoreError> {
        self.db.erasable(account, whose, now).await
    }

    /// Erases everything that is known of somebody, but for calls under way. The entry in the audit log does not say who
    /// it was: see [`Platform::erasure_object`]. It goes on when nobody waits for it any more.
    ///
    /// # Errors
    /// When rows cannot be read or written; what was erased so far stays erased, and asking again goes on.
    pub async fn erase(
        self: &Arc<Self>,
        account: AccountId,
        whose: Whose,
        now: Timestamp,
    ) -> Result<Erasure, StoreError> {
        let platform = Arc::clone(self);
        let work = async move { platform.erase_of(account, &whose, now).await };
        let work = tokio::spawn(acting(actor(), work));
        work.await
            .map_err(|error| StoreError::Unavailable(format!("erasing stopped: {error}")))?
    }

    /// The number in the setup of an account, in words, where it is not erased: plans and targets.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn setup_with_number(
        &self,
        account: AccountId,
        number: &E164,
    ) -> Result<Vec<String>, StoreError> {
        self.db.setup_with_number(account, number).await
    }

    /// What the audit log calls somebody who was erased. A caller's number is not in it: its identifier is a keyed hash
    /// of account and number, so that who has the number and this server can find the entry, and nobody gets from the
    /// entry to the number without the master key.
    pub fn erasure_object(&self, account: AccountId, whose: &Whose) -> AuditObject {
        match whose {
            Whose::Caller(number) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(&self.keys.erasures)
                    .expect("HMAC takes a key of any length");
                mac.update(account.0.as_bytes());
                mac.update(number.as_str().as_bytes());
                let hash: [u8; 32] = mac.finalize().into_bytes().into();
                let (first, _) = hash.split_first_chunk::<16>().expect("32 octets");
                object("caller", Uuid::from_bytes(*first), "somebody who called")
            }
            Whose::Call(call) => object("call", call.0, "who made a call"),
            Whose::Visit(visit) => object("visit", visit.0, "who made a visit"),
        }
    }

    async fn erase_of(
        &self,
        account: AccountId,
        whose: &Whose,
        now: Timestamp,
    ) -> Result<Erasure, StoreError> {
        let found = self.db.erasable(account, whose, now).await?;
        let mut done = Erasure {
            under_way: found.under_way,
            ..Erasure::default()
        };
        let object = self.erasure_object(account, whose);
        let change = Change::new(account, "person.erase", object).after(json!({
            "calls": found.calls,
            "recordings": found.recordings,
            "visits": found.visits,
        }));
        let mut audited = Audited {
            first: Some(change),
            platform: self,
        };
        // Visits of a caller are found by the calls, calls of a visitor by the visits: what is found by goes last.
        match whose {
            Whose::Caller(_) | Whose::Call(_) => {
                done.visits = self
                    .erase_visits_of_somebody(account, whose, now, &mut audited)
                    .await?;
                done.calls = self
                    .erase_calls_of_somebody(account, whose, now, &mut audited)
                    .await?;
            }
            Whose::Visit(_) => {
                done.calls = self
                    .erase_calls_of_somebody(account, whose, now, &mut audited)
                    .await?;
                done.visits = self
                    .erase_visits_of_somebody(account, whose, now, &mut audited)
                    .await?;
            }
        }
        // Whatever of this account is to go, so that one which was stopped before is finished too.
        let FilesRemoved { removed, left } = self.remove_erased_files(account).await?;
        (done.recordings, done.recordings_left) = (removed, left);
        metrics::counter!("ringfence_people_erased_total").increment(1);
        tracing::info!(
            calls = done.calls,
            visits = done.visits,
            recordings = done.recordings,
            recordings_left = done.recordings_left,
            "erased what was known of somebody, as was asked for"
        );
        Ok(done)
    }

    async fn erase_calls_of_somebody(
        &self,
        account: AccountId,
        whose: &Whose,
        now: Timestamp,
        audited: &mut Audited<'_>,
    ) -> Result<u64, StoreError> {
        in_batches(
            || self.db.erasable_calls(account, whose, now, BATCH),
            |db, calls| async move { db.erase_calls(account, &calls, now).await },
            audited,
        )
        .await
    }

    async fn erase_visits_of_somebody(
        &self,
        account: AccountId,
        whose: &Whose,
        now: Timestamp,
        audited: &mut Audited<'_>,
    ) -> Result<u64, StoreError> {
        in_batches(
            || self.db.erasable_visits(account, whose, now, BATCH),
            |db, visits| async move { db.erase_visits_asked(account, &visits, now).await },
            audited,
        )
        .await
    }
}

/// The entry of the audit log goes with the first batch that changes something.
struct Audited<'p> {
    platform: &'p Platform,
    first: Option<Change>,
}

impl Audited<'_> {
    fn db(&self) -> Db {
        match &self.first {
            Some(change) => self.platform.recorded(change.clone()),
            None => self.platform.db.clone(),
        }
    }
}

/// Erases what `find` finds until it finds nothing, or what it found before.
async fn in_batches<T: Clone + PartialEq, F, E>(
    find: impl Fn() -> F,
    erase: impl Fn(Db, Vec<T>) -> E,
    audited: &mut Audited<'_>,
) -> Result<u64, StoreError>
where
    F: Future<Output = Result<Vec<T>, StoreError>>,
    E: Future<Output = Result<u64, StoreError>>,
{
    let (mut erased, mut before) = (0, Vec::new());
    loop {
        let found = find().await?;
        if found.is_empty() || found == before {
            return Ok(erased);
        }
        let began = Instant::now();
        let batch = erase(audited.db(), found.clone()).await?;
        if batch > 0 {
            audited.first = None;
        }
        erased += batch;
        before = found;
        // At most half of the writer's time, as with retention.
        tokio::time::sleep(began.elapsed()).await;
    }
}
