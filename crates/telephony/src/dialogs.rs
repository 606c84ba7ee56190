//! Which call a request inside a dialog belongs to.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use ringfence_model::LegId;
use rsipstack::transaction::Transaction;
use tokio::sync::mpsc;

/// Which dialog of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DialogOf {
    Caller,
    Leg(LegId),
}

/// A request that came inside a dialog.
pub(crate) struct Arrival {
    pub dialog: DialogOf,
    pub transaction: Transaction,
}

/// Call-ID and our own tag: what names a dialog from our side (RFC 3261 §12).
type Key = (String, String);

#[derive(Clone)]
struct Entry {
    dialog: DialogOf,
    inbox: mpsc::Sender<Arrival>,
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
    pub(crate) fn register(
        &self,
        call_id: &str,
        local_tag: &str,
        dialog: DialogOf,
        inbox: mpsc::Sender<Arrival>,
    ) -> Registration {
        let key = (call_id.to_owned(), local_tag.to_owned());
        self.entries
            .write()
            .insert(key.clone(), Entry { dialog, inbox });
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

    /// Hands a request to the call that its dialog belongs to.
    pub(crate) fn deliver(
        &self,
        call_id: &str,
        local_tag: &str,
        transaction: Transaction,
    ) -> Delivery {
        let key = (call_id.to_owned(), local_tag.to_owned());
        let entry = self.entries.read().get(&key).cloned();
        let Some(Entry { dialog, inbox }) = entry else {
            return Delivery::Unknown(transaction);
        };
        match inbox.try_send(Arrival {
            dialog,
            transaction,
        }) {
            Ok(()) => Delivery::Delivered,
            Err(mpsc::error::TrySendError::Full(arrival)) => Delivery::Full(arrival.transaction),
            Err(mpsc::error::TrySendError::Closed(arrival)) => {
                Delivery::Unknown(arrival.transaction)
            }
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
        let registration = dialogs.register("c", "t", DialogOf::Caller, inbox);
        assert!(dialogs.contains("c", "t"));
        assert!(!dialogs.contains("c", "other"));
        drop(registration);
        assert_eq!(dialogs.len(), 0);
    }
}
