//! Group commit: many callers' batches in one transaction, acknowledged after it is durable.

use ringfence_model::{
    AccountId, Call, CallEvent, CallId, Disposition, Lease, LeaseId, Leg, LegId, LegOutcome,
    Recording, RecordingId, RecordingState, TargetGroupId, TargetId, Timestamp, Visit,
};

use crate::{Db, StoreError};

/// One change that visits and calls make. Writing the same one twice is no error and changes nothing more.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new visit, or a known one's `seen_at`.
    Visit(Box<Visit>),
    /// A new lease.
    Lease(Box<Lease>),
    /// A beat moved a lease's end on.
    LeaseExtended {
        /// Whose it is.
        account: AccountId,
        /// The lease.
        lease: LeaseId,
        /// Its new end.
        expires_at: Timestamp,
    },
    /// A lease ended before its time; its `expires_at` becomes `at` when that is earlier, and is never before its beginning.
    LeaseEnded {
        /// Whose it is.
        account: AccountId,
        /// The lease.
        lease: LeaseId,
        /// When it ended.
        at: Timestamp,
    },
    /// A call came in.
    CallBegun(Box<Call>),
    /// Something happened to a call; its `(call, sequence)` is written once.
    CallEvent(CallEvent),
    /// A target is being rung.
    LegBegun(Leg),
    /// An outbound leg is over (or, with `outcome: answered`, was answered and is over).
    LegEnded {
        /// Whose it is.
        account: AccountId,
        /// The leg.
        leg: LegId,
        /// When it was answered.
        answered_at: Option<Timestamp>,
        /// When it was over.
        ended_at: Timestamp,
        /// How it ended.
        outcome: LegOutcome,
        /// The final SIP status code, when one came.
        code: Option<u16>,
    },
    /// A target answered a call.
    CallAnswered {
        /// Whose it is.
        account: AccountId,
        /// The call.
        call: CallId,
        /// When.
        at: Timestamp,
        /// Who.
        target: TargetId,
        /// For which group, when it was rung for one.
        group: Option<TargetGroupId>,
        /// More than one target was rung.
        failed_over: bool,
    },
    /// A call is over.
    CallEnded {
        /// Whose it is.
        account: AccountId,
        /// The call.
        call: CallId,
        /// When.
        at: Timestamp,
        /// How it ended.
        disposition: Disposition,
        /// Why, in words.
        reason: Option<String>,
        /// More than one target was rung.
        failed_over: bool,
    },
    /// A recording began.
    RecordingOpened(Recording),
    /// A recording ended.
    RecordingClosed {
        /// Whose it is.
        account: AccountId,
        /// The recording.
        recording: RecordingId,
        /// Its length in milliseconds.
        duration_ms: u64,
        /// Its size in octets.
        size: u64,
        /// SHA-256 of the whole file, 32 octets.
        sha256: Option<Vec<u8>>,
        /// `closed`, `recovered` or `failed`.
        state: RecordingState,
    },
}

impl Db {
    /// Writes all of `writes` or none, and answers when they are durable. Callers that wait at the same time share a
    /// transaction; a batch that cannot be written fails alone.
    ///
    /// # Errors
    /// [`StoreError::Taken`] and [`StoreError::MissingParent`] for this batch's own mistakes;
    /// [`StoreError::Unavailable`] and [`StoreError::DiskFull`] when the same batch may work later.
    pub async fn write(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        self.writer().writes(writes).await
    }
}
