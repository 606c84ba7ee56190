//! Phones: what they prove themselves with, opened for the SIP edge, and where they are registered, kept in rows.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use ringfence_model::{AccountId, Phone, TargetId, Timestamp};
use ringfence_store::StoreError;
use ringfence_telephony::{PhoneDirectory, PhoneSecret, RegistrationsChanged};
use tokio_util::task::TaskTracker;

use crate::Platform;
use crate::secrets::Place;

/// What a target that is a phone has in the place of a URI: this and its user.
pub const SCHEME: &str = "phone:";

/// The phones of every account.
#[derive(Debug, Default)]
pub struct Phones {
    /// What the SIP edge knows of them.
    pub directory: PhoneDirectory,
    /// The rows as they were last read.
    known: ArcSwap<HashMap<TargetId, Phone>>,
}

/// The user of a target that is a phone.
pub fn user_of(uri: &str) -> Option<&str> {
    uri.strip_prefix(SCHEME)
}

/// Where a phone's secret is sealed for.
pub(crate) const fn place(account: AccountId, target: TargetId) -> Place {
    Place {
        account,
        column: "phones.secret",
        row: target.0,
    }
}

impl Platform {
    /// Tells telephony every account's phones; answers how many. One whose secret does not open is logged and left out,
    /// and one whose user or secret was changed has to register anew.
    ///
    /// # Errors
    /// When the rows cannot be read; the directory then stays as it was.
    pub fn load_phones(&self) -> BoxFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            let rows = self.db.all_phones().await?;
            let before = self.phones.known.load_full();
            let mut known = HashMap::new();
            let mut phones = Vec::new();
            for row in rows {
                let opened = self
                    .keys
                    .secrets
                    .open(place(row.account, row.target), &row.secret);
                let secret = match opened.map(|octets| PhoneSecret::from_octets(&octets)) {
                    Ok(Some(secret)) => secret,
                    Ok(None) => {
                        tracing::error!(target = %row.target, "a phone's secret is not whole; apply its password again");
                        continue;
                    }
                    Err(error) => {
                        tracing::error!(target = %row.target, "a phone cannot register: {error}");
                        continue;
                    }
                };
                if before.get(&row.target).is_some_and(|old| *old != row) {
                    // What it registered by its old password since the change.
                    self.db
                        .replace_registrations(row.account, row.target, &[])
                        .await?;
                }
                phones.push(ringfence_telephony::Phone {
                    target: row.target,
                    user: row.user.clone(),
                    secret,
                });
                known.insert(row.target, row);
            }
            let count = phones.len();
            self.phones.known.store(Arc::new(known));
            self.phones.directory.replace(phones);
            Ok(count)
        })
    }

    /// Whose a phone is.
    pub(crate) fn account_of_phone(&self, phone: TargetId) -> Option<AccountId> {
        let known = self.phones.known.load();
        known.get(&phone).map(|phone| phone.account)
    }

    /// An account's phones by the users that they register as, in lower case.
    pub(crate) fn extensions(&self, account: AccountId) -> HashMap<String, TargetId> {
        let known = self.phones.known.load();
        let own = known.values().filter(|phone| phone.account == account);
        own.map(|phone| (phone.user.to_ascii_lowercase(), phone.target))
            .collect()
    }

    /// Brings back where phones were registered before a restart.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn restore_registrations(&self, now: Timestamp) -> Result<(), StoreError> {
        let kept = self.db.all_registrations(now).await?;
        self.phones.directory.restore(kept);
        Ok(())
    }

    /// Counts the phones that are registered, and clears registrations that have ended.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub async fn tend_registrations(&self, now: Timestamp) -> Result<(), StoreError> {
        let (registered, all) = self.phones.directory.registered(now);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("ringfence_phones").set(count(all));
        metrics::gauge!("ringfence_phones_registered").set(count(registered));
        if all > 0 {
            self.db.purge_registrations(now).await?;
        }
        Ok(())
    }

    /// Keeps what phones register until the server stops. A phone is told that it is registered once that is in the rows.
    pub fn keep_registrations(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let Some(mut changes) = self.phones.directory.changes() else {
                return;
            };
            let tasks = TaskTracker::new();
            // Telephony has no more of them under way than it answers REGISTERs at once.
            while let Some(Some(change)) = self.stopping.run_until_cancelled(changes.recv()).await {
                let platform = Arc::clone(&self);
                tasks.spawn(async move { platform.keep_registration(change).await });
            }
            tasks.close();
            tasks.wait().await;
        })
    }

    async fn keep_registration(&self, change: RegistrationsChanged) {
        let RegistrationsChanged {
            target,
            registrations,
            done,
        } = change;
        let Some(account) = self.phones.known.load().get(&target).map(|row| row.account) else {
            return;
        };
        let kept = self
            .db
            .replace_registrations(account, target, &registrations)
            .await;
        match kept {
            // The phone may have left meanwhile.
            Ok(()) => drop(done.send(())),
            Err(error) => tracing::warn!(%target, "a registration is not kept: {error}"),
        }
    }
}
