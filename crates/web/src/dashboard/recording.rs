//! Recordings: the file with byte ranges (RFC 9110 §14), and the shape of its sound.

use std::io::SeekFrom;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use ringfence_model::Recording;
use ringfence_platform::call_log::{RecordingError, can_be_played};
use serde_json::json;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::App;
use super::page::Problem;
use super::session::Reader;

/// How much is read from disk at a time, in octets.
const PIECE: usize = 64 * 1024;

pub(super) async fn sound(
    State(app): State<App>,
    Path(call): Path<String>,
    reader: Reader,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let recording = find(&app, &call, &reader).await?;
    let path = app.platform.recording_path(&recording)?;
    let mut file = File::open(&path).await.map_err(RecordingError::File)?;
    let size = file.metadata().await.map_err(RecordingError::File)?.len();
    let asked = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    // A player asks for many ranges of one hearing; the first octet is asked for once.
    if asked.is_none_or(|range| range.starts_with("bytes=0-")) {
        tracing::info!(user = %reader.viewer.user.id, recording = %recording.id, "recording opened");
    }
    let plain = [
        (header::CONTENT_TYPE, "audio/wav".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("inline; filename=\"call-{call}.wav\""),
        ),
    ];
    match asked.map_or(Range::Whole, |text| range(text, size)) {
        Range::Whole => {
            let length = [(header::CONTENT_LENGTH, size.to_string())];
            let body = Body::from_stream(ReaderStream::with_capacity(file.take(size), PIECE));
            Ok((plain, length, body).into_response())
        }
        Range::Part { from, to } => {
            file.seek(SeekFrom::Start(from))
                .await
                .map_err(RecordingError::File)?;
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

pub(super) async fn waveform(
    State(app): State<App>,
    Path(call): Path<String>,
    reader: Reader,
) -> Result<Response, Problem> {
    let recording = find(&app, &call, &reader).await?;
    let shape = app.platform.recording_waveform(&recording).await?;
    Ok(Json(json!({
        "duration_ms": shape.duration_ms,
        "left": shape.left,
        "right": shape.right,
    }))
    .into_response())
}

async fn find(app: &App, call: &str, reader: &Reader) -> Result<Recording, Problem> {
    let call = call.parse().map_err(|_| Problem::NotFound)?;
    let recording = app
        .platform
        .recording(reader.viewer.account.id, call)
        .await?;
    recording.filter(can_be_played).ok_or(Problem::NotFound)
}

impl From<RecordingError> for Problem {
    fn from(error: RecordingError) -> Self {
        match error {
            RecordingError::File(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::NotFound
            }
            other => Self::Broken(other.to_string()),
        }
    }
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
