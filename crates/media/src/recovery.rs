//! Mends recordings that a crash cut short.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::{MediaError, RecordingReport, wav};

/// Makes a cut recording playable: whole frames only, and a header that says how many. One whose file the crash came
/// before gets an empty one, as a file that was cut before its first sample is. Blocks on the disk.
///
/// # Errors
/// [`MediaError::File`] when it cannot be read or written, [`MediaError::NotARecording`] when it is something else.
pub fn recover(path: &Path) -> Result<RecordingReport, MediaError> {
    let failed = |source| MediaError::File {
        path: path.to_path_buf(),
        source,
    };
    let opened = OpenOptions::new().read(true).write(true).open(path);
    let mut file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let summary = wav::WavFile::create(path).and_then(wav::WavFile::finish);
            return Ok(report(path, summary.map_err(failed)?));
        }
        opened => opened.map_err(failed)?,
    };
    if !wav::is_ours(&mut file).map_err(failed)? {
        return Err(MediaError::NotARecording {
            path: path.to_path_buf(),
            found: beginning(path).map_err(failed)?,
        });
    }
    wav::mend(&mut file).map_err(failed)?;
    let summary = wav::summarize(&mut file).map_err(failed)?;
    Ok(report(path, summary))
}

fn report(path: &Path, summary: wav::Summary) -> RecordingReport {
    RecordingReport {
        path: path.to_path_buf(),
        duration_ms: summary.duration_ms,
        size: summary.size,
        sha256: summary.sha256,
        missed_packets: 0,
        failure: None,
    }
}

fn beginning(path: &Path) -> io::Result<String> {
    let mut first = Vec::new();
    File::open(path)?.take(16).read_to_end(&mut first)?;
    Ok(format!(
        "a file that begins with {:?}",
        first.escape_ascii().to_string()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn recording(samples: usize) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let mut file = wav::WavFile::create(&path).unwrap();
        file.append(&vec![1000; samples]).unwrap();
        file.finish().unwrap();
        fs::read(path).unwrap()
    }

    #[test]
    fn a_file_cut_anywhere_becomes_valid_as_far_as_it_goes() {
        let whole = recording(1600);
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 3, 20, 42, 43, 44, 45, 47, 48, 1001, whole.len()] {
            let path = folder.path().join(format!("{length}.wav"));
            fs::write(&path, &whole[..length]).unwrap();
            let report = recover(&path).unwrap();
            let frames = length.saturating_sub(44) / 4;
            assert_eq!(report.size, 44 + 4 * frames as u64, "cut at {length}");
            let reader = hound::WavReader::open(&path).unwrap();
            assert_eq!(reader.duration() as usize, frames, "cut at {length}");
            assert_eq!(
                reader.into_samples::<i16>().filter_map(Result::ok).count(),
                2 * frames
            );
        }
    }

    #[test]
    fn a_header_that_says_too_little_is_brought_up_to_date() {
        let mut stale = recording(1600);
        stale[40..44].copy_from_slice(&[0; 4]);
        stale[4..8].copy_from_slice(&36_u32.to_le_bytes());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stale.wav");
        fs::write(&path, &stale).unwrap();
        assert_eq!(recover(&path).unwrap().duration_ms, 100);
        assert_eq!(fs::read(&path).unwrap(), recording(1600));
    }

    #[test]
    fn something_else_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.txt");
        fs::write(&path, "Dear Sir or Madam,").unwrap();
        let error = recover(&path).unwrap_err();
        assert!(error.to_string().contains("Dear Sir"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "Dear Sir or Madam,");
        assert!(matches!(
            recover(folder.path()),
            Err(MediaError::File { .. })
        ));
    }

    #[test]
    fn a_recording_whose_file_was_not_made_yet_is_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day/none.wav");
        let report = recover(&path).unwrap();
        assert_eq!((report.duration_ms, report.size), (0, 44));
        assert_eq!(hound::WavReader::open(&path).unwrap().duration(), 0);
        assert_eq!(recover(&path).unwrap(), report);
    }
}
