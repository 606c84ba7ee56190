//! Session descriptions (RFC 8866) of one voice stream: written, and read as far as a telephone needs.

use std::net::{IpAddr, SocketAddr};

use ringfence_media::g711::Law;

/// What this telephone says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ours {
    /// Where it listens.
    pub rtp: SocketAddr,
    /// Names the session; the same in all of a call's descriptions.
    pub id: u32,
    /// Grows with every description of a call.
    pub version: u32,
    /// The laws it takes, the first preferred.
    pub law: Option<Law>,
    /// The payload type of key presses.
    pub telephone_event: Option<u8>,
    /// `sendrecv`, `sendonly`, `recvonly` or `inactive`.
    pub direction: &'static str,
}

/// What the other side says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theirs {
    /// Where it listens; `None` while it holds the call with `0.0.0.0` or port 0.
    pub rtp: Option<SocketAddr>,
    /// The first of its formats that is known here.
    pub law: Law,
    /// Its payload type of key presses.
    pub telephone_event: Option<u8>,
    /// It sends sound.
    pub sends: bool,
    /// It wants to hear something.
    pub hears: bool,
}

impl Theirs {
    /// What this telephone answers to it (RFC 3264 §6.1).
    pub const fn answer_direction(&self) -> &'static str {
        match (self.hears, self.sends) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }
}

impl Ours {
    /// The text to send.
    pub fn write(&self) -> Vec<u8> {
        let ip = self.rtp.ip();
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        let laws: &[Law] = match self.law {
            None => &[Law::Mu, Law::A],
            Some(Law::Mu) => &[Law::Mu],
            Some(Law::A) => &[Law::A],
        };
        let mut formats: Vec<(u8, &str)> = laws
            .iter()
            .map(|law| match law {
                Law::Mu => (0, "PCMU"),
                Law::A => (8, "PCMA"),
            })
            .collect();
        formats.extend(
            self.telephone_event
                .map(|number| (number, "telephone-event")),
        );
        let numbers: Vec<String> = formats
            .iter()
            .map(|(number, _)| number.to_string())
            .collect();
        let maps: Vec<String> = formats
            .iter()
            .map(|(number, name)| format!("a=rtpmap:{number} {name}/8000\r\n"))
            .collect();
        format!(
            "v=0\r\no=- {} {} IN {family} {ip}\r\ns=softphone\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
             m=audio {} RTP/AVP {}\r\n{}a=ptime:20\r\na={}\r\n",
            self.id,
            self.version,
            self.rtp.port(),
            numbers.join(" "),
            maps.concat(),
            self.direction,
        )
        .into_bytes()
    }
}

/// Reads a description; `None` when there is no voice stream in it that is known here.
pub fn read(text: &[u8]) -> Option<Theirs> {
    let session = sdp_types::Session::parse(text).ok()?;
    let media = session.medias.iter().find(|media| media.media == "audio")?;
    let connection = media.connections.first().or(session.connection.as_ref())?;
    let ip: IpAddr = connection.connection_address.parse().ok()?;
    let law = media
        .fmt
        .split_ascii_whitespace()
        .filter_map(|format| format.parse().ok())
        .find_map(Law::from_payload_type)?;
    let telephone_event = media
        .attributes
        .iter()
        .filter(|attribute| attribute.attribute == "rtpmap")
        .filter_map(|attribute| attribute.value.as_deref()?.split_once(' '))
        .find(|(_, name)| {
            name.to_ascii_lowercase()
                .starts_with("telephone-event/8000")
        })
        .and_then(|(number, _)| number.parse().ok());
    let says = |word: &str| media.has_attribute(word) || session.has_attribute(word);
    let held = ip.is_unspecified() || media.port == 0;
    Some(Theirs {
        rtp: (!held).then(|| SocketAddr::new(ip, media.port)),
        law,
        telephone_event,
        sends: !says("recvonly") && !says("inactive"),
        hears: !held && !says("sendonly") && !says("inactive"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Ours {
        Ours {
            rtp: "192.0.2.1:4000".parse().unwrap(),
            id: 7,
            version: 1,
            law: None,
            telephone_event: Some(101),
            direction: "sendrecv",
        }
    }

    #[test]
    fn what_one_telephone_writes_another_reads() {
        let theirs = read(&ours().write()).unwrap();
        assert_eq!(theirs.rtp, Some("192.0.2.1:4000".parse().unwrap()));
        assert_eq!((theirs.law, theirs.telephone_event), (Law::Mu, Some(101)));
        assert_eq!(theirs.answer_direction(), "sendrecv");
    }

    #[test]
    fn hold_is_understood_in_both_ways_of_saying_it() {
        let held = Ours {
            direction: "sendonly",
            ..ours()
        };
        assert_eq!(read(&held.write()).unwrap().answer_direction(), "recvonly");
        let old = Ours {
            rtp: "0.0.0.0:4000".parse().unwrap(),
            ..ours()
        };
        let theirs = read(&old.write()).unwrap();
        assert_eq!((theirs.rtp, theirs.hears), (None, false));
    }

    #[test]
    fn a_description_without_a_known_voice_is_none() {
        assert_eq!(read(b""), None);
        assert_eq!(read(b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n"), None);
    }
}
