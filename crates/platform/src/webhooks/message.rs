//! What a webhook is told. Made from the rows at each attempt, and only of what the event has settled, so that every
//! attempt says the same; what was erased meanwhile is not told any more.

use ringfence_model::{Call, Delivery, Timestamp, WebhookEvent};
use ringfence_store::StoreError;
use serde_json::{Map, Value, json};

use crate::Platform;

/// The message of a delivery; `None` when its call or recording is not there any more.
///
/// # Errors
/// When the rows cannot be read.
pub async fn message(
    platform: &Platform,
    delivery: &Delivery,
) -> Result<Option<Value>, StoreError> {
    let db = &platform.db;
    let Some(call) = db.call(delivery.account, delivery.call).await? else {
        return Ok(None);
    };
    let mut data = match delivery.recording {
        None => started(&call),
        Some(recording) => {
            let Some(recording) = db.recording(delivery.account, recording).await? else {
                return Ok(None);
            };
            Map::from_iter([
                ("id".to_owned(), json!(recording.id.0)),
                ("call_id".to_owned(), json!(recording.call.0)),
                ("started_at".to_owned(), time(recording.started_at)),
                ("duration_ms".to_owned(), json!(recording.duration_ms)),
                ("size".to_owned(), json!(recording.size)),
            ])
        }
    };
    if matches!(
        delivery.event,
        WebhookEvent::CallAnswered | WebhookEvent::CallEnded
    ) {
        data.insert("answered_at".into(), optional_time(call.answered_at));
        data.insert("target_id".into(), json!(call.target.map(|id| id.0)));
    }
    if delivery.event == WebhookEvent::CallEnded {
        data.insert("ended_at".into(), optional_time(call.ended_at));
        let disposition = call.disposition.map(ringfence_model::Disposition::as_str);
        data.insert("disposition".into(), json!(disposition));
        data.insert("reason".into(), json!(call.reason));
        data.insert("failed_over".into(), json!(call.failed_over));
    }
    Ok(Some(json!({
        "type": delivery.event.as_str(),
        "timestamp": time(delivery.happened_at),
        "data": data,
    })))
}

fn started(call: &Call) -> Map<String, Value> {
    let source = call.source.as_ref().map(|source| {
        json!({
            "kind": source.kind.as_str(),
            "name": source.name,
            "campaign": source.campaign,
            "keyword": source.keyword,
        })
    });
    Map::from_iter([
        ("id".to_owned(), json!(call.id.0)),
        ("number_id".to_owned(), json!(call.number.0)),
        ("dialled".to_owned(), json!(call.dialled.as_str())),
        (
            "caller".to_owned(),
            json!(call.caller.as_ref().map(ringfence_model::E164::as_str)),
        ),
        ("started_at".to_owned(), time(call.started_at)),
        ("visit_id".to_owned(), json!(call.visit.map(|id| id.0))),
        ("source".to_owned(), json!(source)),
        ("confidence".to_owned(), json!(call.confidence.as_str())),
    ])
}

fn time(at: Timestamp) -> Value {
    json!(at.to_string())
}

fn optional_time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, time)
}
