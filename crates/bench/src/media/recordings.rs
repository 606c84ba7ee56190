//! Whether recordings hold what was spoken, packet by packet.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use ringfence_media::g711::Law;
use ringfence_store::Db;
use serde::Serialize;

use super::sound::{self, PACKETS_A_SECOND, SOUND, TOLD};

/// How long the recorder has to close what it has.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the recordings hold.
#[derive(Debug, Default, Serialize)]
pub struct Recorded {
    /// Recordings that should be there: one for each call.
    pub calls: u32,
    /// Those that hold every packet of both sides at its place.
    pub whole: u32,
    /// Packets spoken in all of them.
    pub spoken: u64,
    /// Packets found at their places.
    pub found: u64,
}

/// Waits until every recording is closed, and reads them all.
///
/// # Errors
/// When they are not closed, or cannot be read.
pub async fn judge(db: &Db, folder: &Path, calls: u32, seconds: u32) -> anyhow::Result<Recorded> {
    let began = Instant::now();
    while !db.open_recordings().await?.is_empty() {
        ensure!(
            began.elapsed() < PATIENCE,
            "recordings are still open {} s after the last call",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let spoken = u64::from(seconds) * u64::from(PACKETS_A_SECOND);
    let mut recorded = Recorded {
        calls,
        spoken: 2 * spoken * u64::from(calls),
        ..Recorded::default()
    };
    let values = values();
    for file in files(folder)? {
        let mut reader = hound::WavReader::open(&file)
            .with_context(|| format!("opening the recording {}", file.display()))?;
        let samples: Vec<i16> = reader.samples::<i16>().collect::<Result<_, _>>()?;
        let [left, right] =
            [0, 1].map(|channel| found(samples.iter().skip(channel).step_by(2), &values));
        recorded.found += left + right;
        recorded.whole += u32::from(left == spoken && right == spoken);
    }
    Ok(recorded)
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wav") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// What the sounds of packets are when they are decoded, in their order.
fn values() -> Vec<i16> {
    let octets: Vec<u8> = (0..100).map(sound::value).collect();
    let mut samples = Vec::new();
    Law::Mu.decode(&octets, &mut samples);
    samples
}

/// Packets that stand where the first of them says they must.
fn found<'s>(channel: impl Iterator<Item = &'s i16>, values: &[i16]) -> u64 {
    let mut runs = Runs {
        values,
        run: (0, 0, 0),
        first: None,
        last: None,
        found: 0,
    };
    for (at, &sample) in channel.enumerate() {
        runs.take(at, sample);
    }
    runs.end();
    runs.found
}

struct Runs<'v> {
    values: &'v [i16],
    /// The sample that repeats, since where, and how often.
    run: (i16, usize, usize),
    /// Where the sound of packet 0 would begin.
    first: Option<usize>,
    /// The packet found last.
    last: Option<usize>,
    found: u64,
}

impl Runs<'_> {
    fn take(&mut self, at: usize, sample: i16) {
        if sample == self.run.0 {
            self.run.2 += 1;
        } else {
            self.end();
            self.run = (sample, at, 1);
        }
    }

    /// A run that just ended is a packet when it is as long as one.
    fn end(&mut self) {
        let (sample, at, length) = self.run;
        if length < SOUND - TOLD {
            return;
        }
        let Some(value) = self.values.iter().position(|&value| value == sample) else {
            return;
        };
        // What a packet tells of itself may end in the same sample as its sound: the end of a run is certain.
        let ends = at + length;
        let place = self.last.map_or(value, |last| {
            last + (value + self.values.len() - last % self.values.len()) % self.values.len()
        });
        let first = *self
            .first
            .get_or_insert_with(|| ends.saturating_sub((place + 1) * SOUND));
        self.last = Some(place);
        if first + (place + 1) * SOUND == ends {
            self.found += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(places: impl Iterator<Item = u32>) -> Vec<i16> {
        let values = values();
        let mut samples = vec![0; 333];
        for place in places {
            samples.extend([7; TOLD]);
            samples.extend([values[place as usize % 100]; SOUND - TOLD]);
        }
        samples
    }

    #[test]
    fn every_packet_of_a_whole_channel_is_found() {
        assert_eq!(found(channel(0..250).iter(), &values()), 250);
    }

    #[test]
    fn a_packet_that_is_missing_is_missed_and_one_that_moved_is_no_packet() {
        let mut silent = channel(0..250);
        silent[333 + 30 * SOUND..333 + 31 * SOUND].fill(0);
        assert_eq!(found(silent.iter(), &values()), 249);
        let moved = channel((0..100).chain(101..250));
        assert_eq!(found(moved.iter(), &values()), 100);
    }
}
