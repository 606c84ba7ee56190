//! G.711: 8-bit µ-law (PCMU) and A-law (PCMA) to 16-bit linear samples and back.

use audio_codec::pcma::{PcmaDecoder, PcmaEncoder};
use audio_codec::pcmu::{PcmuDecoder, PcmuEncoder};
use audio_codec::{Decoder, Encoder};

use crate::rtp;

/// Which of the two laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Law {
    /// PCMU, used in North America and Japan.
    Mu,
    /// PCMA, used elsewhere.
    A,
}

impl Law {
    /// The law of a static payload type (RFC 3551 §6).
    pub const fn from_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            rtp::PCMU => Some(Self::Mu),
            rtp::PCMA => Some(Self::A),
            _ => None,
        }
    }

    /// Its static payload type.
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Mu => rtp::PCMU,
            Self::A => rtp::PCMA,
        }
    }

    /// Decodes `octets` to as many samples, appended to `samples`.
    pub fn decode(self, octets: &[u8], samples: &mut Vec<i16>) {
        let start = samples.len();
        samples.resize(start + octets.len(), 0);
        let out = &mut samples[start..];
        match self {
            Self::Mu => PcmuDecoder::new().decode_into(octets, out),
            Self::A => PcmaDecoder::new().decode_into(octets, out),
        }
        .expect("the room is as long as the input, which is all that G.711 needs");
    }

    /// Encodes `samples` to as many octets, appended to `octets`.
    pub fn encode(self, samples: &[i16], octets: &mut Vec<u8>) {
        let start = octets.len();
        octets.resize(start + samples.len(), 0);
        let out = &mut octets[start..];
        match self {
            Self::Mu => PcmuEncoder::new().encode_into(samples, out),
            Self::A => PcmaEncoder::new().encode_into(samples, out),
        }
        .expect("the room is as long as the input, which is all that G.711 needs");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_survives_decoding_and_encoding() {
        for law in [Law::Mu, Law::A] {
            let octets: Vec<u8> = (0..=255).collect();
            let (mut samples, mut again) = (Vec::new(), Vec::new());
            law.decode(&octets, &mut samples);
            law.encode(&samples, &mut again);
            let mut twice = Vec::new();
            law.decode(&again, &mut twice);
            // The smallest step around zero may change its sign.
            let same = |(one, other): (&i16, &i16)| one.abs_diff(*other) <= 16;
            assert!(samples.iter().zip(&twice).all(same), "{law:?}");
        }
    }

    #[test]
    fn known_values_of_the_recommendation_hold() {
        let mut samples = Vec::new();
        Law::Mu.decode(&[0xff, 0x00, 0x80], &mut samples);
        Law::A.decode(&[0xd5, 0x2a, 0xaa], &mut samples);
        assert_eq!(samples, [0, -32124, 32124, 8, -32256, 32256]);
    }
}
