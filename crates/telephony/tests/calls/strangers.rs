//! What comes from nobody we know, and what makes no sense: neither disturbs the calls of others.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use ringfence_model::Disposition;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{NUMBER, Policy, Server, target};

fn request(method: &str, from: SocketAddr, extra: &str) -> String {
    let branch: u64 = rand::random();
    format!(
        "{method} sip:{NUMBER}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{branch}\r\n\
         From: <sip:+441632960001@127.0.0.1>;tag={branch}\r\nTo: <sip:{NUMBER}@127.0.0.1>\r\n\
         Call-ID: {branch}\r\nCSeq: 1 {method}\r\nContact: <sip:caller@{from}>\r\nMax-Forwards: 70\r\n{extra}\
         Content-Length: 0\r\n\r\n"
    )
}

fn socket(address: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((address, 0)).expect("a free port on loopback");
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a timeout can be set");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

fn answer(socket: &UdpSocket) -> String {
    let mut buffer = [0; 8_192];
    let (length, _) = socket.recv_from(&mut buffer).expect("an answer comes");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// The server has seen all that came before: it takes messages in order, and answers this one.
async fn is_served(server: &Server) {
    let (known, from) = socket("127.0.0.1");
    let options = request("OPTIONS", from, "");
    known
        .send_to(options.as_bytes(), server.address)
        .expect("it can be sent");
    let answer = tokio::task::spawn_blocking(move || answer(&known))
        .await
        .expect("it does not panic");
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
}

#[tokio::test]
async fn a_stranger_gets_no_answer_whatever_it_sends() {
    let server = Server::start(Policy::default()).await;
    let (stranger, from) = socket("127.0.0.2");
    for method in ["INVITE", "OPTIONS", "REGISTER", "BYE", "CANCEL", "ACK"] {
        stranger
            .send_to(request(method, from, "").as_bytes(), server.address)
            .expect("it can be sent");
    }
    stranger
        .send_to(b"\r\n\r\n", server.address)
        .expect("it can be sent");
    is_served(&server).await;
    stranger.set_nonblocking(true).expect("it can be set");
    let mut buffer = [0; 2048];
    let got = stranger.recv_from(&mut buffer);
    assert!(got.is_err(), "the stranger got an answer");
    assert_eq!(server.telephony.active_calls(), 0);
}

#[tokio::test]
async fn a_trunk_that_is_taken_away_becomes_a_stranger() {
    let server = Server::start(Policy::default()).await;
    is_served(&server).await;
    let trunks = server.trunks.clone();
    trunks.replace(Vec::new());
    let (gone, from) = socket("127.0.0.1");
    gone.send_to(request("OPTIONS", from, "").as_bytes(), server.address)
        .expect("it can be sent");
    gone.set_read_timeout(Some(Duration::from_millis(300)))
        .expect("it can be set");
    let mut buffer = [0; 2048];
    assert!(gone.recv_from(&mut buffer).is_err());
}

#[tokio::test]
async fn a_strangers_stream_is_closed_at_once() {
    let server = Server::start(Policy::default()).await;
    let address = server.telephony.tcp_address().expect("it listens on TCP");
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.2:0".parse().expect("an address"))
        .expect("loopback has it");
    let mut stream = socket.connect(address).await.expect("it is accepted");
    let mut buffer = [0; 16];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut buffer))
        .await
        .expect("it is closed in time");
    assert!(matches!(read, Ok(0) | Err(_)));
}

#[tokio::test]
async fn nonsense_is_survived_and_the_next_call_works() {
    let callee = target("target_answers");
    let mut server = Server::start(Policy::ringing([&callee])).await;
    let callee = callee.start().await;
    let (known, from) = socket("127.0.0.1");
    let to = server.address;
    let send = |octets: &[u8]| drop(known.send_to(octets, to));
    send(b"");
    send(b"\0\0\0\0\0\0\0\0");
    send(b"INVITE");
    send(b"INVITE sip:x SIP/2.0\r\n\r\n");
    send(b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n");
    send(b"SIP/2.0 99999 \r\n\r\n");
    send(&[0xff; 9000]);
    send(request("DANCE", from, "").as_bytes());
    send(request("INVITE", from, &"X-Filler: y\r\n".repeat(500)).as_bytes());
    send(request("INVITE", from, "Content-Length: 999999\r\n").as_bytes());
    send(
        request("INVITE", from, "")
            .replace("CSeq: 1 INVITE", "CSeq: x BYE")
            .as_bytes(),
    );
    send(
        request("INVITE", from, "")
            .replace("Via:", "Nothing:")
            .as_bytes(),
    );
    send(
        request("INVITE", from, "")
            .replace(";tag=", ";gat=")
            .as_bytes(),
    );
    send(
        request(
            "INVITE",
            from,
            &format!("X-Long: {}\r\n", "y".repeat(60_000)),
        )
        .as_bytes(),
    );

    let tcp = server.telephony.tcp_address().expect("it listens on TCP");
    for nonsense in [
        b"nonsense\r\n\r\n".to_vec(),
        b"INVITE sip:x SIP/2.0\r\nContent-Length: 18446744073709551615\r\n\r\n".to_vec(),
        vec![b'x'; 200_000],
    ] {
        let mut stream = tokio::net::TcpStream::connect(tcp)
            .await
            .expect("it is accepted");
        let _ = stream.write_all(&nonsense).await;
        let _ = stream.shutdown().await;
    }

    is_served(&server).await;
    let caller = server.caller("caller_hangs_up");
    caller
        .set("talk", "50")
        .set("linger", "1")
        .run()
        .await
        .expect("the caller's side");
    callee.finish().await.expect("the target's side");
    // The INVITE whose many headers are legal but useless was refused before it became a call.
    assert_eq!(server.ended().await.ended().0, Disposition::Answered);
}

#[tokio::test]
async fn a_request_with_too_many_headers_is_told_so() {
    let server = Server::start(Policy::default()).await;
    let (known, from) = socket("127.0.0.1");
    let invite = request("INVITE", from, &"X-Filler: y\r\n".repeat(200));
    known
        .send_to(invite.as_bytes(), server.address)
        .expect("it can be sent");
    let got = tokio::task::spawn_blocking(move || answer(&known))
        .await
        .expect("it does not panic");
    assert!(got.starts_with("SIP/2.0 513"), "{got}");
}

#[tokio::test]
async fn a_call_with_no_hops_left_gets_483() {
    let server = Server::start(Policy::default()).await;
    let (known, from) = socket("127.0.0.1");
    let invite = request("INVITE", from, "").replace("Max-Forwards: 70", "Max-Forwards: 0");
    known
        .send_to(invite.as_bytes(), server.address)
        .expect("it can be sent");
    let got = tokio::task::spawn_blocking(move || {
        let first = answer(&known);
        (first, answer(&known))
    })
    .await
    .expect("it does not panic");
    assert!(got.0.starts_with("SIP/2.0 100"), "{}", got.0);
    assert!(got.1.starts_with("SIP/2.0 483"), "{}", got.1);
}
