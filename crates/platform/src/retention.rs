//! Erases what is past its time, in batches that nobody's call waits for, and removes files of erased recordings.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ringfence_model::{AccountId, RecordingId, Timestamp};
use ringfence_store::{Aged, StoreError, ToRemove};
pub use ringfence_tracking::Keep;

use crate::Platform;
use crate::call_log::below;

/// Visits, calls or recordings that are erased in one transaction: a few milliseconds of the writer's time.
const BATCH: u32 = 200;
/// Files that are removed between two transactions.
const FILES: u32 = 100;
/// Files of an account that one run tries to remove; the next one goes on.
const FILES_A_RUN: u64 = 5_000;

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// What visits tell of people.
    pub visits: Keep,
    /// What calls tell of their callers, recordings included.
    pub calls: Keep,
    /// Recordings and messages.
    pub recordings: Keep,
}

impl Retention {
    /// Nothing is erased by itself.
    pub const FOREVER: Self = Self {
        visits: Keep::Forever,
        calls: Keep::Forever,
        recordings: Keep::Forever,
    };
}

/// What became of the files of erased recordings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilesRemoved {
    /// They are gone.
    pub removed: u64,
    /// They could not be removed, or a later run's turn comes.
    pub left: u64,
}

impl Platform {
    /// Erases what visits of every account tell of people once they are older than `keep`; the rows themselves stay, so
    /// that reports count as before. Visits with a live lease are left alone. Ends early when the server stops, and goes
    /// on from there the next time. Answers how many were erased.
    ///
    /// What a page's tag found when it was last told of goes with the visits that told it.
    ///
    /// # Errors
    /// When rows cannot be read or written; what was erased so far stays erased.
    pub async fn erase_old_visits(&self, keep: Keep, now: Timestamp) -> Result<u64, StoreError> {
        let Some(before) = keep.due_before(now) else {
            return Ok(0);
        };
        let mut erased = 0;
        for account in self.db.accounts().await? {
            erased += self.erase_visits_of(account.id, before, now).await?;
            self.db.forget_page_reports(account.id, before).await?;
        }
        Ok(erased)
    }

    /// Erases what calls of every account tell of their callers once they began longer ago than `keep`, and has their
    /// recordings removed; the rows themselves stay, so that reports count as before. Calls under way are left alone.
    /// Ends and goes on as [`erase_old_visits`](Self::erase_old_visits). Answers how many were erased.
    ///
    /// # Errors
    /// When rows cannot be read or written; what was erased so far stays erased.
    pub async fn erase_old_calls(&self, keep: Keep, now: Timestamp) -> Result<u64, StoreError> {
        self.erase_aged(Aged::Calls, keep, now).await
    }

    /// Has recordings and messages of every account removed that began longer ago than `keep`, but for those that are
    /// still written: from now on nobody hears them, and [`remove_files`](Self::remove_files) removes their files.
    /// Answers how many.
    ///
    /// # Errors
    /// When rows cannot be read or written.
    pub async fn erase_old_recordings(
        &self,
        keep: Keep,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.erase_aged(Aged::Recordings, keep, now).await
    }

    /// Removes the files of recordings that are to go, of every account: for whatever reason, and also those that
    /// somebody who was stopped has left. A file that is not there counts as removed. What cannot be removed is told,
    /// and tried again the next time.
    ///
    /// # Errors
    /// When rows cannot be read or written.
    pub async fn remove_files(&self) -> Result<FilesRemoved, StoreError> {
        let mut all = FilesRemoved::default();
        for account in self.db.accounts().await? {
            let files = self.remove_erased_files(account.id).await?;
            all.removed += files.removed;
            all.left += files.left;
        }
        Ok(all)
    }

    pub(crate) async fn remove_erased_files(
        &self,
        account: AccountId,
    ) -> Result<FilesRemoved, StoreError> {
        let mut files = FilesRemoved::default();
        let mut after = None;
        while files.removed + files.left < FILES_A_RUN && !self.stopping.is_cancelled() {
            let batch = self.db.recordings_to_remove(account, after, FILES).await?;
            let Some(last) = batch.last() else {
                break;
            };
            after = Some((last.started_at, last.recording));
            let all = batch.len() as u64;
            let folder = self.settings.recordings_folder.clone();
            let own = self.standing.name();
            let removed =
                tokio::task::spawn_blocking(move || remove(&folder, &batch, own.as_deref())).await;
            let removed = removed.unwrap_or_else(|error| Err(io::Error::other(error)));
            let removed = removed.unwrap_or_else(|error| {
                tracing::warn!("files of erased recordings stay for now: {error}");
                Vec::new()
            });
            self.db.recordings_removed(account, &removed).await?;
            let gone = removed.len() as u64;
            metrics::counter!("ringfence_recordings_erased_total").increment(gone);
            metrics::counter!("ringfence_recordings_not_erased_total").increment(all - gone);
            files.removed += gone;
            files.left += all - gone;
        }
        Ok(files)
    }

    async fn erase_aged(&self, kind: Aged, keep: Keep, now: Timestamp) -> Result<u64, StoreError> {
        let Some(before) = keep.due_before(now) else {
            return Ok(0);
        };
        let mut erased = 0;
        for account in self.db.accounts().await? {
            erased += self.erase_aged_of(account.id, kind, before, now).await?;
        }
        Ok(erased)
    }

    async fn erase_aged_of(
        &self,
        account: AccountId,
        kind: Aged,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let through = self.db.erased_through(account, kind).await?;
        let mut from = through.unwrap_or(Timestamp::from_micros(i64::MIN));
        // The first that was left alone: a later run begins there.
        let mut left = None;
        let mut erased = 0;
        while from < before && !self.stopping.is_cancelled() {
            let began = Instant::now();
            let (batch, next) = self
                .db
                .erase_aged(account, kind, (from, before), now, BATCH)
                .await?;
            if kind == Aged::Calls {
                metrics::counter!("ringfence_calls_erased_total").increment(batch);
            }
            if left.is_none() {
                left = self.db.left_of_aged(account, kind, (from, next)).await?;
            }
            let through = left.unwrap_or(next);
            self.db.set_erased_through(account, kind, through).await?;
            erased += batch;
            from = next;
            // At most half of the writer's time, however much there is to erase.
            self.stopping
                .run_until_cancelled(tokio::time::sleep(began.elapsed()))
                .await;
        }
        Ok(erased)
    }

    async fn erase_visits_of(
        &self,
        account: AccountId,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let through = self.db.visits_erased_through(account).await?;
        let mut from = through.unwrap_or(Timestamp::from_micros(i64::MIN));
        let mut erased = 0;
        while from < before && !self.stopping.is_cancelled() {
            let began = Instant::now();
            let batch = self
                .db
                .erase_visits(account, from, before, now, BATCH)
                .await?;
            metrics::counter!("ringfence_visits_erased_total").increment(batch.visits);
            erased += batch.visits;
            from = batch.next;
            self.stopping
                .run_until_cancelled(tokio::time::sleep(began.elapsed()))
                .await;
        }
        Ok(erased)
    }
}

/// Removes files below `folder`, that of the server called `own`; answers those that are gone for good, also when the power fails now.
///
/// # Errors
/// When the folder itself is not there or has nothing in it: then it may be a disk that is not mounted, or that of
/// another configuration, and no file is known to be gone.
fn remove(
    folder: &Path,
    recordings: &[ToRemove],
    own: Option<&str>,
) -> io::Result<Vec<RecordingId>> {
    if std::fs::read_dir(folder)?.next().is_none() {
        let why = format!("{} is empty: is its disk mounted?", folder.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, why));
    }
    let mut gone = Vec::new();
    let mut touched = BTreeSet::new();
    for recording in recordings {
        let path = match below(folder, &recording.path) {
            Ok(path) => path,
            Err(error) => {
                tracing::error!(recording = %recording.recording, "a recording is not erased: {error}");
                continue;
            }
        };
        match std::fs::remove_file(&path) {
            Ok(()) => touched.extend(path.parent().map(PathBuf::from)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Another server may have it in a folder of its own.
                if recording.server.is_some() && recording.server.as_deref() != own {
                    continue;
                }
            }
            Err(error) => {
                tracing::warn!(recording = %recording.recording, "a recording's file stays for now: {error}");
                continue;
            }
        }
        gone.push(recording.recording);
    }
    // A name that was taken away is gone for good once its folder is on the disk.
    for parent in touched {
        std::fs::File::open(parent)?.sync_all()?;
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_remove(path: &str, draw: u128) -> ToRemove {
        let started_at = Timestamp::from_micros(0);
        ToRemove {
            recording: RecordingId::new(started_at, draw),
            path: path.into(),
            started_at,
            server: None,
        }
    }

    #[test]
    fn files_are_removed_once_and_nothing_beside_them_is() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("recordings");
        std::fs::create_dir_all(root.join("a")).unwrap();
        for file in ["a/1.wav", "a/2.wav"] {
            std::fs::write(root.join(file), "sound").unwrap();
        }
        std::fs::write(folder.path().join("outside.wav"), "sound").unwrap();
        let wanted = [
            to_remove("a/1.wav", 1),
            to_remove("a/never-there.wav", 2),
            to_remove("../outside.wav", 3),
            to_remove("", 4),
        ];
        for _ in 0..2 {
            let gone = remove(&root, &wanted, None).unwrap();
            assert_eq!(gone, [wanted[0].recording, wanted[1].recording]);
        }
        assert!(!root.join("a/1.wav").exists());
        assert!(root.join("a/2.wav").exists());
        assert!(folder.path().join("outside.wav").exists());
    }

    #[test]
    fn a_file_that_cannot_be_removed_does_not_count_as_gone() {
        let folder = tempfile::tempdir().unwrap();
        // A folder in a file's place: not even root removes it as a file.
        std::fs::create_dir_all(folder.path().join("a/1.wav")).unwrap();
        std::fs::write(folder.path().join("a/2.wav"), "sound").unwrap();
        let wanted = [to_remove("a/1.wav", 1), to_remove("a/2.wav", 2)];
        let gone = remove(folder.path(), &wanted, None).unwrap();
        assert_eq!(gone, [wanted[1].recording]);
    }

    #[test]
    fn a_file_that_another_server_may_have_does_not_count_as_gone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/1.wav"), "sound").unwrap();
        let of = |path: &str, draw, server: &str| ToRemove {
            server: Some(server.into()),
            ..to_remove(path, draw)
        };
        let wanted = [
            of("a/1.wav", 1, "calls-2"),
            of("a/2.wav", 2, "calls-2"),
            of("a/3.wav", 3, "calls-1"),
        ];
        let gone = remove(folder.path(), &wanted, Some("calls-1")).unwrap();
        assert_eq!(gone, [wanted[0].recording, wanted[2].recording]);
    }

    #[test]
    fn no_file_counts_as_gone_where_the_disk_may_not_be_mounted() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = [to_remove("a/1.wav", 1)];
        assert!(remove(folder.path(), &wanted, None).is_err());
        assert!(remove(&folder.path().join("none"), &wanted, None).is_err());
    }
}
