//! The journal of one call: every notice becomes rows, in order, and waits for the database when it must.

use std::sync::Arc;
use std::time::Duration;

use ringfence_media::RecordingReport;
use ringfence_model::{
    AccountId, Call, CallEvent, CallEventKind, CallId, Leg, LegId, LegOutcome, Recording,
    RecordingId, RecordingState, ServerId, TargetGroupId, TargetId, Timestamp,
};
use ringfence_store::Write;
use ringfence_telephony::{CallNotice, RecordingPlan};
use tokio::sync::mpsc;

use crate::Platform;
use crate::board::BoardChange;

/// Between two tries to write while the database is away.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Notices that are written together.
const TOGETHER: usize = 64;

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact about the call of its own, and they combine freely"
)]
pub(super) struct Journal {
    platform: Arc<Platform>,
    account: AccountId,
    call: CallId,
    started_at: Timestamp,
    sequence: u32,
    legs: Vec<OpenLeg>,
    answered: Option<(usize, Timestamp)>,
    /// Where its sound may go: the conversation, and a message.
    recordings: Vec<RecordingPlan>,
    notices: mpsc::Receiver<CallNotice>,
    /// Targets at which nobody answered, and when that was over.
    in_vain: Vec<(TargetId, Timestamp)>,
    /// A side has hung up.
    hung_up: bool,
    /// Targets that talked, and when that was over and their rest began.
    talked: Vec<(TargetId, Timestamp)>,
    /// Others had failed when somebody answered, or several were rung and nobody did.
    failed_over: bool,
    ended: bool,
    /// The server that it is written by; another one once this was given up and came back.
    run: Option<ServerId>,
    /// Another server closed the call, so nothing more is written.
    closed_elsewhere: bool,
}

struct OpenLeg {
    id: LegId,
    target: TargetId,
    name: String,
    group: Option<TargetGroupId>,
    began: Timestamp,
    ended: bool,
}

impl Journal {
    pub(super) fn new(
        platform: Arc<Platform>,
        call: &Call,
        sequence: u32,
        recordings: Vec<RecordingPlan>,
        notices: mpsc::Receiver<CallNotice>,
    ) -> Self {
        Self {
            platform,
            account: call.account,
            call: call.id,
            started_at: call.started_at,
            sequence,
            legs: Vec::new(),
            answered: None,
            recordings,
            notices,
            in_vain: Vec::new(),
            hung_up: false,
            talked: Vec::new(),
            failed_over: false,
            ended: false,
            run: call.server,
            closed_elsewhere: false,
        }
    }

    /// Keeps the journal until the call's last notice. A call whose driver vanished is closed as failed.
    pub(super) async fn keep(mut self) {
        let mut waiting = Vec::with_capacity(8);
        while self.notices.recv_many(&mut waiting, TOGETHER).await > 0 {
            let mut writes = Vec::new();
            for notice in waiting.drain(..) {
                self.note(notice, &mut writes);
            }
            self.write(writes).await;
            self.tell_agents().await;
        }
        if !self.ended {
            let reason = "the call's driver stopped before the call was over";
            self.fail(reason).await;
            self.tell_agents().await;
        }
        self.platform.board.ended(self.call);
    }

    /// Closes a call whose row took so long that nobody waited for it.
    pub(super) async fn close_unbegun(mut self) {
        let reason = "its first row took too long to write: the caller was refused, or had left";
        self.fail(reason).await;
        self.platform.board.ended(self.call);
    }

    async fn fail(&mut self, reason: &str) {
        let mut writes = Vec::new();
        let kind = CallEventKind::Ended {
            disposition: ringfence_model::Disposition::Failed,
            code: None,
            reason: reason.into(),
        };
        self.note_event(crate::now(), kind, &mut writes);
        self.write(writes).await;
    }

    /// Whoever talked wraps up, once the conversation is over; who did not answer may be put on a break.
    async fn tell_agents(&mut self) {
        for (target, at) in std::mem::take(&mut self.in_vain) {
            let told = self.platform.agent_did_not_answer(self.account, target, at);
            told.await;
        }
        for (target, at) in std::mem::take(&mut self.talked) {
            self.platform.agent_wraps_up(self.account, target, at).await;
        }
    }

    /// Rows are idempotent, so the same batch is tried until the database takes it.
    async fn write(&mut self, writes: Vec<Write>) {
        if writes.is_empty() {
            return;
        }
        loop {
            if self.is_closed_elsewhere().await {
                metrics::counter!("ringfence_call_rows_too_late_total").increment(1);
                return;
            }
            match self.platform.db.write(writes.clone()).await {
                Ok(()) => return,
                Err(error) if error.is_passing() => {
                    metrics::counter!("ringfence_call_rows_delayed_total").increment(1);
                    tracing::warn!(call = %self.call, "a call's rows wait for the database: {error}");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
                Err(error) => {
                    metrics::counter!("ringfence_call_rows_lost_total").increment(1);
                    tracing::error!(call = %self.call, ?writes, "a call's rows were refused: {error}");
                    return;
                }
            }
        }
    }

    /// While this server was given up, another may have closed the call.
    async fn is_closed_elsewhere(&mut self) -> bool {
        let run = self.platform.standing.settled_run().await;
        if !self.closed_elsewhere && run != self.run {
            match self.platform.db.call(self.account, self.call).await {
                Ok(Some(call)) => {
                    self.run = run;
                    self.closed_elsewhere = call.ended_at.is_some();
                }
                Ok(None) => self.run = run,
                // What is written now has to wait too; it is asked again then.
                Err(_) => {}
            }
        }
        self.closed_elsewhere
    }

    fn note(&mut self, notice: CallNotice, writes: &mut Vec<Write>) {
        match notice {
            CallNotice::Event { at, kind } => self.note_event(at, kind, writes),
            CallNotice::Finished | CallNotice::Digit { .. } => {}
            CallNotice::Recorded(report) => self.recorded(&report, writes),
        }
    }

    fn recorded(&self, report: &RecordingReport, writes: &mut Vec<Write>) {
        let Some(plan) = self.recordings.iter().find(|plan| plan.path == report.path) else {
            return;
        };
        let state = match report.failure {
            Some(_) => RecordingState::Failed,
            None => RecordingState::Closed,
        };
        writes.push(Write::RecordingClosed {
            account: self.account,
            recording: plan.recording,
            duration_ms: report.duration_ms,
            size: report.size,
            sha256: Some(report.sha256.to_vec()),
            state,
        });
    }

    fn note_event(&mut self, at: Timestamp, kind: CallEventKind, writes: &mut Vec<Write>) {
        self.show(&kind, at);
        match &kind {
            CallEventKind::Ringing {
                leg,
                target,
                name,
                group,
                ..
            } => {
                let open = OpenLeg {
                    id: *leg,
                    target: *target,
                    name: name.clone(),
                    group: *group,
                    began: at,
                    ended: false,
                };
                self.leg_began(open, writes);
            }
            CallEventKind::LegFailed {
                leg, outcome, code, ..
            } => {
                self.leg_ended(*leg, at, *outcome, *code, writes);
                self.note_in_vain(*leg, *outcome, at);
            }
            CallEventKind::Answered { leg } => self.answered(*leg, at, writes),
            CallEventKind::Left { .. } => {
                self.has_talked(at);
                self.talk_ended(at, writes);
            }
            CallEventKind::RecordingStarted { recording } => {
                self.recording_began(*recording, at, writes);
            }
            CallEventKind::HungUp { .. } => {
                self.hung_up = true;
                self.has_talked(at);
            }
            CallEventKind::Ended {
                disposition,
                reason,
                ..
            } => {
                self.ended = true;
                if !self.hung_up {
                    self.has_talked(at);
                }
                if self.answered.is_none() {
                    self.failed_over = self.legs.len() > 1;
                }
                self.talk_ended(at, writes);
                let seconds = at.since(self.started_at).as_secs_f64();
                metrics::counter!("ringfence_calls_total", "disposition" => disposition.as_str())
                    .increment(1);
                metrics::histogram!("ringfence_call_seconds").record(seconds);
                tracing::info!(call = %self.call, disposition = disposition.as_str(), seconds, "call ended: {reason}");
                writes.push(Write::CallEnded {
                    account: self.account,
                    call: self.call,
                    at,
                    disposition: *disposition,
                    reason: Some(reason.clone()),
                    failed_over: self.failed_over,
                });
            }
            _ => {}
        }
        writes.push(Write::CallEvent(CallEvent {
            call: self.call,
            account: self.account,
            sequence: self.sequence,
            at,
            kind,
        }));
        self.sequence += 1;
    }

    /// Whoever talks does so no more, and begins to rest.
    fn has_talked(&mut self, at: Timestamp) {
        let talking = self.answered.map(|(index, _)| &self.legs[index]);
        if let Some(leg) = talking.filter(|leg| !leg.ended) {
            self.talked.push((leg.target, at));
        }
    }

    /// The leg of whoever talked is over.
    fn talk_ended(&mut self, at: Timestamp, writes: &mut Vec<Write>) {
        let Some((index, answered_at)) = self.answered else {
            return;
        };
        if !std::mem::replace(&mut self.legs[index].ended, true) {
            writes.push(Write::LegEnded {
                account: self.account,
                leg: self.legs[index].id,
                answered_at: Some(answered_at),
                ended_at: at,
                outcome: LegOutcome::Answered,
                code: Some(200),
            });
        }
    }

    /// Shows an event on the board, which knows one ringing target: of those that ring at once, the one that answers, or
    /// one that still rings when another has failed.
    fn show(&self, kind: &CallEventKind, at: Timestamp) {
        if self.answered.is_some() && self.show_transfer(kind, at) {
            return;
        }
        let shown = match kind {
            CallEventKind::Answered { leg } => self.legs.iter().find(|open| open.id == *leg),
            CallEventKind::LegFailed { leg, .. } => {
                let mut open = self.legs.iter().filter(|open| !open.ended);
                open.find(|open| open.id != *leg)
            }
            _ => None,
        };
        if let Some(open) = shown.filter(|_| self.answered.is_none()) {
            let ringing = BoardChange::Ringing {
                target: open.target,
                name: open.name.clone(),
                at: open.began,
            };
            self.platform.board.changed(self.call, ringing);
            if matches!(kind, CallEventKind::LegFailed { .. }) {
                return;
            }
        }
        if let Some(change) = BoardChange::of_event(kind, at) {
            self.platform.board.changed(self.call, change);
        }
    }

    /// Shows what a transfer changes: who rings for it, who has taken it, or that the caller is back; whether it does.
    fn show_transfer(&self, kind: &CallEventKind, at: Timestamp) -> bool {
        let (open, since) = match kind {
            CallEventKind::LegFailed { .. } => return true,
            CallEventKind::Answered { leg } => {
                let open = self.legs.iter().find(|open| open.id == *leg);
                (open, at)
            }
            CallEventKind::TransferFailed { .. } => {
                let talking = self.answered.map(|(index, at)| (&self.legs[index], at));
                let talking = talking.filter(|(leg, _)| !leg.ended);
                talking.map_or((None, at), |(leg, since)| (Some(leg), since))
            }
            _ => return false,
        };
        if let Some(open) = open {
            let ringing = BoardChange::Ringing {
                target: open.target,
                name: open.name.clone(),
                at: open.began,
            };
            self.platform.board.changed(self.call, ringing);
            let answered = BoardChange::Answered { at: since };
            self.platform.board.changed(self.call, answered);
        }
        true
    }

    /// A target at which nobody answered: at none of the places where its phone is registered.
    fn note_in_vain(&mut self, leg: LegId, outcome: LegOutcome, at: Timestamp) {
        let Some(open) = self.legs.iter().find(|open| open.id == leg) else {
            return;
        };
        let target = open.target;
        let rings_elsewhere = self
            .legs
            .iter()
            .any(|open| open.target == target && !open.ended);
        if outcome == LegOutcome::NoAnswer && !rings_elsewhere {
            self.in_vain.push((target, at));
        }
    }

    fn leg_began(&mut self, open: OpenLeg, writes: &mut Vec<Write>) {
        writes.push(Write::LegBegun(Leg {
            id: open.id,
            call: self.call,
            account: self.account,
            target: open.target,
            position: u32::try_from(self.legs.len()).unwrap_or(u32::MAX),
            started_at: open.began,
            answered_at: None,
            ended_at: None,
            outcome: None,
            code: None,
        }));
        self.legs.push(open);
    }

    fn leg_ended(
        &mut self,
        leg: LegId,
        at: Timestamp,
        outcome: LegOutcome,
        code: Option<u16>,
        writes: &mut Vec<Write>,
    ) {
        if let Some(open) = self
            .legs
            .iter_mut()
            .find(|open| open.id == leg && !open.ended)
        {
            open.ended = true;
            writes.push(Write::LegEnded {
                account: self.account,
                leg,
                answered_at: None,
                ended_at: at,
                outcome,
                code,
            });
        }
    }

    fn answered(&mut self, leg: LegId, at: Timestamp, writes: &mut Vec<Write>) {
        if let Some(index) = self.legs.iter().position(|open| open.id == leg) {
            // Of those that rang at once, none has failed before; a transfer is no failure.
            if self.answered.is_none() {
                self.failed_over = self.legs.iter().any(|open| open.ended);
            }
            self.answered = Some((index, at));
            self.platform.agent_answered(self.legs[index].target);
            writes.push(Write::CallAnswered {
                account: self.account,
                call: self.call,
                at,
                target: self.legs[index].target,
                group: self.legs[index].group,
                failed_over: self.failed_over,
            });
        }
    }

    fn recording_began(&mut self, recording: RecordingId, at: Timestamp, writes: &mut Vec<Write>) {
        let Some(plan) = self
            .recordings
            .iter()
            .find(|plan| plan.recording == recording)
        else {
            return;
        };
        let folder = &self.platform.settings.recordings_folder;
        let path = plan.path.strip_prefix(folder).unwrap_or(&plan.path);
        writes.push(Write::RecordingOpened(Recording {
            id: recording,
            call: self.call,
            account: self.account,
            path: path.to_string_lossy().into_owned(),
            started_at: at,
            duration_ms: 0,
            size: 0,
            sha256: None,
            state: RecordingState::Open,
        }));
    }
}
