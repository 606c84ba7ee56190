//! What the tags of a page counted, as evidence beside our own looks.

use ringfence_fence::PageCalls;
use ringfence_fence::look::SignalKind;
use ringfence_model::{AbuseCase, CaseEvidence, CaseSignal, EvidenceKind, Timestamp};
use ringfence_store::StoreError;

use super::cases::{EVIDENCE_MAX, evidence};
use super::page_gate::Job;
use crate::Platform;

/// Pieces of this kind that are kept in one case: more say nothing new.
const PIECES_MAX: usize = 10;

impl Platform {
    /// Adds what the tags of a page counted to the case that its site has, when it has one: a browser's word alone opens
    /// none, for anybody can say it.
    pub(super) async fn note_calls(
        &self,
        job: &Job,
        calls: &PageCalls,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(case) = self.db.open_case_of(job.account, job.site).await? else {
            return Ok(());
        };
        let piece = piece(&case, job, calls, at);
        let known = self.db.evidence(case.account, case.id, EVIDENCE_MAX);
        if !has_room(&known.await?, &piece) {
            return Ok(());
        }
        self.db
            .add_evidence(case.account, case.id, &[piece], None)
            .await
    }
}

/// Whether a case takes this piece: it says something new, and there are not too many of its kind.
pub(super) fn has_room(known: &[CaseEvidence], piece: &CaseEvidence) -> bool {
    let mut count = 0;
    let mut of_kind = known
        .iter()
        .filter(|known| known.kind == EvidenceKind::Sensor);
    of_kind.all(|known| {
        count += 1;
        known.what != piece.what && count < PIECES_MAX
    })
}

/// What the tags of a page counted, in words and as signals.
pub(super) fn piece(case: &AbuseCase, job: &Job, calls: &PageCalls, at: Timestamp) -> CaseEvidence {
    let what = format!(
        "a browser in which {} was open says of it: {}. Anybody can say so: compare it with what the looks found",
        job.page,
        calls.in_words()
    );
    let counted = [
        (SignalKind::FullScreen, calls.full_screen),
        (SignalKind::KeyboardLock, calls.keyboard_lock),
        (SignalKind::PointerLock, calls.pointer_lock),
        (SignalKind::DialogLoop, calls.dialogs),
        (SignalKind::LeaveBlocked, calls.leave_questions),
        (SignalKind::HistoryFlood, calls.history),
    ];
    let signals = counted
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| CaseSignal {
            kind: kind.as_str().into(),
            strength: 1.0,
            count,
            weight: 0.0,
            part: format!("what the page did, counted by its tag: {count}"),
            line: None,
            excerpt: String::new(),
            why: kind.why().into(),
        });
    CaseEvidence {
        signals: signals.collect(),
        ..evidence(case, EvidenceKind::Sensor, what, at)
    }
}
