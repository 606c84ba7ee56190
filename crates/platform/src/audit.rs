//! The audit log: every change that a person or a program makes is written down with it, in one transaction.
//!
//! Who acts is not handed through every use case: whoever lets a request in says so once with [`acting`], and a change
//! finds it there ([decision 28](../../../docs/decisions/0028-who-acts.md)). Without that it was a command on the server.

use std::future::Future;

use ringfence_model::{
    AccountId, Actor, ActorKind, ApiKey, AuditEntry, AuditFilter, AuditId, AuditObject, Host,
    Invitation, Site, User, Webhook,
};
use ringfence_store::{Db, StoreError};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::accounts::Viewer;
use crate::api_keys::Program;
use crate::{Platform, marks, now, random};

tokio::task_local! {
    static ACTOR: Actor;
}

/// Does `work` in the name of `actor`.
pub async fn acting<F: Future>(actor: Actor, work: F) -> F::Output {
    ACTOR.scope(actor, work).await
}

/// Who acts.
pub(crate) fn actor() -> Actor {
    ACTOR
        .try_with(Clone::clone)
        .unwrap_or_else(|_| Actor::server())
}

impl Viewer {
    /// The user, as the audit log has it.
    pub fn actor(&self) -> Actor {
        user_actor(&self.user)
    }
}

/// A user, as the audit log has somebody who acts.
pub(crate) fn user_actor(user: &User) -> Actor {
    Actor {
        kind: ActorKind::User,
        id: Some(user.id.0),
        name: user.email.clone(),
    }
}

impl Program {
    /// The key, as the audit log has it.
    pub fn actor(&self) -> Actor {
        Actor {
            kind: ActorKind::Key,
            id: Some(self.key.id.0),
            name: self.key.name.clone(),
        }
    }
}

/// What was done to what, with what was there before and after.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) account: AccountId,
    pub(crate) action: &'static str,
    pub(crate) object: AuditObject,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

impl Change {
    /// Something of `account`; before and after are empty until they are said.
    pub(crate) fn new(account: AccountId, action: &'static str, object: AuditObject) -> Self {
        Self {
            account,
            action,
            object,
            before: None,
            after: None,
        }
    }

    pub(crate) fn before(mut self, value: Value) -> Self {
        self.before = Some(value);
        self
    }

    pub(crate) fn after(mut self, value: Value) -> Self {
        self.after = Some(value);
        self
    }
}

impl Platform {
    /// The rows, for one change that is written down with what it changes, or not at all when it changes nothing.
    pub(crate) fn recorded(&self, change: Change) -> Db {
        self.recorded_by(actor(), change)
    }

    /// The same for several things that change together, all of them or none.
    pub(crate) fn all_recorded(&self, changes: Vec<Change>) -> Db {
        let rows = marks::guarded(self.db.clone(), &changes);
        let entries = changes.into_iter().map(|change| entry(actor(), change));
        rows.all_recorded(entries.collect())
    }

    /// The same in the name of somebody who was not signed in before.
    pub(crate) fn recorded_by(&self, actor: Actor, change: Change) -> Db {
        let rows = marks::guarded(self.db.clone(), std::slice::from_ref(&change));
        rows.recorded(entry(actor, change))
    }

    /// Writes down what changed no row of its own.
    pub(crate) async fn write_down(&self, actor: Actor, change: Change) -> Result<(), StoreError> {
        self.db.write_down(&entry(actor, change)).await
    }

    /// A page of the audit log, the newest first, and whether there is more.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn audit_log(
        &self,
        account: AccountId,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<(Vec<AuditEntry>, bool), StoreError> {
        let mut entries = self.db.audit_log(account, filter, limit + 1).await?;
        let more = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        Ok((entries, more))
    }
}

fn entry(actor: Actor, change: Change) -> AuditEntry {
    let at = now();
    metrics::counter!("ringfence_audited_changes_total").increment(1);
    AuditEntry {
        id: AuditId::new(at, random()),
        account: change.account,
        at,
        actor,
        action: change.action.into(),
        object: change.object,
        before: change.before.map(|value| value.to_string()),
        after: change.after.map(|value| value.to_string()),
    }
}

pub(crate) fn object(kind: &str, id: Uuid, name: &str) -> AuditObject {
    AuditObject {
        kind: kind.into(),
        id,
        name: name.chars().take(200).collect(),
    }
}

/// What of each record is written down. What is secret is not named here, and so never there.
pub(crate) fn of_user(user: &User) -> AuditObject {
    object("user", user.id.0, &user.email)
}

pub(crate) fn of_invitation(invitation: &Invitation) -> AuditObject {
    object("invitation", invitation.id.0, &invitation.email)
}

pub(crate) fn invitation(invitation: &Invitation) -> Value {
    json!({
        "email": invitation.email,
        "role": invitation.role.as_str(),
        "expires_at": invitation.expires_at.to_string(),
    })
}

pub(crate) fn of_site(site: &Site) -> AuditObject {
    object("site", site.id.0, &site.name)
}

pub(crate) fn site(site: &Site) -> Value {
    json!({
        "name": site.name,
        "swap": site.swap_targets,
        "pool_id": site.pool.map(|pool| pool.0),
    })
}

pub(crate) fn of_host(host: &Host) -> AuditObject {
    object("host", host.id.0, &host.name)
}

pub(crate) fn of_webhook(webhook: &Webhook) -> AuditObject {
    object("webhook", webhook.id.0, &webhook.url)
}

pub(crate) fn webhook(webhook: &Webhook) -> Value {
    let events: Vec<&str> = webhook.events.iter().map(|event| event.as_str()).collect();
    json!({"url": webhook.url, "events": events, "enabled": webhook.enabled})
}

pub(crate) fn of_key(key: &ApiKey) -> AuditObject {
    object("api_key", key.id.0, &key.name)
}

pub(crate) fn key(key: &ApiKey) -> Value {
    json!({
        "name": key.name,
        "scope": key.scope.as_str(),
        "expires_at": key.expires_at.map(|at| at.to_string()),
    })
}
