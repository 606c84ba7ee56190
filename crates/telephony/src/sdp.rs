//! Session descriptions (RFC 8866) in the offer/answer model (RFC 3264): what a side says, and what we say to it.
//!
//! What a side says is read into a [`Description`]; what we say is always written anew, with our own address
//! and ports. Nothing of one side's SDP reaches the other but codecs, direction and packet time.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use ringfence_media::{Codecs, Remote};
use sdp_types::{Attribute, Media, Session};

/// The largest body that is read, in octets.
const MAX_BODY: usize = 16 * 1024;
/// The most streams of one description that are looked at and answered.
const MAX_STREAMS: usize = 16;

/// Why an SDP body is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SdpError {
    #[error("expected an SDP body of at most {MAX_BODY} octets, got {0}")]
    TooLarge(usize),
    #[error("expected an SDP body, got something else: {0}")]
    Malformed(String),
    #[error("expected at most {MAX_STREAMS} media streams, got {0}")]
    TooManyStreams(usize),
    #[error("expected an audio stream over RTP/AVP, got none")]
    NoAudio,
    #[error("expected an IP address to send sound to, got {0:?}")]
    NoAddress(String),
    #[error("expected PCMU or PCMA among the codecs, got neither")]
    NoCommonCodec,
}

/// A codec that is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// G.711 µ-law, payload type 0.
    Pcmu,
    /// G.711 A-law, payload type 8.
    Pcma,
}

impl Codec {
    const fn payload(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU/8000",
            Self::Pcma => "PCMA/8000",
        }
    }
}

/// Which way sound flows, as the side that says it sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    SendReceive,
    SendOnly,
    ReceiveOnly,
    Inactive,
}

impl Direction {
    const fn attribute(self) -> &'static str {
        match self {
            Self::SendReceive => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::ReceiveOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn from_attribute(name: &str) -> Option<Self> {
        Some(match name {
            "sendrecv" => Self::SendReceive,
            "sendonly" => Self::SendOnly,
            "recvonly" => Self::ReceiveOnly,
            "inactive" => Self::Inactive,
            _ => return None,
        })
    }

    /// Whoever says it does not want to hear the other: hold (RFC 3264 §8.4).
    pub(crate) const fn is_hold(self) -> bool {
        matches!(self, Self::SendOnly | Self::Inactive)
    }
}

/// One media stream as it was offered, so that an answer can have as many (RFC 3264 §6).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stream {
    media: String,
    protocol: String,
    format: String,
}

/// What a side says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Description {
    /// Where it takes RTP; port 0 or an unspecified address when it takes none.
    pub rtp: SocketAddr,
    /// What it takes, most wanted first. Never empty.
    pub codecs: Vec<Codec>,
    /// The payload type of telephone events (RFC 4733), 96 to 127.
    pub telephone_event: Option<u8>,
    /// Which way sound flows; an unspecified address (RFC 2543's hold) counts as `SendOnly`.
    pub direction: Direction,
    /// Milliseconds of sound in a packet, when it says so.
    pub packet_time: Option<u8>,
    streams: Vec<Stream>,
    audio: usize,
}

impl Description {
    /// Reads an SDP body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, SdpError> {
        if body.len() > MAX_BODY {
            return Err(SdpError::TooLarge(body.len()));
        }
        let session =
            Session::parse(body).map_err(|error| SdpError::Malformed(error.to_string()))?;
        if session.medias.len() > MAX_STREAMS {
            return Err(SdpError::TooManyStreams(session.medias.len()));
        }
        let audio = session
            .medias
            .iter()
            .position(is_plain_audio)
            .ok_or(SdpError::NoAudio)?;
        let media = &session.medias[audio];
        let rtp = SocketAddr::new(address(&session, media)?, media.port);
        let codecs: Vec<Codec> = media
            .fmt
            .split_ascii_whitespace()
            .filter_map(|format| match format {
                "0" => Some(Codec::Pcmu),
                "8" => Some(Codec::Pcma),
                _ => None,
            })
            .fold(Vec::new(), |mut codecs, codec| {
                if !codecs.contains(&codec) {
                    codecs.push(codec);
                }
                codecs
            });
        if codecs.is_empty() {
            return Err(SdpError::NoCommonCodec);
        }
        let said = |attributes: &[Attribute]| {
            attributes
                .iter()
                .find_map(|attribute| Direction::from_attribute(&attribute.attribute))
        };
        let mut direction = said(&media.attributes)
            .or_else(|| said(&session.attributes))
            .unwrap_or(Direction::SendReceive);
        if rtp.ip().is_unspecified() && direction == Direction::SendReceive {
            direction = Direction::SendOnly;
        }
        Ok(Self {
            rtp,
            codecs,
            telephone_event: telephone_event(media),
            direction,
            packet_time: packet_time(media),
            streams: session
                .medias
                .iter()
                .map(|media| Stream {
                    media: token(&media.media),
                    protocol: token(&media.proto),
                    format: token(media.fmt.split_ascii_whitespace().next().unwrap_or("0")),
                })
                .collect(),
            audio,
        })
    }

    /// What a side that made no offer of its own is taken to want: everything that is let through.
    pub(crate) fn anything() -> Self {
        Self {
            rtp: SocketAddr::from(([0, 0, 0, 0], 0)),
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            telephone_event: Some(101),
            direction: Direction::SendReceive,
            packet_time: None,
            streams: Vec::new(),
            audio: 0,
        }
    }

    /// For the media engine.
    pub(crate) fn remote(&self, nat: bool) -> Remote {
        Remote {
            rtp: self.rtp,
            codecs: Codecs {
                pcmu: self.codecs.contains(&Codec::Pcmu),
                pcma: self.codecs.contains(&Codec::Pcma),
                telephone_event: self.telephone_event,
            },
            receives: !self.is_hold(),
            nat,
        }
    }

    /// The same side wants to be sent to at the same place, in the same way.
    pub(crate) fn flows_like(&self, other: &Self) -> bool {
        self.direction == other.direction
            && self.rtp.port() != 0
            && other.rtp.port() != 0
            && self.rtp.ip().is_unspecified() == other.rtp.ip().is_unspecified()
    }

    /// Sound is wanted from it and towards it, whatever it said before.
    pub(crate) fn flow_both_ways(&mut self) {
        self.direction = Direction::SendReceive;
        if self.rtp.port() == 0 {
            self.streams.clear();
        }
    }

    /// Whether it asks for silence towards itself: hold in any of its dresses.
    pub(crate) fn is_hold(&self) -> bool {
        self.direction.is_hold() || self.rtp.port() == 0 || self.rtp.ip().is_unspecified()
    }
}

/// Our own end of one side: what SDP we send it comes from here.
#[derive(Debug, Clone)]
pub(crate) struct LocalEnd {
    rtp: SocketAddr,
    session: u64,
    version: u64,
    /// The last description that was made.
    said: String,
}

impl LocalEnd {
    /// An end that takes RTP at `rtp`; `session` is a random number (RFC 8866 §5.2).
    pub(crate) fn new(rtp: SocketAddr, session: u64) -> Self {
        Self {
            rtp,
            session,
            version: session,
            said: String::new(),
        }
    }

    /// The same end at another place: its next description follows the last one (RFC 3264 §8).
    pub(crate) fn moved_to(&mut self, other: &Self) {
        self.rtp = other.rtp;
    }

    /// What was last said to this side, word for word: a refresh changes nothing (RFC 4028 §7.4).
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// An offer to this side of what the other side, `theirs`, wants. The codec that only we know how to
    /// make of the others comes last.
    pub(crate) fn offer(&mut self, theirs: &Description) -> String {
        let mut codecs = theirs.codecs.clone();
        for codec in [Codec::Pcmu, Codec::Pcma] {
            if !codecs.contains(&codec) {
                codecs.push(codec);
            }
        }
        let direction = if theirs.rtp.port() == 0 && !theirs.streams.is_empty() {
            Direction::Inactive
        } else {
            theirs.direction
        };
        let mut text = self.head();
        audio(
            &mut text,
            self.rtp.port(),
            "RTP/AVP",
            &codecs,
            theirs.telephone_event,
            direction,
            theirs.packet_time,
        );
        self.said.clone_from(&text);
        text
    }

    /// An answer to `offer` of this side, after what the other side, `theirs`, says.
    pub(crate) fn answer(&mut self, offer: &Description, theirs: &Description) -> String {
        let mut codecs: Vec<Codec> = offer
            .codecs
            .iter()
            .copied()
            .filter(|codec| theirs.codecs.contains(codec))
            .collect();
        if codecs.is_empty() {
            // The media engine transcodes between the two.
            codecs.push(offer.codecs[0]);
        }
        let direction = allowed(offer.direction, theirs.direction);
        let mut text = self.head();
        for (index, stream) in offer.streams.iter().enumerate() {
            if index == offer.audio {
                let telephone_event = theirs.telephone_event.and(offer.telephone_event);
                // A stream that is offered with port 0 is answered with it (RFC 3264 §6).
                let port = if offer.rtp.port() == 0 {
                    0
                } else {
                    self.rtp.port()
                };
                audio(
                    &mut text,
                    port,
                    &stream.protocol,
                    &codecs,
                    telephone_event,
                    direction,
                    offer.packet_time,
                );
            } else {
                let Stream {
                    media,
                    protocol,
                    format,
                } = stream;
                let _ = write!(text, "m={media} 0 {protocol} {format}\r\n");
            }
        }
        self.said.clone_from(&text);
        text
    }

    fn head(&mut self) -> String {
        self.version += 1;
        let Self {
            rtp,
            session,
            version,
            ..
        } = self;
        let address = rtp.ip();
        let family = if address.is_ipv4() { "IP4" } else { "IP6" };
        format!(
            "v=0\r\no=- {session} {version} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n"
        )
    }
}

fn audio(
    text: &mut String,
    port: u16,
    protocol: &str,
    codecs: &[Codec],
    telephone_event: Option<u8>,
    direction: Direction,
    packet_time: Option<u8>,
) {
    // Writing into a String cannot fail.
    let _ = write!(text, "m=audio {port} {protocol}");
    for codec in codecs {
        let _ = write!(text, " {}", codec.payload());
    }
    if let Some(payload) = telephone_event {
        let _ = write!(text, " {payload}");
    }
    text.push_str("\r\n");
    for codec in codecs {
        let _ = write!(text, "a=rtpmap:{} {}\r\n", codec.payload(), codec.name());
    }
    if let Some(payload) = telephone_event {
        let _ = write!(
            text,
            "a=rtpmap:{payload} telephone-event/8000\r\na=fmtp:{payload} 0-15\r\n"
        );
    }
    if let Some(milliseconds) = packet_time {
        let _ = write!(text, "a=ptime:{milliseconds}\r\n");
    }
    let _ = write!(text, "a={}\r\n", direction.attribute());
}

/// The direction of our answer to an offer: what the other side says, within what the offer leaves
/// (RFC 3264 §6.1).
fn allowed(offer: Direction, theirs: Direction) -> Direction {
    let sends = |direction| matches!(direction, Direction::SendReceive | Direction::SendOnly);
    let receives = |direction| matches!(direction, Direction::SendReceive | Direction::ReceiveOnly);
    match (
        sends(theirs) && receives(offer),
        receives(theirs) && sends(offer),
    ) {
        (true, true) => Direction::SendReceive,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::ReceiveOnly,
        (false, false) => Direction::Inactive,
    }
}

/// A word that is safe to be written back.
fn token(text: &str) -> String {
    let token: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(64)
        .collect();
    if token.is_empty() {
        "-".to_owned()
    } else {
        token
    }
}

fn is_plain_audio(media: &Media) -> bool {
    media.media == "audio" && matches!(media.proto.as_str(), "RTP/AVP" | "RTP/AVPF")
}

fn address(session: &Session, media: &Media) -> Result<IpAddr, SdpError> {
    let connection = media
        .connections
        .first()
        .or(session.connection.as_ref())
        .ok_or_else(|| SdpError::NoAddress("no c= line".into()))?;
    let text = &connection.connection_address;
    let address: IpAddr = text
        .parse()
        .map_err(|_| SdpError::NoAddress(text.chars().take(64).collect()))?;
    // Sound to a group or to everybody is nobody's phone.
    if address.is_multicast() || address == IpAddr::from([255, 255, 255, 255]) {
        return Err(SdpError::NoAddress(address.to_string()));
    }
    Ok(address)
}

fn telephone_event(media: &Media) -> Option<u8> {
    media
        .attributes
        .iter()
        .filter(|attribute| attribute.attribute == "rtpmap")
        .filter_map(|attribute| attribute.value.as_deref()?.split_once(' '))
        .find(|(_, encoding)| {
            encoding
                .trim()
                .to_ascii_lowercase()
                .starts_with("telephone-event/8000")
        })
        .and_then(|(payload, _)| payload.trim().parse().ok())
        .filter(|payload| (96..=127).contains(payload))
        .filter(|payload: &u8| {
            media
                .fmt
                .split_ascii_whitespace()
                .any(|format| format.parse() == Ok(*payload))
        })
}

fn packet_time(media: &Media) -> Option<u8> {
    media
        .attributes
        .iter()
        .find(|attribute| attribute.attribute == "ptime")
        .and_then(|attribute| attribute.value.as_deref()?.trim().parse().ok())
        .filter(|milliseconds| (10..=60).contains(milliseconds))
}

#[cfg(test)]
#[path = "sdp_tests.rs"]
mod tests;
