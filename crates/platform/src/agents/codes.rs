//! Feature codes: what an agent's phone dials to say how its agent stands, and the word that it hears for it.
//!
//! A phone that dials a code is answered by this server alone, and nobody is rung.

use std::sync::Arc;

use ringfence_callflow::{Call, Input, Next, Options, Output, Sound};
use ringfence_model::{AgentMeans, AgentState, BreakReason, CallId, TargetId, Timestamp};
use ringfence_telephony::{CallDecision, CallSetup, Flow, InviteFacts};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::{AgentError, AgentWish};
use crate::{Platform, now, random};

/// Notices of such a call that may wait to be let go by.
const NOTICES: usize = 16;

/// A code and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureCode {
    /// What is dialled.
    pub code: &'static str,
    /// What it says.
    pub wish: AgentWish,
    /// The same for people.
    pub meaning: &'static str,
}

/// Every code.
pub const CODES: [FeatureCode; 4] = [
    FeatureCode {
        code: "*45",
        wish: AgentWish::Available,
        meaning: "sign in, or come back from a break: available",
    },
    FeatureCode {
        code: "*46",
        wish: AgentWish::Break(BreakReason::Pause),
        meaning: "take a break",
    },
    FeatureCode {
        code: "*47",
        wish: AgentWish::Ready,
        meaning: "ready: end the rest after a call",
    },
    FeatureCode {
        code: "*48",
        wish: AgentWish::SignOut,
        meaning: "sign out",
    },
];

/// Answers a phone that dials.
pub(crate) async fn answer(
    platform: &Arc<Platform>,
    phone: TargetId,
    facts: &InviteFacts,
    decision: oneshot::Sender<CallDecision>,
    calls: &TaskTracker,
) {
    let outcome = match Telling::begin(platform, phone) {
        None => Err((486, "it dials already")),
        Some(telling) => match said(platform, phone, &facts.dialled).await {
            Ok(prompt) => Ok((telling, prompt)),
            Err(refused) => Err(refused),
        },
    };
    match outcome {
        Ok((telling, prompt)) => {
            let (notices, mut received) = mpsc::channel(NOTICES);
            let now = now();
            let setup = CallSetup {
                call: CallId::new(now, random()),
                flow: Box::new(Confirmation::new(prompt, now)),
                recording: None,
                message: None,
                prompts: Arc::default(),
                logins: Vec::new(),
                notices,
            };
            // The phone may have given up: what it said holds all the same.
            let _ = decision.send(CallDecision::Proceed(Box::new(setup)));
            calls.spawn(async move {
                // It closes once the phone has answered our BYE: before that it may still be busy.
                while received.recv().await.is_some() {}
                drop(telling);
            });
        }
        Err((code, reason)) => {
            metrics::counter!("ringfence_feature_codes_refused_total", "code" => code.to_string())
                .increment(1);
            tracing::info!(target = %phone, code, "a phone's call is refused: {reason}");
            let _ = decision.send(CallDecision::Refuse {
                code,
                reason: reason.into(),
            });
        }
    }
}

/// Does what a code says; the prompt that tells of it, or why not.
async fn said(
    platform: &Platform,
    phone: TargetId,
    dialled: &str,
) -> Result<String, (u16, &'static str)> {
    let code = CODES.iter().find(|code| code.code == dialled);
    let code = code.ok_or((404, "it is no feature code"))?;
    let Some(known) = platform.known_agent(phone) else {
        return Err((403, "the phone's target has no agent"));
    };
    let account = known.agent.account;
    let means = AgentMeans::Phone;
    let changed = platform.change_agent(account, phone, code.wish, means, now());
    let word = match changed.await {
        Ok(()) => match code.wish {
            AgentWish::Available | AgentWish::Ready => "agent-available",
            AgentWish::Break(_) => "agent-on-break",
            AgentWish::SignOut => "agent-signed-out",
        },
        Err(AgentError::NothingToWrapUp(AgentState::SignedOut)) => "agent-signed-out",
        Err(AgentError::NothingToWrapUp(_)) => "agent-on-break",
        Err(AgentError::Changed) => "agent-as-before",
        Err(AgentError::NoAgent) => return Err((403, "the phone's target has no agent")),
        Err(AgentError::Store(error)) => {
            tracing::warn!(target = %phone, "an agent stands as before: {error}");
            return Err((503, "the database did not answer"));
        }
    };
    Ok(format!("builtin:{}/{word}", known.language))
}

/// A phone that hears what came of its code: one at a time.
struct Telling {
    platform: Arc<Platform>,
    phone: TargetId,
}

impl Telling {
    fn begin(platform: &Arc<Platform>, phone: TargetId) -> Option<Self> {
        let is_first = platform.agents.telling.lock().insert(phone);
        is_first.then(|| Self {
            platform: Arc::clone(platform),
            phone,
        })
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.platform.agents.telling.lock().remove(&self.phone);
        if let Some(known) = self.platform.known_agent(self.phone) {
            self.platform.tell_live(&known.agent);
        }
    }
}

/// A call that says one thing and is over.
#[derive(Debug)]
struct Confirmation {
    call: Call,
    prompt: Option<String>,
    now: Timestamp,
}

impl Confirmation {
    fn new(prompt: String, now: Timestamp) -> Self {
        Self {
            call: Call::asking(Options::default(), now),
            prompt: Some(prompt),
            now,
        }
    }
}

impl Flow for Confirmation {
    fn handle(&mut self, input: Input, now: Timestamp) {
        self.now = now;
        self.call.handle(input, now);
    }

    fn poll(&mut self) -> Output {
        loop {
            match self.call.poll() {
                Output::Ask(_) => {
                    let next = match self.prompt.take() {
                        Some(prompt) => Next::Say(Sound::prompt(prompt)),
                        None => Next::End {
                            reason: Some("the feature code was answered".into()),
                        },
                    };
                    self.call.proceed(next, self.now);
                }
                output => return output,
            }
        }
    }

    fn is_talking(&self) -> bool {
        self.call.is_talking()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_callflow::{Action, Played};
    use ringfence_model::Party;

    #[test]
    fn a_code_is_answered_with_a_word_and_hung_up_and_nobody_is_rung() {
        let now = Timestamp::from_micros(1_000_000);
        let mut flow = Confirmation::new("builtin:en/agent-available".into(), now);
        let mut done = Vec::new();
        let mut inputs = vec![
            Input::Played {
                playing: 0,
                outcome: Played::Finished,
            },
            Input::CallerAnswered,
            Input::Timeout,
        ];
        loop {
            match flow.poll() {
                Output::Do(Action::Play { playing, .. }) => {
                    inputs[0] = Input::Played {
                        playing,
                        outcome: Played::Finished,
                    };
                    done.push("play");
                }
                Output::Do(Action::AnswerCaller) => done.push("answer"),
                Output::Do(Action::HangUp {
                    party: Party::Caller,
                }) => done.push("hang up"),
                Output::Do(Action::CloseRecording) | Output::Emit(_) => {}
                Output::Timeout(_) => match inputs.pop() {
                    Some(input) => flow.handle(input, now),
                    None => break,
                },
                Output::Idle => break,
                other => panic!("expected no {other:?}"),
            }
        }
        assert_eq!(done, ["answer", "play", "hang up"]);
    }

    #[test]
    fn no_code_is_another_ones_beginning() {
        for one in &CODES {
            for other in &CODES {
                assert!(one == other || !other.code.starts_with(one.code));
            }
        }
    }
}
