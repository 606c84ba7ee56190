//! What rows and the recording tell of a call that is over, and whether they agree with each other.

use ringfence_media::tone;
use ringfence_model::{
    Call, CallEvent, CallEventKind, Confidence, Disposition, E164, Leg, LegOutcome, Party,
    Recording, RecordingState,
};

use crate::line::{CALLEE_TONE, CALLER, CALLER_TONE};
use crate::office::Office;

#[derive(Debug)]
pub struct Told {
    pub call: Call,
    pub legs: Vec<Leg>,
    pub events: Vec<CallEvent>,
    pub recording: Option<Recording>,
    /// The tone on each channel of the recording, left first, in Hz.
    pub tones: Option<Tones>,
    /// The same of each whole second.
    pub seconds: Vec<Tones>,
}

/// The tone on each channel, left first, in Hz.
type Tones = [Option<f64>; 2];

/// The caller on the left, the callee on the right.
const RIGHT: Tones = [Some(CALLER_TONE as f64), Some(CALLEE_TONE as f64)];

/// The kinds of events, as rows spell them.
pub fn words(events: &[CallEvent]) -> Vec<String> {
    let word = |event: &CallEvent| {
        let kind = serde_json::to_value(&event.kind).unwrap();
        kind["kind"].as_str().unwrap().to_owned()
    };
    events.iter().map(word).collect()
}

impl Told {
    /// Reads everything of a call and checks what holds for every call.
    pub async fn of(office: &Office, number: &E164, call: Call) -> Self {
        let (db, account) = (&office.db, office.account);
        let recording = db.recording_of_call(account, call.id).await.unwrap();
        let sound = recording.as_ref().map(|recording| {
            let path = office.world.recordings().join(&recording.path);
            Sound::read(&path, recording)
        });
        let told = Self {
            legs: db.legs(account, call.id).await.unwrap(),
            events: db.call_events(account, call.id).await.unwrap(),
            tones: sound.as_ref().map(Sound::tones),
            seconds: sound.as_ref().map_or_else(Vec::new, Sound::seconds),
            recording,
            call,
        };
        told.is_of(office, number);
        told.holds_together();
        told
    }

    /// It is this number's call, and the visit's that was shown the number.
    fn is_of(&self, office: &Office, number: &E164) {
        let call = &self.call;
        assert_eq!(call.dialled, *number);
        assert_eq!(
            call.caller.as_ref().map(E164::as_str),
            Some(CALLER),
            "{call:?}"
        );
        let source = call.source.as_ref().map(|source| source.name.as_str());
        let expected = match office.shown.get(number.as_str()) {
            Some(shown) => (
                Some(shown.visit),
                Some(shown.source.as_str()),
                Confidence::Certain,
            ),
            None => (None, None, Confidence::Unknown),
        };
        assert_eq!((call.visit, source, call.confidence), expected, "{call:?}");
        let attributed = self.events.iter().find_map(|event| match &event.kind {
            CallEventKind::Attributed {
                confidence, source, ..
            } => Some((source.as_deref(), *confidence)),
            _ => None,
        });
        assert_eq!(attributed, Some((expected.1, expected.2)), "{self:#?}");
    }

    /// Rows that say the same thing say the same.
    fn holds_together(&self) {
        let events = &self.events;
        let in_order = (0..)
            .zip(events)
            .all(|(index, event)| event.sequence == index)
            && events.is_sorted_by_key(|event| event.at);
        assert!(in_order, "{events:#?}");
        let rung: Vec<_> = events
            .iter()
            .filter_map(|event| match &event.kind {
                CallEventKind::Ringing { leg, target, .. } => Some((*leg, *target)),
                _ => None,
            })
            .collect();
        let legs: Vec<_> = self.legs.iter().map(|leg| (leg.id, leg.target)).collect();
        assert_eq!(rung, legs, "{self:#?}");
        assert_eq!(self.call.failed_over, legs.len() > 1);
        let answered = events.iter().find_map(|event| match event.kind {
            CallEventKind::Answered { leg } => Some((leg, event.at)),
            _ => None,
        });
        assert_eq!(
            self.call.answered_at,
            answered.map(|(_, at)| at),
            "{self:#?}"
        );
        for leg in &self.legs {
            let is_the_one = answered.is_some_and(|(answered, _)| answered == leg.id);
            assert_eq!(
                leg.outcome == Some(LegOutcome::Answered),
                is_the_one,
                "{self:#?}"
            );
            assert!(leg.ended_at.is_some(), "{self:#?}");
            if is_the_one {
                assert_eq!(self.call.target, Some(leg.target), "{self:#?}");
                assert_eq!(leg.answered_at, self.call.answered_at, "{self:#?}");
            }
        }
        let last = events.last().unwrap();
        assert_eq!(self.call.ended_at, Some(last.at), "{self:#?}");
        let CallEventKind::Ended {
            disposition,
            reason,
            ..
        } = &last.kind
        else {
            panic!("the last event is no end: {self:#?}");
        };
        assert_eq!(self.call.disposition, Some(*disposition));
        assert_eq!(self.call.reason.as_ref(), Some(reason));
    }

    /// How it ended, and the code that the caller was refused with.
    pub fn ended(&self) -> (Disposition, Option<u16>) {
        match self.events.last().map(|event| &event.kind) {
            Some(CallEventKind::Ended {
                disposition, code, ..
            }) => (*disposition, *code),
            other => panic!("expected an end, got {other:?}"),
        }
    }

    /// How each leg ended.
    pub fn legs(&self) -> Vec<(LegOutcome, Option<u16>)> {
        self.legs
            .iter()
            .map(|leg| (leg.outcome.unwrap(), leg.code))
            .collect()
    }

    /// Who hung up.
    pub fn hung_up(&self) -> Option<Party> {
        self.events.iter().find_map(|event| match event.kind {
            CallEventKind::HungUp { by } => Some(by),
            _ => None,
        })
    }

    /// The kinds of its events.
    pub fn words(&self) -> Vec<String> {
        words(&self.events)
    }

    /// It is an answered call of two who talked, told in full.
    pub fn is_plain(&self) {
        assert_eq!(self.ended(), (Disposition::Answered, None), "{self:#?}");
        assert_eq!(self.legs(), [(LegOutcome::Answered, Some(200))]);
        assert_eq!(
            self.words(),
            [
                "arrived",
                "attributed",
                "ringing",
                "progress",
                "answered",
                "recording_started",
                "hung_up",
                "recording_finished",
                "ended"
            ]
        );
    }

    /// There is a whole recording, with the caller on the left and the callee on the right.
    pub fn sounds_right(&self) {
        let recording = self
            .recording
            .as_ref()
            .expect("an answered call is recorded");
        assert_eq!(recording.state, RecordingState::Closed, "{recording:?}");
        assert!(recording.duration_ms > 900, "{recording:?}");
        assert_eq!(recording.sha256.as_ref().map(Vec::len), Some(32));
        assert_eq!(self.tones, Some(RIGHT), "{recording:?}");
    }

    /// Both are heard in every second but the first, before both had begun, and the last.
    pub fn is_never_silent(&self) {
        self.sounds_right();
        let inner = self.seconds.len().saturating_sub(1).max(1);
        let between = &self.seconds[1..inner];
        assert!(
            !between.is_empty() && between.iter().all(|heard| *heard == RIGHT),
            "{:?}",
            self.seconds
        );
    }
}

/// The samples of each channel.
struct Sound {
    rate: u32,
    sides: [Vec<i16>; 2],
}

impl Sound {
    /// Reads a file, which has to be as its row says.
    fn read(path: &std::path::Path, recording: &Recording) -> Self {
        assert_eq!(std::fs::metadata(path).unwrap().len(), recording.size);
        let mut file = hound::WavReader::open(path).unwrap();
        assert_eq!(file.spec().channels, 2);
        let rate = file.spec().sample_rate;
        let duration_ms = u64::from(file.duration()) * 1_000 / u64::from(rate);
        assert_eq!(duration_ms, recording.duration_ms);
        let samples: Vec<i16> = file.samples::<i16>().map(Result::unwrap).collect();
        let side = |first| samples.iter().copied().skip(first).step_by(2).collect();
        Self {
            rate,
            sides: [side(0), side(1)],
        }
    }

    fn tones(&self) -> Tones {
        [0, 1].map(|side| self.tone(&self.sides[side]))
    }

    fn seconds(&self) -> Vec<Tones> {
        let second = self.rate as usize;
        let [left, right] = &self.sides;
        left.chunks_exact(second)
            .zip(right.chunks_exact(second))
            .map(|(left, right)| [self.tone(left), self.tone(right)])
            .collect()
    }

    fn tone(&self, samples: &[i16]) -> Option<f64> {
        let known = [CALLER_TONE, CALLEE_TONE].map(f64::from);
        let heard = tone::dominant(samples, self.rate, &known);
        heard.filter(|(_, level)| *level > 0.05).map(|(hz, _)| hz)
    }
}
