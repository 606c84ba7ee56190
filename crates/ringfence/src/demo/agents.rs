//! The people who answer: softphones that are the demo's targets, and how each call finds them.

use std::time::Duration;

use anyhow::Context as _;
use ringfence_softphone::{Answer, Behaviour, Softphone, SoftphoneConfig, Then};

/// What callers hear, and the right channel of a recording, in Hz.
pub const AGENT_TONE: f64 = 880.0;

/// Three softphones in the order in which they are rung.
#[derive(Clone)]
pub struct Agents {
    /// Name and telephone.
    pub phones: Vec<(&'static str, Softphone)>,
}

impl Agents {
    /// Brings the telephones up on free ports.
    ///
    /// # Errors
    /// When one cannot be bound.
    pub async fn start() -> anyhow::Result<Self> {
        let mut phones = Vec::new();
        for name in ["Front desk", "Workshop", "On call"] {
            let phone = Softphone::start(SoftphoneConfig::default())
                .await
                .with_context(|| format!("starting the softphone of {name}"))?;
            phones.push((name, phone));
        }
        Ok(Self { phones })
    }

    /// Puts everybody in the mood that the demo's `call`th call (from 0) meets, so that each kind of call is seen soon.
    pub fn meet(&self, call: usize) {
        let answer = |ring: u64, hang_up_after| {
            let answer = Answer {
                tone_hz: AGENT_TONE,
                hang_up_after,
            };
            (Duration::from_millis(ring), Then::Answer(answer))
        };
        let busy = (Duration::ZERO, Then::Busy);
        let moods = match call % 9 {
            1 => [busy, answer(400, None), answer(400, None)],
            3 => [
                (Duration::ZERO, Then::Silent),
                answer(300, None),
                answer(400, None),
            ],
            5 => [
                (Duration::ZERO, Then::Refuse(503)),
                answer(300, None),
                answer(400, None),
            ],
            7 => [busy.clone(), busy.clone(), busy],
            8 => [
                answer(400, Some(Duration::from_secs(2))),
                answer(400, None),
                answer(400, None),
            ],
            _ => [answer(500, None), answer(400, None), answer(400, None)],
        };
        for ((_, phone), (ring, then)) in self.phones.iter().zip(moods) {
            phone.set_behaviour(Behaviour {
                ring,
                then,
                early_media: false,
            });
        }
    }

    /// Hangs everything up and frees the ports.
    pub async fn shutdown(self) {
        for (_, phone) in self.phones {
            phone.shutdown().await;
        }
    }
}
