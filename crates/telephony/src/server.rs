//! The server: listeners, the gate, and one task per call.

use std::net::SocketAddr;
use std::time::Duration;

use ringfence_media::MediaEngine;
use tokio::sync::mpsc;

use crate::{IncomingCall, TelephonyConfig, TelephonyError, TrunkDirectory};

/// A running SIP server. Cheap to clone; the last clone dropped stops it.
#[derive(Debug, Clone)]
pub struct Telephony {}

impl Telephony {
    /// Binds the listeners and begins to serve. New calls come out of the receiver, which holds a bounded
    /// number of them; when it is full or dropped, new calls are refused with 503.
    ///
    /// # Errors
    /// [`TelephonyError`] when an address cannot be bound.
    pub async fn start(
        config: TelephonyConfig,
        trunks: TrunkDirectory,
        media: MediaEngine,
    ) -> Result<(Self, mpsc::Receiver<IncomingCall>), TelephonyError> {
        let _ = (config, trunks, media);
        todo!()
    }

    /// The address that SIP over UDP is served on.
    pub fn udp_address(&self) -> Option<SocketAddr> {
        todo!()
    }

    /// The address that SIP over TCP is served on.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        todo!()
    }

    /// Calls that are under way: let in and not ended.
    pub fn active_calls(&self) -> usize {
        todo!()
    }

    /// Refuses new calls with 503 from now on, lets those under way go on for `patience`, then hangs them up,
    /// waits for their ends and stops serving.
    pub async fn drain(&self, patience: Duration) {
        let _ = patience;
        todo!()
    }
}
