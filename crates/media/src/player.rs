//! What an ear hears from us: pieces cut into packets of 20 ms, at an even pace.
//!
//! The pace is a schedule, not a pause after each packet: a packet that was late moves none after it. After a stall
//! the sound goes on where it was, and the time that has passed is a gap in its timestamps, not a burst of packets.

use std::time::{Duration, Instant};

use crate::clip::{PACKET, Piece};
use crate::g711::Law;
use crate::rtp::Header;
use crate::stream::samples;

/// Between two packets.
pub const PACE: Duration = Duration::from_millis(20);
/// Samples of a packet, as timestamps count them.
const STEP: u32 = 160;
/// A packet later than this makes the schedule begin anew.
const STALL: Duration = Duration::from_millis(60);

/// Something that is played into an ear.
#[derive(Debug)]
pub struct Player {
    /// What its owner calls it.
    pub playing: u64,
    pieces: Vec<Piece>,
    repeated: bool,
    piece: usize,
    /// Samples of that piece that were sent.
    sent: usize,
    /// When the next packet is to leave.
    pub due: Instant,
    header: Header,
}

impl Player {
    pub fn new(playing: u64, pieces: Vec<Piece>, repeated: bool, now: Instant) -> Self {
        // Something without length would be repeated without a pause.
        let repeated = repeated && pieces.iter().any(|piece| piece.length() > 0);
        Self {
            playing,
            pieces,
            repeated,
            piece: 0,
            sent: 0,
            due: now,
            header: Header {
                marker: true,
                payload_type: 0,
                sequence: rand::random(),
                timestamp: rand::random(),
                ssrc: rand::random(),
            },
        }
    }

    /// Nobody can hear it now: it waits where it is.
    pub fn wait(&mut self, now: Instant) {
        if now >= self.due {
            self.skip_to(now);
        }
    }

    fn skip_to(&mut self, now: Instant) {
        let late = samples(now.saturating_duration_since(self.due));
        self.header.timestamp = self
            .header
            .timestamp
            .wrapping_add(u32::try_from(late).unwrap_or(u32::MAX));
        self.due = now + PACE;
    }

    /// The next packet's header, with its payload left in `payload`; `None` when the sound is over.
    pub fn next(&mut self, law: Law, payload: &mut Vec<u8>, now: Instant) -> Option<Header> {
        payload.clear();
        self.fill(law, payload);
        if payload.is_empty() {
            return None;
        }
        payload.resize(PACKET, silence(law));
        if now.saturating_duration_since(self.due) > STALL {
            metrics::counter!("ringfence_media_stalled_total").increment(1);
            self.skip_to(now);
        } else {
            self.due += PACE;
        }
        let header = Header {
            payload_type: law.payload_type(),
            ..self.header
        };
        self.header.marker = false;
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(STEP);
        Some(header)
    }

    fn fill(&mut self, law: Law, payload: &mut Vec<u8>) {
        while payload.len() < PACKET {
            let Some(piece) = self.pieces.get(self.piece) else {
                if !self.repeated {
                    return;
                }
                self.piece = 0;
                self.sent = 0;
                continue;
            };
            let count = (piece.length() - self.sent).min(PACKET - payload.len());
            match piece {
                Piece::Clip(clip) => {
                    payload.extend_from_slice(&clip.octets(law)[self.sent..self.sent + count]);
                }
                Piece::Silence(_) => payload.resize(payload.len() + count, silence(law)),
            }
            self.sent += count;
            if self.sent >= piece.length() {
                self.piece += 1;
                self.sent = 0;
            }
        }
    }
}

/// The octet of silence (ITU-T G.711, the smallest value).
const fn silence(law: Law) -> u8 {
    match law {
        Law::Mu => 0xff,
        Law::A => 0xd5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clip;
    use std::sync::Arc;

    fn clip(value: i16, count: usize) -> Piece {
        Piece::Clip(Arc::new(Clip::from_samples(&vec![value; count])))
    }

    fn packets(player: &mut Player, most: usize) -> Vec<(Header, Vec<u8>, Instant)> {
        let mut payload = Vec::new();
        let mut packets = Vec::new();
        while packets.len() < most {
            let now = player.due;
            let Some(header) = player.next(Law::Mu, &mut payload, now) else {
                break;
            };
            packets.push((header, payload.clone(), now));
        }
        packets
    }

    #[test]
    fn pieces_follow_each_other_without_a_gap_and_the_last_packet_is_filled_up() {
        let pieces = vec![
            clip(8000, 200),
            Piece::Silence(Duration::from_millis(10)),
            clip(-8000, 10),
        ];
        let mut player = Player::new(1, pieces, false, Instant::now());
        let all: Vec<u8> = packets(&mut player, 9)
            .into_iter()
            .flat_map(|(_, payload, _)| payload)
            .collect();
        assert_eq!(all.len(), 2 * PACKET);
        assert!(all[..200].iter().all(|octet| *octet == all[0]));
        assert!(all[200..280].iter().all(|octet| *octet == 0xff));
        assert!(all[280..290].iter().all(|octet| *octet == all[280]));
        assert!(all[290..].iter().all(|octet| *octet == 0xff));
    }

    #[test]
    fn packets_are_numbered_and_timed_one_after_another_and_only_the_first_is_marked() {
        let start = Instant::now();
        let mut player = Player::new(1, vec![clip(5, 160)], true, start);
        let sent = packets(&mut player, 500);
        assert_eq!(sent.len(), 500);
        for (index, (header, _, at)) in (0_u16..).zip(&sent) {
            let first = sent[0].0;
            assert_eq!(header.sequence, first.sequence.wrapping_add(index));
            assert_eq!(
                header.timestamp,
                first.timestamp.wrapping_add(160 * u32::from(index))
            );
            assert_eq!(header.marker, index == 0);
            assert_eq!(*at, start + PACE * u32::from(index));
        }
    }

    #[test]
    fn a_late_packet_moves_none_and_a_stall_is_a_gap_in_time_and_no_burst() {
        let start = Instant::now();
        let mut player = Player::new(1, vec![clip(5, 160)], true, start);
        let mut payload = Vec::new();
        let first = player
            .next(Law::A, &mut payload, start + Duration::from_millis(15))
            .unwrap();
        assert_eq!(player.due, start + PACE);
        let late = start + Duration::from_millis(520);
        let after = player.next(Law::A, &mut payload, late).unwrap();
        assert_eq!(after.sequence, first.sequence.wrapping_add(1));
        assert_eq!(player.due, late + PACE, "the next one waits its turn");
        let next = player.next(Law::A, &mut payload, player.due).unwrap();
        let passed = next.timestamp.wrapping_sub(first.timestamp);
        assert_eq!(passed, 160 * 2 + 4000);
    }

    #[test]
    fn nothing_to_repeat_is_over_at_once() {
        let mut player = Player::new(1, vec![clip(0, 0)], true, Instant::now());
        assert!(packets(&mut player, 3).is_empty());
    }
}
