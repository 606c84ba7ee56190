//! To whom a caller may be put through: what the one who answered asks for, and whether it may be.
//!
//! A word is an extension (the user of a phone), the name of a target, the name of a group, or a number, in this order.
//! Nothing else is ever rung: no SIP URI of somebody's own.

use std::collections::HashMap;
use std::fmt;

use ringfence_model::{
    AccountId, Dialling, E164, Target, TargetGroupId, TargetId, Timestamp, TransfersTo, TrunkId,
};

use crate::dialling::{Forbidden, may_dial};
use crate::facts::View;
use crate::route::Destinations;
use crate::skip::{Skip, admitted, is_number};

/// Whom a caller is put through to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutThrough {
    /// A target.
    Target(TargetId),
    /// Whoever of a group is free.
    Group(TargetGroupId),
    /// A number, over this trunk.
    Number(E164, TrunkId),
}

/// Whom somebody wants who does not talk in the call: a supervisor, or a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This target.
    Target(TargetId),
    /// Whoever of this group is free.
    Group(TargetGroupId),
    /// A number, international or as it is dialled in the account's country.
    Number(String),
}

/// What an account says of transfers, and what it has.
#[derive(Debug, Clone, Copy)]
pub struct TransferRules<'a> {
    /// Targets and groups.
    pub destinations: &'a Destinations,
    /// Targets by the user that their phone registers as, in lower case.
    pub extensions: &'a HashMap<String, TargetId>,
    /// Which numbers may be dialled, and whether callers may be put through at all.
    pub dialling: &'a Dialling,
    /// ISO 3166-1 alpha-2: the account's own country.
    pub home: &'a str,
    /// The trunks that take calls, the one first that the call came in by.
    pub trunks: &'a [TrunkId],
}

/// A call of one phone of an account to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Talk {
    /// Whose phones they are.
    pub account: AccountId,
    /// Who calls.
    pub by: TargetId,
    /// Who has answered, if somebody has.
    pub with: Option<TargetId>,
}

/// Why a caller is not put through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoTransfer {
    /// The account wants none.
    Closed,
    /// Whoever talks with the caller is a number over a trunk, or nobody of the account.
    NotOurs,
    /// It is nobody's name or extension, and no number.
    Nobody,
    /// Several have such a name.
    Several,
    /// It is the one who wants it.
    Itself,
    /// The account puts nobody through to numbers.
    NoNumbers,
    /// The number may not be dialled.
    Forbidden(Forbidden),
    /// No trunk takes calls, or several do and none of them brought this one.
    NoTrunk,
    /// The call that the caller is to be joined with is over, or is not one that this phone made to a colleague.
    NotItsTalk,
    /// The colleague has not answered yet.
    RingsStill,
}

impl NoTransfer {
    /// The SIP status code (RFC 3261 §21) for who wants it.
    pub const fn code(&self) -> u16 {
        match self {
            Self::Nobody => 404,
            Self::Itself => 482,
            Self::NotItsTalk => 481,
            Self::RingsStill => 480,
            Self::Several => 485,
            Self::NoTrunk => 503,
            Self::Closed | Self::NotOurs | Self::NoNumbers | Self::Forbidden(_) => 403,
        }
    }

    /// One word for a counter.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::NotOurs => "not_ours",
            Self::Nobody => "nobody",
            Self::Several => "several",
            Self::Itself => "itself",
            Self::NoNumbers => "no_numbers",
            Self::Forbidden(_) => "forbidden_number",
            Self::NoTrunk => "no_trunk",
            Self::NotItsTalk => "not_its_talk",
            Self::RingsStill => "rings_still",
        }
    }
}

impl fmt::Display for NoTransfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str(
                "the account puts no callers through: `transfers` of [dialling] is \"nobody\"",
            ),
            Self::NotOurs => f.write_str(
                "only a phone or SIP target of the account may put a caller through, and this is a telephone number over a trunk",
            ),
            Self::Nobody => f.write_str(
                "expected an extension, a target, a group or a telephone number, and it is none",
            ),
            Self::Several => f.write_str("several targets or groups have such a name"),
            Self::Itself => f.write_str("it is the one who talks with the caller"),
            Self::NoNumbers => f.write_str(
                "the account puts callers through to its targets and groups alone: `transfers` of [dialling] is \"targets\"",
            ),
            Self::Forbidden(why) => why.fmt(f),
            Self::NoTrunk => f.write_str(
                "no trunk is known to carry it: give the trunk that the call came in by a `send_to`",
            ),
            Self::NotItsTalk => f.write_str(
                "expected a call under way that this phone made to a colleague's extension here, and it is none",
            ),
            Self::RingsStill => f.write_str(
                "the colleague has not answered yet: wait for that, or dial the extension as a transfer",
            ),
        }
    }
}

/// Whom `to` names, and whether the target `from`, who talks with the caller, may put it through to that one.
///
/// # Errors
/// Why not.
pub fn put_through(
    to: &str,
    from: Option<TargetId>,
    rules: &TransferRules<'_>,
) -> Result<PutThrough, NoTransfer> {
    let from = may_put_through(from, rules)?;
    match named(to, rules)? {
        Some(PutThrough::Target(target)) if target == from.id => Err(NoTransfer::Itself),
        Some(found) => Ok(found),
        None => number(to, rules),
    }
}

/// Whom somebody wants who does not talk in the call, and whether the caller may be put through to that one. Who talks with
/// it, the target `from` where that is one, may be a number over a trunk: it is not the one who asks.
///
/// # Errors
/// Why not.
pub fn put_through_to(
    wanted: &Wanted,
    from: Option<TargetId>,
    rules: &TransferRules<'_>,
) -> Result<PutThrough, NoTransfer> {
    if rules.dialling.transfers == TransfersTo::Nobody {
        return Err(NoTransfer::Closed);
    }
    let Destinations {
        targets, groups, ..
    } = rules.destinations;
    match wanted {
        Wanted::Target(target) if Some(*target) == from => Err(NoTransfer::Itself),
        Wanted::Target(target) if targets.contains_key(target) => Ok(PutThrough::Target(*target)),
        Wanted::Group(group) if groups.contains_key(group) => Ok(PutThrough::Group(*group)),
        Wanted::Target(_) | Wanted::Group(_) => Err(NoTransfer::Nobody),
        Wanted::Number(number) => self::number(number, rules),
    }
}

/// Whom the caller is joined with when the target `from`, who talks with it, has called that one (RFC 5589 §7).
///
/// # Errors
/// Why it is not.
pub fn join(
    talk: Option<&Talk>,
    from: Option<TargetId>,
    rules: &TransferRules<'_>,
) -> Result<TargetId, NoTransfer> {
    let from = may_put_through(from, rules)?;
    let its_own = |talk: &&Talk| talk.account == from.account && talk.by == from.id;
    let talk = talk.filter(its_own).ok_or(NoTransfer::NotItsTalk)?;
    talk.with.ok_or(NoTransfer::RingsStill)
}

/// Whom a phone of the account calls that dials `to`: the extension of a colleague, and nothing else, so that no call
/// leaves the account for a phone.
///
/// # Errors
/// Why nobody.
pub fn colleague<S: std::hash::BuildHasher>(
    to: &str,
    from: TargetId,
    extensions: &HashMap<String, TargetId, S>,
) -> Result<TargetId, NoTransfer> {
    match extensions.get(&to.trim().to_ascii_lowercase()) {
        None => Err(NoTransfer::Nobody),
        Some(target) if *target == from => Err(NoTransfer::Itself),
        Some(target) => Ok(*target),
    }
}

/// Who talks with the caller, when that one may put it through.
fn may_put_through<'a>(
    from: Option<TargetId>,
    rules: &TransferRules<'a>,
) -> Result<&'a Target, NoTransfer> {
    if rules.dialling.transfers == TransfersTo::Nobody {
        return Err(NoTransfer::Closed);
    }
    let targets = &rules.destinations.targets;
    from.and_then(|from| targets.get(&from))
        .filter(|target| !is_number(target))
        .ok_or(NoTransfer::NotOurs)
}

/// Whether a target may be rung by itself at this moment.
///
/// # Errors
/// Why not, in words that are shown.
pub fn may_ring(target: &Target, view: &View<'_>, now: Timestamp) -> Result<(), Skip> {
    let profile = view.destinations.profiles.get(&target.id);
    let profile = profile.cloned().unwrap_or_default();
    admitted(target, &profile, &view.load(target.id), now).map(|_| ())
}

fn named(to: &str, rules: &TransferRules<'_>) -> Result<Option<PutThrough>, NoTransfer> {
    if let Some(target) = rules.extensions.get(&to.trim().to_ascii_lowercase()) {
        return Ok(Some(PutThrough::Target(*target)));
    }
    let wanted = plain(to);
    if wanted.is_empty() {
        return Ok(None);
    }
    let targets = rules.destinations.targets.values();
    let targets = targets.filter(|target| plain(&target.name) == wanted);
    let mut targets = targets.map(|target| PutThrough::Target(target.id));
    let groups = rules.destinations.groups.values();
    let groups = groups.filter(|group| plain(&group.name) == wanted);
    let mut groups = groups.map(|group| PutThrough::Group(group.id));
    match (targets.next(), targets.next()) {
        (Some(_), Some(_)) => Err(NoTransfer::Several),
        (Some(target), None) => Ok(Some(target)),
        (None, _) => match (groups.next(), groups.next()) {
            (Some(_), Some(_)) => Err(NoTransfer::Several),
            (group, _) => Ok(group),
        },
    }
}

fn number(to: &str, rules: &TransferRules<'_>) -> Result<PutThrough, NoTransfer> {
    let number = E164::parse(to, Some(rules.home)).map_err(|_| NoTransfer::Nobody)?;
    if rules.dialling.transfers != TransfersTo::Numbers {
        return Err(NoTransfer::NoNumbers);
    }
    may_dial(rules.dialling, rules.home, &number).map_err(NoTransfer::Forbidden)?;
    let trunk = rules.trunks.first().ok_or(NoTransfer::NoTrunk)?;
    Ok(PutThrough::Number(number, *trunk))
}

/// A name as a phone's keys or address book may write it: letters and digits alone, in lower case.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::{AccountId, TargetGroup};

    const NOW: Timestamp = Timestamp::from_micros(1);

    fn target(n: u128) -> TargetId {
        TargetId::new(NOW, n)
    }

    fn group(n: u128) -> TargetGroupId {
        TargetGroupId::new(NOW, n)
    }

    fn trunk() -> TrunkId {
        TrunkId::new(NOW, 1)
    }

    fn destinations() -> Destinations {
        let account = AccountId::new(NOW, 1);
        let mut made = Destinations::default();
        for (n, name, uri) in [
            (1, "Ann Smith", "phone:101"),
            (2, "Ben", "phone:ben"),
            (3, "Mobile", "tel:+442079460123"),
            (4, "Support", "sip:support@example.com"),
            (5, "Twin", "sip:one@example.com"),
            (6, "twin", "sip:two@example.com"),
        ] {
            let target = Target {
                id: target(n),
                account,
                name: name.into(),
                uri: uri.into(),
                enabled: true,
            };
            made.targets.insert(target.id, target);
        }
        for (n, name) in [(1, "Support"), (2, "Sales team")] {
            let group = TargetGroup {
                id: group(n),
                account,
                name: name.into(),
                members: Vec::new(),
            };
            made.groups.insert(group.id, group);
        }
        made
    }

    fn extensions() -> HashMap<String, TargetId> {
        [("101".to_owned(), target(1)), ("ben".to_owned(), target(2))].into()
    }

    fn with_rules<T>(dialling: &Dialling, ask: impl FnOnce(&TransferRules<'_>) -> T) -> T {
        ask(&TransferRules {
            destinations: &destinations(),
            extensions: &extensions(),
            dialling,
            home: "GB",
            trunks: &[trunk()],
        })
    }

    fn asked(to: &str, from: u128, dialling: &Dialling) -> Result<PutThrough, NoTransfer> {
        with_rules(dialling, |rules| put_through(to, Some(target(from)), rules))
    }

    #[test]
    fn an_extension_a_name_and_a_number_are_found_in_this_order() {
        let to_number = PutThrough::Number("+442079460123".parse().unwrap(), trunk());
        for (to, found) in [
            ("101", Ok(PutThrough::Target(target(1)))),
            ("ann-smith", Ok(PutThrough::Target(target(1)))),
            ("Ann Smith", Ok(PutThrough::Target(target(1)))),
            ("support", Ok(PutThrough::Target(target(4)))),
            ("SalesTeam", Ok(PutThrough::Group(group(2)))),
            ("+442079460123", Ok(to_number.clone())),
            ("020 7946 0123", Ok(to_number)),
            ("twin", Err(NoTransfer::Several)),
            ("ben", Err(NoTransfer::Itself)),
            ("999", Err(NoTransfer::Nobody)),
            ("nobody", Err(NoTransfer::Nobody)),
            ("", Err(NoTransfer::Nobody)),
        ] {
            assert_eq!(asked(to, 2, &Dialling::default()), found, "{to}");
        }
    }

    #[test]
    fn a_number_is_dialled_where_a_plan_may_forward_to_it_and_nowhere_else() {
        let number = |to| asked(to, 1, &Dialling::default());
        assert_eq!(
            number("+12125550123"),
            Err(NoTransfer::Forbidden(Forbidden::Country(Some("US".into()))))
        );
        let mut open = Dialling {
            prefixes: vec!["+44".into()],
            ..Dialling::default()
        };
        // Ofcom's premium-rate numbers for drama.
        let premium = Err(NoTransfer::Forbidden(Forbidden::Premium));
        assert_eq!(asked("+449098790123", 1, &open), premium);
        open.transfers = TransfersTo::Targets;
        assert_eq!(asked("+442079460123", 1, &open), Err(NoTransfer::NoNumbers));
        assert!(asked("ben", 1, &open).is_ok());
        open.transfers = TransfersTo::Nobody;
        assert_eq!(asked("ben", 1, &open), Err(NoTransfer::Closed));
    }

    #[test]
    fn a_telephone_number_that_answered_puts_nobody_through() {
        let nothing = Dialling::default();
        assert_eq!(asked("ben", 3, &nothing), Err(NoTransfer::NotOurs));
        assert_eq!(asked("ben", 99, &nothing), Err(NoTransfer::NotOurs));
    }

    #[test]
    fn whoever_does_not_talk_puts_a_caller_through_by_the_same_rules_whoever_talks_with_it() {
        let number = |text: &str| Wanted::Number(text.to_owned());
        let asked = |wanted: &Wanted, from, transfers| {
            let dialling = Dialling {
                transfers,
                ..Dialling::default()
            };
            with_rules(&dialling, |rules| put_through_to(wanted, from, rules))
        };
        let to_number = PutThrough::Number("+442079460123".parse().unwrap(), trunk());
        // A number over a trunk talks, or nobody of the account.
        for from in [Some(target(3)), None] {
            for (wanted, found) in [
                (Wanted::Target(target(2)), Ok(PutThrough::Target(target(2)))),
                (Wanted::Target(target(9)), Err(NoTransfer::Nobody)),
                (Wanted::Group(group(2)), Ok(PutThrough::Group(group(2)))),
                (Wanted::Group(group(9)), Err(NoTransfer::Nobody)),
                (number("020 7946 0123"), Ok(to_number.clone())),
                (number("Ben"), Err(NoTransfer::Nobody)),
            ] {
                assert_eq!(
                    asked(&wanted, from, TransfersTo::Numbers),
                    found,
                    "{wanted:?}"
                );
            }
        }
        let ben = Wanted::Target(target(2));
        for (wanted, transfers, found) in [
            (&ben, TransfersTo::Numbers, NoTransfer::Itself),
            (&ben, TransfersTo::Nobody, NoTransfer::Closed),
            (
                &number("+442079460123"),
                TransfersTo::Targets,
                NoTransfer::NoNumbers,
            ),
        ] {
            assert_eq!(asked(wanted, Some(target(2)), transfers), Err(found));
        }
        let abroad = asked(&number("+12125550123"), None, TransfersTo::Numbers);
        assert!(
            matches!(abroad, Err(NoTransfer::Forbidden(_))),
            "{abroad:?}"
        );
    }

    #[test]
    fn a_phone_dials_the_extension_of_a_colleague_and_nothing_else() {
        for (to, found) in [
            ("101", Ok(target(1))),
            (" BEN", Err(NoTransfer::Itself)),
            ("Ann Smith", Err(NoTransfer::Nobody)),
            ("sales-team", Err(NoTransfer::Nobody)),
            ("+442079460123", Err(NoTransfer::Nobody)),
            ("", Err(NoTransfer::Nobody)),
        ] {
            assert_eq!(colleague(to, target(2), &extensions()), found, "{to}");
        }
    }

    #[test]
    fn a_caller_is_joined_with_the_colleague_of_who_called_that_one_and_with_nobody_else() {
        let talk = Talk {
            account: AccountId::new(NOW, 1),
            by: target(1),
            with: Some(target(2)),
        };
        let elsewhere = Talk {
            account: AccountId::new(NOW, 2),
            ..talk
        };
        let rings = Talk { with: None, ..talk };
        let asked = |talk: Option<Talk>, from, dialling: &Dialling| {
            with_rules(dialling, |rules| {
                join(talk.as_ref(), Some(target(from)), rules)
            })
        };
        let open = Dialling::default();
        assert_eq!(asked(Some(talk), 1, &open), Ok(target(2)));
        assert_eq!(asked(Some(rings), 1, &open), Err(NoTransfer::RingsStill));
        for (talk, from) in [
            (None, 1),
            (Some(talk), 2),
            (Some(elsewhere), 1),
            (Some(rings), 4),
        ] {
            assert_eq!(asked(talk, from, &open), Err(NoTransfer::NotItsTalk));
        }
        assert_eq!(asked(Some(talk), 3, &open), Err(NoTransfer::NotOurs));
        let closed = Dialling {
            transfers: TransfersTo::Nobody,
            ..Dialling::default()
        };
        assert_eq!(asked(Some(talk), 1, &closed), Err(NoTransfer::Closed));
    }
}
