//! What can go wrong with sound, in words that say what to do.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// Every port pair of the range is in use.
    #[error(
        "no free RTP port pair in {first}-{last} on {address}: {open} sessions are open; widen the media port range or end calls"
    )]
    PortsExhausted {
        /// The address that the ports are bound on.
        address: IpAddr,
        /// The first port of the range.
        first: u16,
        /// The last port of the range.
        last: u16,
        /// Sessions open at that moment.
        open: usize,
    },
    /// A session has as many lines as it may.
    #[error("expected at most {most} callees of one call at once; ring fewer")]
    Lines {
        /// How many.
        most: usize,
    },
    /// The range holds no two pairs of an even and the next odd port.
    #[error(
        "expected a media port range with room for two even ports and the odd ones after them, got {first}-{last}; widen it"
    )]
    PortRange {
        /// The first port of the range.
        first: u16,
        /// The last port of the range.
        last: u16,
    },
    /// A socket could not be made or bound.
    #[error("expected to bind a UDP socket on {address}; check that this machine has the address")]
    Socket {
        /// The address.
        address: IpAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A writer thread could not be started.
    #[error("expected to start a recording writer thread; check the limit on threads")]
    Thread(#[source] io::Error),
    /// A recording could not be read or written.
    #[error(
        "expected to read and write the recording {path}; check that it exists, its permissions and the free space"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is no prompt.
    #[error(
        "expected {path} to be a WAV, FLAC, Ogg Vorbis or MP3 file of at most ten minutes and 64 MiB, got {found}; convert it, for example with `sox`"
    )]
    NotAudio {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// No prompt has this name.
    #[error("expected the name of a prompt, got {0:?}; bring it in with `ringfence prompt import`")]
    NoSuchPrompt(String),
    /// The file is no recording of ours.
    #[error(
        "expected {path} to be a 16-bit 8 kHz stereo WAV file, got {found}; it was left as it is"
    )]
    NotARecording {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
}
