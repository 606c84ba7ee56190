//! Where the tests' databases lie.

use std::path::{Path, PathBuf};

/// A test's database may be lost with the machine, and making one is making some hundred files.
const IN_MEMORY: &str = "/dev/shm";

/// Octets that have to be free there: a container may have 64 MiB of it, too little for a PostgreSQL.
const ENOUGH: u64 = 1 << 30;

/// The machine's folder in memory where there is one with room, else the system's temporary folder.
pub(crate) fn quick_folder() -> PathBuf {
    if has_room(Path::new(IN_MEMORY)) {
        IN_MEMORY.into()
    } else {
        std::env::temp_dir()
    }
}

fn has_room(folder: &Path) -> bool {
    let writable = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok();
    let free = rustix::fs::statvfs(folder).map_or(0, |of| of.f_bavail * of.f_frsize);
    writable && free >= ENOUGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_has_no_room() {
        assert!(!has_room(Path::new("/nowhere")));
        assert!(quick_folder().is_dir());
    }
}
