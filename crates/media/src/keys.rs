//! Keys that a side presses, out of its telephone events (RFC 4733).
//!
//! A press is many packets of one timestamp, the last of them three times. It is told once, with the first
//! packet that arrives of it: whichever are lost, one is enough.

use crate::rtp::{Header, TelephoneEvent};

/// A press that is longer goes on under another timestamp, which follows at once (RFC 4733 §2.5.1.3).
const LONGEST: u16 = u16::MAX;

/// The presses of one side.
#[derive(Debug, Default)]
pub struct Keys {
    last: Option<Press>,
}

#[derive(Debug, Clone, Copy)]
struct Press {
    ssrc: u32,
    timestamp: u32,
    event: u8,
    duration: u16,
}

impl Keys {
    /// Takes a telephone event; the key, when a press begins with it.
    pub fn take(&mut self, header: &Header, payload: &[u8]) -> Option<char> {
        let event = TelephoneEvent::parse(payload)?;
        let key = event.key()?;
        let press = Press {
            ssrc: header.ssrc,
            timestamp: header.timestamp,
            event: event.event,
            duration: event.duration,
        };
        let is_new = match &mut self.last {
            Some(last) if last.ssrc == press.ssrc => {
                let ahead = press.timestamp.wrapping_sub(last.timestamp);
                if ahead == 0 {
                    last.duration = last.duration.max(press.duration);
                    return None;
                }
                // Half of the numbers are behind: packets that were late (RFC 3550 §A.1).
                if ahead > u32::MAX / 2 {
                    return None;
                }
                last.event != press.event || last.duration != LONGEST || ahead != u32::from(LONGEST)
            }
            _ => true,
        };
        self.last = Some(press);
        is_new.then_some(key)
    }

    /// The next packet is of somebody else.
    pub const fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(timestamp: u32, event: u8, duration: u16, end: bool) -> (Header, [u8; 4]) {
        let header = Header {
            marker: false,
            payload_type: 101,
            sequence: 0,
            timestamp,
            ssrc: 7,
        };
        let event = TelephoneEvent {
            event,
            end,
            volume: 10,
            duration,
        };
        (header, event.to_payload())
    }

    fn keys(packets: &[(Header, [u8; 4])]) -> String {
        let mut keys = Keys::default();
        packets
            .iter()
            .filter_map(|(header, payload)| keys.take(header, payload))
            .collect()
    }

    fn press(timestamp: u32, event: u8) -> Vec<(Header, [u8; 4])> {
        let mut packets: Vec<_> = (1..=4)
            .map(|n| packet(timestamp, event, n * 160, false))
            .collect();
        packets.extend([packet(timestamp, event, 800, true); 3]);
        packets
    }

    #[test]
    fn three_end_packets_are_one_press_and_the_timestamp_tells_the_next() {
        let mut packets = press(1_000, 5);
        packets.extend(press(5_000, 5));
        packets.extend(press(9_000, 11));
        assert_eq!(keys(&packets), "55#");
    }

    #[test]
    fn a_press_of_which_only_one_packet_came_is_told_and_a_late_packet_is_not() {
        let mut packets = vec![press(u32::MAX - 100, 1)[6]];
        packets.push(press(900, 2)[0]);
        packets.push(press(u32::MAX - 100, 1)[5]);
        assert_eq!(keys(&packets), "12");
    }

    #[test]
    fn a_press_of_more_than_eight_seconds_is_one() {
        let packets = [
            packet(0, 3, 160, false),
            packet(0, 3, u16::MAX, false),
            packet(u32::from(u16::MAX), 3, 160, false),
        ];
        assert_eq!(keys(&packets), "3");
    }

    #[test]
    fn what_is_no_key_is_none() {
        assert_eq!(keys(&press(0, 16)), "");
        assert_eq!(
            Keys::default().take(&packet(0, 1, 1, false).0, &[1, 2]),
            None
        );
    }

    proptest! {
        #[test]
        fn no_order_and_no_loss_tells_a_press_twice(
            kept in proptest::collection::vec(0..21usize, 1..60),
        ) {
            let mut packets = press(1_000, 1);
            packets.extend(press(3_000, 2));
            packets.extend(press(5_000, 3));
            let told = keys(&kept.iter().map(|index| packets[*index]).collect::<Vec<_>>());
            prop_assert!("123".contains(&told) || told == "13", "{}", told);
        }
    }
}
