//! After a crash: calls that were cut are closed as interrupted, and their recordings are mended.

use std::io;
use std::path::Path;

use futures::future::BoxFuture;
use ringfence_media::{MediaError, RecordingReport};
use ringfence_model::{
    Call, CallEvent, CallEventKind, Disposition, Recording, RecordingState, ServerId, Timestamp,
};
use ringfence_store::{StoreError, Write};

use crate::Platform;

/// What a start found and put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Calls that were under way when the process stopped.
    pub calls: usize,
    /// Recordings that play again.
    pub recordings: usize,
    /// Recordings of which nothing could be saved.
    pub lost_recordings: usize,
}

impl Platform {
    /// Closes what earlier runs of this server left open, or of any where no other server can be. To be called before the
    /// first call is let in.
    ///
    /// # Errors
    /// When rows cannot be read or written; nothing is half done, and the next start tries again.
    pub fn recover(&self, now: Timestamp) -> BoxFuture<'_, Result<Recovered, StoreError>> {
        Box::pin(async move {
            let among_others = self.run_among_others();
            let (recordings, calls) = match &among_others {
                Some((run, name)) => (
                    self.db.open_recordings_before(name, *run).await?,
                    self.db.open_calls_before(name, *run).await?,
                ),
                None => (
                    self.db.open_recordings().await?,
                    self.db.open_calls().await?,
                ),
            };
            let recovered = self.close(&recordings, &calls, now).await?;
            self.end_former_runs(now).await?;
            Ok(recovered)
        })
    }

    /// Closes what another server left open. Recordings that are not in this server's folder wait for that one's return.
    pub(crate) async fn recover_from(
        &self,
        server: ServerId,
        now: Timestamp,
    ) -> Result<Recovered, StoreError> {
        let mut recordings = self.db.open_recordings_of(server).await?;
        let folder = self.settings.recordings_folder.clone();
        let here = tokio::task::spawn_blocking(move || {
            recordings.retain(|recording| folder.join(&recording.path).is_file());
            recordings
        });
        let recordings = here.await.unwrap_or_default();
        let calls = self.db.open_calls_of(server).await?;
        self.close(&recordings, &calls, now).await
    }

    async fn close(
        &self,
        recordings: &[Recording],
        calls: &[Call],
        now: Timestamp,
    ) -> Result<Recovered, StoreError> {
        let mut recovered = Recovered::default();
        for recording in recordings {
            if self.recover_recording(recording).await? {
                recovered.recordings += 1;
            } else {
                recovered.lost_recordings += 1;
            }
        }
        for call in calls {
            self.interrupt(call, now).await?;
            recovered.calls += 1;
        }
        Ok(recovered)
    }

    async fn recover_recording(&self, recording: &Recording) -> Result<bool, StoreError> {
        let folder = self.settings.recordings_folder.clone();
        let path = folder.join(&recording.path);
        let mended = tokio::task::spawn_blocking(move || mend(&folder, &path)).await;
        let (state, report) = match mended {
            Ok(Ok(report)) => (RecordingState::Recovered, Some(report)),
            Ok(Err(error)) => {
                metrics::counter!("ringfence_recordings_lost_total").increment(1);
                tracing::error!(recording = %recording.id, "a cut recording could not be mended: {error}");
                (RecordingState::Failed, None)
            }
            Err(error) => {
                tracing::error!(recording = %recording.id, "mending a cut recording stopped: {error}");
                (RecordingState::Failed, None)
            }
        };
        let saved = report.is_some();
        self.db
            .write(vec![Write::RecordingClosed {
                account: recording.account,
                recording: recording.id,
                duration_ms: report.as_ref().map_or(0, |report| report.duration_ms),
                size: report.as_ref().map_or(0, |report| report.size),
                sha256: report.map(|report| report.sha256.to_vec()),
                state,
            }])
            .await?;
        Ok(saved)
    }

    async fn interrupt(&self, call: &Call, now: Timestamp) -> Result<(), StoreError> {
        let events = self.db.call_events(call.account, call.id).await?;
        let sequence = events.last().map_or(0, |event| event.sequence + 1);
        let last_sign = events.last().map_or(call.started_at, |event| event.at);
        let mut writes = Vec::new();
        for leg in self.db.legs(call.account, call.id).await? {
            if leg.ended_at.is_none() {
                let answered_at = call.answered_at.filter(|_| call.target == Some(leg.target));
                writes.push(Write::LegEnded {
                    account: call.account,
                    leg: leg.id,
                    answered_at,
                    ended_at: last_sign,
                    outcome: ringfence_model::LegOutcome::Failed,
                    code: None,
                });
            }
        }
        let reason = "interrupted: the server stopped while the call was under way";
        writes.push(Write::CallEvent(CallEvent {
            call: call.id,
            account: call.account,
            sequence,
            at: now,
            kind: CallEventKind::Ended {
                disposition: Disposition::Failed,
                code: None,
                reason: reason.into(),
            },
        }));
        writes.push(Write::CallEnded {
            account: call.account,
            call: call.id,
            at: last_sign,
            disposition: Disposition::Failed,
            reason: Some(reason.into()),
            failed_over: call.failed_over,
        });
        self.db.write(writes).await
    }
}

/// Makes a recording playable; one whose file was not made yet becomes an empty one. In a folder without anything no file is
/// made: its disk may not be mounted, and what was made there would stand where the recording is.
fn mend(folder: &Path, path: &Path) -> Result<RecordingReport, MediaError> {
    let holds_nothing = std::fs::read_dir(folder).map_or(true, |mut files| files.next().is_none());
    if holds_nothing {
        return Err(MediaError::File {
            path: path.to_path_buf(),
            source: io::ErrorKind::NotFound.into(),
        });
    }
    ringfence_media::recover(path)
}
