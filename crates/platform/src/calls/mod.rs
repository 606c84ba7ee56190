//! Calls: from the INVITE to the last row.
//!
//! A call's row is durable before any target rings, and every event of it follows; when rows cannot be written,
//! new calls are refused and those under way go on while their events wait.

mod about;
pub(crate) mod answered_before;
mod colleagues;
mod facts;
mod journal;
pub(crate) mod manner;
#[cfg(test)]
mod minutes_tests;
mod planned;
mod queueing;
mod recovery;
mod switchboard;
mod transferring;
mod trunks;
mod withheld;

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use ringfence_live::RecentLease;
use ringfence_model::{
    Call, CallEvent, CallEventKind, CallId, E164, NumberState, PlanDocument, PlanId, RecordingId,
    Source, Step, Timestamp, TrackingNumber, TrunkId,
};
use ringfence_store::{StoreError, Write};
use ringfence_telephony::{
    CallDecision, CallSetup, Flow, IncomingCall, InviteFacts, Origin, RecordingPlan,
};
use ringfence_tracking::{Attribution, attribute};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::board::{BoardCall, BoardState};
use crate::{Platform, agents, now, random};
pub use colleagues::Colleagues;
pub use facts::CallFacts;
use journal::Journal;
use planned::{PlannedCall, Surroundings};
pub use recovery::Recovered;
pub use ringfence_routing::Wanted;
pub use switchboard::{PutThroughChoices, PutThroughError, Switchboard};
use transferring::{CallOrigin, Desk, Transferring};
pub use trunks::Trunks;
pub(crate) use trunks::login_place;
pub use withheld::Withheld;

/// Notices of one call that may wait for their rows; a call makes a few dozen.
const NOTICES: usize = 256;

/// Why a call was refused before it had a row.
#[derive(Debug, thiserror::Error)]
enum RefusedCall {
    #[error(
        "expected one of our tracking numbers, got {dialled}; import it with `ringfence number import`"
    )]
    UnknownNumber { dialled: String },
    #[error("expected a number in use, {0:?} is {1}")]
    NotInUse(E164, &'static str),
    #[error("expected a call plan for {0:?}; give the number one")]
    NoPlan(E164),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RefusedCall {
    /// The SIP status code (RFC 3261 §21) that tells the caller's side.
    fn code(&self) -> u16 {
        match self {
            Self::UnknownNumber { .. } => 404,
            Self::NotInUse(..) => 410,
            Self::NoPlan(_) => 480,
            Self::Store(_) => 503,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::UnknownNumber { .. } => "unknown_number",
            Self::NotInUse(..) => "number_not_in_use",
            Self::NoPlan(_) => "no_plan",
            Self::Store(_) => "rows_unavailable",
        }
    }
}

/// Decides about every call that `incoming` brings, until it closes or `drained` is cancelled; then waits for the calls'
/// last rows.
pub fn serve(
    platform: Arc<Platform>,
    mut incoming: mpsc::Receiver<IncomingCall>,
    drained: CancellationToken,
) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let calls = TaskTracker::new();
        let (desk, mut wanted) = Desk::open();
        loop {
            let came = tokio::select! {
                came = incoming.recv() => came,
                Some(wanted) = wanted.recv() => {
                    calls.spawn(transferring::look_up(Arc::clone(&platform), wanted));
                    continue;
                }
                () = drained.cancelled() => None,
            };
            let Some(IncomingCall { facts, decision }) = came else {
                break;
            };
            let (platform, desk) = (Arc::clone(&platform), desk.clone());
            calls.spawn(decide(platform, facts, decision, desk, calls.clone()));
        }
        // Whoever is put through from now on hears that it cannot be: the server stops.
        drop(wanted);
        calls.close();
        calls.wait().await;
    })
}

/// Says how a call goes on, and keeps its journal from then on as one of `calls`.
async fn decide(
    platform: Arc<Platform>,
    facts: InviteFacts,
    decision: oneshot::Sender<CallDecision>,
    desk: Desk,
    calls: TaskTracker,
) {
    if let Origin::Phone(phone) = facts.origin {
        let is_code = agents::CODES.iter().any(|one| one.code == facts.dialled);
        if is_code {
            agents::answer(&platform, phone, &facts, decision, &calls).await;
        } else {
            colleagues::answer(&platform, phone, &facts, decision).await;
        }
        return;
    }
    match begin(&platform, &facts, desk, now()).await {
        Ok((setup, journal)) => {
            let in_time = decision.send(CallDecision::Proceed(Box::new(setup)));
            if in_time.is_ok() {
                calls.spawn(journal.keep());
            } else {
                metrics::counter!("ringfence_calls_decided_too_late_total").increment(1);
                calls.spawn(journal.close_unbegun());
            }
        }
        Err(refused) => {
            metrics::counter!("ringfence_calls_refused_total", "reason" => refused.word())
                .increment(1);
            tracing::warn!(
                reason = refused.word(),
                code = refused.code(),
                caller = facts.caller.as_deref().map(ringfence_model::masked),
                "call refused: {refused}"
            );
            // The caller may have left meanwhile.
            let _ = decision.send(CallDecision::Refuse {
                code: refused.code(),
                reason: refused.word().replace('_', " "),
            });
        }
    }
}

async fn begin(
    platform: &Arc<Platform>,
    facts: &InviteFacts,
    desk: Desk,
    now: Timestamp,
) -> Result<(CallSetup, Journal), RefusedCall> {
    let unknown = || RefusedCall::UnknownNumber {
        dialled: ringfence_model::masked(&facts.dialled),
    };
    let dialled = E164::parse(&facts.dialled, facts.country.as_deref()).map_err(|_| unknown())?;
    let known = platform
        .call_facts
        .of_number(
            &platform.db,
            &platform.settings.recordings_folder,
            &dialled,
            now,
        )
        .await?
        .ok_or_else(unknown)?;
    let number = &known.number;
    // A carrier may serve several accounts from one address, so the number decides which of its trunks this is.
    let trunk = platform
        .trunks
        .of_account(number.account, facts.source.ip())
        .ok_or_else(unknown)?;
    if number.state == NumberState::Released {
        return Err(RefusedCall::NotInUse(dialled, number.state.as_str()));
    }
    let (plan, document) = known
        .plan
        .as_ref()
        .ok_or_else(|| RefusedCall::NoPlan(dialled.clone()))?;

    let leases = leases_around(platform, number, facts.received_at).await?;
    let attribution = attribute(
        &leases,
        facts.received_at,
        platform.settings.late_call_window,
    );
    let attribution = match &known.fixed {
        Some(fixed) if attribution.source.is_none() => fixed.clone(),
        _ => attribution,
    };
    let mut call = new_call(facts, number, trunk, *plan, &attribution, now);
    call.server = platform.standing.run();
    let stopped = withheld::why(platform, &known, &attribution, facts.received_at).await?;
    let about = about::facts_of(platform, &known, &call).await?;
    let origin = CallOrigin::of(&dialled, trunk, &attribution, facts.received_at);
    let mut writes = vec![Write::CallBegun(Box::new(call.clone()))];
    let mut sequence = 0;
    for kind in opening_events(attribution) {
        let (account, at) = (call.account, facts.received_at);
        writes.push(Write::CallEvent(CallEvent {
            call: call.id,
            account,
            sequence,
            at,
            kind,
        }));
        sequence += 1;
    }
    platform.db.write(writes).await?;
    count_quarantined(number);

    platform.board.began(BoardCall {
        id: call.id,
        account: call.account,
        caller: call.caller.clone(),
        dialled,
        started_at: call.started_at,
        source: call.source.clone(),
        confidence: call.confidence,
        state: BoardState::Arriving,
    });
    let (recording, message) = recording_plans(platform, &call, document, now);
    let (notices, received) = mpsc::channel(NOTICES);
    let journal = Journal::new(
        Arc::clone(platform),
        &call,
        sequence,
        recording.iter().chain(&message).cloned().collect(),
        received,
    );
    let flow: Box<dyn Flow> = if let Some(why) = stopped {
        Box::new(withheld::flow(why, now))
    } else {
        let line = platform.switchboard.enter(call.id, call.account);
        let transferring = Transferring::new(desk, origin, platform.colleagues.clone(), line);
        let surroundings = Surroundings::of(platform, call.account, transferring, now);
        let (known, records) = (Arc::clone(&known), platform.settings.record_calls);
        let call = PlannedCall::new(surroundings, document, known, about, records, now);
        Box::new(call)
    };
    Ok((
        CallSetup {
            logins: known.destinations.trunks.iter().copied().collect(),
            call: call.id,
            flow,
            recording,
            message,
            prompts: Arc::clone(&known.prompts),
            notices,
        },
        journal,
    ))
}

/// People call what they wrote down before the number was put to rest.
fn count_quarantined(number: &TrackingNumber) {
    if number.state == NumberState::Quarantined {
        metrics::counter!("ringfence_calls_to_quarantined_numbers_total").increment(1);
    }
}

/// The number's leases that may explain a call `at`, with the sources of their visits. Those of leases that were read
/// back at a start are read once.
async fn leases_around(
    platform: &Platform,
    number: &TrackingNumber,
    at: Timestamp,
) -> Result<Vec<(RecentLease, Arc<Source>)>, StoreError> {
    let window = platform.settings.late_call_window;
    let leases = platform.leases_around(number, at, window).await?;
    let unknown = leases.iter().filter(|lease| lease.source.is_none());
    let unknown: Vec<_> = unknown.map(|lease| lease.visit).collect();
    let visits = if unknown.is_empty() {
        Vec::new()
    } else {
        platform.db.visits(number.account, &unknown).await?
    };
    let read: HashMap<_, _> = visits
        .into_iter()
        .map(|visit| (visit.id, Arc::new(visit.source)))
        .collect();
    Ok(leases
        .into_iter()
        .filter_map(|lease| {
            let source = if let Some(source) = &lease.source {
                Arc::clone(source)
            } else {
                let source = read.get(&lease.visit)?;
                platform
                    .live
                    .remember_source(number.id, lease.id, Arc::clone(source));
                Arc::clone(source)
            };
            Some((lease, source))
        })
        .collect())
}

fn new_call(
    facts: &InviteFacts,
    number: &TrackingNumber,
    trunk: TrunkId,
    plan: PlanId,
    attribution: &Attribution,
    now: Timestamp,
) -> Call {
    let caller = facts.caller.as_deref();
    Call {
        id: CallId::new(now, random()),
        account: number.account,
        number: number.id,
        dialled: number.e164.clone(),
        caller: caller.and_then(|text| E164::parse(text, facts.country.as_deref()).ok()),
        trunk,
        plan: Some(plan),
        sip_call_id: facts.sip_call_id.clone(),
        started_at: facts.received_at,
        answered_at: None,
        ended_at: None,
        disposition: None,
        reason: None,
        target: None,
        failed_over: false,
        visit: attribution.visit,
        source: attribution.source.clone(),
        confidence: attribution.confidence,
        server: None,
    }
}

fn opening_events(attribution: Attribution) -> [CallEventKind; 2] {
    let attributed = CallEventKind::Attributed {
        confidence: attribution.confidence,
        source: attribution.source.map(|source| source.name),
        reason: attribution.reason,
    };
    [CallEventKind::Arrived, attributed]
}

/// Where the conversation goes when it may be recorded, and a message when the plan may take one.
fn recording_plans(
    platform: &Platform,
    call: &Call,
    document: &PlanDocument,
    now: Timestamp,
) -> (Option<RecordingPlan>, Option<RecordingPlan>) {
    let plan = |path: String| RecordingPlan {
        recording: RecordingId::new(now, random()),
        path: platform.settings.recordings_folder.join(path),
    };
    let path = recording_path(call);
    let takes_messages = |step: &Step| matches!(step, Step::Voicemail(_));
    let takes_messages = document.steps.values().any(takes_messages);
    let message = takes_messages.then(|| plan(path.replace(".wav", "-message.wav")));
    let records = platform.settings.record_calls || manner::wants_recordings(document);
    (records.then(|| plan(path)), message)
}

/// Below the recordings folder: a folder an account and a day, so that no folder grows without end.
fn recording_path(call: &Call) -> String {
    let day = call.started_at.to_jiff().strftime("%Y-%m-%d").to_string();
    format!("{}/{day}/{}.wav", call.account, call.id)
}
