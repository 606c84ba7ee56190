//! Recordings: the file, and the shape of its sound.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Json, Response};
use ringfence_model::Recording;
use ringfence_platform::call_log::{RecordingError, can_be_played};
use serde_json::json;

use super::App;
use super::page::Problem;
use super::session::Reader;
use crate::sound;

pub(super) async fn sound(
    State(app): State<App>,
    Path(call): Path<String>,
    reader: Reader,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let recording = find(&app, &call, &reader).await?;
    let path = app.platform.recording_path(&recording)?;
    if sound::begins(&headers) {
        tracing::info!(user = %reader.viewer.user.id, recording = %recording.id, "recording opened");
    }
    let answer = sound::answer(&path, recording.call, &headers).await;
    Ok(answer.map_err(RecordingError::File)?)
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
