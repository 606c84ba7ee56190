//! Which call a request inside a dialog belongs to.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use ringfence_model::{CallId, LegId};
use rsipstack::transaction::Transaction;
use tokio::sync::{mpsc, oneshot};

use crate::call::TakenLeg;

/// Which dialog of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DialogOf {
    Caller,
    Leg(LegId),
}

/// What comes to a call.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all of them are requests, and a call has room for a few"
)]
pub(crate) enum Arrival {
    /// A request inside one of its dialogs.
    Request {
        dialog: DialogOf,
        transaction: Transaction,
    },
    /// Another call wants its callee.
    LegWanted(oneshot::Sender<TakenLeg>),
}

/// Call-ID and our own tag: what names a dialog from our side (RFC 3261 §12).
type Key = (String, String);

/// Which call a dialog belongs to.
#[derive(Clone)]
pub(crate) struct Entry {
    pub dialog: DialogOf,
    pub call: CallId,
    /// The other side's tag, of a caller's dialog.
    pub remote_tag: Option<String>,
    pub inbox: mpsc::Sender<Arrival>,
}

/// The dialogs of all calls. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Dialogs {
    entries: Arc<RwLock<HashMap<Key, Entry>>>,
}

/// What became of a request that was handed to its call.
pub(crate) enum Delivery {
    Delivered,
    /// No call has that dialog.
    Unknown(Transaction),
    /// The call has more requests waiting than it can take.
    Full(Transaction),
}

impl Dialogs {
    /// Enters a dialog until the registration is dropped.
    pub(crate) fn register(&self, call_id: &str, local_tag: &str, entry: Entry) -> Registration {
        let key = (call_id.to_owned(), local_tag.to_owned());
        self.entries.write().insert(key.clone(), entry);
        Registration {
            dialogs: self.clone(),
            key,
        }
    }

    /// Whether there is such a dialog.
    pub(crate) fn contains(&self, call_id: &str, local_tag: &str) -> bool {
        let key = (call_id.to_owned(), local_tag.to_owned());
        self.entries.read().contains_key(&key)
    }

    /// The call that has such a dialog.
    pub(crate) fn find(&self, call_id: &str, local_tag: &str) -> Option<Entry> {
        let key = (call_id.to_owned(), local_tag.to_owned());
        self.entries.read().get(&key).cloned()
    }

    /// Hands a request to the call that its dialog belongs to.
    pub(crate) fn deliver(
        &self,
        call_id: &str,
        local_tag: &str,
        transaction: Transaction,
    ) -> Delivery {
        let Some(Entry { dialog, inbox, .. }) = self.find(call_id, local_tag) else {
            return Delivery::Unknown(transaction);
        };
        match inbox.try_reserve() {
            Ok(room) => {
                room.send(Arrival::Request {
                    dialog,
                    transaction,
                });
                Delivery::Delivered
            }
            Err(mpsc::error::TrySendError::Full(())) => Delivery::Full(transaction),
            Err(mpsc::error::TrySendError::Closed(())) => Delivery::Unknown(transaction),
        }
    }

    /// How many dialogs there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.read().len()
    }
}

/// A dialog's entry; dropping it takes the entry out, whichever way the call ends.
pub(crate) struct Registration {
    dialogs: Dialogs,
    key: Key,
}

impl Registration {
    /// The dialog belongs to another call from now on.
    pub(crate) fn pass_on(&self, entry: Entry) {
        self.dialogs.entries.write().insert(self.key.clone(), entry);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.dialogs.entries.write().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_goes_when_its_registration_does() {
        let dialogs = Dialogs::default();
        let (inbox, _requests) = mpsc::channel(1);
        let entry = Entry {
            dialog: DialogOf::Caller,
            call: CallId::new(ringfence_model::Timestamp::from_micros(1), 1),
            remote_tag: None,
            inbox,
        };
        let registration = dialogs.register("c", "t", entry);
        assert!(dialogs.contains("c", "t"));
        assert!(!dialogs.contains("c", "other"));
        drop(registration);
        assert_eq!(dialogs.len(), 0);
    }
}
