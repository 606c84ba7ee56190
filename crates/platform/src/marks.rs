//! Whether something was changed since it was read: by a program, a person or another server.
//!
//! As with who acts ([`acting`](crate::audit::acting)), what was read is not handed through every use case: whoever lets a
//! request in says so once with [`unless_changed`], and the change finds it there.

use std::future::Future;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ringfence_model::AccountId;
use ringfence_store::{Db, StoreError};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::Platform;
use crate::audit::Change;

/// Octets of a version's hash that are told.
const TOLD: usize = 15;

tokio::task_local! {
    static READ: (Uuid, u64);
}

/// Does `work` on an object whose [mark](Platform::mark) was `mark` when it was read: a change of it fails with
/// [`StoreError::Overtaken`] when somebody was quicker.
pub async fn unless_changed<F: Future>(object: Uuid, mark: u64, work: F) -> F::Output {
    READ.scope((object, mark), work).await
}

/// A word for how something stands: another one after each change, also after one that no mark tells of.
pub fn version(mark: u64, written: &[u8]) -> String {
    let hash = Sha256::new()
        .chain_update(mark.to_be_bytes())
        .chain_update(written)
        .finalize();
    URL_SAFE_NO_PAD.encode(&hash[..TOLD])
}

impl Platform {
    /// How often something of an account was changed, as far as the audit log tells of it.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn mark(&self, account: AccountId, object: Uuid) -> Result<u64, StoreError> {
        self.db.mark(account, object).await
    }
}

/// The rows, guarded when what changes is what was read.
pub(crate) fn guarded(rows: Db, changes: &[Change]) -> Db {
    let read = READ.try_with(|read| *read).ok();
    let change = read.and_then(|(object, mark)| {
        let mut changes = changes.iter();
        let change = changes.find(|change| change.object.id == object)?;
        Some((change.account, object, mark))
    });
    match change {
        Some((account, object, mark)) => rows.unless_changed(account, object, mark),
        None => rows,
    }
}
