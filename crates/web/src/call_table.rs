//! The call log as a table to download: CSV (RFC 4180), written while it is read, so that its length costs no memory.

use std::sync::Arc;

use async_stream::try_stream;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use ringfence_model::{Account, Disposition, Lead, Money, Timestamp};
use ringfence_platform::Platform;
use ringfence_platform::call_log::{CallCursor, CallFilter, CallRow};
use ringfence_platform::reports::zone_of;

/// Calls that are read at a time.
const AT_A_TIME: u32 = 1000;

const COLUMNS: [&str; 21] = [
    "call",
    "started_at",
    "caller",
    "dialled",
    "disposition",
    "reason",
    "target",
    "failed_over",
    "wait_seconds",
    "talk_seconds",
    "source_kind",
    "source",
    "campaign",
    "keyword",
    "confidence",
    "visit",
    "ended_at",
    "lead",
    "value",
    "currency",
    "tags",
];

/// Every call that fits the filter, newest first; times in the account's zone with their offset.
pub(crate) fn answer(platform: Arc<Platform>, account: &Account, filter: CallFilter) -> Response {
    let file = format!(
        "calls-{}.csv",
        ringfence_platform::now().to_jiff().strftime("%Y-%m-%d")
    );
    let zone = zone_of(account);
    let money = Money::of(account);
    let account = account.id;
    let at = move |time: Timestamp| {
        let local = time.to_jiff().to_zoned(zone.clone());
        local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    };
    let filter = Arc::new(filter);
    // On a task of its own, so that calls are read while the ones before them are written; one page ahead and no more.
    let read = move |after: Option<CallCursor>| {
        let (platform, filter) = (Arc::clone(&platform), Arc::clone(&filter));
        tokio::spawn(async move {
            let page = platform.call_log(account, &filter, after, AT_A_TIME).await;
            page.map_err(std::io::Error::other)
        })
    };
    let lines = try_stream! {
        yield table(std::iter::once(COLUMNS.map(str::to_owned)))?;
        let mut reading = Some(read(None));
        while let Some(page) = reading.take() {
            let page = page.await??;
            reading = page.next.map(|after| read(Some(after)));
            if page.rows.is_empty() {
                break;
            }
            yield table(page.rows.into_iter().map(|row| line(row, money, &at)))?;
        }
    };
    let lines: std::pin::Pin<Box<dyn futures::Stream<Item = std::io::Result<Bytes>> + Send>> =
        Box::pin(lines);
    let headers = [
        (
            header::CONTENT_TYPE,
            "text/csv; charset=utf-8; header=present".to_owned(),
        ),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{file}\""),
        ),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    (headers, Body::from_stream(lines)).into_response()
}

/// Lines as CSV (RFC 4180).
pub(crate) fn table<const N: usize>(
    lines: impl Iterator<Item = [String; N]>,
) -> std::io::Result<Bytes> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for line in lines {
        writer.write_record(line).map_err(std::io::Error::other)?;
    }
    let octets = writer
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?;
    Ok(octets.into())
}

fn line(row: CallRow, money: Money, at: &impl Fn(Timestamp) -> String) -> [String; 21] {
    let CallRow {
        call,
        target,
        worth,
    } = row;
    let (lead, value, tags) = worth.map_or_else(Default::default, |worth| {
        let lead = worth.lead.map_or("", Lead::as_str);
        let value = worth.value.map(|value| money.plain(value));
        (lead, value, worth.tags.join(", "))
    });
    let currency = value.as_ref().map_or("", |_| money.code());
    let waited = call.answered_at.or(call.ended_at);
    let talked = call.answered_at.zip(call.ended_at);
    let (kind, name, campaign, keyword) = match call.source {
        Some(source) => (
            source.kind.as_str().to_owned(),
            source.name,
            source.campaign.unwrap_or_default(),
            source.keyword.unwrap_or_default(),
        ),
        None => Default::default(),
    };
    let seconds = |length: Option<std::time::Duration>| {
        length
            .map(|length| length.as_secs().to_string())
            .unwrap_or_default()
    };
    [
        call.id.to_string(),
        at(call.started_at),
        call.caller
            .map(|caller| caller.as_str().to_owned())
            .unwrap_or_default(),
        call.dialled.as_str().to_owned(),
        call.disposition.map_or("", Disposition::as_str).to_owned(),
        inert(call.reason.unwrap_or_default()),
        inert(target.unwrap_or_default()),
        call.failed_over.to_string(),
        seconds(waited.map(|at| at.since(call.started_at))),
        seconds(talked.map(|(from, to)| to.since(from))),
        kind,
        inert(name),
        inert(campaign),
        inert(keyword),
        call.confidence.as_str().to_owned(),
        call.visit
            .map(|visit| visit.to_string())
            .unwrap_or_default(),
        call.ended_at.map(at).unwrap_or_default(),
        lead.to_owned(),
        value.unwrap_or_default(),
        currency.to_owned(),
        inert(tags),
    ]
}

/// Spreadsheets take a cell that begins like a formula for one, and what a visitor's URL said must not run in them.
pub(crate) fn inert(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_begins_like_a_formula_is_made_inert() {
        assert_eq!(inert("=1+1".into()), "'=1+1");
        assert_eq!(inert("spring sale".into()), "spring sale");
    }

    #[test]
    fn cells_with_commas_and_quotes_are_quoted_and_lines_end_in_crlf() {
        let bytes = table(std::iter::once(["a,b".to_owned(), "say \"x\"".to_owned()]));
        assert_eq!(&bytes.unwrap()[..], b"\"a,b\",\"say \"\"x\"\"\"\r\n");
    }
}
