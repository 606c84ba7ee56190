//! The picture of a recording for a player.

use std::io;
use std::path::Path;

use hound::WavReader;

use crate::{MediaError, wav};

/// The loudest sample of each stretch of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waveform {
    /// The caller: 0 is silence, 255 full scale; as many as were asked for.
    pub left: Vec<u8>,
    /// The callee, likewise.
    pub right: Vec<u8>,
    /// Length of the recording in milliseconds.
    pub duration_ms: u64,
}

/// More than any screen shows.
const MOST_BUCKETS: usize = 4096;

/// Reads a recording once, in small pieces, and keeps `buckets` (1-4096) peaks a channel. Blocks on the disk.
///
/// A recording still being written is read as far as its header says.
///
/// # Errors
/// [`MediaError::File`] when it cannot be read, [`MediaError::NotARecording`] when it is something else.
pub fn waveform(path: &Path, buckets: usize) -> Result<Waveform, MediaError> {
    let failed = |error: hound::Error| match error {
        hound::Error::IoError(source) if source.kind() != io::ErrorKind::Other => {
            MediaError::File {
                path: path.to_path_buf(),
                source,
            }
        }
        other => MediaError::NotARecording {
            path: path.to_path_buf(),
            found: other.to_string(),
        },
    };
    let reader = WavReader::open(path).map_err(failed)?;
    if reader.spec() != wav::SPEC {
        return Err(MediaError::NotARecording {
            path: path.to_path_buf(),
            found: format!("{:?}", reader.spec()),
        });
    }
    let buckets = buckets.clamp(1, MOST_BUCKETS);
    let frames = u64::from(reader.duration());
    let mut peaks = [vec![0; buckets], vec![0; buckets]];
    // A file cut behind its header's back ends early; what is missing stays silent.
    let samples = reader.into_samples::<i16>().map_while(Result::ok);
    for (index, sample) in (0_u64..).zip(samples) {
        let bucket = usize::try_from(index / 2 * buckets as u64 / frames.max(1)).unwrap_or(buckets);
        let peak = u8::try_from(sample.unsigned_abs() >> 7).unwrap_or(u8::MAX);
        let channel = usize::from(!index.is_multiple_of(2));
        if let Some(highest) = peaks[channel].get_mut(bucket) {
            *highest = peak.max(*highest);
        }
    }
    let [left, right] = peaks;
    Ok(Waveform {
        left,
        right,
        duration_ms: frames / 8,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_shows_where_it_is_loud() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut file = wav::WavFile::create(&path).unwrap();
        let frames = (0..8000).flat_map(|frame| {
            if frame < 4000 {
                [16_384, 0]
            } else {
                [0, i16::MIN]
            }
        });
        file.append(&frames.collect::<Vec<_>>()).unwrap();
        file.finish().unwrap();
        let picture = waveform(&path, 4).unwrap();
        assert_eq!(picture.left, [128, 128, 0, 0]);
        assert_eq!(picture.right, [0, 0, 255, 255]);
        assert_eq!(picture.duration_ms, 1000);
        assert_eq!(waveform(&path, 0).unwrap().left, [128]);
    }

    #[test]
    fn an_empty_recording_is_all_silence_and_a_letter_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        wav::WavFile::create(&path).unwrap().finish().unwrap();
        assert_eq!(waveform(&path, 3).unwrap().left, [0, 0, 0]);
        std::fs::write(&path, "Dear Sir or Madam, this is a letter of some length.").unwrap();
        assert!(matches!(
            waveform(&path, 3),
            Err(MediaError::NotARecording { .. })
        ));
    }
}
