//! What is not known of people any more: what was erased, why, and whose it was.

use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{CallId, E164, Timestamp, VisitId};

words! {
    /// Why something was erased.
    ErasedBy {
        /// Its time was over.
        Retention = "retention",
        /// Somebody asked for it.
        Request = "request",
    }
}

/// That something was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub by: ErasedBy,
}

/// Whose traces are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Who calls from this number: all their calls, and the visits that are known to have led to them.
    Caller(E164),
    /// Who made this call, when the number was withheld: the call, and the visit that is known to have led to it.
    Call(CallId),
    /// Who made this visit: all visits of the same browser, and the calls that are known to have come of them.
    Visit(VisitId),
}
