//! SIP over TLS as an operator sets it up: the certificate is shown, and a new one after SIGHUP while the server runs.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_testing::Engine;
use support::{World, free_tcp, run};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

const TRUNK: &str =
    "[[trunk]]\nname = \"Carrier\"\naddresses = [\"127.0.0.1\"]\ncountry = \"GB\"\n";

/// Writes a certificate of 127.0.0.1 and its key, and answers whom a client has to believe.
fn write_certificate(folder: &Path) -> TlsConnector {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("sip.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("sip.key"), made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    let pem = made.cert.pem();
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
        .unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A session that goes on shows no certificate.
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

async fn connect(
    to: std::net::SocketAddr,
    believing: &TlsConnector,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(to).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    believing.connect(name, stream).await
}

/// What the server answers to OPTIONS (RFC 3261 §11).
async fn options(stream: &mut TlsStream<TcpStream>, sequence: u32) -> String {
    let request = format!(
        "OPTIONS sip:127.0.0.1;transport=tls SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK{sequence}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:carrier@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\n\
         Call-ID: ping{sequence}\r\nCSeq: {sequence} OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer));
    let length = read.await.expect("an answer in time").unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn a_certificate_is_shown_and_a_new_one_after_sighup() {
    let mut world = World::new(Engine::Sqlite.database_with_tables().await);
    let folder = world.folder.path().to_owned();
    let listen = free_tcp();
    world.more = format!(
        "listen_tls = \"{listen}\"\ntls_certificate = \"{0}/sip.pem\"\ntls_key = \"{0}/sip.key\"\n",
        folder.display()
    );
    let config = world.config();
    let config = config.to_str().unwrap();

    let (code, out, said) = run(&["doctor", "--config", config], &folder);
    assert_eq!(code, Some(1), "{out}{said}");
    assert!(
        out.contains("cannot read") && out.contains("sip.tls_"),
        "{out}"
    );

    let first = write_certificate(&folder);
    let add = [
        "user",
        "add",
        "--email",
        "owner@example.com",
        "--config",
        config,
    ];
    assert_eq!(run(&add, &folder).0, Some(0));
    std::fs::write(folder.join("arrangement.toml"), TRUNK).unwrap();
    let apply = ["apply", "arrangement.toml", "--config", config];
    let (code, out, said) = run(&apply, &folder);
    assert_eq!(code, Some(0), "{out}{said}");
    let (_, out, _) = run(&["doctor", "--config", config], &folder);
    assert!(out.contains("the key is its own"), "{out}");

    let server = world.serve();
    let mut stream = connect(listen, &first).await.unwrap();
    assert!(options(&mut stream, 1).await.starts_with("SIP/2.0 200"));

    let second = write_certificate(&folder);
    assert!(
        connect(listen, &second).await.is_err(),
        "files alone change nothing"
    );
    server.signal("-HUP");
    let until = Instant::now() + Duration::from_secs(20);
    while connect(listen, &second).await.is_err() {
        assert!(Instant::now() < until, "{}", world.said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(connect(listen, &first).await.is_err());
    assert!(
        options(&mut stream, 2).await.starts_with("SIP/2.0 200"),
        "an open stream stays"
    );

    // Half a renewal: the certificate that is shown stays.
    std::fs::write(folder.join("sip.key"), "no key").unwrap();
    server.signal("-HUP");
    while !world.said().contains("stays") {
        assert!(Instant::now() < until, "{}", world.said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(connect(listen, &second).await.is_ok());
    assert!(server.stop().success());
}

#[test]
fn a_certificate_without_an_address_to_listen_on_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ringfence.toml");
    std::fs::write(&file, "[sip]\ntls_certificate = \"sip.pem\"\n").unwrap();
    let serve = ["serve", "--config", file.to_str().unwrap()];
    let (code, _, said) = run(&serve, folder.path());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("set sip.listen_tls"), "{said}");
}
