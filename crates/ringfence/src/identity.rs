//! Who this server is: its data folder's identifier in the file `server.id`, and a name. The file is locked while the
//! server runs, so that no two run from one folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use ringfence_platform::servers::Identity;
use uuid::Uuid;

/// What is added of the folder's identifier to the machine's name: two folders of one machine are two servers.
const DIGITS: usize = 8;

/// Takes the folder for this server, and says who that is. It is free for another when the file is closed, also by a kill.
///
/// # Errors
/// When another server runs from the folder, or its file cannot be read or written.
pub fn take(folder: &Path, name: Option<&str>) -> anyhow::Result<(Identity, File)> {
    let path = folder.join("server.id");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("opening {}; may this user write there?", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => anyhow::bail!(
            "expected to be the only server of the data folder {}, but another one runs from it; \
             stop that one, or give this one a data_folder of its own",
            folder.display()
        ),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("locking {}", path.display()));
        }
    }
    let mut text = String::new();
    file.read_to_string(&mut text)
        .with_context(|| format!("reading {}", path.display()))?;
    let place = if text.trim().is_empty() {
        let place = Uuid::from_u128(ringfence_platform::random());
        writeln!(file, "{place}")
            .and_then(|()| file.sync_all())
            .with_context(|| format!("writing {}", path.display()))?;
        place
    } else {
        Uuid::parse_str(text.trim()).with_context(|| {
            format!(
                "expected an identifier (a UUID) in {}; remove the file, and a new one is made",
                path.display()
            )
        })?
    };
    let name = name.map_or_else(|| default_name(place), str::to_owned);
    Ok((Identity { name, place }, file))
}

fn default_name(place: Uuid) -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = match machine.trim() {
        "" => "server",
        name => name,
    };
    format!("{machine}-{}", &place.simple().to_string()[..DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_server_at_a_time_and_the_same_one_afterwards() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, lock) = take(folder.path(), None).expect("nobody runs here");
        let refused = take(folder.path(), None).expect_err("somebody runs here");
        assert!(refused.to_string().contains("another one runs from it"));
        drop(lock);
        let (again, _lock) = take(folder.path(), None).expect("nobody runs here any more");
        assert_eq!(again, first);
        assert!(
            first
                .name
                .ends_with(&first.place.simple().to_string()[..DIGITS])
        );
    }

    #[test]
    fn a_file_that_names_no_server_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("server.id"), "calls-1\n").expect("a file");
        let refused = take(folder.path(), Some("calls-1")).expect_err("no identifier");
        assert!(
            format!("{refused:#}").contains("remove the file"),
            "{refused:#}"
        );
    }
}
