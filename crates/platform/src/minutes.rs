//! Minutes of calls to telephone numbers: counted while they run, and beyond an account's limit its dialling is held.
//!
//! A call decides in its own task, without a message: what is known of its account is in memory, what other runs have
//! dialled is read from rows every few seconds. A hold stops what has not begun: calls under way go on, and phones and SIP
//! addresses are rung as before ([decision 47](../../../docs/decisions/0047-minutes-and-accounts.md)).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ringfence_model::{Account, AccountId, DiallingHold, LegId, Timestamp};
use ringfence_routing::{DialledMinutes, OverLimit, SPAN, counted_after, within_limit};
use ringfence_store::StoreError;
use serde_json::json;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::audit::{Change, object};
use crate::{Platform, now, random};

/// Rows of this run follow, and those of others are read, this often.
const TEND_EVERY: Duration = Duration::from_secs(5);

/// Rows of minutes are forgotten after this time.
const KEPT_FOR: Duration = Duration::from_hours(2);

/// Every account that has dialled a telephone number lately.
#[derive(Debug, Clone)]
pub struct Minutes {
    accounts: Arc<Mutex<HashMap<AccountId, Dialling>>>,
    /// Minutes an hour of accounts for which no other limit is set.
    limit: u32,
    /// Names the rows of this run.
    writer: Uuid,
    /// A hold waits to be written.
    wake: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Dialling {
    dialled: DialledMinutes,
    /// Minutes of the last hour that other runs have dialled.
    elsewhere: u64,
    limit: Option<u32>,
    hold: Option<Held>,
    /// When the last hold ended: what was dialled before is forgiven.
    released_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    hold: DiallingHold,
    /// Its row is there, so that it ends with it.
    written: bool,
}

/// What has to be written.
#[derive(Debug, Default)]
struct Due {
    counts: Vec<(AccountId, Vec<(Timestamp, u32)>)>,
    holds: Vec<DiallingHold>,
}

/// What of a call its account's minutes must know of.
#[derive(Debug)]
pub(crate) struct CallMinutes {
    minutes: Minutes,
    account: AccountId,
    /// Numbers that ring or talk.
    legs: Vec<LegId>,
    now: Timestamp,
}

/// How an account's dialling stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiallingStanding {
    /// Minutes that were dialled within the last hour, as far as rows tell.
    pub minutes: u64,
    /// Minutes that may be; 0 is without a limit.
    pub limit: u32,
    /// The limit is the account's own.
    pub own_limit: bool,
    /// What holds it.
    pub hold: Option<DiallingHold>,
}

impl Minutes {
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            accounts: Arc::default(),
            limit,
            writer: Uuid::from_u128(random()),
            wake: Arc::default(),
        }
    }

    /// Those of a call.
    pub(crate) fn of_call(&self, account: AccountId, now: Timestamp) -> CallMinutes {
        CallMinutes {
            minutes: self.clone(),
            account,
            legs: Vec::new(),
            now,
        }
    }

    /// What holds an account's dialling now.
    pub fn held(&self, account: AccountId) -> Option<DiallingHold> {
        let accounts = self.accounts.lock();
        Some(accounts.get(&account)?.hold?.hold)
    }

    /// Counts a number that is about to be rung, unless the account's dialling is held, or would be by this one.
    fn begin(&self, account: AccountId, leg: LegId, now: Timestamp) -> Result<(), OverLimit> {
        let mut accounts = self.accounts.lock();
        let dialling = accounts.entry(account).or_default();
        if let Some(held) = dialling.hold {
            return Err(over(&held.hold));
        }
        dialling.dialled.advance(now);
        dialling.dialled.rings(leg);
        let within = dialling.check(self.limit, now);
        if let Err(over) = within {
            dialling.dialled.ended(leg, now);
            dialling.place(account, over, now);
            self.wake.notify_one();
        }
        within
    }

    fn with(&self, account: AccountId, note: impl FnOnce(&mut DialledMinutes)) {
        if let Some(dialling) = self.accounts.lock().get_mut(&account) {
            note(&mut dialling.dialled);
        }
    }
}

impl Dialling {
    fn check(&self, limit: u32, now: Timestamp) -> Result<(), OverLimit> {
        let here = self.dialled.within_the_hour(now, self.released_at);
        within_limit(here + self.elsewhere, self.limit.unwrap_or(limit))
    }

    fn place(&mut self, account: AccountId, over: OverLimit, now: Timestamp) {
        let hold = DiallingHold {
            account,
            placed_at: now,
            ended_at: None,
            minutes: over.minutes,
            minutes_per_hour: over.limit,
        };
        self.hold = Some(Held {
            hold,
            written: false,
        });
        metrics::counter!("ringfence_dialling_holds_total").increment(1);
        tracing::warn!(%account, "an account's dialling of telephone numbers is held: {over}");
    }

    /// Takes over what rows say of it.
    fn read(&mut self, holds: &[DiallingHold], limit: Option<u32>, elsewhere: u64) {
        self.limit = limit;
        self.elsewhere = elsewhere;
        let ended = holds.iter().filter_map(|hold| hold.ended_at).max();
        self.released_at = self.released_at.max(ended);
        // What was read before a release says nothing against it.
        let stands = |hold: &&DiallingHold| {
            hold.ended_at.is_none() && self.released_at.is_none_or(|at| hold.placed_at > at)
        };
        if let Some(hold) = holds.iter().find(stands) {
            self.hold = Some(Held {
                hold: *hold,
                written: true,
            });
        } else if self.hold.is_some_and(|held| held.written) {
            self.hold = None;
        }
    }

    fn is_idle(&self) -> bool {
        self.dialled.is_empty() && self.hold.is_none() && self.elsewhere == 0
    }
}

fn over(hold: &DiallingHold) -> OverLimit {
    OverLimit {
        minutes: hold.minutes,
        limit: hold.minutes_per_hour,
    }
}

/// Why a number is not dialled, for those who read a call's timeline.
fn words(over: OverLimit) -> String {
    format!(
        "the account's calls to telephone numbers are held: {over}; whoever runs this server releases it"
    )
}

impl CallMinutes {
    /// A number is about to be rung; words when it may not be.
    pub(crate) fn begin(&mut self, leg: LegId, now: Timestamp) -> Result<(), String> {
        self.now = now;
        self.minutes.begin(self.account, leg, now).map_err(words)?;
        self.legs.push(leg);
        Ok(())
    }

    /// Somebody answered at a leg.
    pub(crate) fn answered(&mut self, leg: LegId, now: Timestamp) {
        self.now = now;
        if self.legs.contains(&leg) {
            self.minutes
                .with(self.account, |dialled| dialled.answered(leg, now));
        }
    }

    /// A leg rings or talks no more.
    pub(crate) fn ended(&mut self, leg: LegId, now: Timestamp) {
        self.now = now;
        if self.legs.contains(&leg) {
            self.legs.retain(|known| *known != leg);
            self.minutes
                .with(self.account, |dialled| dialled.ended(leg, now));
        }
    }

    /// The call is over.
    pub(crate) fn all_ended(&mut self, now: Timestamp) {
        self.now = now;
        for leg in std::mem::take(&mut self.legs) {
            self.minutes
                .with(self.account, |dialled| dialled.ended(leg, now));
        }
    }
}

impl Drop for CallMinutes {
    fn drop(&mut self) {
        self.all_ended(self.now);
    }
}

impl Platform {
    /// Writes what was dialled, and holds that were placed, and reads what other runs did, until the server stops.
    pub async fn keep_minutes(self: Arc<Self>) {
        let mut beat = tokio::time::interval(TEND_EVERY);
        loop {
            let stops = tokio::select! {
                _ = beat.tick() => false,
                () = self.minutes.wake.notified() => false,
                () = self.stopping.cancelled() => true,
            };
            if let Err(error) = self.tend_minutes(now()).await {
                tracing::warn!("minutes of calls to numbers are written later: {error}");
            }
            if stops {
                return;
            }
        }
    }

    /// Does so once.
    ///
    /// # Errors
    /// When rows cannot be written or read; what was not written is tried again.
    pub async fn tend_minutes(&self, now: Timestamp) -> Result<(), StoreError> {
        let Due { counts, holds } = self.due_minutes(now);
        let mut failed = None;
        for (account, minutes) in counts {
            let oldest = now - KEPT_FOR;
            let counted = self
                .db
                .count_dialled(account, self.minutes.writer, &minutes, oldest);
            if let Err(error) = counted.await {
                self.minutes
                    .with(account, |dialled| dialled.tell_again(&minutes));
                failed = Some(error);
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        for hold in holds {
            self.write_hold(&hold).await?;
        }
        self.read_minutes(now).await
    }

    /// What has to be written. Minutes go on while nobody dials, so each account's limit is asked about here too.
    fn due_minutes(&self, now: Timestamp) -> Due {
        let mut due = Due::default();
        for (account, dialling) in self.minutes.accounts.lock().iter_mut() {
            dialling.dialled.advance(now);
            if dialling.hold.is_none()
                && let Err(over) = dialling.check(self.minutes.limit, now)
            {
                dialling.place(*account, over, now);
            }
            let changed = dialling.dialled.changed();
            if !changed.is_empty() {
                due.counts.push((*account, changed));
            }
            let unwritten = dialling.hold.filter(|held| !held.written);
            due.holds.extend(unwritten.map(|held| held.hold));
        }
        due
    }

    async fn write_hold(&self, hold: &DiallingHold) -> Result<(), StoreError> {
        let Some(account) = self.db.account(hold.account).await? else {
            return Ok(());
        };
        let change = Change::new(
            account.id,
            "account.hold_dialling",
            object("account", account.id.0, &account.name),
        );
        let change = change.after(json!({
            "minutes": hold.minutes,
            "minutes_per_hour": hold.minutes_per_hour,
        }));
        // Another server may have placed one: that one stands.
        self.recorded(change).hold_dialling(hold).await?;
        let mut accounts = self.minutes.accounts.lock();
        let dialling = accounts.get_mut(&account.id);
        if let Some(placed) = dialling.and_then(|dialling| dialling.hold.as_mut()) {
            placed.written = true;
        }
        Ok(())
    }

    async fn read_minutes(&self, now: Timestamp) -> Result<(), StoreError> {
        let after = counted_after(now, None);
        let limits: HashMap<_, _> = self.db.dialling_limits().await?.into_iter().collect();
        let elsewhere = self.db.dialled_elsewhere(self.minutes.writer, after);
        let elsewhere: HashMap<_, _> = elsewhere.await?.into_iter().collect();
        let mut holds: HashMap<_, Vec<DiallingHold>> = HashMap::new();
        for hold in self.db.dialling_holds(now - SPAN).await? {
            holds.entry(hold.account).or_default().push(hold);
        }
        let mut accounts = self.minutes.accounts.lock();
        for account in holds.keys().chain(elsewhere.keys()).chain(limits.keys()) {
            accounts.entry(*account).or_default();
        }
        for (account, dialling) in accounts.iter_mut() {
            let holds = holds.get(account).map_or(&[][..], Vec::as_slice);
            let elsewhere = elsewhere.get(account).copied().unwrap_or(0);
            dialling.read(holds, limits.get(account).copied(), elsewhere);
        }
        accounts.retain(|account, dialling| limits.contains_key(account) || !dialling.is_idle());
        Ok(())
    }

    /// How an account's dialling of telephone numbers stands, from rows.
    ///
    /// # Errors
    /// When rows cannot be read.
    pub async fn dialling_standing(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<DiallingStanding, StoreError> {
        let own = self.db.dialling_limit(account).await?;
        Ok(DiallingStanding {
            minutes: self.db.dialled(account, counted_after(now, None)).await?,
            limit: own.unwrap_or(self.minutes.limit),
            own_limit: own.is_some(),
            hold: self.db.dialling_hold(account).await?,
        })
    }

    /// What holds the dialling of any account, with the account's name: for operators, never for a tenant.
    ///
    /// # Errors
    /// When rows cannot be read.
    pub async fn held_dialling(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(DiallingHold, String)>, StoreError> {
        let mut held = Vec::new();
        for hold in self.db.dialling_holds(now).await? {
            if hold.ended_at.is_none()
                && let Some(account) = self.db.account(hold.account).await?
            {
                held.push((hold, account.name));
            }
        }
        Ok(held)
    }

    /// Sets how many minutes an account may dial within an hour: 0 for no limit, `None` for the server's own. Running
    /// servers know it within seconds.
    ///
    /// # Errors
    /// When rows cannot be read or written.
    pub async fn set_dialling_limit(
        &self,
        account: &Account,
        minutes_per_hour: Option<u32>,
    ) -> Result<(), StoreError> {
        let before = self.db.dialling_limit(account.id).await?;
        let change = Change::new(
            account.id,
            "account.dialling_limit",
            object("account", account.id.0, &account.name),
        );
        let change = change
            .before(json!({"minutes_per_hour": before}))
            .after(json!({"minutes_per_hour": minutes_per_hour}));
        self.recorded(change)
            .set_dialling_limit(account.id, minutes_per_hour)
            .await
    }

    /// Lets an account dial telephone numbers again; what it dialled before counts no more. `false` when nothing holds it.
    /// This server does so at once, others within seconds.
    ///
    /// # Errors
    /// When rows cannot be read or written.
    pub async fn release_dialling(
        &self,
        account: &Account,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let change = Change::new(
            account.id,
            "account.release_dialling",
            object("account", account.id.0, &account.name),
        );
        let released = self
            .recorded(change)
            .release_dialling(account.id, now)
            .await?;
        let mut accounts = self.minutes.accounts.lock();
        if let Some(dialling) = accounts.get_mut(&account.id) {
            dialling.hold = None;
            dialling.elsewhere = 0;
            dialling.released_at = Some(now);
        }
        Ok(released)
    }
}

#[cfg(test)]
#[path = "minutes_tests.rs"]
mod tests;
