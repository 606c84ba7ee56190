//! SIPp as caller and callee, with scenarios of our own.

use std::fs::{self, File};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::report::Times;

/// How long a call is held after it was answered; the scenario pauses for it.
pub const HOLD: Duration = Duration::from_secs(1);

/// How long stragglers have after the last call began.
const PATIENCE: Duration = Duration::from_secs(40);

/// Octets; the default of a socket loses bursts.
const SOCKET_BUFFER: &str = "4194304";

/// What the caller saw.
pub struct Outcome {
    /// Calls begun.
    pub calls: u64,
    /// Calls that did not go as the scenario says.
    pub failed: u64,
    /// Calls that got 503, which are not among the failed.
    pub refused: u64,
    /// Messages sent again.
    pub retransmissions: u64,
    /// From the INVITE to the 200.
    pub setup: Times,
}

/// A process that ends with this value.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts somebody who answers every call on `at`.
///
/// # Errors
/// When SIPp cannot be started.
pub fn answer(folder: &Path, at: SocketAddr, at_most: Duration) -> anyhow::Result<Running> {
    fs::write(
        folder.join("callee.xml"),
        include_str!("../scenarios/callee.xml"),
    )?;
    let child = sipp(folder, "callee", at, at_most)
        .args(["-sf", "callee.xml"])
        .spawn()
        .context("starting SIPp")?;
    let callee = Running(child);
    let began = Instant::now();
    // SIPp says nothing when it is ready; its port can then no longer be bound.
    while UdpSocket::bind(at).is_ok() {
        ensure!(
            began.elapsed() < Duration::from_secs(5),
            "SIPp does not listen on {at}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(callee)
}

/// Makes `calls` calls to `to`, `rate` a second, to the users of `numbers` in turn.
///
/// # Errors
/// When SIPp cannot be started or wrote no statistics.
pub fn call(
    folder: &Path,
    to: SocketAddr,
    from: SocketAddr,
    numbers: &[String],
    rate: u32,
    calls: u32,
) -> anyhow::Result<Outcome> {
    fs::write(
        folder.join("caller.xml"),
        include_str!("../scenarios/caller.xml"),
    )?;
    fs::write(
        folder.join("numbers.csv"),
        format!("SEQUENTIAL\n{}\n", numbers.join("\n")),
    )?;
    for old in ["statistics.csv", "errors.log"] {
        let _ = fs::remove_file(folder.join(old));
    }
    remove_response_times(folder)?;
    let length = Duration::from_secs(u64::from(calls / rate.max(1)));
    let status = sipp(folder, "caller", from, length + PATIENCE)
        .args(["-sf", "caller.xml", "-inf", "numbers.csv"])
        .args([
            "-r",
            &rate.to_string(),
            "-m",
            &calls.to_string(),
            "-l",
            &calls.to_string(),
        ])
        .args([
            "-trace_stat",
            "-stf",
            "statistics.csv",
            "-fd",
            "1",
            "-trace_rtt",
            "-rtt_freq",
            "100",
        ])
        .args(["-trace_err", "-error_file", "errors.log"])
        .arg(to.to_string())
        .status()
        .context("starting SIPp")?;
    // 0: all went well, 1: some calls failed; both leave statistics.
    if !matches!(status.code(), Some(0 | 1)) {
        let said = fs::read_to_string(folder.join("caller.log")).unwrap_or_default();
        bail!("SIPp ended with {status}: {said}");
    }
    let statistics =
        fs::read_to_string(folder.join("statistics.csv")).context("SIPp wrote no statistics")?;
    let field = |name: &str| {
        statistic(&statistics, name).with_context(|| format!("SIPp counted no {name}"))
    };
    Ok(Outcome {
        calls: field("TotalCallCreated")?,
        failed: field("FailedCall(C)")?,
        refused: field("GenericCounter1(C)")?,
        retransmissions: field("Retransmissions(C)")?,
        setup: response_times(folder)?,
    })
}

/// The beginning of what SIPp said of the calls that failed; it writes all of it into one line.
pub fn errors(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join("errors.log")).unwrap_or_default();
    text.chars().take(2_000).collect()
}

fn sipp(folder: &Path, name: &str, at: SocketAddr, at_most: Duration) -> Command {
    let mut command = Command::new("sipp");
    command
        .current_dir(folder)
        .args([
            "-i",
            &at.ip().to_string(),
            "-p",
            &at.port().to_string(),
            "-mi",
            &at.ip().to_string(),
        ])
        .args([
            "-nostdin",
            "-timer_resol",
            "1",
            "-buff_size",
            SOCKET_BUFFER,
            "-max_recv_loops",
            "100",
            // A 180 that the network let the 200 overtake is no failure (RFC 3261 §13.2.2.4).
            "-pause_msg_ign",
        ])
        .args(["-timeout", &format!("{}s", at_most.as_secs())])
        .stdin(Stdio::null());
    let log = File::create(folder.join(format!("{name}.log")));
    if let Ok((out, err)) = log.and_then(|log| Ok((log.try_clone()?, log))) {
        command.stdout(out).stderr(err);
    }
    command
}

/// The last line's value of a column.
fn statistic(statistics: &str, name: &str) -> Option<u64> {
    let mut lines = statistics.lines().filter(|line| !line.trim().is_empty());
    let at = lines.next()?.split(';').position(|column| column == name)?;
    lines.next_back()?.split(';').nth(at)?.parse().ok()
}

/// `Date_ms;response_time_ms;rtd_no`, in files that SIPp names itself.
fn response_times(folder: &Path) -> anyhow::Result<Times> {
    let mut times = Times::default();
    for file in response_time_files(folder)? {
        for line in fs::read_to_string(file)?.lines() {
            let milliseconds = line
                .split(';')
                .nth(1)
                .and_then(|field| field.trim().parse::<f64>().ok());
            if let Some(micros) =
                milliseconds.map(|ms| Duration::from_secs_f64(ms.max(0.0) / 1000.0).as_micros())
            {
                times.add(u32::try_from(micros).unwrap_or(u32::MAX));
            }
        }
    }
    Ok(times)
}

fn response_time_files(folder: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let files = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    Ok(files
        .filter(|path| path.to_string_lossy().ends_with("_rtt.csv"))
        .collect())
}

fn remove_response_times(folder: &Path) -> anyhow::Result<()> {
    for file in response_time_files(folder)? {
        fs::remove_file(file)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_the_statistics_counts() {
        let text = "StartTime;FailedCall(P);FailedCall(C);\nx;0;1;\nx;1;2;\n";
        assert_eq!(statistic(text, "FailedCall(C)"), Some(2));
        assert_eq!(statistic(text, "Nothing"), None);
    }
}
