//! What happened, counted from rows and recordings, and whether it is what should have happened.

use std::collections::HashMap;
use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use ringfence_media::tone;
use ringfence_model::{AccountId, Call, Disposition, LeaseId, RecordingState, Timestamp};
use ringfence_platform::{Platform, now};
use ringfence_softphone::CallResult;
use ringfence_store::{CallFilter, StoreError};
use serde::Serialize;

use super::agents::AGENT_TONE;
use super::visitors::CALLER_TONE;

/// Faults that are told one by one.
const MOST_FAULTS: usize = 50;

/// A tone counts as heard from this amplitude on (1.0 is full scale).
const AUDIBLE: f64 = 0.05;

/// A call that a simulated visitor made.
pub struct PlacedCall {
    /// The caller's number.
    pub from: String,
    /// The lease whose number was dialled.
    pub lease: LeaseId,
    /// What the caller saw and heard.
    pub result: CallResult,
}

/// What the crowd tells while it plays.
pub struct Tally {
    account: AccountId,
    began: Timestamp,
    shown: AtomicUsize,
    dialled: AtomicUsize,
    placed: Mutex<Vec<PlacedCall>>,
    faults: Mutex<Vec<String>>,
}

/// How calls ended.
#[derive(Debug, Default, Serialize)]
pub struct CallCounts {
    total: u64,
    answered: u64,
    missed: u64,
    abandoned: u64,
    failed: u64,
    failed_over: u64,
}

/// What is on disk.
#[derive(Debug, Default, Serialize)]
pub struct RecordingCounts {
    total: u64,
    verified: u64,
}

/// The demo in figures.
#[derive(Debug, Serialize)]
pub struct Summary {
    visits: u64,
    leases: u64,
    calls: CallCounts,
    attributed: u64,
    recordings: RecordingCounts,
    /// What should not have happened.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

impl Tally {
    /// Counts rows of `account` from `began` on.
    pub fn new(account: AccountId, began: Timestamp) -> Self {
        Self {
            account,
            began,
            shown: AtomicUsize::new(0),
            dialled: AtomicUsize::new(0),
            placed: Mutex::default(),
            faults: Mutex::default(),
        }
    }

    /// A visitor was shown a number.
    pub fn number_shown(&self) {
        self.shown.fetch_add(1, Ordering::Relaxed);
    }

    /// A visitor dials.
    pub fn dialled(&self) {
        self.dialled.fetch_add(1, Ordering::Relaxed);
    }

    /// A call is over.
    pub fn placed(&self, call: PlacedCall) {
        self.placed.lock().push(call);
    }

    /// Something that should not happen.
    pub fn fault(&self, fault: String) {
        let mut faults = self.faults.lock();
        if faults.len() < MOST_FAULTS {
            faults.push(fault);
        }
    }

    /// Counts what is in the database and on disk, and compares it with what the visitors saw.
    ///
    /// # Errors
    /// When rows cannot be read.
    pub async fn summary(&self, platform: &Platform) -> Result<Summary, StoreError> {
        let until = now() + Duration::from_secs(1);
        let rows = platform
            .db
            .row_counts(self.account, self.began, until)
            .await?;
        let calls = self.calls(platform).await?;
        let mut counts = CallCounts::default();
        let mut recordings = RecordingCounts::default();
        for call in &calls {
            counts.add(call);
            if call.disposition == Some(Disposition::Answered) {
                self.check_recording(platform, call, &mut recordings)
                    .await?;
            }
        }
        self.check_placed(platform, &calls).await?;
        Ok(Summary {
            visits: rows.visits,
            leases: rows.leases,
            calls: counts,
            attributed: calls.iter().filter(|call| call.visit.is_some()).count() as u64,
            recordings,
            faults: std::mem::take(&mut *self.faults.lock()),
        })
    }

    async fn calls(&self, platform: &Platform) -> Result<Vec<Call>, StoreError> {
        let filter = CallFilter {
            from: Some(self.began),
            ..CallFilter::default()
        };
        let mut calls = Vec::new();
        let mut after = None;
        loop {
            let page = platform.db.calls(self.account, &filter, after, 500).await?;
            calls.extend(page.calls);
            after = page.next;
            if after.is_none() {
                return Ok(calls);
            }
        }
    }

    /// Every call that a visitor made is in the call log, with the visit that was shown its number.
    async fn check_placed(&self, platform: &Platform, calls: &[Call]) -> Result<(), StoreError> {
        let mut by_caller: HashMap<&str, Vec<&Call>> = HashMap::new();
        for call in calls {
            if let Some(caller) = &call.caller {
                by_caller.entry(caller.as_str()).or_default().push(call);
            }
        }
        let placed = std::mem::take(&mut *self.placed.lock());
        for made in placed {
            let Some(lease) = platform.db.lease(self.account, made.lease).await? else {
                self.fault(format!("lease {} was shown but has no row", made.lease));
                continue;
            };
            let logged = by_caller
                .get(made.from.as_str())
                .map_or(&[][..], Vec::as_slice);
            // Who rings again may by chance be shown the same number again: the first call after the lease began is meant.
            let Some(call) = logged
                .iter()
                .filter(|call| call.number == lease.number && call.started_at >= lease.started_at)
                .min_by_key(|call| call.started_at)
            else {
                self.fault(format!(
                    "a call from {} ended with {} but is not in the call log",
                    ringfence_model::masked(&made.from),
                    made.result.final_code
                ));
                continue;
            };
            let right =
                call.visit == Some(lease.visit) || (lease.overflow && call.source.is_some());
            if !right {
                self.fault(format!(
                    "call {} is not attributed to the visit that was shown its number",
                    call.id
                ));
            }
            if made.result.answered != (call.disposition == Some(Disposition::Answered)) {
                self.fault(format!(
                    "call {} is logged as {:?}, its caller saw {}",
                    call.id, call.disposition, made.result.final_code
                ));
            }
        }
        Ok(())
    }

    async fn check_recording(
        &self,
        platform: &Platform,
        call: &Call,
        counts: &mut RecordingCounts,
    ) -> Result<(), StoreError> {
        let Some(recording) = platform.db.recording_of_call(self.account, call.id).await? else {
            self.fault(format!("answered call {} has no recording", call.id));
            return Ok(());
        };
        counts.total += 1;
        let path = platform.settings.recordings_folder.join(&recording.path);
        let heard = tokio::task::spawn_blocking(move || channels(&path)).await;
        match heard {
            Ok(Ok(heard))
                if recording.state == RecordingState::Closed
                    && heard == [Some(CALLER_TONE), Some(AGENT_TONE)] =>
            {
                counts.verified += 1;
            }
            Ok(Ok(heard)) => {
                tracing::warn!(call = %call.id, ?heard, state = recording.state.as_str(), "a recording holds other tones");
            }
            Ok(Err(error)) => self.fault(format!(
                "the recording of call {} cannot be read: {error}",
                call.id
            )),
            Err(error) => self.fault(format!(
                "the recording of call {} was not read: {error}",
                call.id
            )),
        }
        Ok(())
    }
}

/// The tone of each channel, left first.
fn channels(path: &std::path::Path) -> anyhow::Result<[Option<f64>; 2]> {
    let mut reader = hound::WavReader::open(path)?;
    let rate = reader.spec().sample_rate;
    let mut channels = [Vec::new(), Vec::new()];
    for (index, sample) in reader.samples::<i16>().enumerate() {
        channels[index % 2].push(sample?);
    }
    Ok(channels.map(|samples| {
        tone::dominant(&samples, rate, &[CALLER_TONE, AGENT_TONE])
            .filter(|(_, level)| *level >= AUDIBLE)
            .map(|(hz, _)| hz)
    }))
}

impl CallCounts {
    fn add(&mut self, call: &Call) {
        self.total += 1;
        self.failed_over +=
            u64::from(call.failed_over && call.disposition == Some(Disposition::Answered));
        match call.disposition {
            Some(Disposition::Answered) => self.answered += 1,
            Some(Disposition::Missed) => self.missed += 1,
            Some(Disposition::Abandoned) => self.abandoned += 1,
            _ => self.failed += 1,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} visits, {} numbers lent. {} calls: {} answered ({} after a failover), {} missed, {} abandoned, {} failed. \
             {} attributed. {} recordings, {} with both tones in place.",
            self.visits,
            self.leases,
            self.calls.total,
            self.calls.answered,
            self.calls.failed_over,
            self.calls.missed,
            self.calls.abandoned,
            self.calls.failed,
            self.attributed,
            self.recordings.total,
            self.recordings.verified,
        )
    }
}

/// Keeps one line of the terminal current.
pub async fn show(tally: Arc<Tally>, platform: Arc<Platform>) {
    let mut beat = tokio::time::interval(Duration::from_secs(1));
    loop {
        beat.tick().await;
        print!(
            "\r  {} numbers shown · {} calls made · {} under way   ",
            tally.shown.load(Ordering::Relaxed),
            tally.dialled.load(Ordering::Relaxed),
            platform.board.snapshot(tally.account).len(),
        );
        let _ = std::io::stdout().flush();
    }
}
