//! The answer to a REGISTER whose sender has proved its password (RFC 3261 §10.3).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics::counter;
use ringfence_model::{Registration, Timestamp};
use rsipstack::sip::Header;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::transaction::Transaction;
use rsipstack::transaction::transaction::TransactionEvent;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{debug, warn};

use super::bindings::{Facts, Limits, Refusal, changed};
use super::contact;
use super::directory::Entry;
use super::flow::Flow;
use crate::server::Shared;
use crate::{call, guard, message};

/// REGISTERs that may be carried out at once.
pub(crate) const MAX_REGISTERING: usize = 128;
/// How long it may take until registrations are kept.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer: a code and its headers.
type Answer = (u16, Vec<Header>);

/// Answers, and stays until that needs no retransmission; the permit is given back once it is answered.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    mut transaction: Transaction,
    permit: OwnedSemaphorePermit,
) {
    let (code, extra) = carry_out(&shared, &transaction).await;
    drop(permit);
    counter!("ringfence_registrations_total", "code" => code.to_string()).increment(1);
    let tag = message::new_tag();
    let response = message::response(&transaction.original, code, Some(&tag), extra, None);
    let _ = transaction
        .tu_sender
        .send(TransactionEvent::Respond(response));
    let until_over = async { while transaction.receive().await.is_some() {} };
    let _ = tokio::time::timeout(call::TAIL, until_over).await;
}

async fn carry_out(shared: &Shared, transaction: &Transaction) -> Answer {
    let request = &transaction.original;
    let refused = |code| (code, Vec::new());
    if let Some(unknown) = message::required(request) {
        return (420, vec![Header::Unsupported(unknown.into())]);
    }
    let flow = transaction
        .connection
        .as_ref()
        .and_then(|connection| Flow::of(connection.get_remote_addr()?));
    let (Some(flow), Some(credentials)) = (flow, guard::credentials(request)) else {
        return refused(400);
    };
    // It has proved to be this user, and registers nobody else.
    let whose = request
        .to_header()
        .ok()
        .and_then(|to| message::user_part(to.value()));
    let entry = shared.phones.find(&credentials.user);
    let Some(entry) = entry.filter(|_| whose.as_deref() == Some(&credentials.user)) else {
        return refused(403);
    };
    let sequence = request.cseq_header().ok().and_then(|cseq| cseq.seq().ok());
    let (Some((asked, expires)), Some(sequence)) = (contact::asked(&request.headers), sequence)
    else {
        return refused(400);
    };
    let limits = Limits {
        minimum: seconds(shared.config.phone_expiry.0),
        maximum: seconds(shared.config.phone_expiry.1),
    };
    let _turn = entry.turn.lock().await;
    let facts = Facts {
        target: entry.phone.target,
        flow,
        call_id: message::call_id(request).unwrap_or_default(),
        sequence,
        agent: contact::agent(&request.headers),
        now: Timestamp::from(SystemTime::now()),
    };
    let before = entry.registrations();
    match changed(&before, &asked, expires, &facts, limits) {
        Ok(after) => kept(shared, &entry, &before, after, facts.now).await,
        Err(Refusal::TooBrief) => {
            let minimum = limits.minimum.to_string();
            (423, vec![Header::MinExpires(minimum.into())])
        }
        Err(Refusal::OutOfOrder) => refused(500),
    }
}

/// Has a phone's registrations kept and tells it what there is.
async fn kept(
    shared: &Shared,
    entry: &Arc<Entry>,
    before: &[Registration],
    after: Vec<Registration>,
    now: Timestamp,
) -> Answer {
    if after != before && !shared.phones.keep(entry, after.clone(), PATIENCE).await {
        warn!(target = %entry.phone.target, "a registration could not be kept; the phone tries again");
        return (503, vec![Header::RetryAfter("10".to_owned().into())]);
    }
    debug!(target = %entry.phone.target, places = after.len(), "a phone has registered");
    let contacts = after.iter().map(|one| {
        // Rounded up: a phone that believes in "0" would be gone.
        let left = one.expires_at.since(now).as_micros().div_ceil(1_000_000);
        Header::Contact(format!("<{}>;expires={left}", one.contact).into())
    });
    (200, contacts.collect())
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
