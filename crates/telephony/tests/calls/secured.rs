//! SIP over TLS. SIPp of Debian speaks none, so its TCP goes through a pipe that adds or takes off the TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use ringfence_model::{Disposition, LegOutcome};
use ringfence_telephony::{
    Certificate, PhoneDirectory, TelephonyConfig, TelephonyError, TlsConfig,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::harness::{NUMBER, Policy, Server, scenario, target};

/// A certificate of 127.0.0.1 that vouches for itself.
fn certificate() -> Certificate {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])
        .expect("a certificate can be made");
    Certificate {
        chain_pem: made.cert.pem().into_bytes(),
        key_pem: made.signing_key.serialize_pem().into_bytes(),
    }
}

fn config(ours: &Certificate, theirs: &Certificate) -> TelephonyConfig {
    TelephonyConfig {
        tls: Some(TlsConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            certificate: ours.clone(),
            roots_pem: theirs.chain_pem.clone(),
        }),
        ..TelephonyConfig::default()
    }
}

fn believes(certificate: &Certificate) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let believed = CertificateDer::from_pem_slice(&certificate.chain_pem).expect("it is one");
    roots.add(believed).expect("it can be believed");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

fn shows(certificate: &Certificate) -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_slice(&certificate.chain_pem).expect("it is one")];
    let key = PrivateKeyDer::from_pem_slice(&certificate.key_pem).expect("it is one");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they belong together");
    TlsAcceptor::from(Arc::new(config))
}

async fn connect(
    server: SocketAddr,
    certificate: &Certificate,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let stream = TcpStream::connect(server).await?;
    let name = ServerName::try_from("127.0.0.1").expect("it is an address");
    believes(certificate).connect(name, stream).await
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// Takes one TCP stream and carries it to the server over TLS.
async fn pipe_to(server: SocketAddr, certificate: Certificate) -> SocketAddr {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        let (mut plain, _) = listener.accept().await.expect("SIPp connects");
        let mut secured = connect(server, &certificate).await.expect("a handshake");
        let _ = tokio::io::copy_bidirectional(&mut plain, &mut secured).await;
    });
    address
}

/// Takes one TLS stream of the server and carries it to a target over TCP.
async fn pipe_from(certificate: Certificate, target: SocketAddr) -> SocketAddr {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("the server connects");
        // A server that does not believe the certificate leaves here.
        let Ok(mut secured) = shows(&certificate).accept(stream).await else {
            return;
        };
        let mut plain = TcpStream::connect(target).await.expect("SIPp listens");
        let _ = tokio::io::copy_bidirectional(&mut secured, &mut plain).await;
    });
    address
}

#[tokio::test]
async fn a_call_over_tls_on_both_sides() {
    let (ours, theirs) = (certificate(), certificate());
    let callee = target("target_answers").tcp();
    let pipe = pipe_from(theirs.clone(), callee.address()).await;
    let mut policy = Policy::ringing([&callee]);
    policy.targets[0].0 = format!("sip:target@{pipe};transport=tls");
    let mut server = Server::start_with(policy, config(&ours, &theirs)).await;
    let callee = callee.start().await;
    let address = server.telephony.tls_address().expect("it listens on TLS");
    let pipe = pipe_to(address, ours).await;
    let caller = scenario("caller_hangs_up").remote(pipe, NUMBER).tcp();
    caller
        .set("talk", "100")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    callee.finish().await.expect("the target's side");
    assert_eq!(server.ended().await.ended(), (Disposition::Answered, None));
}

#[tokio::test]
async fn a_target_whose_certificate_nobody_vouches_for_is_not_called() {
    let (ours, stranger) = (certificate(), certificate());
    let (nobody, unused) = listener().await;
    let pipe = pipe_from(stranger, unused).await;
    let mut policy = Policy::default();
    let uri = format!("sip:target@{pipe};transport=tls");
    policy
        .targets
        .push((uri, std::time::Duration::from_secs(3)));
    let mut server = Server::start_with(policy, config(&ours, &certificate())).await;
    let caller = server.caller("caller_is_refused");
    caller
        .set("code", "503")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    assert_eq!(server.ended().await.outcomes(), [LegOutcome::Failed]);
    drop(nobody);
}

#[tokio::test]
async fn a_new_certificate_is_shown_from_then_on_and_a_broken_one_is_not_taken() {
    let (old, new) = (certificate(), certificate());
    let server = Server::start_with(Policy::default(), config(&old, &old)).await;
    let address = server.telephony.tls_address().expect("it listens on TLS");
    let stays = connect(address, &old).await.expect("it is shown");
    assert!(connect(address, &new).await.is_err());
    let broken = Certificate {
        chain_pem: b"nonsense".to_vec(),
        ..new.clone()
    };
    let refused = server.telephony.replace_certificate(&broken);
    assert!(matches!(refused, Err(TelephonyError::Certificate(_))));
    connect(address, &old).await.expect("it is still shown");
    server
        .telephony
        .replace_certificate(&new)
        .expect("it can be used");
    connect(address, &new).await.expect("it is shown now");
    assert!(connect(address, &old).await.is_err());
    drop(stays);
}

#[tokio::test]
async fn a_certificate_without_its_key_is_told_before_anything_runs() {
    let (one, other) = (certificate(), certificate());
    let mixed = Certificate {
        chain_pem: one.chain_pem.clone(),
        key_pem: other.key_pem,
    };
    let media = ringfence_media::MediaEngine::new(ringfence_media::MediaConfig {
        ports: 13_000..=13_099,
        ..ringfence_media::MediaConfig::default()
    })
    .expect("there are ports");
    let config = TelephonyConfig {
        udp: None,
        tcp: None,
        ..config(&mixed, &one)
    };
    let trunks = ringfence_telephony::TrunkDirectory::default();
    let started =
        ringfence_telephony::Telephony::start(config, trunks, PhoneDirectory::default(), media)
            .await;
    let error = started
        .expect_err("they do not belong together")
        .to_string();
    assert!(error.contains("check both files"), "{error}");
}
