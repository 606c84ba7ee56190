//! The least of SIP (RFC 3261) that sets up one call after another over loopback, where nothing is lost.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::sound::Flow;

/// How long each answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The telephone that calls and the one that answers.
pub struct Line {
    caller: UdpSocket,
    callee: UdpSocket,
}

/// A call that was answered.
pub struct Call {
    /// Where its sound goes.
    pub flow: Flow,
    id: String,
    from: String,
    to: String,
    next: String,
}

impl Line {
    /// Opens both.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub fn open() -> anyhow::Result<Self> {
        let open = || -> std::io::Result<UdpSocket> {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok(socket)
        };
        Ok(Self {
            caller: open()?,
            callee: open()?,
        })
    }

    /// Where the callee answers.
    ///
    /// # Errors
    /// When its socket has no address.
    pub fn answers_at(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.callee.local_addr()?)
    }

    /// Calls a number; `ports` are where the caller's and the callee's sound is received.
    ///
    /// # Errors
    /// When it is not answered.
    pub fn call(
        &self,
        server: SocketAddr,
        number: &str,
        call: u32,
        ports: (u16, u16),
    ) -> anyhow::Result<Call> {
        let own = self.caller.local_addr()?;
        let id = format!("media-{call}-{}", own.port());
        let from = format!("<sip:+442079460999@{own}>;tag=c{call}");
        let to = format!("<sip:{number}@{server}>");
        let head = Head {
            method: "INVITE",
            to_whom: &format!("sip:{number}@{server}"),
            own,
            branch: &format!("z9hG4bKi{call}"),
            from: &from,
            to: &to,
            id: &id,
            sequence: 1,
        };
        self.caller
            .send_to(head.with(&sdp(ports.0)).as_bytes(), server)?;

        let (invite, at) = receive(&self.callee, |text| text.starts_with("INVITE "))?;
        let to_callee_from = sdp_port(&invite)?;
        let answers = self.callee.local_addr()?;
        let answer = answer(
            &invite,
            &format!(";tag=a{call}"),
            answers,
            Some(&sdp(ports.1)),
        )?;
        self.callee.send_to(answer.as_bytes(), at)?;

        let (ok, _) = receive(&self.caller, |text| {
            text.contains(&id)
                && is_final(text)
                && field(text, "CSeq").is_some_and(|of| of.ends_with("INVITE"))
        })?;
        ensure!(ok.starts_with("SIP/2.0 200"), "expected a 200, got {ok}");
        let to = field(&ok, "To").context("a 200 without To")?.to_owned();
        let next = contact(&ok)?;
        let ack = Head {
            method: "ACK",
            to_whom: &next,
            own,
            branch: &format!("z9hG4bKa{call}"),
            from: &from,
            to: &to,
            id: &id,
            sequence: 1,
        };
        self.caller.send_to(ack.with("").as_bytes(), server)?;
        receive(&self.callee, |text| text.starts_with("ACK "))?;
        let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Call {
            flow: Flow {
                to_callee: here(sdp_port(&ok)?),
                to_caller: here(to_callee_from),
            },
            id,
            from,
            to,
            next,
        })
    }

    /// Hangs up, and lets the callee agree.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn hang_up(&self, server: SocketAddr, call: &Call) -> anyhow::Result<()> {
        let head = Head {
            method: "BYE",
            to_whom: &call.next,
            own: self.caller.local_addr()?,
            branch: &format!("z9hG4bKb{}", call.id),
            from: &call.from,
            to: &call.to,
            id: &call.id,
            sequence: 2,
        };
        self.caller.send_to(head.with("").as_bytes(), server)?;
        let (bye, at) = receive(&self.callee, |text| text.starts_with("BYE "))?;
        let agreed = answer(&bye, "", self.callee.local_addr()?, None)?;
        self.callee.send_to(agreed.as_bytes(), at)?;
        receive(&self.caller, |text| {
            text.contains(&call.id) && field(text, "CSeq").is_some_and(|of| of.ends_with("BYE"))
        })?;
        Ok(())
    }
}

struct Head<'a> {
    method: &'a str,
    to_whom: &'a str,
    own: SocketAddr,
    branch: &'a str,
    from: &'a str,
    to: &'a str,
    id: &'a str,
    sequence: u32,
}

impl Head<'_> {
    fn with(&self, body: &str) -> String {
        let Self {
            method,
            to_whom,
            own,
            branch,
            from,
            to,
            id,
            sequence,
        } = self;
        let kind = kind(body);
        let length = body.len();
        format!(
            "{method} {to_whom} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch={branch}\r\nMax-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {id}\r\nCSeq: {sequence} {method}\r\n\
             Contact: <sip:caller@{own}>\r\n{kind}Content-Length: {length}\r\n\r\n{body}"
        )
    }
}

/// A 200 to a request.
fn answer(request: &str, tag: &str, own: SocketAddr, body: Option<&str>) -> anyhow::Result<String> {
    let get = |name| field(request, name).with_context(|| format!("a request without {name}"));
    let vias: String = request
        .lines()
        .filter(|line| line.starts_with("Via:"))
        .flat_map(|line| [line, "\r\n"])
        .collect();
    let body = body.unwrap_or("");
    Ok(format!(
        "SIP/2.0 200 OK\r\n{vias}From: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         Contact: <sip:callee@{own}>\r\n{}Content-Length: {}\r\n\r\n{body}",
        get("From")?,
        get("To")?,
        get("Call-ID")?,
        get("CSeq")?,
        kind(body),
        body.len()
    ))
}

const fn kind(body: &str) -> &'static str {
    if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    }
}

/// An offer or answer of PCMU at a port of loopback (RFC 8866).
pub fn sdp(port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )
}

/// The port of the sound in an SDP, or in a message that holds one.
///
/// # Errors
/// When there is none.
pub fn sdp_port(text: &str) -> anyhow::Result<u16> {
    let line = text.split("m=audio ").nth(1).context("no sound in it")?;
    let port: String = line.chars().take_while(char::is_ascii_digit).collect();
    Ok(port.parse()?)
}

fn receive(
    socket: &UdpSocket,
    wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<(String, SocketAddr)> {
    let mut datagram = vec![0; 65_536];
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let (length, from) = socket.recv_from(&mut datagram).context("no answer came")?;
        let text = String::from_utf8_lossy(&datagram[..length]);
        if wanted(&text) {
            return Ok((text.into_owned(), from));
        }
    }
    bail!("none of what came was the answer")
}

fn is_final(text: &str) -> bool {
    text.starts_with("SIP/2.0 ") && !text.starts_with("SIP/2.0 1")
}

fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines()
        .take_while(|line| !line.trim_end().is_empty())
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

/// The URI of Contact.
fn contact(text: &str) -> anyhow::Result<String> {
    let value = field(text, "Contact").context("a 200 without Contact")?;
    let inside = value
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    Ok(inside.map_or(value, |(uri, _)| uri).to_owned())
}
