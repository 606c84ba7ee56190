//! The way of a call through its plan, worked out when it comes: schedules, matches, hours and languages are asked, and
//! groups are listed as if nobody answered.
//!
//! Counts of this moment are not asked, so `apply` refuses what needs them; see docs/decisions/0012-the-way-of-a-call.md.

use ringfence_model::{Call, CallEventKind, LegId, PlanDocument, Timestamp};
use ringfence_routing::{
    Candidate, Chance, Instruction, Loads, MAX_CANDIDATES, Refusal, Route, View, trial,
};
use ringfence_store::StoreError;

use super::facts::NumberFacts;
use crate::arrangement::number_of;
use crate::{Platform, random};

/// Whom a call rings, and the steps that led to the first of them.
pub(super) struct Way {
    pub(super) route: Route,
    pub(super) decided: Vec<CallEventKind>,
}

/// What is known of a call. The visit and the caller's earlier calls are read only when something asks for them.
pub(super) async fn facts_of(
    platform: &Platform,
    known: &NumberFacts,
    call: &Call,
) -> Result<ringfence_routing::CallFacts, StoreError> {
    let visit = match call.visit {
        Some(visit) if known.asks_for_the_visit => platform.db.visit(call.account, visit).await?,
        _ => None,
    };
    let history = match &call.caller {
        Some(caller) if known.asks_for_the_caller => {
            platform
                .db
                .caller_history(call.account, caller, call.started_at)
                .await?
        }
        _ => ringfence_store::CallerHistory::default(),
    };
    let (language, device) = visit
        .map(|visit| (visit.language, visit.device))
        .unwrap_or_default();
    Ok(ringfence_routing::CallFacts {
        country: call
            .caller
            .as_ref()
            .and_then(ringfence_model::E164::country),
        caller: call.caller.clone(),
        dialled: Some(call.dialled.clone()),
        visitor_languages: language.into_iter().collect(),
        device,
        source: call.source.clone(),
        returning: history.returning,
        last_target: history.last_target,
        ..ringfence_routing::CallFacts::default()
    })
}

/// Works the way out.
pub(super) fn of_call(
    known: &NumberFacts,
    document: &PlanDocument,
    facts: &ringfence_routing::CallFacts,
    now: Timestamp,
) -> Way {
    let loads = Loads::default();
    let view = View {
        facts,
        destinations: &known.destinations,
        loads: &loads,
    };
    let mut bits = rand::random::<u64>;
    let stages = trial(
        document.clone(),
        &view,
        now,
        &mut Chance::new(&mut bits),
        "",
    );
    let mut way = Way {
        route: Route::default(),
        decided: Vec::new(),
    };
    for (nth, stage) in stages.into_iter().enumerate() {
        let path = stage.decision.path;
        let step = path.last().map(|entry| entry.step.clone());
        let mut passed_over = false;
        match stage.decision.instruction {
            Instruction::Ring {
                choices, passed, ..
            } => {
                passed_over = !passed.is_empty();
                for choice in choices {
                    let mut candidate = choice.candidate(LegId::new(now, random()));
                    let step = step.as_deref().unwrap_or_default();
                    candidate.reason = format!("step {step:?}: {}", candidate.reason);
                    if let (Some(number), Some(trunk)) = (number_of(&choice.uri), choice.trunk) {
                        match known.reach.uri(&number, trunk) {
                            Ok(uri) => candidate.uri = uri,
                            Err(why) => {
                                metrics::counter!("ringfence_numbers_not_dialled_total")
                                    .increment(1);
                                tracing::warn!(target = %choice.name, "a number is not dialled: {why}");
                                continue;
                            }
                        }
                    }
                    add(&mut way.route.candidates, candidate);
                }
            }
            Instruction::Reject { code, reason } => {
                way.route.refuse = Some(Refusal { code, reason });
            }
            _ => {}
        }
        // Later steps are taken only when nobody answers; the first group alone, as it stands, is told by whom it rings.
        if nth == 0 && (path.len() > 1 || passed_over) {
            way.decided = path
                .into_iter()
                .map(|entry| CallEventKind::Decided {
                    step: entry.step,
                    reason: entry.reason,
                })
                .collect();
        }
    }
    way
}

fn add(candidates: &mut Vec<Candidate>, candidate: Candidate) {
    if candidates.len() < MAX_CANDIDATES {
        candidates.push(candidate);
    }
}
