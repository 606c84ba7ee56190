//! What somebody changed: an entry of the audit log.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::records::words;
use crate::{AccountId, AuditId, Timestamp};

words! {
    /// What kind of somebody.
    ActorKind {
        /// A user who is signed in.
        User = "user",
        /// A program with an API key.
        Key = "key",
        /// A command on the server, or the server itself.
        Program = "program",
    }
}

/// Who changed something, as known at the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// What kind of somebody.
    pub kind: ActorKind,
    /// The user or key.
    pub id: Option<Uuid>,
    /// A user's mail address, a key's name, a command.
    pub name: String,
}

impl Actor {
    /// A command on the server, or the server itself.
    pub fn server() -> Self {
        Self {
            kind: ActorKind::Program,
            id: None,
            name: "ringfence".into(),
        }
    }
}

/// What was changed, as it was called at the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditObject {
    /// `site`, `host`, `user`, …
    pub kind: String,
    /// Its identifier.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
}

/// An entry of the audit log. Entries are only ever added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its identifier; entries sort by it.
    pub id: AuditId,
    /// Whose rows were changed.
    pub account: AccountId,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// What was done: `site.add`, `user.role`, …
    pub action: String,
    /// To what.
    pub object: AuditObject,
    /// What was there before, as JSON without secrets.
    pub before: Option<String>,
    /// What is there since, as JSON without secrets.
    pub after: Option<String>,
}

/// Which entries are wanted; every part that is set must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this user or key.
    pub actor: Option<Uuid>,
    /// To this object.
    pub object: Option<Uuid>,
    /// What was done.
    pub action: Option<String>,
    /// Older than this entry.
    pub before: Option<AuditId>,
}
