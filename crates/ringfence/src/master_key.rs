//! The master key: 64 hexadecimal digits in a file of its own, made at the first start.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};

/// Reads the key, or makes one when there is no file yet.
///
/// # Errors
/// When the file cannot be read or written, or holds no key.
pub fn load_or_make(file: &Path) -> anyhow::Result<[u8; 32]> {
    match fs::read_to_string(file) {
        Ok(text) => parse(text.trim()).with_context(|| {
            format!(
                "expected 64 hexadecimal digits in {}; restore it from your backup",
                file.display()
            )
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => make(file),
        Err(error) => {
            Err(error).with_context(|| format!("reading the master key from {}", file.display()))
        }
    }
}

fn make(file: &Path) -> anyhow::Result<[u8; 32]> {
    let key = ringfence_platform::secret();
    let digits =
        |octet: &u8| [octet >> 4, octet & 15].map(|digit| char::from_digit(digit.into(), 16));
    let text: String = key.iter().flat_map(digits).flatten().collect();
    let mut made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("making the master key in {}", file.display()))?;
    made.write_all(text.as_bytes())
        .and_then(|()| made.write_all(b"\n"))
        .and_then(|()| made.sync_all())
        .with_context(|| format!("writing the master key to {}", file.display()))?;
    Ok(key)
}

fn parse(text: &str) -> anyhow::Result<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        bail!("it has {} characters", text.len());
    }
    let mut key = [0; 32];
    for (octet, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).context("it is no text")?;
        *octet = u8::from_str_radix(digits, 16).context("it has other characters")?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_made_is_read_again_and_a_torn_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("master.key");
        let made = load_or_make(&file).unwrap();
        assert_eq!(load_or_make(&file).unwrap(), made);
        fs::write(&file, "abc").unwrap();
        assert!(load_or_make(&file).is_err());
    }
}
