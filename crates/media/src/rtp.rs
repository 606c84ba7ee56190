//! RTP packets (RFC 3550 §5.1) and telephone events (RFC 4733 §2.3): read without copying, written into a buffer.
//!
//! Every octet may come from a stranger: nothing here panics, whatever it is given.

/// Payload type of PCMU (RFC 3551 §6).
pub const PCMU: u8 = 0;
/// Payload type of PCMA (RFC 3551 §6).
pub const PCMA: u8 = 8;
/// Payload type of comfort noise (RFC 3389).
pub const COMFORT_NOISE: u8 = 13;
/// Octets of a header without contributing sources and extension.
pub const HEADER_LENGTH: usize = 12;

/// Why a datagram is no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// Too short for what its header promises.
    #[error("expected an RTP packet of at least {needed} octets, got {length}; dropped")]
    Short {
        /// Octets that the header asks for.
        needed: usize,
        /// Octets there are.
        length: usize,
    },
    /// Another version than 2.
    #[error("expected RTP version 2, got {0}; dropped")]
    Version(u8),
    /// RTCP on the RTP port (RFC 5761 §4).
    #[error("expected an RTP payload type, got RTCP packet type {0}; dropped")]
    Rtcp(u8),
    /// Padding longer than the payload, or none where some was promised.
    #[error("expected padding within the payload, got {0} octets of it; dropped")]
    Padding(u8),
}

/// The fields of a header that matter to a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// First packet after silence, or of an event.
    pub marker: bool,
    /// Payload type, 0-127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in samples (8000 a second for all that is carried here).
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
}

/// A packet inside a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Its header.
    pub header: Header,
    /// What it carries, without extension and padding.
    pub payload: &'a [u8],
}

/// Reads a datagram.
///
/// # Errors
/// [`RtpError`] when it is no RTP packet.
pub fn parse(datagram: &[u8]) -> Result<Packet<'_>, RtpError> {
    let length = datagram.len();
    if length < HEADER_LENGTH {
        return Err(RtpError::Short {
            needed: HEADER_LENGTH,
            length,
        });
    }
    let version = datagram[0] >> 6;
    if version != 2 {
        return Err(RtpError::Version(version));
    }
    if (192..=223).contains(&datagram[1]) {
        return Err(RtpError::Rtcp(datagram[1]));
    }
    let mut start = HEADER_LENGTH + 4 * usize::from(datagram[0] & 0x0f);
    if datagram[0] & 0x10 != 0 {
        let Some(words) = datagram.get(start + 2..start + 4) else {
            return Err(RtpError::Short {
                needed: start + 4,
                length,
            });
        };
        start += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    let Some(mut payload) = datagram.get(start..) else {
        return Err(RtpError::Short {
            needed: start,
            length,
        });
    };
    if datagram[0] & 0x20 != 0 {
        let padding = payload.last().copied().unwrap_or(0);
        payload = match payload.len().checked_sub(usize::from(padding)) {
            Some(kept) if padding > 0 => &payload[..kept],
            _ => return Err(RtpError::Padding(padding)),
        };
    }
    Ok(Packet {
        header: Header {
            marker: datagram[1] & 0x80 != 0,
            payload_type: datagram[1] & 0x7f,
            sequence: u16::from_be_bytes([datagram[2], datagram[3]]),
            timestamp: u32::from_be_bytes([datagram[4], datagram[5], datagram[6], datagram[7]]),
            ssrc: u32::from_be_bytes([datagram[8], datagram[9], datagram[10], datagram[11]]),
        },
        payload,
    })
}

impl Packet<'_> {
    /// Replaces `datagram` with this packet, without contributing sources, extension and padding.
    pub fn write(&self, datagram: &mut Vec<u8>) {
        let Header {
            marker,
            payload_type,
            sequence,
            timestamp,
            ssrc,
        } = self.header;
        datagram.clear();
        datagram.push(0x80);
        datagram.push((u8::from(marker) << 7) | (payload_type & 0x7f));
        datagram.extend_from_slice(&sequence.to_be_bytes());
        datagram.extend_from_slice(&timestamp.to_be_bytes());
        datagram.extend_from_slice(&ssrc.to_be_bytes());
        datagram.extend_from_slice(self.payload);
    }
}

/// A key press (RFC 4733 §2.3). Packets of one press share their RTP timestamp; the duration grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// 0-9, 10 `*`, 11 `#`, 12-15 A-D; others are not keys.
    pub event: u8,
    /// The key was released; sent three times.
    pub end: bool,
    /// Power below 0 dBm0, 0-63 dB.
    pub volume: u8,
    /// Length so far, in samples.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Reads a payload; `None` when it is too short.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [event, flags, high, low, ..] = *payload else {
            return None;
        };
        Some(Self {
            event,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// The payload that says this.
    pub const fn to_payload(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [
            self.event,
            ((self.end as u8) << 7) | (self.volume & 0x3f),
            high,
            low,
        ]
    }

    /// The key, when it is one.
    pub const fn key(self) -> Option<char> {
        Some(match self.event {
            digit @ 0..=9 => (b'0' + digit) as char,
            10 => '*',
            11 => '#',
            letter @ 12..=15 => (b'A' + letter - 12) as char,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_datagram_makes_the_parser_panic(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&datagram);
            let _ = TelephoneEvent::parse(&datagram).map(TelephoneEvent::key);
        }

        #[test]
        fn what_is_written_is_read_again(
            marker: bool, payload_type in 0u8..64, sequence: u16, timestamp: u32, ssrc: u32,
            payload in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let packet = Packet {
                header: Header { marker, payload_type, sequence, timestamp, ssrc },
                payload: &payload,
            };
            let mut datagram = Vec::new();
            packet.write(&mut datagram);
            prop_assert_eq!(parse(&datagram), Ok(packet));
        }

        #[test]
        fn an_event_is_read_as_it_was_written(event: u8, end: bool, volume in 0u8..64, duration: u16) {
            let event = TelephoneEvent { event, end, volume, duration };
            prop_assert_eq!(TelephoneEvent::parse(&event.to_payload()), Some(event));
        }
    }

    #[test]
    fn contributing_sources_extension_and_padding_are_no_payload() {
        let mut datagram = vec![0x80 | 0x20 | 0x10 | 1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        datagram.extend_from_slice(&[9, 9, 9, 9]);
        datagram.extend_from_slice(&[0, 0, 0, 1, 8, 8, 8, 8]);
        datagram.extend_from_slice(&[1, 2, 3, 0, 0, 3]);
        assert_eq!(parse(&datagram).unwrap().payload, [1, 2, 3]);
    }

    #[test]
    fn padding_longer_than_the_payload_is_refused() {
        let mut datagram = vec![0xa0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        datagram.extend_from_slice(&[1, 2, 9]);
        assert_eq!(parse(&datagram), Err(RtpError::Padding(9)));
    }

    #[test]
    fn rtcp_on_the_rtp_port_is_told_apart() {
        let datagram = [0x80, 200, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        assert_eq!(parse(&datagram), Err(RtpError::Rtcp(200)));
    }
}
