//! Pairs of UDP ports: RTP on an even one, RTCP on the next (RFC 3550 §11).
//!
//! A port that comes back goes to the end of the queue, so that the last packets of an old call find nobody.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use crate::MediaError;

/// Some seconds of G.711, for when this task has to wait for its turn.
const RECEIVE_BUFFER: usize = 128 * 1024;
/// Expedited forwarding (RFC 3246), as it stands in the IPv4 header.
const EXPEDITED: u32 = 0xb8;
/// Foreign programs may sit on ports of the range; after so many of them in a row the range counts as full.
const TRIES: usize = 512;

/// The free pairs of the range.
#[derive(Debug)]
pub struct PortPool {
    address: IpAddr,
    range: RangeInclusive<u16>,
    free: Mutex<VecDeque<u16>>,
}

/// A pair with its sockets. They close before the pair is free again.
#[derive(Debug)]
pub struct PortPair {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    lease: Lease,
}

#[derive(Debug)]
struct Lease {
    pool: Arc<PortPool>,
    port: u16,
}

impl PortPool {
    pub fn new(address: IpAddr, range: RangeInclusive<u16>) -> Result<Arc<Self>, MediaError> {
        let (first, last) = (*range.start(), *range.end());
        let mut free: VecDeque<u16> = (first.max(2)..last).filter(|port| port % 2 == 0).collect();
        if free.len() < 2 {
            return Err(MediaError::PortRange { first, last });
        }
        // Two programs that share a range, or one that was started again at once, begin at different places of it.
        let begin = std::process::id() as usize * 64 % free.len();
        free.rotate_left(begin);
        Ok(Arc::new(Self {
            address,
            range,
            free: Mutex::new(free),
        }))
    }

    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Takes the pair that has been free for longest. `open` is told when there is none.
    pub fn take(self: &Arc<Self>, open: usize) -> Result<PortPair, MediaError> {
        for _ in 0..TRIES {
            let Some(port) = self.free.lock().pop_front() else {
                break;
            };
            let lease = Lease {
                pool: self.clone(),
                port,
            };
            match self
                .bind(port)
                .and_then(|rtp| Ok((rtp, self.bind(port + 1)?)))
            {
                Ok((rtp, rtcp)) => return Ok(PortPair { rtp, rtcp, lease }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(source) => {
                    return Err(MediaError::Socket {
                        address: self.address,
                        source,
                    });
                }
            }
        }
        metrics::counter!("ringfence_media_refused_total", "reason" => "ports_exhausted")
            .increment(1);
        Err(MediaError::PortsExhausted {
            address: self.address,
            first: *self.range.start(),
            last: *self.range.end(),
            open,
        })
    }

    fn bind(&self, port: u16) -> io::Result<UdpSocket> {
        let address = SocketAddr::new(self.address, port);
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        socket.set_nonblocking(true)?;
        if port.is_multiple_of(2) {
            // Both are wishes: a system that grants less still carries the call.
            let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
            if address.is_ipv4() {
                let _ = socket.set_tos_v4(EXPEDITED);
            }
        }
        socket.bind(&address.into())?;
        UdpSocket::from_std(socket.into())
    }
}

impl PortPair {
    /// The even port.
    pub const fn port(&self) -> u16 {
        self.lease.port
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.free.lock().push_back(self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn a_range_that_is_used_up_says_so_and_serves_again_once_a_pair_is_back() {
        let pool = PortPool::new(HERE, 12_400..=12_405).unwrap();
        let mut pairs: Vec<_> = std::iter::from_fn(|| pool.take(1).ok()).collect();
        assert!(pairs.len() <= 3);
        assert!(matches!(
            pool.take(7),
            Err(MediaError::PortsExhausted { open: 7, .. })
        ));
        let port = pairs.pop().expect("three pairs").port();
        assert_eq!(pool.take(1).unwrap().port(), port);
    }

    #[tokio::test]
    async fn a_pair_that_another_program_holds_is_passed_over() {
        let pool = PortPool::new(HERE, 12_410..=12_421).unwrap();
        let _other = std::net::UdpSocket::bind((HERE, 12_411)).unwrap();
        assert_ne!(pool.take(0).unwrap().port(), 12_410);
    }

    #[test]
    fn a_range_without_room_for_a_session_is_refused() {
        assert!(matches!(
            PortPool::new(HERE, 20_001..=20_004),
            Err(MediaError::PortRange { .. })
        ));
        assert!(PortPool::new(HERE, 20_000..=20_003).is_ok());
        assert!(PortPool::new(HERE, 65_530..=65_535).is_ok());
    }
}
