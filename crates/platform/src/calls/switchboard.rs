//! Putting a caller through from outside the call: a supervisor or a program wants it, who does not talk in it.
//!
//! A call that follows its plan is entered here until it is over. A wish is laid beside it and the call woken; it looks in
//! its own task, and goes the way of a transfer that whoever talks with the caller asks for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use ringfence_model::{
    AccountId, Actor, ActorKind, Call, CallId, Target, TargetGroup, TargetGroupId, TargetId,
    TransfersTo,
};
use ringfence_routing::Wanted;
use ringfence_store::StoreError;
use serde_json::{Value, json};
use tokio::sync::{Notify, oneshot};

use crate::Platform;
use crate::audit::{Change, actor, object};

/// How long a call may take to say what comes of a wish: it decides within half of that.
const SAID_WITHIN: Duration = Duration::from_secs(10);

/// Why a caller is not put through.
#[derive(Debug, thiserror::Error)]
pub enum PutThroughError {
    /// The account has no such call.
    #[error("expected a call of this account")]
    NotFound,
    /// It is over.
    #[error("the call is over")]
    Over,
    /// Nobody talks with the caller: it rings, waits, hears something or leaves a message.
    #[error(
        "nobody has answered the call yet: a caller is put through once somebody talks with it"
    )]
    NotAnswered,
    /// Somebody else is rung for the caller already.
    #[error("the caller is being put through already: wait for what comes of it")]
    UnderWay,
    /// Another server of the cluster has the call.
    #[error(
        "the call runs on another server ({0}), and only that one can put its caller through: ask there"
    )]
    Elsewhere(String),
    /// The account's rules, or whom it is for, do not allow it.
    #[error("{0}")]
    Refused(String),
    /// The call did not say what came of it.
    #[error("the call did not answer within {} s; look at its timeline", SAID_WITHIN.as_secs())]
    Silent,
    /// Rows could not be read.
    #[error("the database did not answer; nobody was rung")]
    Store(#[from] StoreError),
}

impl PutThroughError {
    /// The same for machines.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Over => "call_over",
            Self::NotAnswered => "not_answered",
            Self::UnderWay => "transfer_under_way",
            Self::Elsewhere(_) => "on_another_server",
            Self::Refused(_) => "transfer_refused",
            Self::Silent => "no_word",
            Self::Store(_) => "unavailable",
        }
    }
}

/// Whom callers may be put through to, for people to choose from.
#[derive(Debug, Clone)]
pub struct PutThroughChoices {
    /// The account's targets that are not paused, by name.
    pub targets: Vec<Target>,
    /// Its groups, by name.
    pub groups: Vec<TargetGroup>,
    /// What its rules say of numbers.
    pub transfers: TransfersTo,
}

impl PutThroughChoices {
    /// The target of an identifier or a name.
    pub fn target(&self, text: &str) -> Option<TargetId> {
        let named = |target: &&Target| target.id.to_string() == text || target.name == text;
        self.targets.iter().find(named).map(|target| target.id)
    }

    /// The group of an identifier or a name.
    pub fn group(&self, text: &str) -> Option<TargetGroupId> {
        let named = |group: &&TargetGroup| group.id.to_string() == text || group.name == text;
        self.groups.iter().find(named).map(|group| group.id)
    }
}

/// Calls whose callers can be put through by somebody who does not talk in them.
#[derive(Debug, Default, Clone)]
pub struct Switchboard(Arc<Mutex<HashMap<CallId, Arc<Line>>>>);

/// A call under way.
#[derive(Debug)]
struct Line {
    account: AccountId,
    laid: Mutex<Laid>,
    wake: Arc<Notify>,
}

#[derive(Debug, Default)]
enum Laid {
    #[default]
    Nothing,
    Wish(OutsideWish),
    /// The call is over and looks at nothing any more.
    Closed,
}

/// What somebody wants who does not talk in the call.
#[derive(Debug)]
pub(super) struct OutsideWish {
    /// Whom.
    pub(super) wanted: Wanted,
    /// Who wants it, in words that are shown.
    pub(super) by: String,
    /// Where it is said what comes of it.
    pub(super) told: oneshot::Sender<Result<(), PutThroughError>>,
}

/// A call's entry; dropping it takes the entry out, and whoever waits hears that the call is over.
#[derive(Debug)]
pub(super) struct Entry {
    of: Switchboard,
    call: CallId,
    line: Arc<Line>,
}

impl Switchboard {
    pub(super) fn enter(&self, call: CallId, account: AccountId) -> Entry {
        let line = Arc::new(Line {
            account,
            laid: Mutex::default(),
            wake: Arc::default(),
        });
        self.0.lock().insert(call, Arc::clone(&line));
        Entry {
            of: self.clone(),
            call,
            line,
        }
    }

    fn line(&self, account: AccountId, call: CallId) -> Option<Arc<Line>> {
        let lines = self.0.lock();
        lines
            .get(&call)
            .filter(|line| line.account == account)
            .cloned()
    }

    /// Lays a wish beside a call and waits for its word; `None` when no such call is under way here.
    pub(super) async fn wish(
        &self,
        account: AccountId,
        call: CallId,
        wanted: Wanted,
        by: String,
    ) -> Option<Result<(), PutThroughError>> {
        let line = self.line(account, call)?;
        let (told, said) = oneshot::channel();
        if let Err(refused) = line.lay(OutsideWish { wanted, by, told }) {
            return Some(Err(refused));
        }
        Some(match tokio::time::timeout(SAID_WITHIN, said).await {
            Ok(Ok(said)) => said,
            Ok(Err(_)) => Err(PutThroughError::Over),
            Err(_) => {
                line.take();
                Err(PutThroughError::Silent)
            }
        })
    }
}

impl Line {
    fn lay(&self, wish: OutsideWish) -> Result<(), PutThroughError> {
        let mut laid = self.laid.lock();
        match *laid {
            Laid::Nothing => *laid = Laid::Wish(wish),
            Laid::Wish(_) => return Err(PutThroughError::UnderWay),
            Laid::Closed => return Err(PutThroughError::Over),
        }
        self.wake.notify_one();
        Ok(())
    }

    fn take(&self) -> Option<OutsideWish> {
        let mut laid = self.laid.lock();
        match std::mem::take(&mut *laid) {
            Laid::Wish(wish) => Some(wish),
            other => {
                *laid = other;
                None
            }
        }
    }
}

impl Entry {
    /// Notified when something was laid beside the call.
    pub(super) fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.line.wake)
    }

    /// What somebody wants, once.
    pub(super) fn take(&self) -> Option<OutsideWish> {
        self.line.take()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.of.0.lock().remove(&self.call);
        *self.line.laid.lock() = Laid::Closed;
    }
}

impl Platform {
    /// Puts the caller of a call under way through to somebody else: that one is rung, and takes the place of who talks with
    /// the caller once it answers. It is asked of the call itself, which decides as about a transfer of its own callee.
    ///
    /// # Errors
    /// [`PutThroughError`]; the call goes on as before.
    pub fn put_through(
        self: &Arc<Self>,
        account: AccountId,
        call: CallId,
        wanted: Wanted,
    ) -> BoxFuture<'static, Result<(), PutThroughError>> {
        let (platform, by) = (Arc::clone(self), actor());
        // Whoever asked may be gone before it is said; what was done is written down all the same.
        let done = tokio::spawn(async move { platform.wish(account, call, wanted, by).await });
        Box::pin(async move { done.await.unwrap_or(Err(PutThroughError::Silent)) })
    }

    /// A call whose caller may be put through, as far as rows tell.
    ///
    /// # Errors
    /// Why it cannot be.
    pub async fn answered_call(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Call, PutThroughError> {
        let known = self.call_here(account, call).await?;
        match known.answered_at {
            Some(_) => Ok(known),
            None => Err(PutThroughError::NotAnswered),
        }
    }

    /// Whom an account's callers may be put through to.
    ///
    /// # Errors
    /// When rows cannot be read.
    pub async fn put_through_choices(
        &self,
        account: AccountId,
    ) -> Result<PutThroughChoices, StoreError> {
        let dialling = self.db.dialling(account).await?.unwrap_or_default();
        let mut targets = self.db.targets(account).await?;
        targets.retain(|target| target.enabled);
        Ok(PutThroughChoices {
            targets,
            groups: self.db.target_groups(account).await?,
            transfers: dialling.transfers,
        })
    }

    /// A call under way that this server has.
    async fn call_here(&self, account: AccountId, call: CallId) -> Result<Call, PutThroughError> {
        let known = self.db.call(account, call).await?;
        let known = known.ok_or(PutThroughError::NotFound)?;
        if known.ended_at.is_some() {
            return Err(PutThroughError::Over);
        }
        let is_here = self.switchboard.line(account, call).is_some();
        if !is_here && known.server != self.standing.run() {
            let servers = self.standing.known();
            let has_it = servers
                .iter()
                .find(|server| Some(server.id) == known.server);
            let name = has_it.map_or_else(|| "which has stopped".into(), |one| one.name.clone());
            return Err(PutThroughError::Elsewhere(name));
        }
        Ok(known)
    }

    async fn wish(
        &self,
        account: AccountId,
        call: CallId,
        wanted: Wanted,
        by: Actor,
    ) -> Result<(), PutThroughError> {
        let known = self.call_here(account, call).await?;
        let change = Change::new(account, "call.transfer", object("call", call.0, "a call"))
            .after(audited(&wanted));
        match self
            .switchboard
            .wish(account, call, wanted, words(&by))
            .await
        {
            Some(said) => said?,
            None if known.answered_at.is_some() => return Err(PutThroughError::Over),
            None => return Err(PutThroughError::NotAnswered),
        }
        // The call's own timeline says who did it as well, and is written until the database takes it.
        if let Err(error) = self.write_down(by, change).await {
            tracing::error!(%call, "a transfer is not in the audit log: {error}");
        }
        Ok(())
    }
}

/// Who wants it, for those who read the timeline.
fn words(actor: &Actor) -> String {
    match actor.kind {
        ActorKind::Key => format!("the API key {}", actor.name),
        _ => actor.name.clone(),
    }
}

/// Whom, without a number, which may be somebody's own and could not be erased from there.
fn audited(wanted: &Wanted) -> Value {
    match wanted {
        Wanted::Target(target) => json!({"target": target.0}),
        Wanted::Group(group) => json!({"group": group.0}),
        Wanted::Number(_) => json!({"number": true}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::{TargetId, Timestamp};

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn wanted() -> Wanted {
        Wanted::Target(TargetId::new(NOW, 1))
    }

    #[tokio::test]
    async fn a_wish_reaches_the_call_of_its_account_alone_and_once() {
        let (own, other) = (AccountId::new(NOW, 1), AccountId::new(NOW, 2));
        let call = CallId::new(NOW, 1);
        let board = Switchboard::default();
        let entry = board.enter(call, own);
        let ask = |account| board.wish(account, call, wanted(), "ann@example.com".into());
        assert!(ask(other).await.is_none(), "nobody's else");
        let looks = async {
            entry.wake().notified().await;
            let wish = entry.take().unwrap();
            assert_eq!(
                (&wish.wanted, wish.by.as_str()),
                (&wanted(), "ann@example.com")
            );
            assert!(entry.take().is_none());
            wish.told.send(Err(PutThroughError::NotAnswered)).unwrap();
        };
        let (said, ()) = tokio::join!(ask(own), looks);
        assert!(matches!(said, Some(Err(PutThroughError::NotAnswered))));
    }

    #[tokio::test]
    async fn two_wishes_at_once_are_one_and_a_call_that_ends_answers_who_waits() {
        let own = AccountId::new(NOW, 1);
        let call = CallId::new(NOW, 1);
        let board = Switchboard::default();
        let entry = board.enter(call, own);
        let ask = || board.wish(own, call, wanted(), "ann@example.com".into());
        let ends = async {
            // Both have been laid by now.
            tokio::task::yield_now().await;
            drop(entry);
        };
        let (first, second, ()) = tokio::join!(ask(), ask(), ends);
        assert!(
            matches!(first, Some(Err(PutThroughError::Over))),
            "{first:?}"
        );
        assert!(matches!(second, Some(Err(PutThroughError::UnderWay))));
        assert!(ask().await.is_none(), "it is not there any more");
    }
}
