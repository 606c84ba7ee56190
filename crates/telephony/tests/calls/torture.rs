//! RFC 4475: messages of our own for each of its 49 sections, over UDP and TCP. Each is taken or refused as the section
//! says, and the server answers an OPTIONS after each. A stranger hears nothing.
//!
//! Over TCP a message that cannot be read may also end its stream, since nobody knows where the next one begins; who
//! opens another is served as before.
//!
//! An INVITE that is taken reaches the platform, which refuses it with 486: no refusal of the edge's own is that.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::harness::{NUMBER, Policy, Server};

/// What a message must lead to.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// A final answer of one of these codes.
    Answer(&'static [u16]),
    /// No answer at all.
    Silence,
}

use Outcome::{Answer, Silence};

/// Taken, and handed up.
const TAKEN: Outcome = Answer(&[486]);
const BAD: Outcome = Answer(&[400]);
/// Read, and refused only because nobody registers or sends texts here.
const NOT_HERE: Outcome = Answer(&[405]);

#[derive(Clone)]
struct Torture {
    /// The RFC's section.
    section: &'static str,
    outcome: Outcome,
    text: String,
}

/// The headers that a request cannot do without, a line each, so that a section can spoil one of them.
struct Request {
    line: String,
    headers: Vec<String>,
    body: &'static str,
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";

impl Request {
    fn new(method: &str, call_id: &str, from: SocketAddr) -> Self {
        let headers = [
            format!("Via: SIP/2.0/UDP {from};branch=z9hG4bK-{call_id}"),
            format!("From: <sip:+441632960001@example.com>;tag={call_id}"),
            format!("To: <sip:{NUMBER}@example.com>"),
            format!("Call-ID: {call_id}"),
            format!("CSeq: 7 {method}"),
            format!("Contact: <sip:caller@{from}>"),
            "Max-Forwards: 70".into(),
        ];
        let (mut headers, body) = (headers.to_vec(), if method == "INVITE" { SDP } else { "" });
        if method == "INVITE" {
            headers.push("Content-Type: application/sdp".into());
        }
        headers.push(format!("Content-Length: {}", body.len()));
        Self {
            line: format!("{method} sip:{NUMBER}@127.0.0.1 SIP/2.0"),
            headers,
            body,
        }
    }

    fn line(mut self, line: impl Into<String>) -> Self {
        self.line = line.into();
        self
    }

    /// Puts a line in the place of the header of its name.
    fn with(mut self, line: impl Into<String>) -> Self {
        let line = line.into();
        let name = line
            .split(':')
            .next()
            .unwrap_or_default()
            .trim_end()
            .to_owned()
            + ":";
        self.headers.retain(|header| !header.starts_with(&name));
        self.and(line)
    }

    fn and(mut self, line: impl Into<String>) -> Self {
        self.headers.push(line.into());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|header| !header.starts_with(name));
        self
    }

    fn text(self) -> String {
        format!(
            "{}\r\n{}\r\n\r\n{}",
            self.line,
            self.headers.join("\r\n"),
            self.body
        )
    }
}

fn messages(from: SocketAddr) -> Vec<Torture> {
    [syntax(from), semantics(from), values(from)].concat()
}

fn syntax(from: SocketAddr) -> Vec<Torture> {
    let of = |method: &str, section: &str| Request::new(method, section, from);
    let entry = |section, outcome, request: Request| Torture {
        section,
        outcome,
        text: request.text(),
    };
    let response = |section: &'static str, status: &str, cseq: &str| Torture {
        section,
        outcome: Silence,
        text: of("OPTIONS", section)
            .line(format!("SIP/2.0 {status}"))
            .with(format!("CSeq: {cseq}"))
            .text(),
    };
    let twice = of("REGISTER", "3.1.1.8").text() + &of("INVITE", "3.1.1.8-second").text();
    vec![
        entry("3.1.1.1", TAKEN, of("INVITE", "3.1.1.1")
            .without("From").without("To").without("Call-ID").without("CSeq").without("Max-Forwards")
            .and("f  :\r\n  \"A \\\\ \\\" name\"   <sip:+441632960001@example.com> ;\r\n   tag = 98\\\\")
            .and("TO :\r\n <sip:+442079460123@example.com>").and("i : 3.1.1.1")
            .and("cseq: 0009\r\n  INVITE").and("MAX-FORWARDS: 0068").and("NewFangled: anything;;,, at all")),
        entry("3.1.1.2", Answer(&[501]), of("!odd-Method0123_*+`.%but'~", "3.1.1.2")),
        entry("3.1.1.3", TAKEN, of("INVITE", "3.1.1.3").line("INVITE sip:%2B442079460123@127.0.0.1 SIP/2.0")),
        entry("3.1.1.4", NOT_HERE, of("REGISTER", "3.1.1.4").with("To: <sip:nul-%00-nul@example.com>")),
        entry("3.1.1.5", Answer(&[501]), of("OP%54IONS", "3.1.1.5")),
        entry("3.1.1.6", Answer(&[200]), of("OPTIONS", "3.1.1.6").with("From: caller<sip:caller@example.com>;tag=323")),
        entry("3.1.1.7", TAKEN, of("INVITE", "3.1.1.7")
            .and(format!("Unknown-{}: {}", "Long".repeat(20), "value".repeat(200)))
            .with(format!("From: <sip:+441632960001@{}.example.com>;tag={}", "long".repeat(12), "t".repeat(200)))),
        Torture { section: "3.1.1.8", outcome: NOT_HERE, text: twice },
        entry("3.1.1.9", Answer(&[200]), of("OPTIONS", "3.1.1.9").line("OPTIONS sip:user;par=u%40example.net@127.0.0.1 SIP/2.0")),
        entry("3.1.1.10", Answer(&[200]), of("OPTIONS", "3.1.1.10")
            .and("Via: SIP/2.0/SCTP t1.example.com;branch=z9hG4bK1").and("Via: SIP/2.0/UNKNOWN t2.example.com;branch=z9hG4bK2")),
        entry("3.1.1.11", NOT_HERE, of("MESSAGE", "3.1.1.11").and("Content-Type: multipart/mixed;boundary=7a")),
        response("3.1.1.12", "200 = 2**3 * 5**2 \u{43d}\u{43e} \u{441}\u{442}\u{43e}", "7 OPTIONS"),
        response("3.1.1.13", "100 ", "7 OPTIONS"),
        entry("3.1.2.1", BAD, of("INVITE", "3.1.2.1").with("From: <sip:+441632960001@example.com>;;,;,,;tag=3").with("Call-ID: 3.1.2.1")
            .with("Contact: \"open <sip:caller@example.com>")),
        entry("3.1.2.2", BAD, of("INVITE", "3.1.2.2").with("Content-Length: 9999")),
        entry("3.1.2.3", BAD, of("INVITE", "3.1.2.3").with("Content-Length: -999")),
        entry("3.1.2.4", BAD, of("REGISTER", "3.1.2.4").with("CSeq: 36893488147419103232 REGISTER")),
        response("3.1.2.5", "503 Service Unavailable", "9292394834772304023312 OPTIONS"),
        entry("3.1.2.6", BAD, of("INVITE", "3.1.2.6").with("To: \"Open quote <sip:+442079460123@example.com>")),
        entry("3.1.2.7", BAD, of("INVITE", "3.1.2.7").line("INVITE <sip:+442079460123@127.0.0.1> SIP/2.0")),
        entry("3.1.2.8", BAD, of("INVITE", "3.1.2.8").line("INVITE sip:+442079460123@127.0.0.1; lr SIP/2.0")),
        entry("3.1.2.9", BAD, of("INVITE", "3.1.2.9").line("INVITE  sip:+442079460123@127.0.0.1  SIP/2.0")),
        entry("3.1.2.10", BAD, of("OPTIONS", "3.1.2.10").line("OPTIONS sip:+442079460123@127.0.0.1 SIP/2.0  ")),
        entry("3.1.2.11", BAD, of("INVITE", "3.1.2.11").line("INVITE sip:+442079460123@127.0.0.1?Route=%3Csip:x%3E SIP/2.0")),
        entry("3.1.2.12", TAKEN, of("INVITE", "3.1.2.12").and("Date: Fri, 01 Jan 2010 16:00:00 EST")),
        entry("3.1.2.13", Answer(&[400, 405]), of("REGISTER", "3.1.2.13").with("Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E")),
        entry("3.1.2.14", Answer(&[200, 400]), of("OPTIONS", "3.1.2.14").with("To: \"Watson, Thomas\" < sip:t.watson@example.org >")),
        entry("3.1.2.15", Answer(&[200, 400]), of("OPTIONS", "3.1.2.15").with("From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43")),
        entry("3.1.2.16", Answer(&[505]), of("OPTIONS", "3.1.2.16").line("OPTIONS sip:+442079460123@127.0.0.1 SIP/7.0")),
        entry("3.1.2.17", BAD, of("OPTIONS", "3.1.2.17").with("CSeq: 8 INVITE")),
        entry("3.1.2.18", Answer(&[400, 501]), of("NEWMETHOD", "3.1.2.18").with("CSeq: 8 INVITE")),
        response("3.1.2.19", "4294967301 better not", "7 OPTIONS"),
    ]
}

fn semantics(from: SocketAddr) -> Vec<Torture> {
    let of = |method: &str, section: &str| Request::new(method, section, from);
    let entry = |section, outcome, request: Request| Torture {
        section,
        outcome,
        text: request.text(),
    };
    let uri = |scheme: &str| format!("OPTIONS {scheme} SIP/2.0");
    vec![
        entry(
            "3.2.1",
            Answer(&[200]),
            of("OPTIONS", "3.2.1").with(format!("Via: SIP/2.0/UDP {from};branch=z9hG4bK")),
        ),
        entry(
            "3.3.1",
            BAD,
            of("INVITE", "3.3.1")
                .without("Call-ID")
                .without("From")
                .without("To"),
        ),
        entry(
            "3.3.2",
            Answer(&[416]),
            of("OPTIONS", "3.3.2").line(uri("unknownscheme:whatever")),
        ),
        entry(
            "3.3.3",
            Answer(&[416]),
            of("OPTIONS", "3.3.3").line(uri("soap.beep://192.0.2.103:3002")),
        ),
        entry(
            "3.3.4",
            Answer(&[400, 405]),
            of("REGISTER", "3.3.4")
                .with("To: <isbn:2983792873>")
                .with("From: <http://www.example.com>;tag=3234233")
                .with("Contact: <name:John_Smith>"),
        ),
        entry(
            "3.3.5",
            Answer(&[420]),
            of("OPTIONS", "3.3.5").and("Require: nothingWeKnow, norThis"),
        ),
        entry(
            "3.3.6",
            Answer(&[415]),
            of("INVITE", "3.3.6").with("Content-Type: application/unknownformat"),
        ),
        entry(
            "3.3.7",
            NOT_HERE,
            of("REGISTER", "3.3.7").and("Authorization: NoOneKnowsThis opaque-data=here"),
        ),
    ]
}

fn values(from: SocketAddr) -> Vec<Torture> {
    let of = |method: &str, section: &str| Request::new(method, section, from);
    let entry = |section, outcome, request: Request| Torture {
        section,
        outcome,
        text: request.text(),
    };
    vec![
        entry(
            "3.3.8",
            BAD,
            of("INVITE", "3.3.8")
                .and("CSeq: 59 INVITE")
                .and("Max-Forwards: 5")
                .and("From: <sip:other@example.com>;tag=other"),
        ),
        entry(
            "3.3.9",
            BAD,
            of("OPTIONS", "3.3.9").and("Content-Length: 5"),
        ),
        Torture {
            section: "3.3.10",
            outcome: Silence,
            text: of("INVITE", "3.3.10")
                .line("SIP/2.0 200 OK")
                .with("Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1")
                .text(),
        },
        entry(
            "3.3.11",
            Answer(&[483]),
            of("OPTIONS", "3.3.11").with("Max-Forwards: 0"),
        ),
        entry(
            "3.3.12",
            NOT_HERE,
            of("REGISTER", "3.3.12").with("Contact: <sip:+19725550119@example.com;unknownparam>"),
        ),
        entry(
            "3.3.13",
            NOT_HERE,
            of("REGISTER", "3.3.13").with("Contact: <sip:+19725550119@example.com>;unknownparam"),
        ),
        entry(
            "3.3.14",
            NOT_HERE,
            of("REGISTER", "3.3.14")
                .with("Contact: <sip:u@example.com?Route=%3Csip:x.example.com%3E>"),
        ),
        entry(
            "3.3.15",
            Answer(&[406]),
            of("INVITE", "3.3.15").and("Accept: text/nobodyKnowsThis"),
        ),
        entry(
            "3.4.1",
            TAKEN,
            of("INVITE", "3.4.1")
                .with(format!("Via: SIP/2.0/UDP {from}"))
                .without("Max-Forwards")
                .with("From: sip:+441632960001@example.com;tag=2543"),
        ),
    ]
}

fn socket(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).expect("a free port on loopback");
    let wait = Some(Duration::from_secs(10));
    socket.set_read_timeout(wait).expect("a timeout can be set");
    socket
}

/// The code of the next final answer to one call, and of all others before it.
fn final_answer(socket: &UdpSocket, call_id: &str, others: &mut Vec<String>) -> Option<u16> {
    let mut buffer = [0; 8_192];
    while let Ok((length, _)) = socket.recv_from(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let code: u16 = text.get(8..11).and_then(|code| code.parse().ok())?;
        // What lacks a Call-ID is answered without one: the branch tells.
        let branch = format!("branch=z9hG4bK-{call_id}");
        let this = text.lines().any(|line| {
            line.ends_with(&branch)
                || line.split_once(':').is_some_and(|(name, value)| {
                    let name = name.trim().to_ascii_lowercase();
                    matches!(name.as_str(), "call-id" | "i") && value.trim() == call_id
                })
        });
        if this && code >= 200 {
            return Some(code);
        }
        others.push(text);
    }
    None
}

/// Sends each and tells, in words, where the server did otherwise than the RFC says.
fn otherwise(socket: &UdpSocket, to: SocketAddr, messages: &[Torture]) -> Vec<String> {
    let from = socket.local_addr().expect("it is bound");
    let mut wrong = Vec::new();
    for (
        index,
        Torture {
            section,
            outcome,
            text,
        },
    ) in messages.iter().enumerate()
    {
        socket.send_to(text.as_bytes(), to).expect("it can be sent");
        let mut others = Vec::new();
        if let Answer(codes) = outcome {
            let got = final_answer(socket, section, &mut others);
            if !got.is_some_and(|code| codes.contains(&code)) {
                wrong.push(format!("{section}: expected {codes:?}, got {got:?}"));
            }
        }
        let after = format!("after-{index}");
        let options = Request::new("OPTIONS", &after, from).text();
        socket
            .send_to(options.as_bytes(), to)
            .expect("it can be sent");
        let got = final_answer(socket, &after, &mut others);
        if got != Some(200) {
            wrong.push(format!(
                "OPTIONS after {section}: expected 200, got {got:?}"
            ));
        }
        let second = format!("{section}-second");
        let about_it = |text: &String| {
            text.contains(&second) || (matches!(outcome, Silence) && text.contains(*section))
        };
        if let Some(text) = others.iter().find(|text| about_it(text)) {
            wrong.push(format!("{section}: expected no answer, got {text}"));
        }
    }
    wrong
}

/// Stands for an answer that did not come in time, on a stream that stayed open.
const SILENT: u16 = 0;

/// A stream to the server, and what of its octets is no whole message yet.
struct Stream {
    socket: TcpStream,
    rest: Vec<u8>,
}

impl Stream {
    fn open(to: SocketAddr) -> Self {
        let socket = TcpStream::connect(to).expect("the server listens on TCP");
        let wait = Some(Duration::from_secs(10));
        socket.set_read_timeout(wait).expect("a timeout can be set");
        let rest = Vec::new();
        Self { socket, rest }
    }

    fn from(&self) -> SocketAddr {
        self.socket.local_addr().expect("it is connected")
    }

    /// A stream that the server has closed takes nothing; that is seen when it is read.
    fn send(&mut self, text: &str) {
        let _ = self.socket.write_all(text.as_bytes());
    }

    /// The code of the next final answer to one call; `None` when the server closed the stream.
    fn final_answer(&mut self, call_id: &str) -> Option<u16> {
        loop {
            while let Some(end) = self
                .rest
                .windows(4)
                .position(|octets| octets == b"\r\n\r\n")
            {
                // The answers that are heard here have no body.
                let head: Vec<u8> = self.rest.drain(..end + 4).collect();
                let head = String::from_utf8_lossy(&head).into_owned();
                let branch = format!("branch=z9hG4bK-{call_id}");
                let about_it = head.lines().any(|line| {
                    line.ends_with(&branch)
                        || line.split_once(':').is_some_and(|(name, value)| {
                            let name = name.trim().to_ascii_lowercase();
                            matches!(name.as_str(), "call-id" | "i") && value.trim() == call_id
                        })
                });
                let code = head.get(8..11).and_then(|code| code.parse().ok());
                if let Some(code) = code.filter(|code| about_it && *code >= 200) {
                    return Some(code);
                }
            }
            let mut octets = [0; 4_096];
            match self.socket.read(&mut octets) {
                Ok(0) => return None,
                Ok(length) => self.rest.extend_from_slice(&octets[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(_) => return Some(SILENT),
            }
        }
    }
}

/// As [`otherwise`], each over a stream of its own.
fn otherwise_in_streams(to: SocketAddr) -> Vec<String> {
    let mut wrong = Vec::new();
    let count = messages(to).len();
    for index in 0..count {
        let mut stream = Stream::open(to);
        let from = stream.from();
        let of_tcp = |text: &str| {
            text.replace(
                &format!("SIP/2.0/UDP {from}"),
                &format!("SIP/2.0/TCP {from}"),
            )
        };
        let Torture {
            section,
            outcome,
            text,
        } = messages(from).swap_remove(index);
        stream.send(&of_tcp(&text));
        let mut closed = false;
        match outcome {
            // The stream goes on with what the length counts: there is no telling that it never comes.
            Answer(_) if section == "3.1.2.2" => closed = true,
            Answer(codes) => {
                let got = stream.final_answer(section);
                closed = got.is_none();
                // What must be taken must be read; of the others the stream may say no more. Brackets around the
                // Request-URI and a blank behind the first line may be overlooked (§3.1.2.7, §3.1.2.10).
                let may_close = codes.iter().all(|code| *code >= 400 && *code != 486);
                let overlooked = match section {
                    "3.1.2.7" => Some(486),
                    "3.1.2.10" => Some(200),
                    _ => None,
                };
                let is_right = |code: u16| codes.contains(&code) || overlooked == Some(code);
                if !got.map_or(may_close, is_right) {
                    wrong.push(format!("{section}: expected {codes:?}, got {got:?}"));
                }
            }
            Silence => {}
        }
        if closed {
            stream = Stream::open(to);
        }
        let after = format!("after-{index}");
        let from = stream.from();
        let of_tcp = |text: &str| {
            text.replace(
                &format!("SIP/2.0/UDP {from}"),
                &format!("SIP/2.0/TCP {from}"),
            )
        };
        stream.send(&of_tcp(&Request::new("OPTIONS", &after, from).text()));
        let mut got = stream.final_answer(&after);
        if got.is_none() && matches!(outcome, Silence) {
            stream = Stream::open(to);
            let from = stream.from();
            let text = Request::new("OPTIONS", &after, from).text();
            stream.send(&text.replace("SIP/2.0/UDP", "SIP/2.0/TCP"));
            got = stream.final_answer(&after);
        }
        if got != Some(200) {
            wrong.push(format!(
                "OPTIONS after {section}: expected 200, got {got:?}"
            ));
        }
    }
    wrong
}

#[tokio::test]
async fn every_torture_message_in_a_stream_is_taken_or_refused_or_ends_the_stream() {
    let server = Server::start(Policy {
        refuse: Some(486),
        ..Policy::default()
    })
    .await;
    let to = server.telephony.tcp_address().expect("it listens on TCP");
    let wrong = tokio::task::spawn_blocking(move || otherwise_in_streams(to));
    let wrong = wrong.await.expect("it does not panic");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_torture_message_is_taken_or_refused_as_rfc_4475_says_and_the_server_goes_on() {
    let server = Server::start(Policy {
        refuse: Some(486),
        ..Policy::default()
    })
    .await;
    let (known, to) = (socket("127.0.0.1"), server.address);
    let from = known.local_addr().expect("it is bound");
    let messages = messages(from);
    let wrong = tokio::task::spawn_blocking(move || otherwise(&known, to, &messages));
    let wrong = wrong.await.expect("it does not panic");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_stranger_who_sends_them_hears_nothing() {
    let server = Server::start(Policy::default()).await;
    let (stranger, to) = (socket("127.0.0.2"), server.address);
    let from = stranger.local_addr().expect("it is bound");
    for Torture { text, .. } in messages(from) {
        stranger
            .send_to(text.as_bytes(), to)
            .expect("it can be sent");
    }
    // Messages are taken in order: once this is answered, all that came before was seen.
    let known = socket("127.0.0.1");
    let options = Request::new("OPTIONS", "known", known.local_addr().expect("it is bound")).text();
    known
        .send_to(options.as_bytes(), to)
        .expect("it can be sent");
    let answered =
        tokio::task::spawn_blocking(move || final_answer(&known, "known", &mut Vec::new()));
    assert_eq!(answered.await.expect("it does not panic"), Some(200));
    stranger.set_nonblocking(true).expect("it can be set");
    assert!(
        stranger.recv_from(&mut [0; 64]).is_err(),
        "the stranger got an answer"
    );
    assert_eq!(server.telephony.active_calls(), 0);
}
