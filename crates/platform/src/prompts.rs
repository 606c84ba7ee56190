//! An account's own prompts: audio files in a folder of its own, named as plans name them.
//!
//! Files and not rows, as recordings are: calls read them from the disk, and a backup of the data folder has both.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use ringfence_model::AccountId;

/// The longest name of a prompt.
const LONGEST_NAME: usize = 64;

/// Where an account's prompts are, when the recordings are there.
pub fn folder(recordings: &Path, account: AccountId) -> PathBuf {
    recordings
        .with_file_name("prompts")
        .join(account.to_string())
}

/// Whether a prompt may have this name: lower-case letters, digits, `-` and `_`, at most 64.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(fits)
}

/// The prompts of a folder by name; none when there is no such folder. Blocks on the disk.
///
/// # Errors
/// When it cannot be read.
pub fn kept(folder: &Path) -> io::Result<HashMap<String, PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(error),
    };
    let mut found = HashMap::new();
    for entry in entries {
        let path = entry?.path();
        // One that is being written has another name.
        let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        if is_name(name) && path.extension().is_some() {
            found.insert(name.to_owned(), path);
        }
    }
    Ok(found)
}

/// Keeps a file as the prompt of this name, in the place of another one; whether anything changed. Blocks on the disk.
///
/// # Errors
/// When it cannot be read or written.
pub(crate) fn keep(folder: &Path, name: &str, file: &Path) -> io::Result<bool> {
    let octets = std::fs::read(file)?;
    let extension = file.extension().unwrap_or(OsStr::new("wav"));
    let path = folder.join(name).with_extension(extension);
    let old = kept(folder)?.remove(name);
    if old.as_ref() == Some(&path) && std::fs::read(&path)? == octets {
        return Ok(false);
    }
    std::fs::create_dir_all(folder)?;
    let written = folder.join(format!("{name}.new.part"));
    std::fs::write(&written, octets)?;
    std::fs::rename(&written, &path)?;
    if let Some(old) = old.filter(|old| *old != path) {
        std::fs::remove_file(old)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_takes_the_place_of_another_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (own, brought) = (folder.path().join("own"), folder.path().join("in.wav"));
        assert!(kept(&own).unwrap().is_empty());
        std::fs::write(&brought, "one").unwrap();
        assert!(keep(&own, "welcome", &brought).unwrap());
        assert!(!keep(&own, "welcome", &brought).unwrap());
        let other = brought.with_extension("mp3");
        std::fs::write(&other, "two").unwrap();
        assert!(keep(&own, "welcome", &other).unwrap());
        let found = kept(&own).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found["welcome"], own.join("welcome.mp3"));
        assert_eq!(std::fs::read(&found["welcome"]).unwrap(), b"two");
    }

    #[test]
    fn names_lead_nowhere_else() {
        assert!(is_name("closed-2_de"));
        for name in [
            "",
            "../x",
            "a/b",
            "builtin:beep",
            "Welcome",
            "a.b",
            &"x".repeat(65),
        ] {
            assert!(!is_name(name), "{name}");
        }
    }
}
