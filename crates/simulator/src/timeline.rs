//! What happens when: the virtual clock and the events that wait for it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ringfence_model::{TargetId, Timestamp};

/// A call's number, in the order in which they come.
pub(crate) type CallNumber = u64;

/// Something that will happen. What concerns a call carries the call's stage, and is let go by when it has another by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    Arrives,
    /// The next step of the plan, at once: an event of its own, so that a plan that goes round needs no deep stack.
    Goes(CallNumber, u32),
    /// The prompt, the message or the talk is over.
    Over(CallNumber, u32),
    Key(CallNumber, u32, Option<char>),
    /// A leg rings no more: its place among all legs.
    Leg(CallNumber, u64),
    ForwardEnds(CallNumber, u32, bool),
    /// A caller who waits asks who is free.
    LooksAgain(CallNumber, u32),
    WaitedTooLong(CallNumber, u32),
    HangsUp(CallNumber),
    Pauses(TargetId),
    AgentTurns(TargetId),
    Breaks(TargetId),
    Pings(TargetId),
}

/// Events by time; at the same time, in the order in which they were made.
#[derive(Debug)]
pub(crate) struct Timeline<Event> {
    events: BinaryHeap<Reverse<(Timestamp, u64, Event)>>,
    made: u64,
}

impl<Event: Ord> Timeline<Event> {
    pub(crate) fn new() -> Self {
        Self {
            events: BinaryHeap::new(),
            made: 0,
        }
    }

    pub(crate) fn add(&mut self, at: Timestamp, event: Event) {
        self.made += 1;
        self.events.push(Reverse((at, self.made, event)));
    }

    pub(crate) fn next(&mut self) -> Option<(Timestamp, Event)> {
        self.events.pop().map(|Reverse((at, _, event))| (at, event))
    }
}
