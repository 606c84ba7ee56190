//! What a plan may ask of a call.

use ringfence_model::Call;
use ringfence_store::StoreError;

use super::facts::NumberFacts;
use crate::Platform;

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
