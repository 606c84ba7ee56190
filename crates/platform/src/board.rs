//! The board: calls under way, in memory, for the page that shows what happens now.
//!
//! Nothing here lasts and nothing is decided by it: rows are the truth, and a restart begins with an empty board.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use ringfence_model::{
    AccountId, CallEventKind, CallId, Confidence, E164, Party, Source, TargetId, Timestamp,
};
use tokio::sync::broadcast;

/// Calls beyond this many are counted, carried and logged as ever, but not shown live.
const MOST_CALLS: usize = 20_000;

/// Changes that a slow reader may fall behind before it has to take a new snapshot.
const MOST_CHANGES_BEHIND: usize = 1_024;

/// What a call under way is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoardState {
    /// It came, and is being decided.
    Arriving,
    /// A target rings.
    Ringing {
        /// The target's name.
        target: String,
        /// Since when this one rings.
        since: Timestamp,
    },
    /// Two people speak.
    Talking {
        /// The target's name.
        target: String,
        /// Since when.
        since: Timestamp,
    },
    /// One put the other on hold.
    Held {
        /// The target's name.
        target: String,
        /// Who pressed hold.
        by: Party,
        /// When they began to speak.
        since: Timestamp,
    },
}

/// A call under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardCall {
    /// The call.
    pub id: CallId,
    /// Whose call it is.
    pub account: AccountId,
    /// The caller's number, when it is one and is not withheld.
    pub caller: Option<E164>,
    /// The tracking number that was dialled.
    pub dialled: E164,
    /// When the INVITE came.
    pub started_at: Timestamp,
    /// The source that the call is attributed to.
    pub source: Option<Source>,
    /// How sure that is.
    pub confidence: Confidence,
    /// What it is doing.
    pub state: BoardState,
}

/// A step of a call under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoardChange {
    /// Its visit and source were worked out.
    Attributed {
        /// The source.
        source: Option<Source>,
        /// How sure that is.
        confidence: Confidence,
    },
    /// A target rings.
    Ringing {
        /// The target.
        target: TargetId,
        /// Its name.
        name: String,
        /// When it began to.
        at: Timestamp,
    },
    /// The target that rang did not take it; the next one is being chosen.
    Passed,
    /// The target that rings answered.
    Answered {
        /// When.
        at: Timestamp,
    },
    /// A side put the other on hold.
    Held {
        /// Which.
        by: Party,
    },
    /// A side came back.
    Resumed,
}

impl BoardChange {
    /// What an event of a call changes on the board, if anything.
    pub fn of_event(kind: &CallEventKind, at: Timestamp) -> Option<Self> {
        match kind {
            CallEventKind::Ringing { target, name, .. } => Some(Self::Ringing {
                target: *target,
                name: name.clone(),
                at,
            }),
            CallEventKind::LegFailed { .. } => Some(Self::Passed),
            CallEventKind::Answered { .. } => Some(Self::Answered { at }),
            CallEventKind::Held { by } => Some(Self::Held { by: *by }),
            CallEventKind::Resumed { .. } => Some(Self::Resumed),
            _ => None,
        }
    }
}

/// What a watcher of the board is told.
#[derive(Debug, Clone)]
pub enum BoardNews {
    /// A call began or changed; this is all of it.
    Call(Arc<BoardCall>),
    /// A call is over.
    Gone {
        /// Whose call it was.
        account: AccountId,
        /// The call.
        id: CallId,
    },
    /// An agent of this account stands otherwise, or there is another agent.
    Agents(AccountId),
}

impl BoardNews {
    /// Whose news it is.
    pub fn account(&self) -> AccountId {
        match self {
            Self::Call(call) => call.account,
            Self::Gone { account, .. } | Self::Agents(account) => *account,
        }
    }
}

/// Calls under way and whoever watches them. Cheap to share behind the platform; every method is quick.
#[derive(Debug)]
pub struct Board {
    calls: Mutex<HashMap<CallId, Arc<BoardCall>>>,
    news: broadcast::Sender<BoardNews>,
}

impl Default for Board {
    fn default() -> Self {
        Self::new()
    }
}

impl Board {
    /// An empty board that nobody watches yet.
    pub fn new() -> Self {
        Self {
            calls: Mutex::new(HashMap::new()),
            news: broadcast::channel(MOST_CHANGES_BEHIND).0,
        }
    }

    /// A call came.
    pub fn began(&self, call: BoardCall) {
        let call = Arc::new(call);
        {
            let mut calls = self.calls.lock();
            if calls.len() >= MOST_CALLS {
                metrics::counter!("ringfence_board_refused_total").increment(1);
                return;
            }
            calls.insert(call.id, call.clone());
        }
        self.tell(BoardNews::Call(call));
    }

    /// Something happened to a call. Calls that are not on the board are passed over.
    pub fn changed(&self, id: CallId, change: BoardChange) {
        let changed = {
            let mut calls = self.calls.lock();
            let Some(call) = calls.get_mut(&id) else {
                return;
            };
            apply(Arc::make_mut(call), change);
            call.clone()
        };
        self.tell(BoardNews::Call(changed));
    }

    /// A call is over.
    pub fn ended(&self, id: CallId) {
        let gone = self.calls.lock().remove(&id);
        if let Some(call) = gone {
            let account = call.account;
            self.tell(BoardNews::Gone { account, id });
        }
    }

    /// An agent of an account stands otherwise.
    pub fn agents_changed(&self, account: AccountId) {
        self.tell(BoardNews::Agents(account));
    }

    /// The account's calls under way, the oldest first.
    pub fn snapshot(&self, account: AccountId) -> Vec<Arc<BoardCall>> {
        let mut found: Vec<_> = self
            .calls
            .lock()
            .values()
            .filter(|call| call.account == account)
            .cloned()
            .collect();
        found.sort_by_key(|call| (call.started_at, call.id));
        found
    }

    /// How many calls of all accounts are under way.
    pub fn len(&self) -> usize {
        self.calls.lock().len()
    }

    /// No call is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// News of all accounts from now on (the watcher keeps to its own). Subscribe first, then take the
    /// snapshot: news carries whole calls, so what is in both does no harm.
    pub fn subscribe(&self) -> broadcast::Receiver<BoardNews> {
        self.news.subscribe()
    }

    fn tell(&self, news: BoardNews) {
        // An error only says that nobody watches.
        let _ = self.news.send(news);
    }
}

fn apply(call: &mut BoardCall, change: BoardChange) {
    match change {
        BoardChange::Attributed { source, confidence } => {
            call.source = source;
            call.confidence = confidence;
        }
        BoardChange::Ringing { name, at, .. } => {
            call.state = BoardState::Ringing {
                target: name,
                since: at,
            };
        }
        BoardChange::Passed => {
            if matches!(call.state, BoardState::Ringing { .. }) {
                call.state = BoardState::Arriving;
            }
        }
        BoardChange::Answered { at } => {
            let target = target_of(&call.state);
            call.state = BoardState::Talking { target, since: at };
        }
        BoardChange::Held { by } => {
            if let BoardState::Talking { target, since } = &call.state {
                call.state = BoardState::Held {
                    target: target.clone(),
                    by,
                    since: *since,
                };
            }
        }
        BoardChange::Resumed => {
            if let BoardState::Held { target, since, .. } = &call.state {
                call.state = BoardState::Talking {
                    target: target.clone(),
                    since: *since,
                };
            }
        }
    }
}

fn target_of(state: &BoardState) -> String {
    match state {
        BoardState::Arriving => String::new(),
        BoardState::Ringing { target, .. }
        | BoardState::Talking { target, .. }
        | BoardState::Held { target, .. } => target.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_call(account: AccountId, nth: u128) -> BoardCall {
        let now = Timestamp::from_micros(1_000_000);
        BoardCall {
            id: CallId::new(now, nth),
            account,
            caller: Some("+441632960001".parse().unwrap()),
            dialled: "+442079460001".parse().unwrap(),
            started_at: now,
            source: None,
            confidence: Confidence::Unknown,
            state: BoardState::Arriving,
        }
    }

    #[test]
    fn a_call_is_told_from_arriving_to_gone() {
        let board = Board::new();
        let account = AccountId::new(Timestamp::from_micros(0), 1);
        let mut news = board.subscribe();
        let call = a_call(account, 1);
        let id = call.id;
        let at = Timestamp::from_micros(2_000_000);
        board.began(call);
        let target = TargetId::new(at, 1);
        board.changed(
            id,
            BoardChange::Ringing {
                target,
                name: "Sales".into(),
                at,
            },
        );
        board.changed(id, BoardChange::Answered { at });
        board.changed(id, BoardChange::Held { by: Party::Caller });
        board.changed(id, BoardChange::Resumed);
        assert_eq!(
            board.snapshot(account)[0].state,
            BoardState::Talking {
                target: "Sales".into(),
                since: at
            }
        );
        board.ended(id);
        assert!(board.is_empty());
        let told: Vec<_> = std::iter::from_fn(|| news.try_recv().ok()).collect();
        assert_eq!(told.len(), 6);
        assert!(matches!(told[5], BoardNews::Gone { id: gone, .. } if gone == id));
    }

    #[test]
    fn an_account_sees_its_own_calls_only() {
        let board = Board::new();
        let mine = AccountId::new(Timestamp::from_micros(0), 1);
        let theirs = AccountId::new(Timestamp::from_micros(0), 2);
        board.began(a_call(mine, 1));
        board.began(a_call(theirs, 2));
        assert_eq!(board.snapshot(mine).len(), 1);
        assert_eq!(board.snapshot(mine)[0].account, mine);
    }
}
