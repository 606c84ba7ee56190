//! Who waits: a queue for each group of an account, first in first out.
//!
//! Callers look for themselves who is free, under the account's lock; here it is said whose turn that is, and who is
//! woken. A place that becomes free wakes the first of each queue, and whoever has looked in vain, though somebody may be
//! free for another, wakes the next. Nobody looks before all ahead of it have looked since the last change.

use std::collections::HashMap;
use std::sync::Arc;

use ringfence_model::TargetGroupId;
use tokio::sync::Notify;

use crate::places::{AccountPlaces, Deciding};

/// The queues of an account. One that nobody waits in takes no room.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    by_group: HashMap<TargetGroupId, Vec<Waiting>>,
    /// Counts what may have made somebody free.
    changes: u64,
    last_ticket: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    wake: Arc<Notify>,
    /// Somebody is rung for it: it does not look, and holds up nobody.
    rings: bool,
    /// The change after which it has looked in vain.
    looked: Option<u64>,
}

impl Queues {
    /// Somebody may be free who was not.
    pub(crate) fn changed(&mut self) {
        self.changes += 1;
        for queue in self.by_group.values() {
            wake_first(queue);
        }
    }

    fn waiting(&mut self, ticket: &Ticket) -> Option<(&mut Vec<Waiting>, usize)> {
        let queue = self.by_group.get_mut(&ticket.group)?;
        let index = queue.iter().position(|one| one.ticket == ticket.number)?;
        Some((queue, index))
    }
}

fn wake_first(queue: &[Waiting]) {
    if let Some(first) = queue.iter().find(|one| !one.rings) {
        first.wake.notify_one();
    }
}

/// A caller's place in a queue; it leaves it when this is dropped.
#[derive(Debug)]
pub struct Ticket {
    of: AccountPlaces,
    group: TargetGroupId,
    number: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut standing = self.of.0.lock();
        let Some((queue, index)) = standing.queues.waiting(self) else {
            return;
        };
        queue.remove(index);
        let left = queue.len();
        // Who is first now has what comes with it: the others wait for its look.
        wake_first(queue);
        if left == 0 {
            standing.queues.by_group.remove(&self.group);
        }
        if let Some(load) = standing.loads.groups.get_mut(&self.group) {
            load.waiting = u32::try_from(left).unwrap_or(u32::MAX);
        }
    }
}

impl Deciding<'_> {
    /// Puts a caller at the end of a group's queue. `wake` is notified when it may be its turn to look.
    pub fn join_queue(&mut self, group: TargetGroupId, wake: Arc<Notify>) -> Ticket {
        let queues = &mut self.standing.queues;
        queues.last_ticket += 1;
        let number = queues.last_ticket;
        let queue = queues.by_group.entry(group).or_default();
        queue.push(Waiting {
            ticket: number,
            wake,
            rings: false,
            looked: None,
        });
        let waiting = u32::try_from(queue.len()).unwrap_or(u32::MAX);
        self.standing.loads.groups.entry(group).or_default().waiting = waiting;
        Ticket {
            of: self.of.clone(),
            group,
            number,
        }
    }

    /// A caller's place in its queue, from 1.
    pub fn place_in_queue(&mut self, ticket: &Ticket) -> u32 {
        let found = self.standing.queues.waiting(ticket);
        found.map_or(1, |(_, index)| u32::try_from(index + 1).unwrap_or(u32::MAX))
    }

    /// Whether nobody ahead of a caller waits for somebody to become free.
    pub fn is_first(&mut self, ticket: &Ticket) -> bool {
        let found = self.standing.queues.waiting(ticket);
        found.is_some_and(|(queue, index)| queue[..index].iter().all(|one| one.rings))
    }

    /// Whether a caller may look who is free. If not, whoever has to look before it is woken, and it is woken in its turn.
    pub fn may_look(&mut self, ticket: &Ticket) -> bool {
        let changes = self.standing.queues.changes;
        let Some((queue, index)) = self.standing.queues.waiting(ticket) else {
            return false;
        };
        queue[index].rings = false;
        let before = queue[..index]
            .iter()
            .find(|one| !one.rings && one.looked != Some(changes));
        if let Some(before) = before {
            before.wake.notify_one();
        }
        before.is_none()
    }

    /// A caller has looked. When `others` may find somebody, the next one looks.
    pub fn looked(&mut self, ticket: &Ticket, others: bool) {
        let changes = self.standing.queues.changes;
        if let Some((queue, index)) = self.standing.queues.waiting(ticket) {
            queue[index].looked = Some(changes);
            if others {
                wake_first(&queue[index + 1..]);
            }
        }
    }

    /// Somebody is rung for a caller; it looks again when that came to nothing.
    pub fn rings(&mut self, ticket: &Ticket) {
        if let Some((queue, index)) = self.standing.queues.waiting(ticket) {
            queue[index].rings = true;
        }
    }

    /// Time has made somebody free, and no call: everybody may look once more.
    pub fn time_has_passed(&mut self) {
        self.standing.queues.changes += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::{Place, Places};
    use futures::FutureExt;
    use ringfence_model::{AccountId, AgentState, Caps, TargetId, Timestamp};

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);
    const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

    fn group() -> TargetGroupId {
        TargetGroupId::new(NOW, 3)
    }

    fn target(n: u128) -> TargetId {
        TargetId::new(NOW, n)
    }

    /// A caller who may be put through to one target alone, or to either of two.
    struct Caller {
        ticket: Option<Ticket>,
        wake: Arc<Notify>,
        wants: Vec<TargetId>,
        place: Option<Place>,
    }

    struct Desk {
        places: AccountPlaces,
        callers: Vec<Caller>,
        served: Vec<usize>,
    }

    impl Desk {
        fn new() -> Self {
            Self {
                places: Places::default().of(AccountId::new(NOW, 1)),
                callers: Vec::new(),
                served: Vec::new(),
            }
        }

        fn enters(&mut self, wants: &[u128]) {
            let wake = Arc::new(Notify::new());
            let ticket = self.places.decide().join_queue(group(), Arc::clone(&wake));
            wake.notify_one();
            self.callers.push(Caller {
                ticket: Some(ticket),
                wake,
                wants: wants.iter().map(|n| target(*n)).collect(),
                place: None,
            });
        }

        fn take(&self, target: TargetId) -> Option<Place> {
            let caps = Caps {
                concurrent: Some(1),
                ..Caps::default()
            };
            let mut deciding = self.places.decide();
            deciding.take_target(target, group(), &caps, NOW).ok()
        }

        /// Lets everybody who was woken look, the last one first, until nobody is woken any more.
        fn settles(&mut self) {
            let mut looks = 0;
            loop {
                let woken = (0..self.callers.len())
                    .rev()
                    .find(|n| self.callers[*n].wake.notified().now_or_never().is_some());
                let Some(n) = woken else { return };
                looks += 1;
                assert!(looks < 10_000, "they wake each other for ever");
                self.looks(n);
            }
        }

        fn looks(&mut self, n: usize) {
            let Some(ticket) = &self.callers[n].ticket else {
                return;
            };
            if !self.places.decide().may_look(ticket) {
                return;
            }
            let place = self.callers[n].wants.iter().find_map(|one| self.take(*one));
            self.places.decide().looked(ticket, true);
            if let Some(place) = place {
                self.served.push(n);
                self.callers[n].place = Some(place);
                self.callers[n].ticket = None;
            }
        }
    }

    #[test]
    fn whoever_came_first_is_served_first_in_whatever_order_they_are_woken() {
        let mut desk = Desk::new();
        let busy = desk.take(target(1));
        for _ in 0..20 {
            desk.enters(&[1]);
        }
        desk.settles();
        assert!(desk.served.is_empty());
        drop(busy);
        for n in 0..20 {
            desk.settles();
            assert_eq!(desk.served.last(), Some(&n), "{:?}", desk.served);
            assert_eq!(desk.served.len(), n + 1);
            desk.callers[n].place = None;
        }
        let loads = desk.places.decide();
        assert_eq!(loads.loads().groups[&group()].waiting, 0);
    }

    #[test]
    fn who_waits_for_somebody_else_does_not_hold_up_those_behind() {
        let mut desk = Desk::new();
        let (one, two) = (desk.take(target(1)), desk.take(target(2)));
        desk.enters(&[1]);
        desk.enters(&[1, 2]);
        desk.enters(&[2]);
        desk.settles();
        drop(two);
        desk.settles();
        assert_eq!(
            desk.served,
            [1],
            "the second is the first who can be served"
        );
        drop(one);
        desk.settles();
        assert_eq!(desk.served, [1, 0]);
        // Who comes now is told of nobody, and looks by itself: the third is before it all the same.
        desk.enters(&[2]);
        desk.callers[1].place = None;
        desk.settles();
        assert_eq!(desk.served, [1, 0, 2]);
    }

    #[test]
    fn an_agent_who_says_something_new_has_the_first_look_and_one_who_repeats_it_wakes_nobody() {
        let mut desk = Desk::new();
        desk.enters(&[1]);
        let busy = desk.take(target(1));
        desk.settles();
        let is_woken = |desk: &Desk| desk.callers[0].wake.notified().now_or_never().is_some();
        let says = |state, ready_at| {
            Some(crate::AgentSays {
                state,
                reason: None,
                ready_at,
                ended_at: None,
            })
        };
        let available = says(AgentState::Available, Some(NOW));
        for (told, wakes) in [
            (says(AgentState::OnBreak, None), true),
            (available, true),
            (available, false),
            (says(AgentState::Available, Some(NOW + SECOND)), true),
            (None, true),
        ] {
            desk.places.set_agent(target(1), told);
            assert_eq!(is_woken(&desk), wakes, "{told:?}");
        }
        drop(busy);
    }

    #[test]
    fn who_leaves_lets_the_next_one_look() {
        let mut desk = Desk::new();
        let busy = desk.take(target(1));
        desk.enters(&[1]);
        desk.enters(&[1]);
        desk.settles();
        drop(busy);
        // The first was woken, and is gone before it looks.
        desk.callers[0].ticket = None;
        desk.settles();
        assert_eq!(desk.served, [1]);
    }

    #[test]
    fn places_are_counted_and_those_for_whom_it_rings_are_passed() {
        let mut desk = Desk::new();
        for _ in 0..3 {
            desk.enters(&[1]);
        }
        let tickets: Vec<&Ticket> = desk
            .callers
            .iter()
            .filter_map(|caller| caller.ticket.as_ref())
            .collect();
        let mut deciding = desk.places.decide();
        assert_eq!(deciding.loads().groups[&group()].waiting, 3);
        assert_eq!(deciding.place_in_queue(tickets[2]), 3);
        assert!(!deciding.may_look(tickets[1]), "the first has not looked");
        assert!(!deciding.is_first(tickets[1]));
        deciding.rings(tickets[0]);
        assert!(deciding.may_look(tickets[1]) && deciding.is_first(tickets[1]));
        assert!(!deciding.may_look(tickets[2]));
        deciding.looked(tickets[1], false);
        assert!(deciding.may_look(tickets[2]));
        deciding.time_has_passed();
        assert!(!deciding.may_look(tickets[2]));
    }
}
