//! What the program says of itself: log lines on standard error, as text or JSON, without phone numbers.
//!
//! Code masks numbers where it logs them. Libraries do not know that they are personal data, so every line is looked
//! through once more before it leaves.

use std::io::{self, IsTerminal as _, Write};

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Log, LogFormat};

/// Shortest run of digits after `+`, `sip:`, `sips:` or `tel:` that is taken for a phone number.
const FEWEST_DIGITS: usize = 7;

/// Begins to log for the whole process.
///
/// # Errors
/// When it was begun before.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let mut filter =
        EnvFilter::try_new(&log.level.0).context("log.level was checked when it was read")?;
    if !log.level.0.contains("rsipstack") {
        // At `info` the SIP stack writes whole messages, numbers and all.
        filter = filter.add_directive("rsipstack=warn".parse().context("a directive")?);
    }
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(MaskedStandardError);
    let begun = match log.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    };
    begun.map_err(|error| anyhow::anyhow!("logging was begun before: {error}"))
}

#[derive(Clone, Copy)]
struct MaskedStandardError;

impl<'a> MakeWriter<'a> for MaskedStandardError {
    type Writer = Masking<io::StderrLock<'static>>;

    fn make_writer(&'a self) -> Self::Writer {
        Masking(io::stderr().lock())
    }
}

/// Masks phone numbers on their way. A line comes in one piece.
struct Masking<W>(W);

impl<W: Write> Write for Masking<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match masked(octets) {
            Some(masked) => self.0.write_all(&masked)?,
            None => self.0.write_all(octets)?,
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The line with its phone numbers masked; `None` when it has none.
fn masked(line: &[u8]) -> Option<Vec<u8>> {
    let mut changed: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < line.len() {
        let start = at;
        while at < line.len() && line[at].is_ascii_digit() {
            at += 1;
        }
        let length = at - start;
        if length == 0 {
            at += 1;
        } else if length >= FEWEST_DIGITS && begins_number(&line[..start]) {
            let line = changed.get_or_insert_with(|| line.to_vec());
            line[start + 2..at - 2].fill(b'*');
        }
    }
    changed
}

fn begins_number(before: &[u8]) -> bool {
    ["+", "sip:", "sips:", "tel:", "%2B"]
        .iter()
        .any(|start| before.ends_with(start.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(line: &str) -> String {
        let mut out = Vec::new();
        Masking(&mut out)
            .write_all(line.as_bytes())
            .expect("a Vec takes all");
        String::from_utf8(out).expect("masks are ASCII")
    }

    #[test]
    fn numbers_lose_their_middle_wherever_a_library_logs_them() {
        assert_eq!(
            through(
                "INVITE sip:+442079460123@192.0.2.1:5060 from \"A\" <sip:447700900123@example.com> tel:02079460123"
            ),
            "INVITE sip:+44********23@192.0.2.1:5060 from \"A\" <sip:44********23@example.com> tel:02*******23"
        );
    }

    #[test]
    fn times_ports_and_identifiers_stay_as_they_are() {
        for line in [
            "2026-11-23T19:49:20.123456Z  INFO listening on 127.0.0.1:5060",
            "call=0190f5a2-1111-7000-8000-123456789012 +12 packets, offset +123456",
        ] {
            assert_eq!(through(line), line);
        }
    }
}
