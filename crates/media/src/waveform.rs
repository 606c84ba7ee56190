//! The picture of a recording for a player.

use std::path::Path;

use crate::MediaError;

/// The loudest sample of each stretch of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waveform {
    /// The caller: 0 is silence, 255 full scale; as many as were asked for.
    pub left: Vec<u8>,
    /// The callee, likewise.
    pub right: Vec<u8>,
    /// Length of the recording in milliseconds.
    pub duration_ms: u64,
}

/// Reads a recording once, in small pieces, and keeps `buckets` (1-4096) peaks a channel. Blocks on the disk.
///
/// # Errors
/// [`MediaError::File`] when it cannot be read, [`MediaError::NotARecording`] when it is something else.
pub fn waveform(path: &Path, buckets: usize) -> Result<Waveform, MediaError> {
    let _ = (path, buckets);
    todo!()
}
