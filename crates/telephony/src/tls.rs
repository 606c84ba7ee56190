//! SIP over TLS (RFC 3261 §26.2.1, RFC 5630): our certificate, replaced while calls run, and streams that prove it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use metrics::counter;
use ringfence_model::SipTransport;
use rsipstack::sip::Transport;
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transport::tls::TlsConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportLayer};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::streams::{Entrance, Visit};
use crate::{Certificate, TelephonyError, TlsConfig, listen};

/// How long a peer has for its part of the handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Binds the listener, with the certificate that it shows.
pub(crate) fn bind(tls: &TlsConfig) -> Result<(TcpListener, Shown), TelephonyError> {
    Ok((listen::bind_tcp(tls.listen)?, Shown::new(&tls.certificate)?))
}

/// Tells the stack whose certificates are believed when it connects.
pub(crate) fn believe(transport: &TransportLayer, tls: &TlsConfig) {
    transport.set_tls_config(rsipstack::transport::tls::TlsConfig {
        ca_certs: Some(tls.roots_pem.clone()),
        ..Default::default()
    });
}

/// The certificate that is shown to whoever connects; all clones show a new one at once.
#[derive(Debug, Clone)]
pub(crate) struct Shown(Arc<Resolver>);

#[derive(Debug)]
struct Resolver(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Shown {
    pub(crate) fn new(certificate: &Certificate) -> Result<Self, TelephonyError> {
        Ok(Self(Arc::new(Resolver(ArcSwap::new(read(certificate)?)))))
    }

    /// Shows another certificate from now on. Streams that are open stay as they are.
    pub(crate) fn replace(&self, certificate: &Certificate) -> Result<(), TelephonyError> {
        self.0.0.store(read(certificate)?);
        Ok(())
    }

    fn acceptor(&self) -> Result<TlsAcceptor, TelephonyError> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TelephonyError::Certificate(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.0) as _);
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn read(certificate: &Certificate) -> Result<Arc<CertifiedKey>, TelephonyError> {
    let wrong = |what: String| TelephonyError::Certificate(what);
    let chain = CertificateDer::pem_slice_iter(&certificate.chain_pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(format!("the chain: {error}")))?;
    if chain.is_empty() {
        return Err(wrong("the chain has no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(&certificate.key_pem)
        .map_err(|error| wrong(format!("the key: {error}")))?;
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map(Arc::new)
        .map_err(|error| wrong(error.to_string()))
}

/// Accepts TLS streams from whoever may open one, until told to stop.
pub(crate) async fn accept_streams(
    listener: TcpListener,
    advertised: SocketAddr,
    shown: Shown,
    endpoint: EndpointInnerRef,
    entrance: Entrance,
    stop: CancellationToken,
) -> Result<(), TelephonyError> {
    let acceptor = shown.acceptor()?;
    let local = SipAddr::new(Transport::Tls, advertised.into());
    // Handshakes are the dear part of a stream: so many at once are enough for any trunk.
    let handshakes = Arc::new(tokio::sync::Semaphore::new(64));
    while let Some((stream, visit)) = listen::accept(&listener, &endpoint, &entrance, &stop).await {
        let Ok(permit) = Arc::clone(&handshakes).try_acquire_owned() else {
            counter!("ringfence_sip_dropped_total", "reason" => "handshakes").increment(1);
            continue;
        };
        let (acceptor, local) = (acceptor.clone(), local.clone());
        let endpoint = endpoint.clone();
        tokio::spawn(async move {
            shake_hands(acceptor, stream, visit, local, endpoint).await;
            drop(permit);
        });
    }
    Ok(())
}

async fn shake_hands(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    visit: Visit,
    local: SipAddr,
    endpoint: EndpointInnerRef,
) {
    let from = visit.from;
    let stream = match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            counter!("ringfence_sip_dropped_total", "reason" => "handshake").increment(1);
            return debug!(%from, %error, "a TLS handshake failed");
        }
        Err(_) => {
            counter!("ringfence_sip_dropped_total", "reason" => "handshake").increment(1);
            return debug!(%from, "a TLS handshake took too long");
        }
    };
    let remote = SipAddr::new(Transport::Tls, from.into());
    let token = visit.token.clone();
    match TlsConnection::from_server_stream(stream, local, remote, Some(token)).await {
        Ok(connection) => {
            visit.stays(SipTransport::Tls);
            endpoint
                .transport_layer
                .add_connection(SipConnection::Tls(connection));
        }
        Err(error) => debug!(%error, "a SIP stream was gone as soon as it came"),
    }
}
