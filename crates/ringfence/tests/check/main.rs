//! `ringfence check` as it is typed: real files, real servers on loopback, exit codes and what it prints.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod bounds;
mod files;
mod server;
mod urls;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What the command printed and how it ended.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// The JSON objects, a line each.
    fn objects(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn object(&self) -> Value {
        let mut objects = self.objects();
        assert_eq!(objects.len(), 1, "{} {}", self.out, self.err);
        objects.remove(0)
    }
}

fn check<T: AsRef<OsStr>>(arguments: &[T]) -> Ran {
    check_reading(arguments, "")
}

/// With something on standard input.
fn check_reading<T: AsRef<OsStr>>(arguments: &[T], input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ringfence"))
        .arg("check")
        .args(arguments)
        // Neither a configuration nor a folder for one.
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // Whoever does not read it closes it.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// One of the pages made for these tests.
fn page(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests/check/pages", name]
        .iter()
        .collect();
    path.display().to_string()
}
