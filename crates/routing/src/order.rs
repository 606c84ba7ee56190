//! The strategies: in which order those are tried who may be.

use ringfence_model::{GroupProfile, MemberProfile, Strategy, TargetId, Timestamp};

use crate::chance::{Chance, share};
use crate::facts::{GroupLoad, TargetLoad};

/// A target that may be rung.
#[derive(Debug, Clone)]
pub(crate) struct Able {
    pub target: TargetId,
    /// Its place in the group.
    pub place: usize,
    pub member: MemberProfile,
    pub load: TargetLoad,
}

/// The able ones in the order of a strategy, each with the reason. `sticky` looks at no caller here: who spoke last was
/// put before all others already.
pub(crate) fn ordered(
    strategy: Strategy,
    mut able: Vec<Able>,
    profile: &GroupProfile,
    group: &GroupLoad,
    now: Timestamp,
    chance: &mut Chance<'_>,
) -> Vec<(Able, String)> {
    match strategy {
        Strategy::Weighted => weighted(able, group.cursor, chance),
        Strategy::RoundRobin => {
            // Who was never rung has no turn, and none is before any.
            able.sort_by_key(|able| (group.turns.get(&able.target).copied(), able.place));
            told(able, |_, able| turn(group, able.target))
        }
        Strategy::LeastBusy => {
            able.sort_by_key(|able| (able.load.active, able.load.idle_since(), able.place));
            told(able, |place, able| {
                let calls = calls(able.load.active);
                format!("{} ({calls})", place.by("least busy", "calls now"))
            })
        }
        Strategy::LongestIdle | Strategy::Sticky => {
            able.sort_by_key(|able| (able.load.active, able.load.idle_since(), able.place));
            told(able, |place, able| {
                let idle = idle(&able.load, now);
                format!("{} ({idle})", place.by("longest idle", "time idle"))
            })
        }
        Strategy::Priority => {
            able.sort_by_key(|able| (able.member.priority, able.place));
            told(able, |place, _| place.by("first", "priority"))
        }
        Strategy::Simultaneous => {
            let others = able.len().saturating_sub(1);
            told(able, |_, _| match others {
                0 => "alone".to_owned(),
                1 => "together with another".to_owned(),
                _ => format!("together with {others} others"),
            })
        }
        Strategy::Performance => performance(able, profile.explore, chance),
    }
}

fn told(able: Vec<Able>, reason: impl Fn(Nth, &Able) -> String) -> Vec<(Able, String)> {
    let of = able.len();
    able.into_iter()
        .enumerate()
        .map(|(index, able)| {
            let reason = reason(Nth { index, of }, &able);
            (able, reason)
        })
        .collect()
}

/// The place of a target among those who can be rung.
#[derive(Clone, Copy)]
struct Nth {
    index: usize,
    of: usize,
}

impl Nth {
    /// In words; the first of them is the `most` of all, the others follow `by` something.
    fn by(self, most: &str, by: &str) -> String {
        let Self { index, of } = self;
        match (index, of) {
            (_, 1) => "the only one who can be rung".to_owned(),
            (0, _) => format!("the {most} of {of}"),
            _ => format!("number {} of {of} by {by}", index + 1),
        }
    }
}

/// The first by a sequence that spreads evenly, so that a hundred calls keep to the weights and not only a million; the
/// others, who are rung only when it does not answer, by lot. Spares last.
fn weighted(able: Vec<Able>, cursor: u64, chance: &mut Chance<'_>) -> Vec<(Able, String)> {
    let (mut left, spares): (Vec<Able>, Vec<Able>) =
        able.into_iter().partition(|able| able.member.weight > 0);
    let mut drawn = Vec::with_capacity(left.len() + spares.len());
    while !left.is_empty() {
        let total: u64 = left.iter().map(|able| u64::from(able.member.weight)).sum();
        let mut lot = if drawn.is_empty() {
            share(even(cursor), total)
        } else {
            chance.below(total)
        };
        let index = left
            .iter()
            .position(|able| {
                let weight = u64::from(able.member.weight);
                let hit = lot < weight;
                lot = lot.saturating_sub(weight);
                hit
            })
            .unwrap_or(0);
        let able = left.remove(index);
        let reason = format!("by its share, weight {} of {total}", able.member.weight);
        drawn.push((able, reason));
    }
    drawn.extend(told(spares, |_, _| "a spare, weight 0".to_owned()));
    drawn
}

/// The `n`th of a sequence whose every stretch covers all 64-bit numbers evenly: multiples of the golden ratio
/// (H. Weyl, 1916; D. Knuth, The Art of Computer Programming, volume 3, 6.4). Its error shrinks as 1/n, a lot's as 1/√n.
fn even(n: u64) -> u64 {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    n.wrapping_mul(GOLDEN)
}

fn turn(group: &GroupLoad, target: TargetId) -> String {
    match group.turns.get(&target) {
        None => "its turn: no call yet".to_owned(),
        Some(turn) => match group.cursor.saturating_sub(*turn) {
            0 | 1 => "its turn: it had the last call".to_owned(),
            ago => format!("its turn: its last call was {ago} calls ago"),
        },
    }
}

fn calls(active: u32) -> String {
    match active {
        0 => "no call now".to_owned(),
        1 => "one call now".to_owned(),
        more => format!("{more} calls now"),
    }
}

fn idle(load: &TargetLoad, now: Timestamp) -> String {
    if load.active > 0 {
        return calls(load.active);
    }
    match load.idle_since() {
        None => "free, no call yet".to_owned(),
        Some(since) => format!("free for {} s", now.since(since).as_secs()),
    }
}

fn performance(mut able: Vec<Able>, explore: u8, chance: &mut Chance<'_>) -> Vec<(Able, String)> {
    able.sort_by(|one, other| {
        // answered/rung, as if each had also missed one and answered one: who is new stands in the middle.
        let weighed = |able: &Able, by: &Able| {
            (u64::from(able.load.answered) + 1) * (u64::from(by.load.rung) + 2)
        };
        weighed(other, one)
            .cmp(&weighed(one, other))
            .then(one.load.idle_since().cmp(&other.load.idle_since()))
            .then(one.place.cmp(&other.place))
    });
    let by_lot = able.len() > 1 && chance.below(100) < u64::from(explore);
    if by_lot {
        let lot = chance.below(able.len() as u64);
        let index = usize::try_from(lot).unwrap_or(0);
        let first = able.remove(index);
        able.insert(0, first);
    }
    let mut ordered = told(able, |_, able| {
        let TargetLoad { rung, answered, .. } = able.load;
        match rung {
            0 => "no call yet".to_owned(),
            _ => format!("answered {answered} of {rung}"),
        }
    });
    if by_lot && let Some((_, reason)) = ordered.first_mut() {
        *reason = format!("by lot, to see how it does ({reason})");
    }
    ordered
}
