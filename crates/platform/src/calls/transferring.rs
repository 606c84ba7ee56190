//! Transfers: who talks with a caller wants it put through, or somebody who does not talk in the call. Whether that may
//! be says `routing`, by the account as it is at that moment; this reads that anew, takes the places and names who rings.
//!
//! Reading waits for rows, and a call's own task does not: it asks at the desk, is woken by the answer, and goes on.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use ringfence_callflow::{Input, Next, Sound, TransferAsk};
use ringfence_live::Place;
use ringfence_model::{
    CallEventKind, CallId, E164, LegId, TargetGroupId, TargetId, Timestamp, TrunkId,
};
use ringfence_routing::{
    Candidate, Chance, NoTransfer, PutThrough, TransferRules, View, Wanted, balance, join,
    may_ring, put_through, put_through_to,
};
use ringfence_tracking::Attribution;
use tokio::sync::{Notify, mpsc, oneshot};

use super::colleagues::{Colleagues, Underway};
use super::facts::NumberFacts;
use super::planned::{PlannedCall, rounds};
use super::switchboard::{Entry, OutsideWish, PutThroughError};
use super::withheld;
use crate::phones::user_of;
use crate::{Platform, random};

/// Wishes of all calls that may wait to be looked at.
const WAITING: usize = 256;

/// How long a target or number rings that no group's setting is for.
const RINGS_FOR: std::time::Duration = std::time::Duration::from_secs(30);

/// What a caller hears meanwhile.
const RINGBACK: &str = "builtin:ringback";

/// Where calls ask for what is known of their number now.
#[derive(Debug, Clone)]
pub(super) struct Desk(mpsc::Sender<FactsWanted>);

/// Something that a call wants to know.
#[derive(Debug)]
pub(super) struct FactsWanted {
    of: Arc<CallOrigin>,
    answer: Arc<Mutex<Option<Known>>>,
    wake: Arc<Notify>,
}

/// What is known, or the code and the words of a refusal.
type Known = Result<Arc<NumberFacts>, (u16, String)>;

/// What says whose call it is, and whether it is stopped.
#[derive(Debug)]
pub(super) struct CallOrigin {
    pub(super) dialled: E164,
    pub(super) trunk: TrunkId,
    pub(super) attribution: Attribution,
    pub(super) received_at: Timestamp,
}

/// How long a colleague's phone may take to say where its sound is to go.
const MOVES_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// What somebody wants for a caller.
#[derive(Debug)]
enum Wish {
    /// To be put through to whom these words name.
    To(String),
    /// To be joined with the colleague who was called in this call.
    JoinIn(CallId),
    /// To be put through as somebody wants who does not talk in the call.
    Outside {
        wanted: Wanted,
        /// Who wants it, in words that are shown.
        by: String,
    },
}

/// What a call knows of its transfer.
#[derive(Debug)]
pub(super) struct Transferring {
    desk: Desk,
    of: Arc<CallOrigin>,
    colleagues: Colleagues,
    /// Who wants what, until that is decided.
    wish: Option<(LegId, Wish)>,
    answer: Arc<Mutex<Option<Known>>>,
    /// Its place in the group that is rung for it.
    pub(super) group: Option<Place>,
    /// Where wishes from outside are laid, until it is over.
    line: Option<Entry>,
    /// The leg of who talks with the caller, or did last.
    talking: Option<LegId>,
    /// Where whoever laid a wish hears what comes of it, until that is known.
    told: Option<oneshot::Sender<Result<(), PutThroughError>>>,
}

impl CallOrigin {
    pub(super) fn of(
        dialled: &E164,
        trunk: TrunkId,
        attribution: &Attribution,
        received_at: Timestamp,
    ) -> Self {
        Self {
            dialled: dialled.clone(),
            trunk,
            attribution: attribution.clone(),
            received_at,
        }
    }
}

impl Desk {
    pub(super) fn open() -> (Self, mpsc::Receiver<FactsWanted>) {
        let (desk, wanted) = mpsc::channel(WAITING);
        (Self(desk), wanted)
    }
}

impl Transferring {
    pub(super) fn new(desk: Desk, of: CallOrigin, colleagues: Colleagues, line: Entry) -> Self {
        Self {
            desk,
            of: Arc::new(of),
            colleagues,
            wish: None,
            answer: Arc::default(),
            group: None,
            line: Some(line),
            talking: None,
            told: None,
        }
    }

    /// What the call is woken by.
    pub(super) fn wake(&self) -> Arc<Notify> {
        self.line.as_ref().map(Entry::wake).unwrap_or_default()
    }

    /// Says to whoever laid a wish what comes of it.
    fn tell(&mut self, said: Result<(), PutThroughError>) {
        if let Some(told) = self.told.take() {
            // An error means that nobody waits for it any more.
            let _ = told.send(said);
        }
    }

    fn ask(&self, wake: &Arc<Notify>) -> bool {
        let wanted = FactsWanted {
            of: Arc::clone(&self.of),
            answer: Arc::clone(&self.answer),
            wake: Arc::clone(wake),
        };
        self.desk.0.try_send(wanted).is_ok()
    }
}

/// Reads what a call wants to know, and wakes it.
pub(super) async fn look_up(platform: Arc<Platform>, wanted: FactsWanted) {
    let known = read(&platform, &wanted.of).await;
    *wanted.answer.lock() = Some(known);
    wanted.wake.notify_one();
}

async fn read(platform: &Platform, of: &CallOrigin) -> Known {
    let failed = |error: ringfence_store::StoreError| {
        tracing::warn!("a transfer is refused: {error}");
        (503, "the database did not answer".to_owned())
    };
    let recordings = &platform.settings.recordings_folder;
    let known = platform
        .call_facts
        .of_number(&platform.db, recordings, &of.dialled, crate::now())
        .await
        .map_err(failed)?
        .ok_or_else(|| (403, "the number is the account's no longer".to_owned()))?;
    match withheld::why(platform, &known, &of.attribution, of.received_at).await {
        Ok(None) => Ok(known),
        Ok(Some(why)) => Err((403, why.to_owned())),
        Err(error) => Err(failed(error)),
    }
}

impl PlannedCall {
    /// Something is to be said about a transfer.
    pub(super) fn asked_about_transfer(&mut self, ask: TransferAsk) {
        let answer = match ask {
            TransferAsk::Wished { leg, to } => self.ask_at_desk(leg, Wish::To(to)),
            TransferAsk::Join { leg, with } => self.ask_at_desk(leg, Wish::JoinIn(with)),
            TransferAsk::PutThrough { leg } => match self.transferring.wish.take() {
                Some((_, wish @ Wish::Outside { .. })) => self.ask_at_desk(leg, wish),
                _ => Some(refused(603, "nobody says whom it is for".to_owned())),
            },
            TransferAsk::Next => Some(match self.next_round() {
                Some(Next::Ring { candidates, .. }) => rings(candidates, String::new()),
                _ => refused(480, "nobody took the transfer".to_owned()),
            }),
        };
        if let Some(answer) = answer {
            self.call.handle(answer, self.now);
        }
    }

    /// Asks for what is to be known; a refusal when that cannot be asked.
    fn ask_at_desk(&mut self, leg: LegId, wish: Wish) -> Option<Input> {
        *self.transferring.answer.lock() = None;
        self.transferring.wish = Some((leg, wish));
        if self.transferring.ask(&self.wake) {
            return None;
        }
        self.transferring.wish = None;
        Some(refused(503, "the server has no time for it".to_owned()))
    }

    /// Somebody who does not talk in the call may want its caller put through.
    pub(super) fn look_at_wish(&mut self) {
        let laid = self.transferring.line.as_ref().and_then(Entry::take);
        let Some(OutsideWish { wanted, by, told }) = laid else {
            return;
        };
        let talking = self.transferring.talking.filter(|_| self.call.is_talking());
        let refused = match talking {
            Some(_) if self.call.is_transferring() => PutThroughError::UnderWay,
            Some(leg) => {
                self.transferring.told = Some(told);
                self.transferring.wish = Some((leg, Wish::Outside { wanted, by }));
                return self.call.handle(Input::PutThrough { leg }, self.now);
            }
            None => PutThroughError::NotAnswered,
        };
        // An error means that nobody waits for it any more.
        let _ = told.send(Err(refused));
    }

    /// What was asked at the desk may be known now.
    pub(super) fn look_at_transfer(&mut self) {
        let Some(known) = self.transferring.answer.lock().take() else {
            return;
        };
        let Some((leg, wish)) = self.transferring.wish.take() else {
            return;
        };
        // Known too late: it was given up, and nobody is to hold a place for it.
        if !self.call.is_transferring() {
            return;
        }
        let from = self
            .held_by(leg)
            .map(|(target, name)| (target, name.to_owned()));
        let who = match &wish {
            Wish::Outside { by, .. } => by.as_str(),
            Wish::To(_) | Wish::JoinIn(_) => {
                from.as_ref().map_or("whoever answered", |(_, name)| name)
            }
        };
        let target = from.as_ref().map(|(target, _)| *target);
        let answer = known.and_then(|known| {
            self.known = known;
            let (candidates, whom) = match &wish {
                Wish::JoinIn(call) => return self.decide_join(*call, target, who),
                Wish::To(to) => {
                    let decide = |rules: &TransferRules<'_>| put_through(to, target, rules);
                    self.decide_transfer(decide, target, who)?
                }
                Wish::Outside { wanted, .. } => {
                    let decide = |rules: &TransferRules<'_>| put_through_to(wanted, target, rules);
                    self.decide_transfer(decide, target, who)?
                }
            };
            let reason = format!("{who} puts the caller through to {whom}");
            Ok(rings(candidates, reason))
        });
        let answer = answer.unwrap_or_else(|(code, why)| {
            let code_word = code.to_string();
            metrics::counter!("ringfence_transfers_refused_total", "code" => code_word)
                .increment(1);
            let wanted = match &wish {
                Wish::To(to) => format!("put the caller through to {to:?}"),
                Wish::JoinIn(_) => "join the caller with a colleague".to_owned(),
                Wish::Outside { wanted, .. } => {
                    format!("put the caller through to {}", self.named(wanted))
                }
            };
            self.transferring
                .tell(Err(PutThroughError::Refused(why.clone())));
            refused(code, format!("{who} wanted to {wanted}: {why}"))
        });
        self.call.handle(answer, self.now);
    }

    /// Whom somebody wants, for those who read the timeline.
    fn named(&self, wanted: &Wanted) -> String {
        let destinations = &self.known.destinations;
        match wanted {
            Wanted::Target(target) => destinations
                .targets
                .get(target)
                .map_or_else(|| "a target".to_owned(), |target| target.name.clone()),
            Wanted::Group(group) => destinations.groups.get(group).map_or_else(
                || "a group".to_owned(),
                |group| format!("the group {}", group.name),
            ),
            Wanted::Number(number) => format!("{number:?}"),
        }
    }

    /// The colleague who is taken over; or the code and the words of a refusal.
    fn decide_join(
        &mut self,
        call: CallId,
        from: Option<TargetId>,
        who: &str,
    ) -> Result<Input, (u16, String)> {
        let known = Arc::clone(&self.known);
        let found = self.transferring.colleagues.get(call);
        let extensions = extensions(&known);
        let rules = TransferRules {
            destinations: &known.destinations,
            extensions: &extensions,
            dialling: &known.reach.dialling,
            home: &known.reach.home,
            trunks: &[],
        };
        let talk = found.as_ref().map(|found| &found.talk);
        let target = join(talk, from, &rules).map_err(|no| (no.code(), no.to_string()))?;
        let gone = || (404, "the target is gone".to_owned());
        let target = known.destinations.targets.get(&target).ok_or_else(gone)?;
        let candidate = Candidate {
            leg: LegId::new(self.now, random()),
            target: target.id,
            name: target.name.clone(),
            // Nobody is rung: it talks already.
            uri: String::new(),
            ring_timeout: MOVES_WITHIN,
            shown: None,
            reason: format!("{who} has called it, and joins the caller with it"),
        };
        let full = |why: String| (480, format!("{} cannot take it: {why}", target.name));
        self.hold_uncapped(&candidate).map_err(full)?;
        let talked = found.and_then(|Underway { since, .. }| Some(self.now.since(since?)));
        let seconds = talked.map_or(0, |talked| talked.as_secs());
        let reason = format!(
            "{who} joins the caller with {} after a talk of {seconds} s",
            target.name
        );
        Ok(Input::JoinWith { candidate, reason })
    }

    /// Who rings, with a place each, and their name; or the code and the words of a refusal.
    fn decide_transfer(
        &mut self,
        decide: impl FnOnce(&TransferRules<'_>) -> Result<PutThrough, NoTransfer>,
        from: Option<TargetId>,
        who: &str,
    ) -> Result<(Vec<Candidate>, String), (u16, String)> {
        let known = Arc::clone(&self.known);
        let extensions = extensions(&known);
        let trunks = known.trunks_out(self.transferring.of.trunk);
        let rules = TransferRules {
            destinations: &known.destinations,
            extensions: &extensions,
            dialling: &known.reach.dialling,
            home: &known.reach.home,
            trunks: &trunks,
        };
        let wanted = decide(&rules).map_err(|no| (no.code(), no.to_string()))?;
        self.rounds.clear();
        match wanted {
            PutThrough::Target(target) => self.ring_alone(target, who),
            PutThrough::Group(group) => self.ring_group(group, from),
            PutThrough::Number(number, trunk) => {
                let candidate = self.forward(&number, trunk, RINGS_FOR);
                let mut candidate = candidate.map_err(|why| (403, why))?;
                // Whose number it is belongs in words that are erased with the call.
                "a telephone number".clone_into(&mut candidate.name);
                candidate.reason = format!("{who} puts the caller through to {number}");
                Ok((vec![candidate], number.to_string()))
            }
        }
    }

    fn ring_alone(
        &mut self,
        target: TargetId,
        who: &str,
    ) -> Result<(Vec<Candidate>, String), (u16, String)> {
        let known = Arc::clone(&self.known);
        let Some(target) = known.destinations.targets.get(&target) else {
            return Err((404, "the target is gone".to_owned()));
        };
        let busy = |why: String| (480, format!("{} cannot be rung: {why}", target.name));
        let mut deciding = self.places.decide();
        deciding.keep_time(&known.periods(self.now));
        let view = View {
            facts: &self.about,
            destinations: &known.destinations,
            loads: deciding.loads(),
        };
        let may = may_ring(target, &view, self.now);
        drop(deciding);
        may.map_err(|skip| busy(skip.to_string()))?;
        let candidate = Candidate {
            leg: LegId::new(self.now, random()),
            target: target.id,
            name: target.name.clone(),
            uri: target.uri.clone(),
            ring_timeout: RINGS_FOR,
            shown: None,
            reason: format!("{who} puts the caller through to it"),
        };
        let trunk = known.destinations.profiles.get(&target.id);
        let trunk = trunk.and_then(|profile| profile.trunk);
        let room = super::planned::MOST_AT_ONCE;
        let candidates = self.take_for(candidate, trunk, None, room).map_err(busy)?;
        Ok((candidates, target.name.clone()))
    }

    fn ring_group(
        &mut self,
        group: TargetGroupId,
        from: Option<TargetId>,
    ) -> Result<(Vec<Candidate>, String), (u16, String)> {
        let known = Arc::clone(&self.known);
        let mut bits = rand::random::<u64>;
        let mut deciding = self.places.decide();
        deciding.keep_time(&known.periods(self.now));
        let view = View {
            facts: &self.about,
            destinations: &known.destinations,
            loads: deciding.loads(),
        };
        let chance = &mut Chance::new(&mut bits);
        let mut balanced = balance(group, None, None, &view, self.now, chance);
        balanced
            .choices
            .retain(|choice| Some(choice.target) != from);
        let caps = known.group_caps(balanced.group);
        let place = if balanced.choices.is_empty() {
            None
        } else {
            Some(deciding.take_group(balanced.group, &caps))
        };
        drop(deciding);
        match place {
            Some(Ok(place)) => self.transferring.group = Some(place),
            Some(Err(skip)) => return Err((480, format!("the group is {skip}"))),
            None => {
                let why = balanced.notes.join("; ");
                return Err((480, format!("nobody of it can be rung; {why}")));
            }
        }
        self.rounds = rounds(&balanced.choices);
        let name = known.destinations.groups.get(&group);
        let name = name.map_or_else(String::new, |group| group.name.clone());
        if let Some(Next::Ring { candidates, .. }) = self.next_round() {
            Ok((candidates, format!("the group {name}")))
        } else {
            self.transferring.group = None;
            Err((480, "nobody of it could be rung".to_owned()))
        }
    }

    /// What an event of a transfer changes in the places that the call holds.
    pub(super) fn note_in_transfer(&mut self, event: &CallEventKind) {
        match event {
            CallEventKind::Left { leg } => {
                self.held.retain(|held| !held.legs.contains(leg));
                self.group = None;
            }
            CallEventKind::Transferring { .. } => self.transferring.tell(Ok(())),
            CallEventKind::TransferFailed { reason, .. } => {
                let refused = PutThroughError::Refused(reason.clone());
                self.transferring.tell(Err(refused));
                self.rounds.clear();
                self.transferring.group = None;
            }
            CallEventKind::HungUp { .. } | CallEventKind::Ended { .. } => {
                self.transferring.line = None;
            }
            CallEventKind::Answered { leg } => {
                self.transferring.talking = Some(*leg);
                if let Some(mut place) = self.transferring.group.take() {
                    place.answered();
                    self.group = Some(place);
                }
            }
            _ => {}
        }
    }
}

fn rings(candidates: Vec<Candidate>, reason: String) -> Input {
    Input::TransferTo {
        candidates,
        reason,
        meanwhile: Sound::repeated(RINGBACK),
    }
}

fn refused(code: u16, reason: String) -> Input {
    Input::TransferRefused { code, reason }
}

/// Targets by the user that their phone registers as.
fn extensions(known: &NumberFacts) -> HashMap<String, TargetId> {
    let targets = known.destinations.targets.values();
    let phones = targets.filter_map(|target| Some((user_of(&target.uri)?, target.id)));
    phones
        .map(|(user, target)| (user.to_ascii_lowercase(), target))
        .collect()
}

impl NumberFacts {
    /// The trunk that the call came in by, when it takes calls; else the only one that does.
    fn trunks_out(&self, came_by: TrunkId) -> Vec<TrunkId> {
        let routes = &self.reach.routes;
        match routes.keys().next() {
            _ if routes.contains_key(&came_by) => vec![came_by],
            Some(only) if routes.len() == 1 => vec![*only],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
#[path = "transferring_tests.rs"]
mod tests;
