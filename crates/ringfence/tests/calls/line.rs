//! A tracking number of the office, the telephones that call it and that it rings, and the rows of its calls.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringfence_model::{Call, E164};
use ringfence_store::CallFilter;
use ringfence_testing::baresip::{Baresip, free_ports};
use ringfence_testing::sipp::Sipp;

use crate::office::Office;
use crate::told::Told;

/// Every caller's number.
pub const CALLER: &str = "+441632960001";
/// The caller plays this tone, the callee [`CALLEE_TONE`].
pub const CALLER_TONE: u32 = 440;
pub const CALLEE_TONE: u32 = 880;

/// How long rows may take to come; they take a second or two unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a line is to have.
#[derive(Debug, Clone, Copy)]
pub struct LineWish {
    /// Targets that are rung in order.
    pub targets: usize,
    pub ring_seconds: u16,
    /// The number is shown to a visit before the first call.
    pub leased: bool,
}

/// A number, and where the telephones are that it rings in order.
pub struct Line {
    pub office: Arc<Office>,
    pub number: E164,
    pub targets: Vec<SocketAddr>,
}

impl Line {
    /// The SIP URI that callers dial.
    pub fn uri(&self) -> String {
        format!("sip:{}@{}", self.number, self.office.world.sip)
    }

    /// baresip as a caller.
    pub async fn baresip_caller(&self) -> Baresip {
        Baresip::start(free_ports(), CALLER, CALLER_TONE).await
    }

    /// baresip as the target at this place.
    pub async fn baresip_target(&self, place: usize) -> Baresip {
        Baresip::start(self.targets[place], "target", CALLEE_TONE).await
    }

    /// SIPp as a caller, with one of this test's scenarios.
    pub fn sipp_caller(&self, scenario: &str) -> Sipp {
        self.sipp(&here(scenario), CALLER_TONE)
            .remote(self.office.world.sip, self.number.as_str())
    }

    /// SIPp as the target at this place, with one of this test's scenarios.
    pub fn sipp_target(&self, place: usize, scenario: &str) -> Sipp {
        let target = self.targets[place];
        self.sipp(&here(scenario), CALLEE_TONE)
            .at(target.ip(), target.port())
    }

    /// A caller who is refused with this code, with a scenario of `crates/telephony`.
    pub async fn is_refused(&self, code: &str) {
        let caller = Sipp::new(of_telephony("caller_is_refused"))
            .set("linger", "1")
            .set("code", code)
            .remote(self.office.world.sip, self.number.as_str());
        caller.run().await.expect("the refused caller's side");
    }

    /// SIPp as a target at this place that never answers, with a scenario of `crates/telephony`.
    pub fn unwilling_target(&self, place: usize, scenario: &str) -> Sipp {
        let target = self.targets[place];
        Sipp::new(of_telephony(scenario))
            .set("linger", "1")
            .at(target.ip(), target.port())
    }

    fn sipp(&self, scenario: &Path, tone: u32) -> Sipp {
        let tone = self.office.tone_file(tone);
        Sipp::new(scenario).set("tone", tone.to_str().unwrap())
    }

    /// baresip calls and baresip answers; both are left talking.
    pub async fn talk(&self) -> (Baresip, Baresip) {
        let mut desk = self.baresip_target(0).await;
        let mut caller = self.baresip_caller().await;
        caller.dial(&self.uri()).await;
        desk.answer().await;
        caller.event("CALL_RTPESTAB").await;
        desk.event("CALL_RTPESTAB").await;
        (caller, desk)
    }

    /// The line's one call, once it is over.
    pub async fn ended(&self) -> Told {
        self.all_ended(1).await.remove(0)
    }

    /// The line's calls, once there are so many and all are over.
    pub async fn all_ended(&self, count: usize) -> Vec<Told> {
        let calls = self
            .until("the calls' ends", |calls| {
                calls.len() == count && calls.iter().all(|call| call.ended_at.is_some())
            })
            .await;
        self.told(calls).await
    }

    /// The line's calls, newest first, once one was answered and all are over.
    pub async fn answered_and_all_ended(&self) -> Vec<Told> {
        let answered = |call: &Call| call.answered_at.is_some();
        let over = |call: &Call| call.ended_at.is_some();
        let calls = self
            .until("an answered call's end", |calls| {
                calls.iter().any(answered) && calls.iter().all(over)
            })
            .await;
        self.told(calls).await
    }

    async fn told(&self, calls: Vec<Call>) -> Vec<Told> {
        let mut told = Vec::new();
        for call in calls {
            told.push(Told::of(&self.office, &self.number, call).await);
        }
        told
    }

    /// Waits until the line's one call has had an event of this kind.
    pub async fn has(&self, word: &str) {
        let begun = Instant::now();
        let calls = self.until("a call", |calls| !calls.is_empty()).await;
        loop {
            let events = self.office.db.call_events(self.office.account, calls[0].id);
            let words = crate::told::words(&events.await.unwrap());
            if words.iter().any(|known| known == word) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no {word} but {words:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The one place where rows of another process are waited for.
    async fn until(&self, what: &str, enough: impl Fn(&[Call]) -> bool) -> Vec<Call> {
        let office = &self.office;
        let filter = CallFilter {
            dialled: Some(self.number.clone()),
            ..CallFilter::default()
        };
        let begun = Instant::now();
        loop {
            let page = office.db.calls(office.account, &filter, None, 100).await;
            let calls = page.unwrap().calls;
            if enough(&calls) {
                return calls;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "expected {what} of {:?}, got {calls:#?}",
                self.number
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn here(scenario: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/calls/scenarios/{scenario}.xml"))
}

fn of_telephony(scenario: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../telephony/tests/scenarios/{scenario}.xml"))
}
