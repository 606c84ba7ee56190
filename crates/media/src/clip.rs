//! Sound that is ready to be sent: encoded once for each codec, cut into packets by whoever plays it.

use std::sync::Arc;
use std::time::Duration;

use crate::g711::Law;
use crate::tone::Tone;

/// Samples of a packet of 20 ms.
pub const PACKET: usize = 160;
/// Samples a second.
pub const RATE: u32 = 8000;

/// A sound of 8 kHz, one channel, in both laws of G.711.
#[derive(PartialEq, Eq)]
pub struct Clip {
    mu: Box<[u8]>,
    a: Box<[u8]>,
}

impl std::fmt::Debug for Clip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clip")
            .field("lasting", &self.lasting())
            .finish()
    }
}

impl Clip {
    /// Encodes samples of 8 kHz.
    pub fn from_samples(samples: &[i16]) -> Self {
        let encoded = |law: Law| {
            let mut octets = Vec::with_capacity(samples.len());
            law.encode(samples, &mut octets);
            octets.into_boxed_slice()
        };
        Self {
            mu: encoded(Law::Mu),
            a: encoded(Law::A),
        }
    }

    /// What is µ-law already.
    pub fn from_mu(octets: &[u8]) -> Self {
        let mut samples = Vec::with_capacity(octets.len());
        Law::Mu.decode(octets, &mut samples);
        Self {
            mu: octets.into(),
            ..Self::from_samples(&samples)
        }
    }

    /// A sine of 100 to 3400 Hz, at most a minute long, that begins and ends without a click.
    pub fn tone(hz: u16, lasting: Duration) -> Self {
        let hz = f64::from(hz.clamp(100, 3400));
        let mut samples: Vec<i16> = Tone::new(RATE, hz, 0.25)
            .take(samples(lasting.min(Duration::from_mins(1))))
            .collect();
        soften(&mut samples);
        Self::from_samples(&samples)
    }

    /// Its octets in a law, one a sample.
    pub const fn octets(&self, law: Law) -> &[u8] {
        match law {
            Law::Mu => &self.mu,
            Law::A => &self.a,
        }
    }

    /// Its length.
    pub fn lasting(&self) -> Duration {
        Duration::from_micros(125) * u32::try_from(self.mu.len()).unwrap_or(u32::MAX)
    }

    /// What it takes in memory, in octets.
    pub const fn size(&self) -> usize {
        self.mu.len() + self.a.len()
    }
}

/// Takes the clicks off a sound: 5 ms at either end.
pub fn soften(samples: &mut [i16]) {
    let ramp: i32 = 40;
    let steps = samples.len() / 2;
    for (step, index) in (0..ramp).zip(0..steps) {
        for place in [index, samples.len() - 1 - index] {
            let quieter = i32::from(samples[place]) * step / ramp;
            samples[place] = i16::try_from(quieter).unwrap_or_default();
        }
    }
}

/// How many samples last so long.
pub fn samples(lasting: Duration) -> usize {
    usize::try_from(crate::stream::samples(lasting)).unwrap_or(usize::MAX)
}

/// A piece of what is played.
#[derive(Debug, Clone)]
pub enum Piece {
    /// A sound.
    Clip(Arc<Clip>),
    /// Nothing is heard for so long.
    Silence(Duration),
}

impl Piece {
    /// Its length in samples.
    pub fn length(&self) -> usize {
        match self {
            Self::Clip(clip) => clip.mu.len(),
            Self::Silence(lasting) => samples(*lasting),
        }
    }
}
