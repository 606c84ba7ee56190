//! A small platform: it lets every call ring the targets that a test names, and keeps what each call tells.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ringfence_callflow::{Call, Input, Options, Output, Sound, TransferAsk};
use ringfence_media::{MediaConfig, MediaEngine};
use ringfence_model::{
    CallEventKind, CallId, Disposition, LegId, LegOutcome, Party, RecordingId, TargetId, Timestamp,
    TrunkId,
};
use ringfence_routing::{Candidate, Route};
use ringfence_telephony::{
    CallDecision, CallNotice, CallSetup, Flow, IncomingCall, InviteFacts, PhoneDirectory,
    RecordingPlan, RecordingReport, Telephony, TelephonyConfig, TrunkAddress, TrunkDirectory,
};
use ringfence_testing::sipp::Sipp;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::scripted::Scripted;

pub const NUMBER: &str = "+442079460123";

/// What the platform does with every call.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// URIs and how long each rings.
    pub targets: Vec<(String, Duration)>,
    pub record: bool,
    pub refuse: Option<u16>,
    /// Never decide.
    pub dither: bool,
    pub options: Options,
    /// Where the callee's transfers go, whatever they ask for; `None` refuses them.
    pub transfer_to: Option<String>,
    /// The callee may have its caller joined with whom it has called itself.
    pub joins: bool,
    /// Who dials this is put through to that target alone.
    pub extension: Option<(String, String)>,
    /// Run calls in a way of the test's own.
    pub scripted: Option<Scripted>,
    /// The account's own prompts.
    pub prompts: HashMap<String, PathBuf>,
}

impl Policy {
    pub fn ringing<'a>(targets: impl IntoIterator<Item = &'a Sipp>) -> Self {
        Self {
            targets: targets
                .into_iter()
                .map(|target| (target.uri(), Duration::from_secs(20)))
                .collect(),
            ..Self::default()
        }
    }
}

/// One call, as it was told.
#[derive(Debug)]
pub struct Log {
    pub facts: InviteFacts,
    pub events: Vec<CallEventKind>,
    pub recorded: Option<RecordingReport>,
    /// Who pressed which keys, in order.
    pub keys: Vec<(Party, char)>,
}

impl Log {
    pub fn ended(&self) -> (Disposition, Option<u16>) {
        match self.events.last() {
            Some(CallEventKind::Ended {
                disposition, code, ..
            }) => (*disposition, *code),
            other => panic!("expected the call to end with Ended, got {other:?}"),
        }
    }

    /// Why it ended, in words.
    pub fn reason(&self) -> &str {
        match self.events.last() {
            Some(CallEventKind::Ended { reason, .. }) => reason,
            _ => "",
        }
    }

    pub fn outcomes(&self) -> Vec<LegOutcome> {
        self.events
            .iter()
            .filter_map(|event| match event {
                CallEventKind::LegFailed { outcome, .. } => Some(*outcome),
                _ => None,
            })
            .collect()
    }

    pub fn has(&self, event: &CallEventKind) -> bool {
        self.events.contains(event)
    }

    /// The kinds of its events, as words.
    pub fn words(&self) -> Vec<&'static str> {
        self.events
            .iter()
            .map(|event| match event {
                CallEventKind::Arrived => "arrived",
                CallEventKind::Attributed { .. } => "attributed",
                CallEventKind::Decided { .. } => "decided",
                CallEventKind::Ringing { .. } => "ringing",
                CallEventKind::Progress { .. } => "progress",
                CallEventKind::LegFailed { .. } => "leg failed",
                CallEventKind::PickedUp { .. } => "picked up",
                CallEventKind::SoundFailed { .. } => "not heard",
                CallEventKind::Answered { .. } => "answered",
                CallEventKind::Transferring { .. } => "transferring",
                CallEventKind::TransferFailed { .. } => "not put through",
                CallEventKind::Left { .. } => "left",
                CallEventKind::Held { .. } => "held",
                CallEventKind::Resumed { .. } => "resumed",
                CallEventKind::RecordingStarted { .. } => "recording started",
                CallEventKind::RecordingFailed { .. } => "recording failed",
                CallEventKind::RecordingFinished { .. } => "recording finished",
                CallEventKind::HungUp { .. } => "hung up",
                CallEventKind::Ended { .. } => "ended",
            })
            .collect()
    }
}

pub struct Server {
    pub telephony: Telephony,
    pub trunks: TrunkDirectory,
    pub phones: PhoneDirectory,
    pub address: SocketAddr,
    pub folder: TempDir,
    pub media: MediaEngine,
    calls: mpsc::UnboundedReceiver<Log>,
}

impl Server {
    pub async fn start(policy: Policy) -> Self {
        Self::start_with(policy, TelephonyConfig::default()).await
    }

    /// Starts a server on free ports of 127.0.0.1, whose one trunk is 127.0.0.1.
    pub async fn start_with(policy: Policy, config: TelephonyConfig) -> Self {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let config = TelephonyConfig {
            udp: Some(loopback),
            tcp: Some(loopback),
            ..config
        };
        let trunks = TrunkDirectory::new(vec![TrunkAddress {
            net: "127.0.0.1/32".parse().expect("a prefix"),
            trunk: TrunkId::new(now(), rand::random()),
            country: Some("GB".into()),
        }]);
        let phones = PhoneDirectory::default();
        let first = 14_000 + rand::random_range(0..16) * 1_000;
        let media = MediaEngine::new(MediaConfig {
            ports: first..=first + 999,
            ..MediaConfig::default()
        })
        .expect("there are ports");
        let (telephony, incoming) =
            Telephony::start(config, trunks.clone(), phones.clone(), media.clone())
                .await
                .expect("free ports can be bound");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (logs, calls) = mpsc::unbounded_channel();
        tokio::spawn(decide(incoming, policy, folder.path().to_owned(), logs));
        Self {
            address: telephony.udp_address().expect("it listens on UDP"),
            telephony,
            trunks,
            phones,
            folder,
            media,
            calls,
        }
    }

    /// The next call to end.
    pub async fn ended(&mut self) -> Log {
        tokio::time::timeout(Duration::from_secs(30), self.calls.recv())
            .await
            .expect("a call ends in time")
            .expect("the platform runs")
    }

    /// A caller with this scenario, who dials [`NUMBER`] here.
    pub fn caller(&self, name: &str) -> Sipp {
        scenario(name).remote(self.address, NUMBER)
    }

    pub fn tcp_caller(&self, name: &str) -> Sipp {
        let address = self.telephony.tcp_address().expect("it listens on TCP");
        scenario(name).remote(address, NUMBER).tcp()
    }
}

/// SIPp with one of our scenarios and its usual settings. What is set before stays set.
pub fn scenario(name: &str) -> Sipp {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    Sipp::new(folder.join(format!("{name}.xml")))
}

/// A target with its usual settings: no pause, no lingering.
pub fn target(name: &str) -> Sipp {
    scenario(name)
        .set("linger", "1")
        .set("talk", "100")
        .set("ack_may_be_lost", "false")
}

async fn decide(
    mut incoming: mpsc::Receiver<IncomingCall>,
    policy: Policy,
    folder: PathBuf,
    logs: mpsc::UnboundedSender<Log>,
) {
    let mut undecided = Vec::new();
    while let Some(IncomingCall { facts, decision }) = incoming.recv().await {
        if policy.dither {
            undecided.push(decision);
            continue;
        }
        if let Some(code) = policy.refuse {
            let reason = "refused by the test".to_owned();
            decision
                .send(CallDecision::Refuse { code, reason })
                .expect("the call waits");
            continue;
        }
        let (notices, told) = mpsc::channel(4);
        let call = CallId::new(now(), rand::random());
        let setup = CallSetup {
            call,
            flow: match &policy.scripted {
                Some(scripted) => scripted.flow(route(&policy, &facts.dialled).candidates, now()),
                None => Box::new(Transferring {
                    call: Call::new(route(&policy, &facts.dialled), policy.options, now()),
                    to: policy.transfer_to.clone(),
                    joins: policy.joins,
                    now: now(),
                }),
            },
            message: Some(RecordingPlan {
                recording: RecordingId::new(now(), rand::random()),
                path: folder.join(format!("{call}-message.wav")),
            }),
            prompts: Arc::new(policy.prompts.clone()),
            recording: policy.record.then(|| RecordingPlan {
                recording: RecordingId::new(now(), rand::random()),
                path: folder.join(format!("{call}.wav")),
            }),
            notices,
            logins: facts.origin.trunk().into_iter().collect(),
        };
        decision
            .send(CallDecision::Proceed(Box::new(setup)))
            .expect("the call waits");
        tokio::spawn(keep(facts, told, logs.clone()));
    }
}

/// A call that puts its caller through to one place, whatever is asked for.
#[derive(Debug)]
struct Transferring {
    call: Call,
    to: Option<String>,
    joins: bool,
    now: Timestamp,
}

impl Flow for Transferring {
    fn handle(&mut self, input: Input, now: Timestamp) {
        self.now = now;
        self.call.handle(input, now);
    }

    fn poll(&mut self) -> Output {
        loop {
            let answer = match (self.call.poll(), &self.to) {
                (Output::AskTransfer(TransferAsk::Join { .. }), _) if self.joins => {
                    Input::JoinWith {
                        candidate: candidate("Colleague", String::new(), Duration::from_secs(5)),
                        reason: "the callee joins the caller with a colleague".into(),
                    }
                }
                (Output::AskTransfer(TransferAsk::Wished { .. }), Some(uri)) => Input::TransferTo {
                    candidates: vec![candidate("Another", uri.clone(), Duration::from_secs(2))],
                    reason: "the callee puts the caller through".into(),
                    meanwhile: Sound::repeated("builtin:ringback"),
                },
                (Output::AskTransfer(_), _) => Input::TransferRefused {
                    code: 403,
                    reason: "nobody is put through".into(),
                },
                (output, _) => return output,
            };
            self.call.handle(answer, self.now);
        }
    }

    fn is_talking(&self) -> bool {
        self.call.is_talking()
    }
}

async fn keep(
    facts: InviteFacts,
    mut told: mpsc::Receiver<CallNotice>,
    logs: mpsc::UnboundedSender<Log>,
) {
    let mut log = Log {
        facts,
        events: Vec::new(),
        recorded: None,
        keys: Vec::new(),
    };
    while let Some(notice) = told.recv().await {
        match notice {
            CallNotice::Event { kind, .. } => log.events.push(kind),
            CallNotice::Recorded(report) => log.recorded = Some(report),
            CallNotice::Digit { by, key, .. } => log.keys.push((by, key)),
            CallNotice::Finished => break,
        }
    }
    let _ = logs.send(log);
}

fn route(policy: &Policy, dialled: &str) -> Route {
    let extension = policy.extension.as_ref();
    let targets = match extension.filter(|(extension, _)| extension == dialled) {
        Some((_, uri)) => vec![(uri.clone(), Duration::from_secs(20))],
        None => policy.targets.clone(),
    };
    let targets = targets.into_iter().enumerate();
    Route {
        candidates: targets
            .map(|(index, (uri, rings))| candidate(&format!("Target {index}"), uri, rings))
            .collect(),
        refuse: None,
    }
}

fn candidate(name: &str, uri: String, ring_timeout: Duration) -> Candidate {
    Candidate {
        leg: LegId::new(now(), rand::random()),
        target: TargetId::new(now(), rand::random()),
        name: name.into(),
        uri,
        ring_timeout,
        shown: None,
        reason: "the next".into(),
    }
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}
