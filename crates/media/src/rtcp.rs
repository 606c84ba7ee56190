//! RTCP (RFC 3550 §6) passed on, with the numbers of the streams as each side knows them.

use crate::stream::Source;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const GOODBYE: u8 = 203;
const REPORT_BLOCK: usize = 24;

/// Rewrites a compound packet on its way from one side to the other; `false` when it is no RTCP.
///
/// `carried` is the sender's stream toward the far side, `reported` the far side's stream toward the sender.
pub fn rewrite(datagram: &mut [u8], carried: Option<&Source>, reported: Option<&Source>) -> bool {
    if datagram.is_empty() {
        return false;
    }
    let mut rest = datagram;
    while !rest.is_empty() {
        let [first, kind, high, low, ..] = *rest else {
            return false;
        };
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        if first >> 6 != 2 || !(192..=223).contains(&kind) || length > rest.len() {
            return false;
        }
        let (packet, following) = rest.split_at_mut(length);
        rewrite_one(packet, kind, usize::from(first & 0x1f), carried, reported);
        rest = following;
    }
    true
}

fn rewrite_one(
    packet: &mut [u8],
    kind: u8,
    count: usize,
    carried: Option<&Source>,
    reported: Option<&Source>,
) {
    if let Some(source) = carried {
        let ours = read(packet, 4) == Some(source.ssrc);
        let goodbyes = if kind == GOODBYE { count.max(1) } else { 1 };
        for index in 0..goodbyes {
            replace(packet, 4 + 4 * index, |ssrc| {
                if ssrc == source.ssrc {
                    source.out_ssrc
                } else {
                    ssrc
                }
            });
        }
        if ours && kind == SENDER_REPORT {
            replace(packet, 16, |timestamp| {
                timestamp.wrapping_add(source.timestamp_offset)
            });
        }
    }
    let blocks = match kind {
        SENDER_REPORT => 28,
        RECEIVER_REPORT => 8,
        _ => return,
    };
    let Some(source) = reported else {
        return;
    };
    for block in (0..count).map(|index| blocks + index * REPORT_BLOCK) {
        if read(packet, block) == Some(source.out_ssrc) {
            replace(packet, block, |_| source.ssrc);
            replace(packet, block + 8, |highest| {
                let [.., high, low] = highest.to_be_bytes();
                let sequence = u16::from_be_bytes([high, low]).wrapping_sub(source.sequence_offset);
                (highest & 0xffff_0000) | u32::from(sequence)
            });
        }
    }
}

fn read(packet: &[u8], at: usize) -> Option<u32> {
    let field = packet.get(at..at + 4)?;
    Some(u32::from_be_bytes([field[0], field[1], field[2], field[3]]))
}

fn replace(packet: &mut [u8], at: usize, change: impl Fn(u32) -> u32) {
    if let Some(value) = read(packet, at) {
        packet[at..at + 4].copy_from_slice(&change(value).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::Header;
    use crate::stream::Outbound;
    use proptest::prelude::*;
    use std::time::Instant;

    /// A stream of SSRC 1 that was taken over by SSRC `ssrc`.
    fn taken_over(ssrc: u32) -> Outbound {
        let mut stream = Outbound::default();
        for ssrc in [1, ssrc] {
            let mut header = Header {
                marker: false,
                payload_type: 0,
                sequence: u16::try_from(ssrc * 10).unwrap(),
                timestamp: ssrc * 1000,
                ssrc,
            };
            stream.rewrite(&mut header, Instant::now());
        }
        stream
    }

    #[test]
    fn reports_name_the_streams_as_their_reader_knows_them() {
        let (carried, reported) = (taken_over(2), taken_over(3));
        let mut packet = vec![0x81, 200, 0, 12, 0, 0, 0, 2];
        packet.extend_from_slice(&[0; 8]);
        packet.extend_from_slice(&2160_u32.to_be_bytes());
        packet.extend_from_slice(&[0; 8]);
        packet.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 12]);
        packet.extend_from_slice(&[0; 12]);
        assert!(rewrite(&mut packet, carried.source(), reported.source()));
        assert_eq!(read(&packet, 4), Some(1));
        assert_eq!(read(&packet, 16), Some(1000 + 160 + 160));
        assert_eq!(read(&packet, 28), Some(3));
        assert_eq!(
            read(&packet, 36),
            Some(31),
            "sequence 12 of the stream was 31 of its source"
        );
    }

    proptest! {
        #[test]
        fn no_datagram_makes_the_rewriting_panic(mut datagram in proptest::collection::vec(any::<u8>(), 0..200), shape: bool) {
            if shape && datagram.len() >= 4 {
                datagram[0] = 0x80 | (datagram[0] & 0x1f);
                datagram[1] = 200 + datagram[1] % 4;
                datagram[2] = 0;
                datagram[3] %= 50;
            }
            let (carried, reported) = (taken_over(2), taken_over(3));
            let _ = rewrite(&mut datagram, carried.source(), reported.source());
        }
    }
}
