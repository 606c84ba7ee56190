//! Where each packet's samples belong in a recording.
//!
//! A stream is anchored where its first packet arrived and follows its RTP timestamps from there, so lost packets and
//! silence keep their length and both sides stay beside each other. It is anchored anew when its source changes or
//! its timestamps stray from the wall clock.

use crate::Side;
use crate::g711::Law;
use crate::rtp::Header;
use crate::stream::is_newer;

/// A stream further behind than this starts afresh where it arrives; one less far is only pushed on.
const BEHIND: u64 = 8000;
/// A stream further ahead than this starts afresh where it arrives. It also bounds the memory.
const AHEAD: u64 = 16_000;

/// The part of a recording that is not written yet. Positions are frames (1/8000 s) since it began.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Frames already taken out.
    taken: u64,
    /// Interleaved left and right from `taken` on.
    tail: Vec<i16>,
    caller: Track,
    callee: Track,
    decoded: Vec<i16>,
}

#[derive(Debug, Default)]
struct Track(Option<Anchor>);

/// The newest packet of a stream and where it was put.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    position: u64,
}

impl Timeline {
    /// Puts a packet's samples in their place; payloads without sound are passed over.
    pub fn place(&mut self, side: Side, header: &Header, payload: &[u8], arrival: u64) {
        let Some(law) = Law::from_payload_type(header.payload_type) else {
            return;
        };
        let track = match side {
            Side::Caller => &mut self.caller,
            Side::Callee => &mut self.callee,
        };
        let Some(position) = track.position(header, arrival, self.taken) else {
            return;
        };
        self.decoded.clear();
        law.decode(payload, &mut self.decoded);
        let late = usize::try_from(self.taken.saturating_sub(position)).unwrap_or(usize::MAX);
        let fresh = self.decoded.get(late..).unwrap_or_default();
        let start = usize::try_from(position.saturating_sub(self.taken))
            .expect("no position is further ahead than AHEAD");
        let end = 2 * (start + fresh.len());
        if self.tail.len() < end {
            self.tail.resize(end, 0);
        }
        let channel = match side {
            Side::Caller => 0,
            Side::Callee => 1,
        };
        for (frame, &sample) in self.tail[2 * start..end].chunks_exact_mut(2).zip(fresh) {
            frame[channel] = sample;
        }
    }

    /// Frames taken out so far.
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// The end of the last sample placed, or of what was taken.
    pub fn end(&self) -> u64 {
        self.taken + self.tail.len() as u64 / 2
    }

    /// Takes out up to `frames` frames, silence where nothing was placed. No more can be placed there afterwards.
    pub fn take(&mut self, frames: usize, out: &mut Vec<i16>) {
        out.clear();
        let there = self.tail.len().min(2 * frames);
        out.extend(self.tail.drain(..there));
        out.resize(2 * frames, 0);
        self.taken += frames as u64;
    }
}

impl Track {
    fn position(&mut self, header: &Header, arrival: u64, taken: u64) -> Option<u64> {
        let here = arrival.max(taken);
        let position = match self.0 {
            Some(anchor) if anchor.ssrc == header.ssrc => {
                let ahead = i64::from(
                    header
                        .timestamp
                        .wrapping_sub(anchor.timestamp)
                        .cast_signed(),
                );
                let position = anchor.position.saturating_add_signed(ahead);
                if !is_newer(header.sequence, anchor.sequence) {
                    // A duplicate or a straggler: it never moves the anchor, and never lies far ahead.
                    return (position <= anchor.position).then_some(position);
                }
                if position > arrival + AHEAD || position + BEHIND < taken {
                    here
                } else {
                    position.max(taken)
                }
            }
            _ => here,
        };
        self.0 = Some(Anchor {
            ssrc: header.ssrc,
            sequence: header.sequence,
            timestamp: header.timestamp,
            position,
        });
        Some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(ssrc: u32, sequence: u16, timestamp: u32) -> Header {
        Header {
            marker: false,
            payload_type: 0,
            sequence,
            timestamp,
            ssrc,
        }
    }

    /// 20 ms of a loud value.
    const LOUD: [u8; 160] = [0x80; 160];

    fn loud_frames(timeline: &mut Timeline, frames: usize, channel: usize) -> Vec<usize> {
        let mut out = Vec::new();
        timeline.take(frames, &mut out);
        let loud = |(index, frame): (usize, &[i16])| (frame[channel] != 0).then_some(index);
        out.chunks_exact(2).enumerate().filter_map(loud).collect()
    }

    #[test]
    fn loss_and_silence_keep_their_length() {
        let mut timeline = Timeline::default();
        timeline.place(Side::Caller, &header(1, 10, 5000), &LOUD, 800);
        timeline.place(Side::Caller, &header(1, 13, 5480), &LOUD, 1300);
        let loud = loud_frames(&mut timeline, 2000, 0);
        assert_eq!(loud, (800..960).chain(1280..1440).collect::<Vec<_>>());
    }

    #[test]
    fn reordered_and_doubled_packets_land_where_they_belong() {
        let mut timeline = Timeline::default();
        for (sequence, timestamp) in [(1, 0), (3, 320), (2, 160), (3, 320)] {
            timeline.place(Side::Callee, &header(1, sequence, timestamp), &LOUD, 100);
        }
        assert_eq!(
            loud_frames(&mut timeline, 1000, 1),
            (100..580).collect::<Vec<_>>()
        );
        timeline.place(Side::Callee, &header(1, 2, 160), &LOUD, 1000);
        assert_eq!(
            loud_frames(&mut timeline, 1000, 1),
            [0_usize; 0],
            "too late to matter"
        );
    }

    #[test]
    fn another_source_is_anchored_where_it_arrives() {
        let mut timeline = Timeline::default();
        timeline.place(Side::Caller, &header(1, 1, 0), &LOUD, 0);
        timeline.place(Side::Caller, &header(2, 900, 4_000_000_000), &LOUD, 400);
        let loud = loud_frames(&mut timeline, 1000, 0);
        assert_eq!(loud, (0..160).chain(400..560).collect::<Vec<_>>());
    }

    #[test]
    fn a_delayed_burst_is_pushed_on_whole() {
        let mut timeline = Timeline::default();
        timeline.place(Side::Caller, &header(1, 1, 0), &LOUD, 0);
        assert_eq!(loud_frames(&mut timeline, 4000, 0).len(), 160);
        for number in 1..=20_u16 {
            timeline.place(
                Side::Caller,
                &header(1, 1 + number, u32::from(number) * 160),
                &LOUD,
                4100,
            );
        }
        assert_eq!(
            loud_frames(&mut timeline, 4000, 0),
            (0..3200).collect::<Vec<_>>()
        );
    }

    #[test]
    fn timestamps_that_stray_are_brought_back_to_the_clock() {
        let mut timeline = Timeline::default();
        timeline.place(Side::Caller, &header(1, 1, 0), &LOUD, 0);
        timeline.place(Side::Caller, &header(1, 2, 9_000_000), &LOUD, 160);
        assert_eq!(timeline.end(), 320);
    }

    proptest! {
        #[test]
        fn no_packets_make_it_grow_without_bound(
            packets in proptest::collection::vec((any::<bool>(), any::<u32>(), any::<u16>(), any::<u32>(), 0usize..1500), 0..60),
        ) {
            let mut timeline = Timeline::default();
            let mut out = Vec::new();
            for (index, (caller, ssrc, sequence, timestamp, length)) in packets.into_iter().enumerate() {
                let side = if caller { Side::Caller } else { Side::Callee };
                let arrival = index as u64 * 160;
                timeline.place(side, &header(ssrc % 3, sequence, timestamp), &vec![1; length], arrival);
                prop_assert!(timeline.end() <= arrival + AHEAD + 1500 + 8000);
                if index % 20 == 19 {
                    timeline.take(1600, &mut out);
                }
            }
        }
    }
}
