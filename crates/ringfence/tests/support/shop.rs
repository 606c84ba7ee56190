//! A server with an arrangement, its rows, and whoever calls it.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ringfence_media::tone::{Tone, level};
use ringfence_model::{AccountId, Call, CallEventKind, RecordingState};
use ringfence_softphone::{Behaviour, CallRequest, CallResult, Softphone, SoftphoneConfig};
use ringfence_store::{CallFilter, Db};
use ringfence_testing::Engine;

use crate::support::{Server, World, run};

/// How long something of another process may take; it takes a second or two unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);

pub const CARRIER: &str =
    "[[trunk]]\nname = \"Carrier\"\naddresses = [\"127.0.0.1\"]\ncountry = \"GB\"\n";

/// A server with an arrangement, its rows, and a caller.
pub struct Shop {
    pub world: World,
    pub server: Server,
    pub db: Db,
    pub account: AccountId,
    pub caller: Softphone,
}

impl Shop {
    pub async fn open(engine: Engine, arrangement: &str) -> Self {
        let world = World::new(engine.database_with_tables().await);
        let config = world.config();
        let config = config.to_str().unwrap();
        let user = [
            "user",
            "add",
            "--email",
            "owner@example.com",
            "--config",
            config,
        ];
        let (code, out, said) = run(&user, world.folder.path());
        assert_eq!(code, Some(0), "{out}{said}");
        tone_file(&world.folder.path().join("welcome.wav"), 620.0, 2);
        tone_file(&world.folder.path().join("place.wav"), 760.0, 1);
        let (code, said) = applied(&world, arrangement);
        assert_eq!(code, Some(0), "{said}");
        let db = world.db().await;
        let account = db.first_account().await.unwrap().unwrap().id;
        Self {
            server: world.serve(),
            caller: Softphone::start(SoftphoneConfig::default()).await.unwrap(),
            world,
            db,
            account,
        }
    }

    /// Calls the number and hangs up that long after the answer.
    pub async fn call(&self, to: &str, talk: Duration) -> CallResult {
        let call = CallRequest {
            server: self.world.sip,
            to: to.into(),
            from: "01632960001".into(),
            tone_hz: 440.0,
            talk,
            give_up_after: Some(Duration::from_secs(30)),
            expect: vec![440.0, 620.0, 880.0],
        };
        self.caller.call(call).await.unwrap()
    }

    /// The calls, the oldest first, once there are so many that are over.
    pub async fn ended(&self, count: usize) -> Vec<Call> {
        let begun = Instant::now();
        loop {
            let all = CallFilter::default();
            let page = self.db.calls(self.account, &all, None, 20);
            let mut calls = page.await.unwrap().calls;
            if calls.iter().filter(|call| call.ended_at.is_some()).count() == count {
                calls.sort_by_key(|call| call.started_at);
                return calls;
            }
            let said = self.world.said();
            assert!(
                begun.elapsed() < PATIENCE,
                "{count} calls: {calls:#?}\n{said}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn events(&self, call: &Call) -> Vec<CallEventKind> {
        let events = self.db.call_events(self.account, call.id).await.unwrap();
        let ends = events
            .iter()
            .filter(|event| matches!(event.kind, CallEventKind::Ended { .. }));
        assert_eq!(ends.count(), 1, "{events:?}");
        events.into_iter().map(|event| event.kind).collect()
    }

    /// Who was rung, each with the reason; and everything that was decided.
    pub async fn why(&self, call: &Call) -> (Vec<(String, String)>, String) {
        let events = self.events(call).await;
        let rung = events.iter().filter_map(|event| match event {
            CallEventKind::Ringing { name, reason, .. } => Some((name.clone(), reason.clone())),
            _ => None,
        });
        let decided = events.iter().filter_map(|event| match event {
            CallEventKind::Decided { step, reason } => Some(format!("{step}: {reason}\n")),
            _ => None,
        });
        (rung.collect(), decided.collect())
    }

    /// What was recorded of a call; `None` when nothing was.
    pub async fn recorded(&self, call: &Call) -> Option<Recorded> {
        let row = self.db.recording_of_call(self.account, call.id).await;
        let row = row.unwrap()?;
        assert_eq!(row.state, RecordingState::Closed);
        let path = self.world.recordings().join(&row.path);
        let mut file = hound::WavReader::open(path).unwrap();
        Some(Recorded {
            rate: file.spec().sample_rate,
            samples: file.samples::<i16>().map(Result::unwrap).collect(),
        })
    }

    pub async fn close(self) {
        self.db.close().await;
        assert!(self.server.stop().success(), "{}", self.world.said());
    }
}

/// A recording: the caller left, the callee right.
pub struct Recorded {
    rate: u32,
    samples: Vec<i16>,
}

impl Recorded {
    fn side(&self, first: usize) -> Vec<i16> {
        let samples = self.samples.iter().copied();
        samples.skip(first).step_by(2).collect()
    }

    /// How loud the caller is at a frequency in Hz, 0.0 to 1.0.
    pub fn caller(&self, hz: f64) -> f64 {
        level(&self.side(0), self.rate, hz)
    }

    /// The same of the callee.
    pub fn callee(&self, hz: f64) -> f64 {
        level(&self.side(1), self.rate, hz)
    }

    pub fn callee_is_silent(&self) -> bool {
        self.side(1).iter().all(|sample| *sample == 0)
    }
}

/// Seconds of a tone, as somebody may have made it: 16 kHz, one channel.
fn tone_file(path: &std::path::Path, hz: f64, seconds: usize) {
    let shape = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, shape).unwrap();
    for sample in Tone::new(16_000, hz, 0.4).take(seconds * 16_000) {
        file.write_sample(sample).unwrap();
    }
    file.finalize().unwrap();
}

/// Applies an arrangement: the exit code, and what is said.
pub fn applied(world: &World, arrangement: &str) -> (Option<i32>, String) {
    let folder = world.folder.path();
    let file = folder.join("arrangement.toml");
    std::fs::write(&file, arrangement).unwrap();
    let config = world.config();
    let arguments = [
        "apply",
        file.to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
    ];
    let (code, out, said) = run(&arguments, folder);
    (code, out + &said)
}

pub async fn phone(behaviour: Behaviour) -> Softphone {
    let config = SoftphoneConfig {
        behaviour,
        ..SoftphoneConfig::default()
    };
    Softphone::start(config).await.unwrap()
}

pub async fn talks(phone: &Softphone) {
    let begun = Instant::now();
    while phone.counters().active == 0 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", phone.counters());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn scenario(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/calls/scenarios/{name}.xml"))
}
