//! The call log as people read it: pages of calls, and one call with everything that is known of it.

use std::collections::HashMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use futures::future::BoxFuture;
use ringfence_media::Waveform;
use ringfence_model::{
    AccountId, Call, CallEvent, CallId, Erased, Leg, NumberId, Recording, RecordingState, Target,
    TargetId, Timestamp, TrackingNumber, Visit, VisitId, Worth,
};
pub use ringfence_store::{CallCursor, CallFilter, StoreError};
use tokio::sync::Semaphore;

use crate::Platform;

/// How many columns a waveform has.
const WAVEFORM_COLUMNS: usize = 600;

/// Earlier calls of a caller that are counted.
const EARLIER_CALLS_MAX: u32 = 99;

/// Waveforms that are read from disk at the same time.
static WAVEFORM_TURNS: Semaphore = Semaphore::const_new(2);

/// Why a recording cannot be heard.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The row's path would leave the recordings folder.
    #[error("expected a path below the recordings folder, got {0:?}")]
    BadPath(String),
    /// The file is not there or cannot be read.
    #[error("expected a readable recording: {0}")]
    File(#[from] io::Error),
    /// The file is no stereo WAV.
    #[error("expected a stereo WAV file: {0}")]
    Format(String),
}

/// A call in a list.
#[derive(Debug, Clone)]
pub struct CallRow {
    /// The call.
    pub call: Call,
    /// The name of the target that answered.
    pub target: Option<String>,
    /// What was said of it.
    pub worth: Option<Worth>,
}

/// Some calls, newest first.
#[derive(Debug, Clone)]
pub struct CallRows {
    /// The calls.
    pub rows: Vec<CallRow>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<CallCursor>,
}

/// One call and everything that is known of it.
#[derive(Debug, Clone)]
pub struct CallStory {
    /// The call.
    pub call: Call,
    /// What happened, in order.
    pub events: Vec<CallEvent>,
    /// The targets that were rung, in order.
    pub legs: Vec<Leg>,
    /// The visit that it is attributed to.
    pub visit: Option<Visit>,
    /// Its recording.
    pub recording: Option<Recording>,
    /// The tracking number that was dialled.
    pub number: Option<TrackingNumber>,
    /// Names of targets.
    pub targets: HashMap<TargetId, String>,
    /// The plan's name.
    pub plan: Option<String>,
    /// The trunk's name.
    pub trunk: Option<String>,
    /// How many calls the same caller made before this one, at most 99.
    pub earlier_calls: u64,
    /// When and why what it told of the caller was erased.
    pub erased: Option<Erased>,
    /// When and why its recording was erased.
    pub recording_erased: Option<Erased>,
    /// What was said of it.
    pub worth: Option<Worth>,
}

impl Platform {
    /// A page of an account's calls.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn call_log(
        &self,
        account: AccountId,
        filter: &CallFilter,
        after: Option<CallCursor>,
        limit: u32,
    ) -> Result<CallRows, StoreError> {
        let page = self.db.calls(account, filter, after, limit).await?;
        let names = self.target_names(account).await?;
        let calls: Vec<CallId> = page.calls.iter().map(|call| call.id).collect();
        let mut worths = self.db.worths(account, &calls).await?;
        let rows = page
            .calls
            .into_iter()
            .map(|call| CallRow {
                target: call.target.and_then(|target| names.get(&target).cloned()),
                worth: worths.remove(&call.id),
                call,
            })
            .collect();
        Ok(CallRows {
            rows,
            next: page.next,
        })
    }

    /// Of each caller who was missed since `from` and not spoken to since, the last call: newest first, at most `limit`.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn calls_to_return(
        &self,
        account: AccountId,
        from: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<CallRows, StoreError> {
        let calls = self.db.calls_to_return(account, from, now, limit).await?;
        let rows = calls.into_iter().map(|call| CallRow {
            call,
            target: None,
            worth: None,
        });
        Ok(CallRows {
            rows: rows.collect(),
            next: None,
        })
    }

    /// The account's targets, by name.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn targets(&self, account: AccountId) -> Result<Vec<Target>, StoreError> {
        self.db.targets(account).await
    }

    /// One number of an account.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn number(
        &self,
        account: AccountId,
        number: NumberId,
    ) -> Result<Option<TrackingNumber>, StoreError> {
        self.db.number(account, number).await
    }

    /// One visit; `None` when the account has no such visit.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn visit(
        &self,
        account: AccountId,
        visit: VisitId,
    ) -> Result<Option<Visit>, StoreError> {
        self.db.visit(account, visit).await
    }

    /// One call; `None` when the account has no such call.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn call(&self, account: AccountId, call: CallId) -> Result<Option<Call>, StoreError> {
        self.db.call(account, call).await
    }

    /// One call with its story; `None` when the account has no such call.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn call_story(
        &self,
        account: AccountId,
        call: CallId,
    ) -> BoxFuture<'_, Result<Option<CallStory>, StoreError>> {
        Box::pin(async move {
            let Some(call) = self.db.call(account, call).await? else {
                return Ok(None);
            };
            let visit = match call.visit {
                Some(visit) => self.db.visit(account, visit).await?,
                None => None,
            };
            let plan = match call.plan {
                Some(plan) => self.db.plan(account, plan).await?.map(|plan| plan.name),
                None => None,
            };
            let recording = self.db.recording_of_call(account, call.id).await?;
            let recording_erased = match &recording {
                Some(recording) => self.db.recording_erased(account, recording.id).await?,
                None => None,
            };
            Ok(Some(CallStory {
                worth: self.db.worth(account, call.id).await?,
                erased: self.db.call_erased(account, call.id).await?,
                recording_erased,
                events: self.db.call_events(account, call.id).await?,
                legs: self.db.legs(account, call.id).await?,
                recording,
                number: self.db.number(account, call.number).await?,
                trunk: self
                    .db
                    .trunk(account, call.trunk)
                    .await?
                    .map(|trunk| trunk.name),
                targets: self.target_names(account).await?,
                earlier_calls: self.db.earlier_calls(&call, EARLIER_CALLS_MAX).await?,
                visit,
                plan,
                call,
            }))
        })
    }

    /// The recording of a call; `None` when the account has no such call or it has none.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn recording(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Option<Recording>, StoreError> {
        self.db.recording_of_call(account, call).await
    }

    /// Where a recording's file is.
    ///
    /// # Errors
    /// [`RecordingError::BadPath`] when the row points outside the recordings folder.
    pub fn recording_path(&self, recording: &Recording) -> Result<PathBuf, RecordingError> {
        below(&self.settings.recordings_folder, &recording.path)
    }

    /// The shape of a recording's sound.
    ///
    /// # Errors
    /// [`RecordingError`] when the file cannot be read as stereo WAV.
    pub async fn recording_waveform(
        &self,
        recording: &Recording,
    ) -> Result<Waveform, RecordingError> {
        let path = self.recording_path(recording)?;
        let _turn = WAVEFORM_TURNS
            .acquire()
            .await
            .expect("the semaphore is never closed");
        tokio::task::spawn_blocking(move || ringfence_media::waveform(&path, WAVEFORM_COLUMNS))
            .await
            .map_err(io::Error::other)?
            .map_err(|error| RecordingError::Format(error.to_string()))
    }

    async fn target_names(
        &self,
        account: AccountId,
    ) -> Result<HashMap<TargetId, String>, StoreError> {
        let targets = self.db.targets(account).await?;
        Ok(targets
            .into_iter()
            .map(|target| (target.id, target.name))
            .collect())
    }
}

/// Whether a recording's file can be played (an open one as far as it is written).
pub const fn can_be_played(recording: &Recording) -> bool {
    matches!(
        recording.state,
        RecordingState::Open | RecordingState::Closed | RecordingState::Recovered
    )
}

pub(crate) fn below(folder: &Path, path: &str) -> Result<PathBuf, RecordingError> {
    let relative = Path::new(path);
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if plain && !path.is_empty() {
        Ok(folder.join(relative))
    } else {
        Err(RecordingError::BadPath(path.chars().take(128).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_never_leaves_its_folder() {
        let folder = Path::new("/data/recordings");
        assert_eq!(
            below(folder, "2026/a.wav").unwrap(),
            Path::new("/data/recordings/2026/a.wav")
        );
        for wrong in ["", "/etc/passwd", "../x.wav", "a/../../x.wav"] {
            assert!(below(folder, wrong).is_err(), "{wrong}");
        }
    }
}
