//! Stereo WAV files of 16-bit samples at 8 kHz: written with a header that is right at every flush, mended, hashed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};
use ring::digest::{Context, SHA256};

/// The only format that is written and read here.
pub const SPEC: WavSpec = WavSpec {
    channels: 2,
    sample_rate: 8000,
    bits_per_sample: 16,
    sample_format: SampleFormat::Int,
};
/// Octets of the header that stands before the samples.
pub const HEADER: u64 = 44;
/// Octets of a frame: two samples.
pub const FRAME: u64 = 4;
/// Octets that are read at once.
const PIECE: usize = 64 * 1024;

/// A recording being written.
pub struct WavFile {
    writer: WavWriter<File>,
    /// The same file, to be read and synced once the writer is done with it.
    file: File,
}

/// What a finished file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub duration_ms: u64,
    pub size: u64,
    pub sha256: [u8; 32],
}

impl WavFile {
    /// Makes the file and the folders above it; one that exists is an error.
    pub fn create(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)?;
        let mut writer = WavWriter::new(file.try_clone()?, SPEC).map_err(into_io)?;
        writer.flush().map_err(into_io)?;
        Ok(Self { writer, file })
    }

    /// Appends interleaved samples and brings the header up to date.
    pub fn append(&mut self, samples: &[i16]) -> io::Result<()> {
        let count = u32::try_from(samples.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut block = self.writer.get_i16_writer(count);
        for &sample in samples {
            block.write_sample(sample);
        }
        block.flush().map_err(into_io)?;
        self.writer.flush().map_err(into_io)
    }

    /// Ends the file: on disk and hashed.
    pub fn finish(self) -> io::Result<Summary> {
        self.writer.finalize().map_err(into_io)?;
        let mut file = self.file;
        file.sync_all()?;
        summarize(&mut file)
    }

    /// Ends a file that could not be written to: as far as it got, it is valid.
    pub fn break_off(self) -> io::Result<Summary> {
        drop(self.writer);
        let mut file = self.file;
        mend(&mut file)?;
        summarize(&mut file)
    }
}

/// Makes a file valid as far as its samples go: whole frames, and a header that counts them. The file must begin as
/// ours do, or be shorter than that: see [`is_ours`].
pub fn mend(file: &mut File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let size = HEADER + length.saturating_sub(HEADER) / FRAME * FRAME;
    if length < HEADER {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        WavWriter::new(&mut *file, SPEC)
            .and_then(WavWriter::finalize)
            .map_err(into_io)?;
    } else {
        file.set_len(size)?;
        let count = |octets: u64| u32::try_from(octets).unwrap_or(u32::MAX).to_le_bytes();
        file.seek(SeekFrom::Start(4))?;
        file.write_all(&count(size - 8))?;
        file.seek(SeekFrom::Start(HEADER - 4))?;
        file.write_all(&count(size - HEADER))?;
    }
    file.sync_all()
}

/// Whether a file begins with the header that is written here, the two lengths aside. One too short to tell is ours
/// when as much as there is agrees.
pub fn is_ours(file: &mut File) -> io::Result<bool> {
    let mut ours = io::Cursor::new(Vec::new());
    WavWriter::new(&mut ours, SPEC)
        .and_then(WavWriter::finalize)
        .map_err(into_io)?;
    let mut ours = ours.into_inner();
    let mut found = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(HEADER).read_to_end(&mut found)?;
    for header in [&mut ours, &mut found] {
        for lengths in [4..8, 40..44] {
            let end = lengths.end.min(header.len());
            if let Some(length) = header.get_mut(lengths.start..end) {
                length.fill(0);
            }
        }
    }
    Ok(ours.starts_with(&found))
}

/// Reads the whole file once.
pub fn summarize(file: &mut File) -> io::Result<Summary> {
    file.seek(SeekFrom::Start(0))?;
    let mut digest = Context::new(&SHA256);
    let mut piece = vec![0; PIECE];
    let mut size = 0;
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        digest.update(&piece[..read]);
        size += read as u64;
    }
    let sha256 = digest
        .finish()
        .as_ref()
        .try_into()
        .expect("SHA-256 has 32 octets");
    Ok(Summary {
        duration_ms: size.saturating_sub(HEADER) / FRAME / 8,
        size,
        sha256,
    })
}

pub fn into_io(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}
