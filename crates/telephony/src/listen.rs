//! The sockets: bound by ourselves, so that their buffers are large and their errors have names.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use ringfence_model::SipTransport;
use rsipstack::platform::net::UdpSocket as StackSocket;
use rsipstack::sip::Transport;
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transport::tcp::TcpConnection;
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, SipConnection};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::phones::Flow;
use crate::streams::{Entrance, Visit};
use crate::{PhoneDirectory, TelephonyError, TrunkDirectory, fold, unknown};

/// Room for bursts: the system's default of 208 kB holds about 200 messages, and at 1,000 calls/s it was seen
/// to lose some.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;
/// What the stack reads a datagram into; one that fills it was cut, or would be by the next hop.
const STACK_BUFFER: usize = 8192;
/// Streams open at once; more are closed as they come.
const MAX_STREAMS: usize = 1024;

/// Binds a UDP socket with large buffers.
pub(crate) fn bind_udp(address: SocketAddr) -> Result<UdpSocket, TelephonyError> {
    let bind = || -> io::Result<UdpSocket> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        // Both are wishes: the system gives what net.core.rmem_max and wmem_max allow.
        socket.set_recv_buffer_size(SOCKET_BUFFER)?;
        socket.set_send_buffer_size(SOCKET_BUFFER)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        UdpSocket::from_std(socket.into())
    };
    bind().map_err(|source| named("UDP", address, source))
}

/// Binds a TCP listener.
pub(crate) fn bind_tcp(address: SocketAddr) -> Result<TcpListener, TelephonyError> {
    let bind = || -> io::Result<TcpListener> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(1024)?;
        TcpListener::from_std(socket.into())
    };
    bind().map_err(|source| named("TCP", address, source))
}

fn named(transport: &'static str, address: SocketAddr, source: io::Error) -> TelephonyError {
    if source.kind() == io::ErrorKind::AddrInUse {
        TelephonyError::PortTaken { transport, address }
    } else {
        TelephonyError::Bind {
            transport,
            address,
            source,
        }
    }
}

/// Hands a UDP socket to the stack, with a guard before it.
pub(crate) async fn hand_over(
    socket: UdpSocket,
    advertised: SocketAddr,
    trunks: TrunkDirectory,
    phones: PhoneDirectory,
    stop: CancellationToken,
) -> Result<SipConnection, TelephonyError> {
    let guarded = Arc::new(GuardedSocket {
        socket,
        trunks,
        phones,
    });
    UdpConnection::from_socket(guarded, Some(advertised), Some(stop))
        .await
        .map(SipConnection::Udp)
        .map_err(|error| TelephonyError::Stack(error.to_string()))
}

/// A UDP socket that keeps from the stack what must not be answered or cannot be whole.
struct GuardedSocket {
    socket: UdpSocket,
    trunks: TrunkDirectory,
    phones: PhoneDirectory,
}

impl GuardedSocket {
    /// Whether it is worth an answer what comes from there.
    fn knows(&self, from: SocketAddr) -> bool {
        let flow = Flow {
            transport: SipTransport::Udp,
            address: from,
        };
        self.trunks.contains(from.ip()) || self.phones.flow(flow).is_some()
    }
}

#[async_trait::async_trait]
impl StackSocket for GuardedSocket {
    async fn recv_from(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        loop {
            let (length, from) = self.socket.recv_from(buffer).await?;
            if length >= STACK_BUFFER.min(buffer.len()) {
                counter!("ringfence_sip_dropped_total", "reason" => "oversized").increment(1);
                continue;
            }
            // The stack answers keep-alives (RFC 5626 §3.5.1) of anybody; a stranger gets no answer at all.
            if length <= 4 && !self.knows(from) {
                counter!("ringfence_sip_dropped_total", "reason" => "unknown_address").increment(1);
                continue;
            }
            if let Some(answer) = unknown::answer(&buffer[..length]) {
                counter!("ringfence_sip_dropped_total", "reason" => "first_line").increment(1);
                if !answer.is_empty() && self.knows(from) {
                    // An answer that cannot be sent is asked for again.
                    let _ = self.socket.send_to(answer.as_bytes(), from).await;
                }
                continue;
            }
            // Without folds a datagram is never longer than with them.
            if let Some(plain) = fold::unfolded(&buffer[..length])
                && let Some(place) = buffer.get_mut(..plain.len())
            {
                place.copy_from_slice(&plain);
                return Ok((plain.len(), from));
            }
            return Ok((length, from));
        }
    }

    async fn send_to(&self, datagram: &[u8], to: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.socket.send_to(datagram, to).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}

/// Accepts streams from whoever may open one, until told to stop.
pub(crate) async fn accept_streams(
    listener: TcpListener,
    advertised: SocketAddr,
    endpoint: EndpointInnerRef,
    entrance: Entrance,
    stop: CancellationToken,
) {
    let local = SipAddr::new(Transport::Tcp, advertised.into());
    while let Some((stream, visit)) = accept(&listener, &endpoint, &entrance, &stop).await {
        let token = visit.token.clone();
        match TcpConnection::from_stream(stream, local.clone(), Some(token)) {
            Ok(connection) => {
                visit.stays(SipTransport::Tcp);
                endpoint
                    .transport_layer
                    .add_connection(SipConnection::Tcp(connection));
            }
            Err(error) => debug!(%error, "a SIP stream was gone as soon as it came"),
        }
    }
}

/// The next stream that may be; `None` when told to stop.
pub(crate) async fn accept(
    listener: &TcpListener,
    endpoint: &EndpointInnerRef,
    entrance: &Entrance,
    stop: &CancellationToken,
) -> Option<(TcpStream, Visit)> {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: waiting is all that helps.
                warn!(%error, "a SIP stream could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if endpoint.transport_layer.connections_count() >= MAX_STREAMS {
            dropped("streams");
            continue;
        }
        let (stream, visit) = match entrance.enter(stream, from, stop) {
            Ok(entered) => entered,
            Err(reason) => {
                dropped(reason);
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "TCP_NODELAY was refused");
        }
        return Some((stream, visit));
    }
}

fn dropped(reason: &'static str) {
    counter!("ringfence_sip_dropped_total", "reason" => reason).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let first = bind_udp("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let address = first.local_addr().expect("it is bound");
        let error = bind_udp(address).expect_err("it is taken");
        assert!(matches!(error, TelephonyError::PortTaken { .. }));
        let text = error.to_string();
        assert!(
            text.contains(&address.to_string()) && text.contains("UDP"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_named() {
        let error = bind_tcp("192.0.2.1:5060".parse().expect("an address"))
            .expect_err("it is not this machine's");
        assert!(matches!(error, TelephonyError::Bind { .. }));
        assert!(error.to_string().contains("192.0.2.1:5060"));
    }
}
