//! Measures what is heard, in little memory however long the call.

use ringfence_media::Reception;
use ringfence_media::g711::Law;
use ringfence_media::rtp::Packet;
use ringfence_media::tone::level;

use crate::Heard;

const RATE: u32 = 8000;
/// 50 ms: steps of 20 Hz, of which the usual tones are multiples.
const STRETCH: usize = 400;
/// Quieter than this is none of the tones.
const AUDIBLE: f64 = 0.01;

/// What came in, stretch by stretch.
#[derive(Debug, Default)]
pub struct Meter {
    expect: Vec<f64>,
    stretch: Vec<i16>,
    /// Per expected tone, the sum of its levels over all stretches.
    levels: Vec<f64>,
    stretches: u32,
    reception: Reception,
    packets: u64,
    source: Option<u32>,
    sources: u32,
}

impl Meter {
    pub fn new(expect: &[f64]) -> Self {
        Self {
            expect: expect.to_vec(),
            levels: vec![0.0; expect.len()],
            ..Self::default()
        }
    }

    /// Takes a packet; those without sound are passed over.
    pub fn take(&mut self, packet: &Packet<'_>) {
        let Some(law) = Law::from_payload_type(packet.header.payload_type) else {
            return;
        };
        self.packets += 1;
        self.reception.take(&packet.header);
        if self.source.replace(packet.header.ssrc) != Some(packet.header.ssrc) {
            self.sources += 1;
        }
        law.decode(packet.payload, &mut self.stretch);
        while self.stretch.len() >= STRETCH {
            self.measure(STRETCH);
        }
    }

    fn measure(&mut self, length: usize) {
        for (sum, &hz) in self.levels.iter_mut().zip(&self.expect) {
            *sum += level(&self.stretch[..length], RATE, hz);
        }
        self.stretches += 1;
        self.stretch.drain(..length);
    }

    /// What was heard so far.
    pub fn heard(&mut self) -> Heard {
        if self.stretches == 0 && !self.stretch.is_empty() {
            self.measure(self.stretch.len());
        }
        let loudest = self
            .expect
            .iter()
            .zip(&self.levels)
            .map(|(&hz, &sum)| (hz, sum / f64::from(self.stretches.max(1))))
            .filter(|&(_, level)| level > AUDIBLE)
            .max_by(|one, other| one.1.total_cmp(&other.1));
        Heard {
            tone_hz: loudest.map(|(hz, _)| hz),
            level: loudest.map_or(0.0, |(_, level)| level),
            packets: self.packets,
            lost: self.reception.lost(),
            sources: self.sources,
        }
    }
}
