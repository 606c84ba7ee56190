//! Where sessions come from: the port range, the writer threads and the limits they share.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::ports::PortPool;
use crate::recorder::Recorder;
use crate::{Library, MediaError, Session};

/// How media is carried and recorded.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// The address that RTP is received on and sent from; the one that goes into SDP unless the machine is behind NAT.
    pub address: IpAddr,
    /// UDP ports to use: RTP on the even ones, RTCP on the odd ones after them. A session takes four.
    pub ports: RangeInclusive<u16>,
    /// How often a recording's samples and header reach its file; a crash loses no more than this and 200 ms.
    pub flush: Duration,
    /// Threads that write recordings; each waits for the disk by itself.
    pub writers: usize,
    /// A session in which neither side sends for this long says so, once.
    pub silence: Duration,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: 20_000..=29_999,
            flush: Duration::from_millis(750),
            writers: 4,
            silence: Duration::from_mins(1),
        }
    }
}

/// Opens sessions. Cheap to clone; all clones share one port range and one set of writers.
#[derive(Debug, Clone)]
pub struct MediaEngine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ports: Arc<PortPool>,
    recorder: Arc<Recorder>,
    silence: Duration,
    library: Library,
    open: Arc<AtomicUsize>,
}

/// Counts a session while it is open.
#[derive(Debug)]
pub struct Open(Arc<AtomicUsize>);

impl MediaEngine {
    /// Starts the writer threads and lays out the ports.
    ///
    /// # Errors
    /// [`MediaError::PortRange`] for a range without room for one session, [`MediaError::Thread`].
    pub fn new(config: MediaConfig) -> Result<Self, MediaError> {
        Ok(Self(Arc::new(Shared {
            ports: PortPool::new(config.address, config.ports)?,
            recorder: Arc::new(Recorder::start(config.writers, config.flush)?),
            silence: config.silence,
            library: Library::default(),
            open: Arc::default(),
        })))
    }

    /// Takes two port pairs and begins to relay between them. To be called inside a tokio runtime; never blocks.
    ///
    /// # Errors
    /// [`MediaError::PortsExhausted`] (counted) when no pair is free, [`MediaError::Socket`].
    pub fn open(&self) -> Result<Session, MediaError> {
        let shared = &self.0;
        let caller = shared.ports.take(self.sessions())?;
        let callee = shared.ports.take(self.sessions())?;
        Ok(Session::new(
            shared.ports.clone(),
            (caller, callee),
            shared.recorder.clone(),
            shared.silence,
            Open::new(&shared.open),
        ))
    }

    /// Encoded prompts, kept for all sessions.
    pub fn library(&self) -> &Library {
        &self.0.library
    }

    /// The address that sessions are bound on.
    pub fn address(&self) -> IpAddr {
        self.0.ports.address()
    }

    /// Sessions open now.
    pub fn sessions(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }
}

impl Open {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        metrics::gauge!("ringfence_media_sessions").increment(1);
        Self(open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("ringfence_media_sessions").decrement(1);
    }
}
