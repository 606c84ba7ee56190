//! Tones, to prove that sound came through: a sine generator and the Goertzel detector.

use std::f64::consts::TAU;

/// An endless sine of 16-bit samples.
#[derive(Debug, Clone)]
pub struct Tone {
    step: f64,
    phase: f64,
    amplitude: f64,
}

impl Tone {
    /// A sine of `hz` at `rate` samples a second; `amplitude` is 0.0 to 1.0 (full scale).
    pub fn new(rate: u32, hz: f64, amplitude: f64) -> Self {
        Self {
            step: hz / f64::from(rate),
            phase: 0.0,
            amplitude: amplitude.clamp(0.0, 1.0) * f64::from(i16::MAX),
        }
    }
}

impl Iterator for Tone {
    type Item = i16;

    fn next(&mut self) -> Option<i16> {
        let sample = (self.phase * TAU).sin() * self.amplitude;
        self.phase = (self.phase + self.step).fract();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the amplitude is within i16"
        )]
        Some(sample as i16)
    }
}

/// The amplitude of one frequency within samples: 0.0 is none of it, 1.0 a full-scale sine of it.
///
/// Goertzel, "An Algorithm for the Evaluation of Finite Trigonometric Series", 1958. Needs some ten periods to be exact.
pub fn level(samples: &[i16], rate: u32, hz: f64) -> f64 {
    let Ok(count @ 1..) = u32::try_from(samples.len()) else {
        return 0.0;
    };
    let turn = TAU * hz / f64::from(rate);
    let coefficient = 2.0 * turn.cos();
    let (mut last, mut before) = (0.0_f64, 0.0_f64);
    for &sample in samples {
        let next = f64::from(sample) + coefficient * last - before;
        before = last;
        last = next;
    }
    let power = last * last + before * before - coefficient * last * before;
    2.0 * power.max(0.0).sqrt() / f64::from(count) / f64::from(i16::MAX)
}

/// The loudest of the `candidates` (Hz) and its [`level`]; `None` when none of them is above 0.01.
pub fn dominant(samples: &[i16], rate: u32, candidates: &[f64]) -> Option<(f64, f64)> {
    candidates
        .iter()
        .map(|&hz| (hz, level(samples, rate, hz)))
        .filter(|&(_, level)| level > 0.01)
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_its_own_level_and_no_other() {
        let samples: Vec<i16> = Tone::new(8000, 440.0, 0.5).take(8000).collect();
        assert!((level(&samples, 8000, 440.0) - 0.5).abs() < 0.01);
        assert!(level(&samples, 8000, 880.0) < 0.01);
        let (hz, _) = dominant(&samples, 8000, &[880.0, 440.0, 620.0]).unwrap();
        assert!((hz - 440.0).abs() < f64::EPSILON);
    }

    #[test]
    fn silence_has_no_dominant_tone() {
        assert_eq!(dominant(&[0; 800], 8000, &[440.0, 880.0]), None);
        assert_eq!(dominant(&[], 8000, &[440.0]), None);
    }
}
