//! The call log: calls, legs, events and recordings as they are read; they are written through [`Db::write`].

use std::fmt;
use std::str::FromStr;

use ringfence_model::{
    AccountId, Call, CallEvent, CallId, Disposition, E164, Leg, NumberId, Recording, RecordingId,
    TargetId, Timestamp,
};

use crate::{Db, StoreError};

/// Which calls to show; every part that is set must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Calls that started at or after this.
    pub from: Option<Timestamp>,
    /// Calls that started before this.
    pub to: Option<Timestamp>,
    /// How they ended.
    pub disposition: Option<Disposition>,
    /// The name of the source that they are attributed to.
    pub source: Option<String>,
    /// The tracking number that was dialled.
    pub number: Option<NumberId>,
    /// The target that answered.
    pub target: Option<TargetId>,
    /// Digits that stand anywhere in the caller's number.
    pub caller_contains: Option<String>,
    /// The digits that were dialled.
    pub dialled: Option<E164>,
    /// Only calls that have a recording.
    pub only_recorded: bool,
    /// Letters that stand, in whatever case, anywhere in the caller, the dialled number, the source, the campaign,
    /// the keyword or the reason.
    pub text: Option<String>,
}

/// Where a page of the call log ended. Its text form fits in a URL's query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallCursor {
    /// The last shown call's start.
    pub started_at: Timestamp,
    /// The last shown call.
    pub id: CallId,
}

/// A text that is no place in the call log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a place in the call log as an earlier page gave it, got {0:?}")]
pub struct CursorError(pub String);

impl fmt::Display for CallCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.started_at.as_micros(), self.id)
    }
}

impl FromStr for CallCursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let wrong = || CursorError(text.chars().take(64).collect());
        let (started_at, id) = text.split_once('.').ok_or_else(wrong)?;
        Ok(Self {
            started_at: Timestamp::from_micros(started_at.parse().map_err(|_| wrong())?),
            id: id.parse().map_err(|_| wrong())?,
        })
    }
}

/// Some calls, newest first, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPage {
    /// The calls.
    pub calls: Vec<Call>,
    /// Hand this in for the next page; `None` on the last.
    pub next: Option<CallCursor>,
}

impl Db {
    /// One call.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn call(&self, account: AccountId, call: CallId) -> Result<Option<Call>, StoreError> {
        todo!()
    }
    /// A page of an account's calls, newest first: at most `limit` (1 to 1,000) after `after`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn calls(
        &self,
        account: AccountId,
        filter: &CallFilter,
        after: Option<CallCursor>,
        limit: u32,
    ) -> Result<CallPage, StoreError> {
        todo!()
    }
    /// Every call of every account that has not ended, oldest first: what a start has to close.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn open_calls(&self) -> Result<Vec<Call>, StoreError> {
        todo!()
    }
    /// The outbound legs of a call, in the order in which they were rung.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn legs(&self, account: AccountId, call: CallId) -> Result<Vec<Leg>, StoreError> {
        todo!()
    }
    /// What happened to a call, in order.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn call_events(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Vec<CallEvent>, StoreError> {
        todo!()
    }
    /// One recording.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn recording(
        &self,
        account: AccountId,
        recording: RecordingId,
    ) -> Result<Option<Recording>, StoreError> {
        todo!()
    }
    /// The (first) recording of a call.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn recording_of_call(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Option<Recording>, StoreError> {
        todo!()
    }
    /// Every recording of every account that is still open, oldest first: what a start has to mend.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn open_recordings(&self) -> Result<Vec<Recording>, StoreError> {
        todo!()
    }
}
