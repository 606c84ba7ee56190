//! Recordings: from packets to a stereo WAV file, on threads of their own.

use std::path::PathBuf;

/// What to record into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingPlan {
    /// The file to make; one that exists is refused.
    pub path: PathBuf,
}

/// A finished recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingReport {
    /// The file.
    pub path: PathBuf,
    /// Its length in milliseconds.
    pub duration_ms: u64,
    /// Its size in octets.
    pub size: u64,
    /// SHA-256 of the whole file.
    pub sha256: [u8; 32],
    /// Packets that came while the queue to the writer was full: they are silence in the file.
    pub missed_packets: u64,
    /// Why it broke off before its end, in words that are shown; `None` when it is whole.
    pub failure: Option<String>,
}
