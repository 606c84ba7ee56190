//! A private PostgreSQL that any number of test processes share.
//!
//! It lives in a folder of the machine's memory or its temporary folder, listens on a socket there and nowhere else, and does not wait
//! for the disk. Who uses it holds a shared lock on `used`; the first to come starts it under the lock `starting`. A
//! watcher stops it and removes the folder when nobody has used it for [`IDLE_SECONDS`].

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::place::quick_folder;

/// Long enough to last from one test process to the next.
const IDLE_SECONDS: u32 = 60;

const HOW_TO: &str = "install it (`apt-get install postgresql`) or set RINGFENCE_TEST_POSTGRES to the URL of a server \
    where databases may be created";

/// Why there is no PostgreSQL to test with.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No binaries.
    #[error(
        "expected PostgreSQL under /usr/lib/postgresql/*/bin for this test, found none: {HOW_TO}"
    )]
    NotInstalled,
    /// A program of PostgreSQL failed.
    #[error("expected `{program}` to start a throw-away PostgreSQL, but it said: {said}\n{HOW_TO}")]
    Failed {
        /// Which.
        program: String,
        /// The end of what it said.
        said: String,
    },
    /// Files of the cluster could not be used.
    #[error("expected to use {path}, but: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A share in the running cluster, or one of its own.
#[derive(Debug)]
pub struct Cluster {
    place: Place,
    /// Holds the shared lock.
    _used: File,
}

impl Cluster {
    /// Starts the cluster below `within`, or joins the one that runs there.
    pub fn join(within: &Path) -> Result<Self, ClusterError> {
        Self::at(Place::of_this_user(within)?)
    }

    /// Starts a cluster that nobody shares: it listens on a port of loopback, and may be stopped and started.
    pub fn alone(name: &str) -> Result<Self, ClusterError> {
        let within = quick_folder();
        let place = Place::of_this_user(&within)?;
        Self::at(Place {
            folder: within.join(name),
            port: Some(crate::ports::free_port()),
            ..place
        })
    }

    /// Held by who makes the database that others copy; waits until nobody else does.
    pub fn lock_tables(&self) -> Result<File, ClusterError> {
        let file = self.place.open("tables")?;
        file.lock().map_err(|e| self.place.error(e))?;
        Ok(file)
    }

    /// Ends every process of the cluster as a crash does (`pg_ctl stop --mode=immediate`).
    pub fn stop(&self) -> Result<(), ClusterError> {
        let data = self.place.folder.join("data");
        let mut stop = self.place.command("pg_ctl");
        run(stop
            .args(["stop", "--mode=immediate", "--wait", "-D"])
            .arg(data))
    }

    /// Starts it again after [`Cluster::stop`].
    pub fn start(&self) -> Result<(), ClusterError> {
        self.place.run()
    }

    fn at(place: Place) -> Result<Self, ClusterError> {
        loop {
            std::fs::create_dir_all(&place.folder).map_err(|e| place.error(e))?;
            place.check_owner()?;
            let starting = place.open("starting")?;
            starting.lock().map_err(|e| place.error(e))?;
            // The watcher removes the folder under both locks: begin again when this is no longer its file.
            let locked = starting.metadata().map_err(|e| place.error(e))?.ino();
            if std::fs::metadata(place.folder.join("starting")).map_or(0, |file| file.ino())
                != locked
            {
                continue;
            }
            let used = place.open("used")?;
            used.lock_shared().map_err(|e| place.error(e))?;
            if !place.answers() {
                place.make()?;
                place.run()?;
                place.watch()?;
            }
            return Ok(Self { place, _used: used });
        }
    }

    /// A database's URL.
    pub fn url(&self, database: &str) -> String {
        match self.place.port {
            Some(port) => format!("postgres://postgres@127.0.0.1:{port}/{database}"),
            None => format!(
                "postgres://postgres@localhost/{database}?host={}/socket",
                self.place.folder.display()
            ),
        }
    }
}

#[derive(Debug)]
struct Place {
    folder: PathBuf,
    /// Where it listens besides its socket.
    port: Option<u16>,
    binaries: PathBuf,
    /// The number of the user who runs the tests.
    user: String,
}

impl Place {
    fn of_this_user(within: &Path) -> Result<Self, ClusterError> {
        let binaries = newest_binaries().ok_or(ClusterError::NotInstalled)?;
        let user = text_of(Command::new("id").arg("-u"));
        Ok(Self {
            folder: within.join(format!("ringfence-postgres-{user}")),
            port: None,
            binaries,
            user,
        })
    }

    /// The temporary folder is everybody's: what somebody else laid there is not used.
    fn check_owner(&self) -> Result<(), ClusterError> {
        let found = std::fs::symlink_metadata(&self.folder).map_err(|e| self.error(e))?;
        if found.is_dir() && found.uid().to_string() == self.user {
            return Ok(());
        }
        Err(self.error(io::Error::other("it belongs to another user; remove it")))
    }

    fn answers(&self) -> bool {
        let mut command = Command::new(self.binaries.join("pg_isready"));
        command.arg("-q").arg("-h").arg(self.folder.join("socket"));
        if let Some(port) = self.port {
            command.arg("-p").arg(port.to_string());
        }
        matches!(command.status(), Ok(status) if status.success())
    }

    fn make(&self) -> Result<(), ClusterError> {
        let data = self.folder.join("data");
        let socket = self.folder.join("socket");
        // What an interrupted start left is not worth mending.
        for folder in [&data, &socket] {
            if folder.exists() {
                std::fs::remove_dir_all(folder).map_err(|e| self.error(e))?;
            }
            DirBuilder::new()
                .mode(0o700)
                .create(folder)
                .map_err(|e| self.error(e))?;
            if self.as_postgres() {
                run(Command::new("chown").arg("postgres").arg(folder))?;
            }
        }
        run(self
            .command("initdb")
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF8"])
            .args(["--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(&data))
    }

    fn run(&self) -> Result<(), ClusterError> {
        let data = self.folder.join("data");
        let listen = match self.port {
            Some(port) => format!("-c listen_addresses=127.0.0.1 -c port={port}"),
            None => "-c listen_addresses=''".to_owned(),
        };
        let options = format!(
            "{listen} -c unix_socket_directories='{}/socket' -c max_connections=300 -c fsync=off \
             -c max_wal_size=256MB",
            self.folder.display()
        );
        run(self
            .command("pg_ctl")
            .args(["start", "--wait", "--timeout=60", "-D"])
            .arg(&data)
            .arg("-l")
            .arg(data.join("log"))
            .arg("-o")
            .arg(options))
    }

    /// Leaves a process behind that ends the cluster, and itself, when nobody uses it any more.
    fn watch(&self) -> Result<(), ClusterError> {
        let stop = self.command("pg_ctl");
        let words = std::iter::once(stop.get_program()).chain(stop.get_args());
        let stop = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>();
        let script = format!(
            r#"cd "$1" || exit
exec 8>>starting 9>>used
idle=0
while [ "$idle" -lt {IDLE_SECONDS} ]; do
    sleep 1
    idle=$((idle + 1))
    flock -n 9 || {{ idle=0; continue; }}
    if [ "$idle" -lt {IDLE_SECONDS} ]; then flock -u 9; continue; fi
    flock -u 9
    flock 8
    if flock -n 9; then break; fi
    flock -u 8
    idle=0
done
{stop} stop --mode=immediate --wait -D "$1/data"
cd / && rm -rf "$1""#,
            stop = stop.join(" ")
        );
        let path = self.folder.join("watch");
        let mut file = File::create(&path).map_err(|e| self.error(e))?;
        file.write_all(script.as_bytes())
            .map_err(|e| self.error(e))?;
        // A session of its own: a test runner that ends its process group does not end the watcher.
        Command::new("setsid")
            .arg("sh")
            .arg(path)
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .spawn()
            .map_err(|e| self.error(e))?;
        Ok(())
    }

    /// A program of PostgreSQL, run as a user that it accepts.
    fn command(&self, program: &str) -> Command {
        let program = self.binaries.join(program);
        let mut command = if self.as_postgres() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/");
        command
    }

    /// `initdb` and `postgres` refuse to run as root, so root runs them as Debian's `postgres`.
    fn as_postgres(&self) -> bool {
        self.user == "0"
    }

    fn open(&self, name: &str) -> Result<File, ClusterError> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join(name))
            .map_err(|e| self.error(e))
    }

    fn error(&self, source: io::Error) -> ClusterError {
        ClusterError::File {
            path: self.folder.clone(),
            source,
        }
    }
}

fn newest_binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
            let binaries = path.join("bin");
            binaries
                .join("initdb")
                .exists()
                .then_some((version, binaries))
        })
        .max()
        .map(|(_, binaries)| binaries)
}

fn run(command: &mut Command) -> Result<(), ClusterError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |said: String| ClusterError::Failed {
        program: program.clone(),
        said,
    };
    // `pg_ctl start` hands its output on to the server, which would keep a pipe open for ever.
    let mut file = tempfile::tempfile().map_err(|e| failed(e.to_string()))?;
    let copy = || file.try_clone().map_err(|e| failed(e.to_string()));
    let status = command
        .stdin(Stdio::null())
        .stdout(copy()?)
        .stderr(copy()?)
        .status()
        .map_err(|e| failed(e.to_string()))?;
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    io::Seek::rewind(&mut file).map_err(|e| failed(e.to_string()))?;
    io::Read::read_to_string(&mut file, &mut said).map_err(|e| failed(e.to_string()))?;
    Err(failed(said))
}

fn text_of(command: &mut Command) -> String {
    match command.output() {
        Ok(Output { stdout, .. }) => String::from_utf8_lossy(&stdout).trim().to_owned(),
        Err(_) => String::new(),
    }
}
