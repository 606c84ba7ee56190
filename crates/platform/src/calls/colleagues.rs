//! A phone calls a colleague: the extension of another phone of its account, and nobody else. It may be about a caller, who is
//! joined with the colleague then.
//!
//! Such a call is a talk inside the house. It has no row, no recording and no place in reports; while it lasts both count
//! as having one call more, so that neither is rung for somebody else beyond what they may have.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ringfence_callflow::{Call, Input, Manner, Next, Options, Output, Recorded};
use ringfence_live::Place;
use ringfence_model::{
    AccountId, CallEventKind, CallId, Caps, LegId, TargetGroupId, TargetId, Timestamp,
};
use ringfence_routing::{CallFacts, Candidate, Talk, View, colleague, may_ring, periods};
use ringfence_store::StoreError;
use ringfence_telephony::{CallDecision, CallSetup, Flow, InviteFacts};
use tokio::sync::{mpsc, oneshot};

use super::planned::MOST_AT_ONCE;
use crate::arrangement::of_account;
use crate::reports::zone_of;
use crate::{Platform, now, random};

/// How long a colleague's phone rings.
const RINGS_FOR: Duration = Duration::from_mins(1);

/// Calls of phones to colleagues that are under way: at most one that each phone has made.
#[derive(Debug, Default, Clone)]
pub struct Colleagues(Arc<Mutex<HashMap<CallId, Underway>>>);

/// A call under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Underway {
    pub(super) talk: Talk,
    /// Since when they talk.
    pub(super) since: Option<Timestamp>,
}

impl Colleagues {
    pub(super) fn get(&self, call: CallId) -> Option<Underway> {
        self.0.lock().get(&call).copied()
    }

    /// Enters a call of a phone that makes none.
    pub(super) fn enter(&self, call: CallId, account: AccountId, by: TargetId) -> Option<Entry> {
        let mut calls = self.0.lock();
        if calls.values().any(|one| one.talk.by == by) {
            return None;
        }
        let talk = Talk {
            account,
            by,
            with: None,
        };
        calls.insert(call, Underway { talk, since: None });
        Some(Entry {
            of: self.clone(),
            call,
        })
    }
}

/// A call's entry; dropping it takes the entry out.
#[derive(Debug)]
pub(super) struct Entry {
    of: Colleagues,
    call: CallId,
}

impl Entry {
    pub(super) fn answered(&self, with: TargetId, at: Timestamp) {
        if let Some(call) = self.of.0.lock().get_mut(&self.call) {
            call.talk.with = Some(with);
            call.since = Some(at);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.of.0.lock().remove(&self.call);
    }
}

/// Answers a phone that dials what is no feature code.
pub(super) async fn answer(
    platform: &Platform,
    phone: TargetId,
    facts: &InviteFacts,
    decision: oneshot::Sender<CallDecision>,
) {
    let decided = match begin(platform, phone, &facts.dialled, now()).await {
        Ok(setup) => CallDecision::Proceed(Box::new(setup)),
        Err((code, reason)) => {
            let code_word = code.to_string();
            metrics::counter!("ringfence_colleague_calls_refused_total", "code" => code_word)
                .increment(1);
            tracing::info!(target = %phone, code, "a phone's call is refused: {reason}");
            CallDecision::Refuse { code, reason }
        }
    };
    // The phone may have given up meanwhile.
    let _ = decision.send(decided);
}

type Refused = (u16, String);

async fn begin(
    platform: &Platform,
    phone: TargetId,
    dialled: &str,
    now: Timestamp,
) -> Result<CallSetup, Refused> {
    let rows = |error: StoreError| {
        tracing::warn!("a phone's call is refused: {error}");
        (503, "the database did not answer".to_owned())
    };
    let gone = || (403, "the phone is no target any more".to_owned());
    let account = platform.account_of_phone(phone).ok_or_else(gone)?;
    let extensions = platform.extensions(account);
    let target =
        colleague(dialled, phone, &extensions).map_err(|no| (no.code(), no.to_string()))?;
    let owner = platform.db.account(account).await.map_err(rows)?;
    let owner = owner.ok_or_else(gone)?;
    let own = of_account(&platform.db, &owner).await.map_err(rows)?;
    let destinations = own.shape.destinations();
    let target = destinations.targets.get(&target).ok_or_else(gone)?;
    let uris = platform.phones.directory.reached(target.id, now);
    let candidates: Vec<Candidate> = uris
        .unwrap_or_default()
        .into_iter()
        .take(MOST_AT_ONCE)
        .map(|place| Candidate {
            leg: LegId::new(now, random()),
            target: target.id,
            name: target.name.clone(),
            uri: place.uri,
            ring_timeout: RINGS_FOR,
            shown: None,
            reason: "a colleague calls".to_owned(),
        })
        .collect();
    if candidates.is_empty() {
        return Err((480, format!("the phone {dialled} is not registered")));
    }
    let call = CallId::new(now, random());
    let entry = platform.colleagues.enter(call, account, phone);
    let entry = entry.ok_or_else(|| (486, "it calls a colleague already".to_owned()))?;

    let places = platform.live.places(account);
    let mut deciding = places.decide();
    deciding.keep_time(&periods(now, &zone_of(&owner)));
    let about = CallFacts::default();
    let view = View {
        facts: &about,
        destinations: &destinations,
        loads: deciding.loads(),
    };
    let may = may_ring(target, &view, now);
    let caps = destinations.profiles.get(&target.id);
    let caps = caps.map_or_else(Caps::default, |profile| profile.caps);
    let group = None::<TargetGroupId>;
    let taken = may.and_then(|()| deciding.take_target(target.id, group, &caps, now));
    // Who calls may have a caller already, who is to be put through.
    let own = deciding.take_target(phone, group, &Caps::default(), now);
    drop(deciding);
    let taken = taken.map_err(|skip| (480, format!("{} cannot be rung: {skip}", target.name)))?;
    let held = vec![taken].into_iter().chain(own.ok()).collect();

    // Nobody keeps what such a call tells.
    let (notices, _) = mpsc::channel(1);
    Ok(CallSetup {
        call,
        flow: Box::new(ColleagueCall {
            call: Call::asking(Options::default(), now),
            callee: target.id,
            rings: Some(candidates),
            under_way: Some((entry, held)),
            now,
        }),
        recording: None,
        message: None,
        prompts: Arc::default(),
        logins: Vec::new(),
        notices,
    })
}

/// A call of a phone to a colleague.
#[derive(Debug)]
struct ColleagueCall {
    call: Call,
    callee: TargetId,
    /// Who is rung, until that is said.
    rings: Option<Vec<Candidate>>,
    /// Its entry and both places, until it is over.
    under_way: Option<(Entry, Vec<Place>)>,
    now: Timestamp,
}

impl ColleagueCall {
    fn note(&mut self, event: &CallEventKind) {
        match event {
            CallEventKind::Answered { .. } => {
                if let Some((entry, _)) = &self.under_way {
                    entry.answered(self.callee, self.now);
                }
            }
            CallEventKind::HungUp { .. } | CallEventKind::Ended { .. } => self.under_way = None,
            _ => {}
        }
    }
}

impl Flow for ColleagueCall {
    fn handle(&mut self, input: Input, now: Timestamp) {
        self.now = now;
        self.call.handle(input, now);
    }

    fn poll(&mut self) -> Output {
        loop {
            match self.call.poll() {
                Output::Ask(_) => {
                    let next = match self.rings.take() {
                        Some(candidates) => Next::Ring {
                            candidates,
                            manner: Manner {
                                record: Recorded::No,
                                ..Manner::default()
                            },
                        },
                        None => Next::End { reason: None },
                    };
                    self.call.proceed(next, self.now);
                }
                Output::AskTransfer(_) => self.call.handle(
                    Input::TransferRefused {
                        code: 403,
                        reason: "a colleague's call is put through to nobody".to_owned(),
                    },
                    self.now,
                ),
                Output::Emit(event) => {
                    self.note(&event);
                    return Output::Emit(event);
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
    use ringfence_callflow::Action;
    use ringfence_live::Live;
    use ringfence_model::Party;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn target(n: u128) -> TargetId {
        TargetId::new(NOW, n)
    }

    /// What is done until it waits.
    fn done(flow: &mut ColleagueCall) -> Vec<Action> {
        let mut done = Vec::new();
        loop {
            match flow.poll() {
                Output::Do(action) => done.push(action),
                Output::Emit(_) => {}
                Output::Timeout(_) | Output::Idle => return done,
                other => panic!("expected no {other:?}"),
            }
        }
    }

    #[test]
    fn a_talk_is_known_while_it_lasts_and_gives_its_places_back() {
        let live = Live::new();
        let (account, call) = (AccountId::new(NOW, 1), CallId::new(NOW, 1));
        let places = live.places(account);
        let colleagues = Colleagues::default();
        let entry = colleagues.enter(call, account, target(1)).unwrap();
        let another = CallId::new(NOW, 2);
        assert!(colleagues.enter(another, account, target(1)).is_none());
        let take = |n| {
            let caps = Caps::default();
            let mut deciding = places.decide();
            let taken = deciding.take_target(target(n), None::<TargetGroupId>, &caps, NOW);
            taken.unwrap()
        };
        let leg = LegId::new(NOW, 1);
        let candidate = Candidate {
            leg,
            target: target(2),
            name: "Ben".into(),
            uri: "sip:102@127.0.0.1".into(),
            ring_timeout: RINGS_FOR,
            shown: None,
            reason: "a colleague calls".into(),
        };
        let mut flow = ColleagueCall {
            call: Call::asking(Options::default(), NOW),
            callee: target(2),
            rings: Some(vec![candidate.clone()]),
            under_way: Some((entry, vec![take(2), take(1)])),
            now: NOW,
        };
        flow.handle(Input::Timeout, NOW);
        assert_eq!(done(&mut flow), [Action::Ring(candidate)]);
        let known = |call| colleagues.get(call).map(|one| (one.talk.with, one.since));
        assert_eq!(known(call), Some((None, None)));
        flow.handle(Input::Answered { leg }, NOW);
        assert_eq!(done(&mut flow), [Action::Bridge { leg, record: false }]);
        assert_eq!(known(call), Some((Some(target(2)), Some(NOW))));
        let calls = || [1, 2].map(|n| places.decide().loads().targets[&target(n)].active);
        assert_eq!(calls(), [1, 1]);
        flow.handle(Input::HungUp { by: Party::Caller }, NOW);
        done(&mut flow);
        assert_eq!((known(call), calls()), (None, [0, 0]));
    }
}
