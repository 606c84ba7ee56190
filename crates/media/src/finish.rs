//! The end of recordings, good or bad: synced to the disk and hashed, or broken off with a reason.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::recorder::Reply;
use crate::wav::WavFile;
use crate::{Notice, RecordingReport};

/// A recording that is written and has to be finished.
pub struct Over {
    pub file: WavFile,
    pub path: PathBuf,
    pub missed_packets: u64,
    pub notices: mpsc::Sender<Notice>,
    pub reply: Option<Reply>,
}

/// Finishes recordings until the last writer is gone. Several threads take turns at the queue.
pub fn until_nobody_asks(queue: &Mutex<Receiver<Over>>) {
    loop {
        let Ok(over) = queue.lock().recv() else {
            return;
        };
        over.finish();
    }
}

impl Over {
    fn finish(self) {
        let report = match self.file.finish() {
            Ok(summary) => Some(RecordingReport {
                path: self.path,
                duration_ms: summary.duration_ms,
                size: summary.size,
                sha256: summary.sha256,
                missed_packets: self.missed_packets,
                failure: None,
            }),
            Err(error) => {
                let (label, reason) = describe(&error, &self.path);
                note_failure(label, &reason, &self.path, &self.notices);
                crate::recover(&self.path)
                    .ok()
                    .map(|report| RecordingReport {
                        missed_packets: self.missed_packets,
                        failure: Some(reason),
                        ..report
                    })
            }
        };
        if let Some(reply) = self.reply {
            // Whoever asked may have gone; the file is whole all the same.
            let _ = reply.send(report);
        }
    }
}

/// Counts, logs and tells that a recording broke off.
pub fn note_failure(
    label: &'static str,
    reason: &str,
    path: &Path,
    notices: &mpsc::Sender<Notice>,
) {
    metrics::counter!("ringfence_recording_failures_total", "reason" => label).increment(1);
    tracing::error!(path = %path.display(), reason, "recording broke off");
    // The owner may be gone or have fallen behind; the report says it too.
    let _ = notices.try_send(Notice::RecordingFailed {
        reason: reason.to_owned(),
    });
}

/// A label for counting, and words to show.
pub fn describe(error: &io::Error, path: &Path) -> (&'static str, String) {
    use io::ErrorKind::{
        AlreadyExists, FileTooLarge, NotADirectory, NotFound, PermissionDenied, QuotaExceeded,
        ReadOnlyFilesystem, StorageFull,
    };
    let path = path.display();
    match error.kind() {
        StorageFull | QuotaExceeded => (
            "disk_full",
            format!("the disk is full: free space for the recording {path}"),
        ),
        FileTooLarge => (
            "file_limit",
            format!("the system's limit on file sizes cut the recording {path}: raise it"),
        ),
        PermissionDenied | ReadOnlyFilesystem | NotFound | NotADirectory => (
            "unwritable",
            format!(
                "the recording {path} cannot be written: {error}; check the folder and its permissions"
            ),
        ),
        AlreadyExists => (
            "exists",
            format!("the recording {path} exists already and was left as it is"),
        ),
        _ => (
            "io",
            format!("the recording {path} cannot be written: {error}"),
        ),
    }
}
