//! Sounds by their names: made or read once, encoded once, and kept while there is room.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

use crate::{Clip, MediaError, builtin, decode};

/// What is kept of prompts, in octets; the one that was not wanted for longest goes first.
const ROOM: usize = 64 * 1024 * 1024;

/// Encoded prompts. Cheap to clone; all clones share what they keep.
#[derive(Debug, Clone, Default)]
pub struct Library(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    kept: HashMap<Key, Kept>,
    size: usize,
    /// Counts wishes.
    wishes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Builtin(String),
    /// A file as it was when it was read.
    File {
        path: PathBuf,
        changed: Option<SystemTime>,
        length: u64,
    },
}

#[derive(Debug)]
struct Kept {
    clip: Arc<Clip>,
    wished: u64,
}

impl Library {
    /// A prompt that every installation has, by its whole name: `builtin:beep`. May compute for some milliseconds.
    ///
    /// # Errors
    /// [`MediaError::NoSuchPrompt`].
    pub fn builtin(&self, name: &str) -> Result<Arc<Clip>, MediaError> {
        let key = Key::Builtin(name.to_owned());
        self.kept_or(key, || {
            name.strip_prefix(builtin::PREFIX)
                .and_then(builtin::make)
                .ok_or_else(|| MediaError::NoSuchPrompt(name.to_owned()))
        })
    }

    /// A file. Blocks on the disk, and decodes when it is not kept or has changed since.
    ///
    /// # Errors
    /// As [`decode`](crate::decode_prompt).
    pub fn file(&self, path: &Path) -> Result<Arc<Clip>, MediaError> {
        let about = std::fs::metadata(path).map_err(|source| MediaError::File {
            path: path.to_path_buf(),
            source,
        })?;
        let key = Key::File {
            path: path.to_path_buf(),
            changed: about.modified().ok(),
            length: about.len(),
        };
        self.kept_or(key, || {
            decode::decode_prompt(path).map(|samples| Clip::from_samples(&samples))
        })
    }

    fn kept_or(
        &self,
        key: Key,
        make: impl FnOnce() -> Result<Clip, MediaError>,
    ) -> Result<Arc<Clip>, MediaError> {
        if let Some(clip) = self.0.lock().find(&key) {
            return Ok(clip);
        }
        // Two calls that want the same at once make it twice; nobody waits for another's disk.
        let clip = Arc::new(make()?);
        self.0.lock().keep(key, Arc::clone(&clip), ROOM);
        Ok(clip)
    }
}

impl Shelf {
    fn find(&mut self, key: &Key) -> Option<Arc<Clip>> {
        self.wishes += 1;
        let kept = self.kept.get_mut(key)?;
        kept.wished = self.wishes;
        Some(Arc::clone(&kept.clip))
    }

    fn keep(&mut self, key: Key, clip: Arc<Clip>, room: usize) {
        self.size += clip.size();
        let wished = self.wishes;
        if let Some(before) = self.kept.insert(key, Kept { clip, wished }) {
            self.size -= before.clip.size();
        }
        while self.size > room {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.wished);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            if let Some(gone) = self.kept.remove(&key) {
                self.size -= gone.clip.size();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_builtin_prompt_is_made_once_and_an_unknown_one_says_so() {
        let library = Library::default();
        let one = library.builtin("builtin:beep").unwrap();
        let other = library.clone().builtin("builtin:beep").unwrap();
        assert!(Arc::ptr_eq(&one, &other));
        let unknown = library.builtin("builtin:fanfare").unwrap_err();
        assert!(unknown.to_string().contains("builtin:fanfare"));
    }

    #[test]
    fn what_was_not_wanted_for_longest_goes_first_and_no_more_is_kept_than_there_is_room_for() {
        let mut shelf = Shelf::default();
        let clip = || Arc::new(Clip::from_samples(&[0; 100]));
        let key = |name: &str| Key::Builtin(name.to_owned());
        shelf.keep(key("a"), clip(), 450);
        assert!(shelf.find(&key("x")).is_none());
        shelf.keep(key("b"), clip(), 450);
        assert!(shelf.find(&key("a")).is_some());
        shelf.keep(key("c"), clip(), 450);
        assert!(shelf.find(&key("a")).is_some());
        assert!(shelf.find(&key("b")).is_none());
        assert_eq!(shelf.size, 400);
    }
}
