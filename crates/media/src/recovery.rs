//! Mends recordings that a crash cut short.

use std::path::Path;

use crate::{MediaError, RecordingReport};

/// Makes a cut recording playable: whole frames only, and a header that says how many. Blocks on the disk.
///
/// # Errors
/// [`MediaError::File`] when it cannot be read or written, [`MediaError::NotARecording`] when it is something else.
pub fn recover(path: &Path) -> Result<RecordingReport, MediaError> {
    let _ = path;
    todo!()
}
