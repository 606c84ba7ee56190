//! The socket under the SIP stack.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use rsipstack::transport::tcp_listener::TcpListenerConnection;
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipConnection, TransportLayer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::line::sip;
use crate::{SoftphoneError, Transport};

/// Holds a second of several thousand calls a second.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;
/// Between two looks at something that the stack does on a task of its own.
const PAUSE: Duration = Duration::from_millis(5);
const TRIES: usize = 400;

/// The socket under the SIP stack.
pub enum Port {
    /// Ours, and taken from the stack at the end.
    Udp(Arc<Datagrams>),
    /// Bound by the stack when it begins to serve.
    Tcp(SocketAddr),
}

impl Port {
    /// Binds the socket and hands it to the stack.
    pub async fn bind(
        address: SocketAddr,
        transport: Transport,
        layer: &TransportLayer,
        token: &CancellationToken,
    ) -> Result<Self, SoftphoneError> {
        let failed = |source| SoftphoneError::Bind { address, source };
        match transport {
            Transport::Udp => {
                let socket = Arc::new(Datagrams::bind(address).map_err(failed)?);
                let token = Some(token.child_token());
                let connection = UdpConnection::from_socket(socket.clone(), None, token)
                    .await
                    .map_err(sip)?;
                layer.add_transport(connection.into());
                Ok(Self::Udp(socket))
            }
            Transport::Tcp => {
                // The stack binds by itself, later, and only logs a failure: so the port is tried beforehand.
                let local = TcpListener::bind(address)
                    .and_then(|socket| socket.local_addr())
                    .map_err(failed)?;
                let listener = TcpListenerConnection::new(local, None).await.map_err(sip)?;
                layer.add_transport(SipConnection::from(listener));
                Ok(Self::Tcp(local))
            }
        }
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Udp(socket) => socket.local,
            Self::Tcp(address) => *address,
        }
    }

    /// Waits until the stack takes what comes in.
    pub async fn open(&self) -> Result<(), SoftphoneError> {
        let Self::Tcp(address) = *self else {
            return Ok(());
        };
        for _ in 0..TRIES {
            if TcpStream::connect(address).await.is_ok() {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
        Err(SoftphoneError::Bind {
            address,
            source: io::ErrorKind::TimedOut.into(),
        })
    }

    /// Gives the port back, once the stack has been told to stop.
    pub async fn free(&self) {
        if let Self::Udp(socket) = self {
            socket.close();
        }
        for _ in 0..TRIES {
            let held = match self {
                Self::Udp(socket) => socket.in_use.strong_count() > 0,
                Self::Tcp(address) => TcpStream::connect(address).await.is_ok(),
            };
            if !held {
                return;
            }
            sleep(PAUSE).await;
        }
        tracing::warn!(address = %self.address(), "the port is still held");
    }
}

/// A UDP socket that can be closed under the stack, whose finished transactions would hold it for ever.
pub struct Datagrams {
    local: SocketAddr,
    socket: Mutex<Option<Arc<UdpSocket>>>,
    in_use: Weak<UdpSocket>,
    closed: CancellationToken,
}

impl Datagrams {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Arc::new(bind_udp(address)?);
        Ok(Self {
            local: socket.local_addr()?,
            in_use: Arc::downgrade(&socket),
            socket: Mutex::new(Some(socket)),
            closed: CancellationToken::new(),
        })
    }

    fn close(&self) {
        self.socket.lock().take();
        self.closed.cancel();
    }

    fn socket(&self) -> io::Result<Arc<UdpSocket>> {
        let socket = self.socket.lock().clone();
        socket.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

#[async_trait]
impl rsipstack::platform::net::UdpSocket for Datagrams {
    async fn recv_from(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        let socket = self.socket()?;
        tokio::select! {
            arrived = socket.recv_from(buffer) => Ok(arrived?),
            () = self.closed.cancelled() => Err(io::Error::from(io::ErrorKind::NotConnected).into()),
        }
    }

    async fn send_to(&self, datagram: &[u8], to: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.socket()?.send_to(datagram, to).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.local)
    }
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    // Wishes: the system may grant less.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}
