//! The journal in front of SQLite: two files that are written in turn, and what is read back from them after a crash.
//!
//! A frame is a group of batches that were made durable together. It has a sequence number, which grows by one from
//! frame to frame, and a checksum over everything; what follows the last whole frame is a torn tail, or left from an
//! earlier turn, and counts as nothing. Files are overwritten in place: a file that does not grow is made durable in a
//! quarter of the time. Like SQLite it takes for granted that overwriting a sector spares the octets that stay the same
//! (<https://www.sqlite.org/psow.html>).
//!
//! This file knows octets and nothing of what they mean.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Octets that one of the two files has at most, unless told otherwise.
pub(crate) const FILE_OCTETS: u64 = 32 << 20;
/// A file grows by so many octets at once, for growing is what takes long.
const GROWTH: u64 = 1 << 20;
/// Checksum (4), length of the records (4), sequence (8), identity (16).
const HEAD: usize = 32;

/// Records that were made durable together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub sequence: u64,
    pub records: Arc<[u8]>,
}

/// Where there was room for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind the frame before it.
    Behind,
    /// At the beginning of the other file.
    Turned,
}

/// The two files, locked.
#[derive(Debug)]
pub(crate) struct Journal {
    paths: [PathBuf; 2],
    files: [File; 2],
    identity: [u8; 16],
    /// The file that is written now.
    current: usize,
    /// Where its next frame goes.
    end: u64,
    /// What the files have grown to.
    grown: [u64; 2],
    /// The last frame of each.
    last: [u64; 2],
    next: u64,
    most: u64,
    frame: Vec<u8>,
}

/// The journal's files of a database file.
pub(crate) fn paths(database: &Path) -> [PathBuf; 2] {
    [".journal-1", ".journal-2"].map(|end| {
        let mut name = database.as_os_str().to_owned();
        name.push(end);
        name.into()
    })
}

impl Journal {
    /// Opens and locks the files, and makes them when there are none. `None` when another program keeps them.
    ///
    /// Then ask what is [`unapplied`](Self::unapplied).
    pub fn open(database: &Path, identity: [u8; 16], most: u64) -> io::Result<Option<Self>> {
        let paths = paths(database);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let first = loop {
            let first = options.open(&paths[0])?;
            match first.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Who kept it until now may have taken it away between the two.
            let is_there = std::fs::metadata(&paths[0]).map(|there| there.ino()).ok();
            if is_there == Some(first.metadata()?.ino()) {
                break first;
            }
        };
        let files = [first, options.open(&paths[1])?];
        // A file that is new is durable only with its name in the folder.
        if let Some(folder) = paths[0].parent().filter(|folder| folder.is_dir()) {
            File::open(folder)?.sync_all()?;
        }
        let grown = [files[0].metadata()?.len(), files[1].metadata()?.len()];
        Ok(Some(Self {
            paths,
            files,
            identity,
            current: 0,
            end: 0,
            grown,
            last: [0; 2],
            next: 1,
            most,
            frame: Vec::new(),
        }))
    }

    /// The frames that follow `applied`, the last that the tables have, in order; the next frame comes after them. The outer error is the disk's, the inner one says what is missing.
    pub fn unapplied(&mut self, applied: u64) -> io::Result<Result<Vec<Frame>, String>> {
        let mut frames = Vec::new();
        for (file, last) in self.files.iter().zip(&mut self.last) {
            let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
            let mut octets = vec![0; length];
            file.read_exact_at(&mut octets, 0)?;
            let found = frames_of(&octets, self.identity);
            *last = found.last().map_or(0, |frame| frame.sequence);
            frames.extend(found);
        }
        frames.retain(|frame| frame.sequence > applied);
        frames.sort_by_key(|frame| frame.sequence);
        for (expected, frame) in (applied + 1..).zip(&frames) {
            if frame.sequence != expected {
                return Ok(Err(format!(
                    "the tables end with frame {applied} and the journal has frame {} where {expected} should be",
                    frame.sequence
                )));
            }
        }
        self.next = applied + 1 + frames.len() as u64;
        Ok(Ok(frames))
    }

    /// Begins with the first file. To be called when the tables have, durably, all frames.
    pub fn begin(&mut self) {
        (self.current, self.end, self.last) = (0, 0, [0; 2]);
    }

    /// What has to be in the tables, durably, before `octets` more records can be written; and where they go then.
    pub fn room(&self, octets: usize) -> (Place, u64) {
        if self.end + (HEAD + octets) as u64 <= self.most {
            (Place::Behind, 0)
        } else {
            (Place::Turned, self.last[1 - self.current])
        }
    }

    /// Whether a frame of so many octets fits into a file at all.
    pub fn fits(&self, octets: usize) -> bool {
        (HEAD + octets) as u64 <= self.most
    }

    /// The sequence number that was given out last.
    pub fn given_out(&self) -> u64 {
        self.next - 1
    }

    /// Makes room on the disk for the next frame.
    ///
    /// # Errors
    /// When the disk is full; the journal is as it was.
    pub fn grow(&mut self, place: Place, octets: usize) -> io::Result<()> {
        let (file, begin) = self.at(place);
        let wanted = begin + (HEAD + octets) as u64;
        if wanted <= self.grown[file] {
            return Ok(());
        }
        let grown = (wanted.div_ceil(GROWTH) * GROWTH).min(self.most.max(wanted));
        let length = usize::try_from(grown - self.grown[file]).unwrap_or(usize::MAX);
        self.files[file].write_all_at(&vec![0; length], self.grown[file])?;
        self.files[file].sync_all()?;
        self.grown[file] = grown;
        Ok(())
    }

    /// Writes a frame and answers its sequence number when it is durable.
    ///
    /// # Errors
    /// When that is not certain. The journal must not be written again then: what the disk has is not known.
    pub fn append(&mut self, place: Place, records: &[u8]) -> io::Result<u64> {
        let sequence = self.next;
        // Given out even when it fails, so that no other frame ever has it.
        self.next += 1;
        let (file, begin) = self.at(place);
        self.frame.clear();
        write_frame(&mut self.frame, self.identity, sequence, records)?;
        self.files[file].write_all_at(&self.frame, begin)?;
        self.files[file].sync_data()?;
        self.current = file;
        self.end = begin + self.frame.len() as u64;
        self.last[file] = sequence;
        Ok(sequence)
    }

    /// Takes the files away. To be called when the tables have, durably, all frames.
    pub fn remove(self) -> io::Result<()> {
        for path in &self.paths {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }

    fn at(&self, place: Place) -> (usize, u64) {
        match place {
            Place::Behind => (self.current, self.end),
            Place::Turned => (1 - self.current, 0),
        }
    }
}

/// The last frame that is written in the journal of a database file, whoever keeps it; 0 when there is none.
pub(crate) fn last_written(database: &Path, identity: [u8; 16]) -> io::Result<u64> {
    let mut last = 0;
    for path in paths(database) {
        match File::open(path) {
            Ok(file) => last = last.max(last_of(&file, identity)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(last)
}

/// From head to head; only the checksum of the last frame is looked at, for those before it were whole when it came.
fn last_of(file: &File, identity: [u8; 16]) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let (mut begin, mut last) = (0, None::<(u64, u64)>);
    let mut head = [0; HEAD];
    while begin + HEAD as u64 <= length {
        file.read_exact_at(&mut head, begin)?;
        let (_, octets, sequence, owner) = parts(&head);
        if owner != identity || last.is_some_and(|(before, _)| before + 1 != sequence) {
            break;
        }
        last = Some((sequence, begin));
        begin += HEAD as u64 + octets as u64;
    }
    let Some((sequence, begin)) = last else {
        return Ok(0);
    };
    file.read_exact_at(&mut head, begin)?;
    let (_, octets, ..) = parts(&head);
    let mut frame = vec![0; HEAD + octets];
    let is_whole = begin + (HEAD + octets) as u64 <= length
        && file.read_exact_at(&mut frame, begin).is_ok()
        && first_frame(&frame, identity).is_some();
    Ok(if is_whole { sequence } else { sequence - 1 })
}

/// Checksum, octets of records, sequence, identity.
fn parts(head: &[u8; HEAD]) -> (u32, usize, u64, [u8; 16]) {
    let (checksum, rest) = head.split_first_chunk::<4>().expect("32 octets");
    let (length, rest) = rest.split_first_chunk::<4>().expect("28 octets");
    let (sequence, rest) = rest.split_first_chunk::<8>().expect("24 octets");
    let owner = rest.first_chunk::<16>().expect("16 octets");
    (
        u32::from_le_bytes(*checksum),
        u32::from_le_bytes(*length) as usize,
        u64::from_le_bytes(*sequence),
        *owner,
    )
}

fn write_frame(
    to: &mut Vec<u8>,
    identity: [u8; 16],
    sequence: u64,
    records: &[u8],
) -> io::Result<()> {
    let length = u32::try_from(records.len()).map_err(io::Error::other)?;
    let begin = to.len();
    to.extend_from_slice(&[0; 4]);
    to.extend_from_slice(&length.to_le_bytes());
    to.extend_from_slice(&sequence.to_le_bytes());
    to.extend_from_slice(&identity);
    to.extend_from_slice(records);
    let checksum = crc32fast::hash(&to[begin + 4..]);
    to[begin..begin + 4].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// The whole frames that a file begins with.
fn frames_of(mut octets: &[u8], identity: [u8; 16]) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    while let Some((frame, rest)) = first_frame(octets, identity) {
        // What an earlier turn left behind has smaller numbers.
        if frames
            .last()
            .is_some_and(|before| before.sequence + 1 != frame.sequence)
        {
            break;
        }
        frames.push(frame);
        octets = rest;
    }
    frames
}

fn first_frame(octets: &[u8], identity: [u8; 16]) -> Option<(Frame, &[u8])> {
    let (head, rest) = octets.split_first_chunk::<HEAD>()?;
    let (checksum, length, sequence, owner) = parts(head);
    let (records, rest) = rest.split_at_checked(length)?;
    let whole = &octets[4..HEAD + length];
    if owner != identity || crc32fast::hash(whole) != checksum {
        return None;
    }
    let frame = Frame {
        sequence,
        records: records.into(),
    };
    Some((frame, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [u8; 16] = [7; 16];

    fn file(records: &[&[u8]]) -> Vec<u8> {
        let mut octets = Vec::new();
        for (sequence, records) in (41..).zip(records) {
            write_frame(&mut octets, OWN, sequence, records).unwrap();
        }
        octets
    }

    #[test]
    fn a_tail_that_is_torn_anywhere_is_cut_and_what_stands_before_it_stays() {
        let whole = file(&[b"first", b"", b"the last one"]);
        let last = HEAD + b"the last one".len();
        assert_eq!(frames_of(&whole, OWN).len(), 3);
        for torn in whole.len() - last..whole.len() {
            let cut = frames_of(&whole[..torn], OWN);
            assert_eq!(cut.len(), 2, "cut at {torn}");
            assert_eq!(&*cut[0].records, b"first");

            let mut zeros = whole.clone();
            zeros[torn..].fill(0);
            assert_eq!(frames_of(&zeros, OWN).len(), 2, "zeros from {torn}");

            let mut garbled = whole.clone();
            garbled[torn] ^= 0x10;
            assert_eq!(frames_of(&garbled, OWN).len(), 2, "garbled at {torn}");
        }
    }

    #[test]
    fn what_an_earlier_turn_left_behind_is_no_frame_of_this_one() {
        let mut octets = file(&[b"aaaa", b"bbbb", b"cccc"]);
        let mut newer = Vec::new();
        write_frame(&mut newer, OWN, 90, b"AAAA").unwrap();
        octets[..newer.len()].copy_from_slice(&newer);
        let found = frames_of(&octets, OWN);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].sequence, 90);
    }

    #[test]
    fn the_journal_of_another_file_counts_as_nothing() {
        assert!(frames_of(&file(&[b"first"]), [8; 16]).is_empty());
    }

    #[test]
    fn a_journal_turns_over_and_is_read_back_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("rows.db");
        let mut journal = Journal::open(&database, OWN, 200).unwrap().unwrap();
        assert!(
            Journal::open(&database, OWN, 200).unwrap().is_none(),
            "locked"
        );
        for n in 1..=8_u8 {
            let (place, needed) = journal.room(60);
            // Two frames go into a file: the other file's must be in the tables before it is written over.
            let expected = match n {
                3 => (Place::Turned, 0),
                5 => (Place::Turned, 2),
                7 => (Place::Turned, 4),
                _ => (Place::Behind, 0),
            };
            assert_eq!((place, needed), expected, "{n}");
            journal.grow(place, 60).unwrap();
            assert_eq!(journal.append(place, &[n; 60]).unwrap(), u64::from(n));
            assert_eq!(last_written(&database, OWN).unwrap(), u64::from(n));
        }
        drop(journal);
        let mut journal = Journal::open(&database, OWN, 200).unwrap().unwrap();
        let frames = journal.unapplied(5).unwrap().unwrap();
        let found: Vec<(u64, u8)> = frames.iter().map(|f| (f.sequence, f.records[0])).collect();
        assert_eq!(found, [(6, 6), (7, 7), (8, 8)]);
        assert_eq!(journal.given_out(), 8);
        // Tables of an older copy lack what was written over meanwhile.
        let why = journal.unapplied(2).unwrap().unwrap_err();
        assert!(why.contains("frame 5 where 3 should be"), "{why}");
    }
}
