//! RTP streams: one coherent stream toward a side whatever feeds it, and what a side's own stream has lost.

use std::time::{Duration, Instant};

use crate::rtp::Header;

/// A jump by more than this is a new beginning (RFC 3550 Appendix A.1, `MAX_DROPOUT`).
const DROPOUT: u16 = 3000;
/// Samples of a packet of 20 ms.
const PACKET: u32 = 160;

/// Length as samples of 8 kHz, the rate of everything that is carried.
pub fn samples(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX) / 125
}

/// The stream toward a side. Its SSRC is the first source's and stays; sequence and timestamp go on when another
/// source takes over, so the far side's jitter buffer does not start afresh.
#[derive(Debug, Default)]
pub struct Outbound {
    sent: Option<Sent>,
    source: Option<Source>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    at: Instant,
}

/// What feeds the stream, and how its numbers are turned into the stream's.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    pub ssrc: u32,
    pub out_ssrc: u32,
    pub sequence_offset: u16,
    pub timestamp_offset: u32,
    last: u16,
}

impl Outbound {
    /// The next packet is of another source, even if it says the same SSRC.
    pub fn change_source(&mut self) {
        self.source = None;
    }

    /// What feeds it now.
    pub const fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// Turns a source's header into the stream's.
    pub fn rewrite(&mut self, header: &mut Header, now: Instant) {
        let goes_on = self.source.is_some_and(|source| {
            source.ssrc == header.ssrc && distance(source.last, header.sequence) <= DROPOUT
        });
        if !goes_on {
            header.marker |= self.sent.is_some();
            self.source = Some(self.begin(header, now));
        }
        let Some(source) = &mut self.source else {
            return;
        };
        if is_newer(header.sequence, source.last) {
            source.last = header.sequence;
        }
        header.ssrc = source.out_ssrc;
        header.sequence = header.sequence.wrapping_add(source.sequence_offset);
        header.timestamp = header.timestamp.wrapping_add(source.timestamp_offset);
        if self
            .sent
            .is_none_or(|sent| is_newer(header.sequence, sent.sequence))
        {
            self.sent = Some(Sent {
                ssrc: header.ssrc,
                sequence: header.sequence,
                timestamp: header.timestamp,
                at: now,
            });
        }
    }

    fn begin(&self, header: &Header, now: Instant) -> Source {
        let (out_ssrc, sequence_offset, timestamp_offset) = match self.sent {
            None => (header.ssrc, 0, 0),
            Some(sent) => {
                let pause = u32::try_from(samples(now.duration_since(sent.at))).unwrap_or(u32::MAX);
                let timestamp = sent.timestamp.wrapping_add(pause.max(PACKET));
                (
                    sent.ssrc,
                    sent.sequence.wrapping_add(1).wrapping_sub(header.sequence),
                    timestamp.wrapping_sub(header.timestamp),
                )
            }
        };
        Source {
            ssrc: header.ssrc,
            out_ssrc,
            sequence_offset,
            timestamp_offset,
            last: header.sequence,
        }
    }
}

/// Counts what is missing from a stream by its sequence numbers (RFC 3550 Appendix A.3).
#[derive(Debug, Default)]
pub struct Reception {
    run: Option<Run>,
    lost_before: u64,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    ssrc: u32,
    last: u16,
    expected: u64,
    received: u64,
}

impl Reception {
    /// Takes note of a packet that came.
    pub fn take(&mut self, header: &Header) {
        match &mut self.run {
            Some(run)
                if run.ssrc == header.ssrc && distance(run.last, header.sequence) <= DROPOUT =>
            {
                run.received += 1;
                if is_newer(header.sequence, run.last) {
                    run.expected += u64::from(header.sequence.wrapping_sub(run.last));
                    run.last = header.sequence;
                }
            }
            _ => {
                self.lost_before = self.lost();
                self.run = Some(Run {
                    ssrc: header.ssrc,
                    last: header.sequence,
                    expected: 1,
                    received: 1,
                });
            }
        }
    }

    /// Packets missing so far; duplicates make up for losses.
    pub fn lost(&self) -> u64 {
        self.lost_before
            + self
                .run
                .map_or(0, |run| run.expected.saturating_sub(run.received))
    }
}

/// Whether `one` comes after `other` in a numbering that wraps.
pub const fn is_newer(one: u16, other: u16) -> bool {
    let ahead = one.wrapping_sub(other);
    ahead != 0 && ahead < 0x8000
}

fn distance(one: u16, other: u16) -> u16 {
    one.wrapping_sub(other).min(other.wrapping_sub(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(ssrc: u32, sequence: u16, timestamp: u32) -> Header {
        Header {
            marker: false,
            payload_type: 0,
            sequence,
            timestamp,
            ssrc,
        }
    }

    #[test]
    fn the_first_source_passes_as_it_is() {
        let mut stream = Outbound::default();
        let mut packet = header(7, 65_535, 99);
        stream.rewrite(&mut packet, Instant::now());
        assert_eq!(packet, header(7, 65_535, 99));
    }

    #[test]
    fn another_source_goes_on_where_the_last_one_stopped() {
        let start = Instant::now();
        let mut stream = Outbound::default();
        stream.rewrite(&mut header(7, 65_535, 1000), start);
        let mut packet = header(8, 500, 77_000);
        stream.rewrite(&mut packet, start + Duration::from_millis(100));
        let expected = Header {
            marker: true,
            ..header(7, 0, 1800)
        };
        assert_eq!(packet, expected);
        let mut packet = header(8, 501, 77_160);
        stream.rewrite(&mut packet, start + Duration::from_millis(120));
        assert_eq!(packet, header(7, 1, 1960));
    }

    #[test]
    fn a_reordered_packet_keeps_its_place() {
        let now = Instant::now();
        let mut stream = Outbound::default();
        stream.rewrite(&mut header(1, 10, 0), now);
        for (sequence, timestamp) in [(100, 1600), (99, 1440), (101, 1760)] {
            let mut packet = header(2, sequence, timestamp);
            stream.rewrite(&mut packet, now);
            assert_eq!(
                packet.sequence,
                11_u16.wrapping_add(sequence).wrapping_sub(100)
            );
        }
    }

    #[test]
    fn losses_are_counted_over_all_sources() {
        let mut stream = Reception::default();
        for sequence in [65_534, 65_535, 1, 2, 0] {
            stream.take(&header(1, sequence, 0));
        }
        assert_eq!(stream.lost(), 0, "reordering is no loss");
        stream.take(&header(1, 5, 0));
        stream.take(&header(2, 9, 0));
        stream.take(&header(2, 11, 0));
        assert_eq!(stream.lost(), 3);
    }
}
