//! A recording's file over HTTP, with byte ranges (RFC 9110 §14). Who may hear it is decided elsewhere.

use std::io::SeekFrom;
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ringfence_model::CallId;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

/// How much is read from disk at a time, in octets.
const PIECE: usize = 64 * 1024;

/// Whether this request begins a hearing: a player asks for many ranges of one, and for the first octet once.
pub(crate) fn begins(headers: &HeaderMap) -> bool {
    asked(headers).is_none_or(|range| range.starts_with("bytes=0-"))
}

/// The file or the part of it that `headers` ask for.
///
/// # Errors
/// When the file is not there or cannot be read.
pub(crate) async fn answer(
    path: &Path,
    call: CallId,
    headers: &HeaderMap,
) -> std::io::Result<Response> {
    let mut file = File::open(path).await?;
    let size = file.metadata().await?.len();
    let plain = [
        (header::CONTENT_TYPE, "audio/wav".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("inline; filename=\"call-{call}.wav\""),
        ),
    ];
    match asked(headers).map_or(Range::Whole, |text| range(text, size)) {
        Range::Whole => {
            let length = [(header::CONTENT_LENGTH, size.to_string())];
            let body = Body::from_stream(ReaderStream::with_capacity(file.take(size), PIECE));
            Ok((plain, length, body).into_response())
        }
        Range::Part { from, to } => {
            file.seek(SeekFrom::Start(from)).await?;
            let length = to - from + 1;
            let part = [
                (header::CONTENT_LENGTH, length.to_string()),
                (header::CONTENT_RANGE, format!("bytes {from}-{to}/{size}")),
            ];
            let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), PIECE));
            Ok((StatusCode::PARTIAL_CONTENT, plain, part, body).into_response())
        }
        Range::Beyond => {
            let whole = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            Ok((StatusCode::RANGE_NOT_SATISFIABLE, whole).into_response())
        }
    }
}

fn asked(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok())
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    Part { from: u64, to: u64 },
    Beyond,
}

/// One range of octets; several at once, or other units, are answered with the whole, as RFC 9110 §14.2 allows.
fn range(text: &str, size: u64) -> Range {
    let Some((from, to)) = text
        .strip_prefix("bytes=")
        .and_then(|spec| spec.split_once('-'))
    else {
        return Range::Whole;
    };
    let (from, to) = (from.trim(), to.trim());
    let bounds = match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(from), Ok(to)) if from <= to => Some((from, to)),
        (Ok(from), Err(_)) if to.is_empty() => Some((from, u64::MAX)),
        (Err(_), Ok(last)) if from.is_empty() => {
            if last == 0 {
                return Range::Beyond;
            }
            Some((size.saturating_sub(last), u64::MAX))
        }
        _ => None,
    };
    match bounds {
        None => Range::Whole,
        Some((from, _)) if from >= size => Range::Beyond,
        Some((from, to)) => Range::Part {
            from,
            to: to.min(size - 1),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let part = |from, to| Range::Part { from, to };
        for (text, expected) in [
            ("bytes=0-99", part(0, 99)),
            ("bytes=0-", part(0, 999)),
            ("bytes=500-5000", part(500, 999)),
            ("bytes=-100", part(900, 999)),
            ("bytes=-5000", part(0, 999)),
            ("bytes=1000-", Range::Beyond),
            ("bytes=-0", Range::Beyond),
            ("bytes=9-3", Range::Whole),
            ("bytes=0-1,5-6", Range::Whole),
            ("lines=0-1", Range::Whole),
            ("bytes=x", Range::Whole),
        ] {
            assert_eq!(range(text, 1_000), expected, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), Range::Beyond);
    }
}
