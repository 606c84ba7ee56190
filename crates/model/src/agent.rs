//! Agents: the people who answer at targets, and whether they may be rung.

use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{AccountId, Duration, TargetId, Timestamp, UserId};

words! {
    /// What an agent says, or what a call has left behind.
    AgentState {
        /// Not at work.
        SignedOut = "signed_out",
        /// To be rung.
        Available = "available",
        /// At work, but not to be rung.
        OnBreak = "on_break",
        /// A call has ended, and its rest lasts.
        WrappingUp = "wrapping_up",
    }
}

words! {
    /// Why an agent is on a break.
    BreakReason {
        /// A short one; also what a telephone says, which has no choice.
        Pause = "pause",
        /// A meal.
        Meal = "meal",
        /// A meeting.
        Meeting = "meeting",
        /// Training.
        Training = "training",
        /// Work without a telephone.
        Paperwork = "paperwork",
        /// Put there by the server: calls rang in vain.
        NotAnswering = "not_answering",
    }
}

impl BreakReason {
    /// Those that people choose from.
    pub const CHOICES: [Self; 5] = [
        Self::Pause,
        Self::Meal,
        Self::Meeting,
        Self::Training,
        Self::Paperwork,
    ];

    /// As people read it.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Pause => "short break",
            Self::Meal => "meal",
            Self::Meeting => "meeting",
            Self::Training => "training",
            Self::Paperwork => "paperwork",
            Self::NotAnswering => "not answering",
        }
    }
}

words! {
    /// By what way a state was changed.
    AgentMeans {
        /// The agent's own page.
        Page = "page",
        /// A feature code of the agent's phone.
        Phone = "phone",
        /// Somebody else of the account, or a program.
        Other = "other",
        /// The server: the end of a call, calls that rang in vain, a user who was disabled.
        Server = "server",
    }
}

/// A target's agent, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The account.
    pub account: AccountId,
    /// The target at which the agent answers; an agent has one.
    pub target: TargetId,
    /// The user who is the agent.
    pub user: UserId,
    /// The state as it was last changed; [`Agent::at`] knows what time has made of it.
    pub state: AgentState,
    /// Why, when on a break.
    pub reason: Option<BreakReason>,
    /// Since when.
    pub since: Timestamp,
    /// When a wrap-up ends by itself.
    pub until: Option<Timestamp>,
}

impl Agent {
    /// The state at `now`, and since when: a wrap-up that is over makes available.
    pub fn at(&self, now: Timestamp) -> (AgentState, Timestamp) {
        match (self.state, self.until) {
            (AgentState::WrappingUp, Some(until)) if until <= now => (AgentState::Available, until),
            (state, _) => (state, self.since),
        }
    }
}

/// A change of an agent's state, kept for reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentChange {
    /// The account.
    pub account: AccountId,
    /// The target.
    pub target: TargetId,
    /// The agent.
    pub user: UserId,
    /// When.
    pub at: Timestamp,
    /// From then on.
    pub state: AgentState,
    /// Why, when on a break.
    pub reason: Option<BreakReason>,
    /// When a wrap-up ends by itself.
    pub until: Option<Timestamp>,
    /// By what way.
    pub means: AgentMeans,
}

/// How long an agent was in each state from `from` until `until`: `before` is the last change before `from`, `changes` are
/// those since, in order. A wrap-up that ended by itself counts as available from then on.
pub fn agent_times(
    before: Option<&AgentChange>,
    changes: &[AgentChange],
    from: Timestamp,
    until: Timestamp,
) -> Vec<(AgentState, Duration)> {
    let mut times: Vec<_> = AgentState::ALL
        .iter()
        .map(|state| (*state, Duration::ZERO))
        .collect();
    let mut add = |state: AgentState, begin: Timestamp, end: Timestamp| {
        let lasted = end.min(until).since(begin.max(from));
        for (of, time) in &mut times {
            if *of == state {
                *time += lasted;
            }
        }
    };
    let all: Vec<&AgentChange> = before.into_iter().chain(changes).collect();
    if all.is_empty() {
        add(AgentState::SignedOut, from, until);
    } else if before.is_none() {
        add(AgentState::SignedOut, from, all[0].at);
    }
    for (nth, change) in all.iter().enumerate() {
        let end = all.get(nth + 1).map_or(until, |next| next.at);
        match change.until.filter(|over| *over < end) {
            Some(over) if change.state == AgentState::WrappingUp => {
                add(AgentState::WrappingUp, change.at, over);
                add(AgentState::Available, over, end);
            }
            _ => add(change.state, change.at, end),
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_between_changes_and_all_of_them_make_the_whole() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let change = |seconds, state, until: Option<i64>| AgentChange {
            account: AccountId::new(at(0), 1),
            target: TargetId::new(at(0), 2),
            user: UserId::new(at(0), 3),
            at: at(seconds),
            state,
            reason: None,
            until: until.map(at),
            means: AgentMeans::Page,
        };
        let changes = [
            change(110, AgentState::WrappingUp, Some(140)),
            change(150, AgentState::WrappingUp, Some(180)),
            change(155, AgentState::Available, None),
            change(170, AgentState::OnBreak, None),
        ];
        let of = |before: Option<&AgentChange>, changes: &[AgentChange]| {
            let times = agent_times(before, changes, at(100), at(200));
            times
                .into_iter()
                .map(|(_, time)| time.as_secs())
                .collect::<Vec<_>>()
        };
        let available = change(50, AgentState::Available, None);
        // Signed out, available, on a break, wrapping up.
        assert_eq!(of(Some(&available), &changes), [0, 35, 30, 35]);
        assert_eq!(of(None, &changes), [10, 25, 30, 35]);
        assert_eq!(of(None, &[]), [100, 0, 0, 0]);
        let wraps = change(90, AgentState::WrappingUp, Some(120));
        assert_eq!(of(Some(&wraps), &[]), [0, 80, 0, 20]);
        let over = change(80, AgentState::WrappingUp, Some(95));
        assert_eq!(of(Some(&over), &[]), [0, 100, 0, 0]);
    }

    #[test]
    fn a_wrap_up_ends_by_itself_and_nothing_else_does() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut agent = Agent {
            account: AccountId::new(at(0), 1),
            target: TargetId::new(at(0), 2),
            user: UserId::new(at(0), 3),
            state: AgentState::WrappingUp,
            reason: None,
            since: at(10),
            until: Some(at(40)),
        };
        assert_eq!(agent.at(at(39)), (AgentState::WrappingUp, at(10)));
        assert_eq!(agent.at(at(40)), (AgentState::Available, at(40)));
        agent.state = AgentState::OnBreak;
        assert_eq!(agent.at(at(40)), (AgentState::OnBreak, at(10)));
    }
}
