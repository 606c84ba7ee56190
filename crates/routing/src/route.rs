//! A plan as one list: whom a call rings, in which order, and what the caller is told at the end.
//!
//! This is what a call can do that is told everything beforehand. [`Walk`](crate::Walk) goes step by step.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use ringfence_model::{
    GroupProfile, LegId, PlanDocument, Step, Target, TargetGroup, TargetGroupId, TargetId,
    TargetProfile, TrunkId,
};

/// The most candidates of one route: a caller has hung up long before the last of them rings.
pub const MAX_CANDIDATES: usize = 50;

/// What an account has that a plan may name. Groups and targets without a profile have the default one.
#[derive(Debug, Clone, Default)]
pub struct Destinations {
    /// Groups by id.
    pub groups: HashMap<TargetGroupId, TargetGroup>,
    /// Targets by id, paused ones too.
    pub targets: HashMap<TargetId, Target>,
    /// How groups spread their calls.
    pub group_profiles: HashMap<TargetGroupId, GroupProfile>,
    /// Languages, caps, hours and trunks of targets.
    pub profiles: HashMap<TargetId, TargetProfile>,
    /// Trunks by id.
    pub trunks: HashSet<TrunkId>,
    /// Names of prompts; `None` when they are not known, and then none is asked for.
    pub prompts: Option<HashSet<String>>,
}

/// One target that a call will ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The id that its leg will have.
    pub leg: LegId,
    /// The target.
    pub target: TargetId,
    /// The target's name.
    pub name: String,
    /// The SIP URI to ring (RFC 3261 §19.1).
    pub uri: String,
    /// How long it rings before the next one does.
    pub ring_timeout: Duration,
    /// Why it is rung at this place, in words that are shown.
    pub reason: String,
}

/// What the plan says the caller is told when no candidate answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A SIP status code, 400 to 699.
    pub code: u16,
    /// Why, in words that are shown.
    pub reason: String,
}

/// The whole way of a call through its plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// Whom to ring, in order; may be empty.
    pub candidates: Vec<Candidate>,
    /// The plan's own last word. `None` when the plan ends at a ring step: then the code follows from
    /// what the targets answered.
    pub refuse: Option<Refusal>,
}

/// Lists the plan from its start: each step that rings a group adds its enabled targets in their order, a reject step
/// ends the list with its code.
///
/// No clock, caller or load is asked here: any other step is passed over to its `otherwise` or what comes next, and a plan
/// that decides by them wants a [`Walk`](crate::Walk). A plan that [`validate`](crate::validate) would refuse is listed as
/// far as it makes sense: an unknown step ends it with 404, an unknown group or target is passed over, a loop ends at its
/// first repetition.
pub fn route(
    plan: &PlanDocument,
    destinations: &Destinations,
    mut draw_leg_id: impl FnMut() -> LegId,
) -> Route {
    let mut route = Route::default();
    let mut seen = BTreeSet::new();
    let mut next = Some(plan.start.as_str());
    while let Some(at) = next
        && seen.insert(at)
    {
        next = match plan.steps.get(at) {
            None => {
                route.refuse = Some(Refusal {
                    code: 404,
                    reason: format!("the plan has no step {at:?}"),
                });
                None
            }
            Some(Step::Reject { code }) => {
                route.refuse = Some(Refusal {
                    code: if (400..=699).contains(code) {
                        *code
                    } else {
                        603
                    },
                    reason: format!("step {at:?} of the plan refuses with {code}"),
                });
                None
            }
            Some(step) => {
                let group = match step {
                    Step::Ring(ring) => Some(ring.group),
                    Step::Queue(queue) => Some(queue.group),
                    _ => None,
                };
                if let Some(group) = group.and_then(|group| destinations.groups.get(&group)) {
                    add_group(
                        &mut route.candidates,
                        at,
                        group,
                        destinations,
                        &mut draw_leg_id,
                    );
                }
                otherwise(step)
            }
        };
    }
    route
}

fn otherwise(step: &Step) -> Option<&str> {
    match step {
        Step::Schedule(schedule) => Some(&schedule.otherwise),
        Step::Match(matched) => Some(&matched.otherwise),
        Step::Menu(menu) => menu.otherwise.as_deref(),
        Step::Say(say) => say.next.as_deref(),
        Step::Ring(ring) => ring.otherwise.as_deref(),
        Step::Queue(queue) => queue.otherwise.as_deref(),
        Step::Forward(forward) => forward.otherwise.as_deref(),
        Step::Goto { step } => Some(step),
        Step::Voicemail(_) | Step::Reject { .. } => None,
    }
}

fn add_group(
    candidates: &mut Vec<Candidate>,
    step: &str,
    group: &TargetGroup,
    destinations: &Destinations,
    draw_leg_id: &mut impl FnMut() -> LegId,
) {
    let enabled: Vec<_> = group
        .members
        .iter()
        .filter_map(|member| {
            let target = destinations.targets.get(&member.target)?;
            target.enabled.then_some((member, target))
        })
        .collect();
    let total = enabled.len();
    for (index, (member, target)) in enabled.into_iter().enumerate() {
        if candidates.len() == MAX_CANDIDATES {
            return;
        }
        candidates.push(Candidate {
            leg: draw_leg_id(),
            target: target.id,
            name: target.name.clone(),
            uri: target.uri.clone(),
            ring_timeout: member.ring_timeout,
            reason: format!(
                "step {step:?}: target {} of {total} in group {:?}",
                index + 1,
                group.name
            ),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate;
    use proptest::prelude::*;
    use ringfence_model::{AccountId, MatchStep, QueueStep, TargetGroupMember, Timestamp};

    const EPOCH: Timestamp = Timestamp::from_micros(0);

    fn group_id(n: usize) -> TargetGroupId {
        TargetGroupId::new(EPOCH, n as u128)
    }

    fn target_id(n: usize) -> TargetId {
        TargetId::new(EPOCH, n as u128)
    }

    /// Each inner list is a group: the numbers of its targets. Targets of `paused` are paused.
    fn destinations(groups: &[Vec<usize>], paused: &[usize]) -> Destinations {
        let account = AccountId::new(EPOCH, 1);
        let mut made = Destinations::default();
        for (n, members) in groups.iter().enumerate() {
            for &member in members {
                made.targets.insert(
                    target_id(member),
                    Target {
                        id: target_id(member),
                        account,
                        name: format!("Target {member}"),
                        uri: format!("sip:t{member}@example.com"),
                        enabled: !paused.contains(&member),
                    },
                );
            }
            made.groups.insert(
                group_id(n),
                TargetGroup {
                    id: group_id(n),
                    account,
                    name: format!("Group {n}"),
                    members: members
                        .iter()
                        .map(|&member| TargetGroupMember {
                            target: target_id(member),
                            ring_timeout: Duration::from_secs(20),
                        })
                        .collect(),
                },
            );
        }
        made
    }

    fn plan(steps: &[(&str, Step)]) -> PlanDocument {
        PlanDocument {
            start: steps[0].0.into(),
            steps: steps
                .iter()
                .map(|(name, step)| ((*name).to_owned(), step.clone()))
                .collect(),
        }
    }

    fn ring(group: usize, otherwise: Option<&str>) -> Step {
        Step::ring(group_id(group), otherwise.map(ToOwned::to_owned))
    }

    fn drawer() -> impl FnMut() -> LegId {
        let mut drawn = 0;
        move || {
            drawn += 1;
            LegId::new(EPOCH, drawn)
        }
    }

    fn names(route: &Route) -> Vec<&str> {
        route.candidates.iter().map(|c| c.name.as_str()).collect()
    }

    #[test]
    fn groups_ring_in_order_and_paused_targets_are_passed_over() {
        let plan = plan(&[
            ("sales", ring(0, Some("office"))),
            ("office", ring(1, None)),
        ]);
        let route = route(
            &plan,
            &destinations(&[vec![3, 1, 2], vec![5]], &[1]),
            drawer(),
        );
        assert_eq!(names(&route), ["Target 3", "Target 2", "Target 5"]);
        assert_eq!(route.refuse, None);
        assert_eq!(
            route.candidates[1].reason,
            "step \"sales\": target 2 of 2 in group \"Group 0\""
        );
    }

    #[test]
    fn a_reject_step_gives_the_last_word() {
        let plan = plan(&[
            ("a", ring(0, Some("closed"))),
            ("closed", Step::Reject { code: 486 }),
        ]);
        let route = route(&plan, &destinations(&[vec![1]], &[]), drawer());
        assert_eq!(route.candidates.len(), 1);
        assert_eq!(route.refuse.map(|r| r.code), Some(486));
    }

    #[test]
    fn what_the_list_cannot_ask_is_passed_over_to_otherwise() {
        let plan = plan(&[
            ("a", Step::Goto { step: "b".into() }),
            (
                "b",
                Step::Match(MatchStep {
                    cases: vec![],
                    otherwise: "c".into(),
                }),
            ),
            (
                "c",
                Step::Queue(QueueStep {
                    otherwise: Some("d".into()),
                    ..QueueStep::of(group_id(0))
                }),
            ),
            ("d", ring(1, None)),
        ]);
        let route = route(&plan, &destinations(&[vec![1], vec![2]], &[]), drawer());
        assert_eq!(names(&route), ["Target 1", "Target 2"]);
    }

    #[test]
    fn a_start_that_is_not_there_refuses_with_404() {
        let mut plan = plan(&[("a", ring(0, None))]);
        plan.start = "b".into();
        let route = route(&plan, &destinations(&[vec![1]], &[]), drawer());
        assert!(route.candidates.is_empty());
        assert_eq!(route.refuse.map(|r| r.code), Some(404));
    }

    fn any_plan() -> impl Strategy<Value = PlanDocument> {
        let step = prop_oneof![
            (0..4usize, proptest::option::of(0..6usize)).prop_map(|(group, next)| {
                Step::ring(group_id(group), next.map(|n| n.to_string()))
            }),
            (0..6usize).prop_map(|next| Step::Goto {
                step: next.to_string()
            }),
            (300..750u16).prop_map(|code| Step::Reject { code }),
        ];
        (
            0..6usize,
            proptest::collection::btree_map((0..6usize).prop_map(|n| n.to_string()), step, 0..6),
        )
            .prop_map(|(start, steps)| PlanDocument {
                start: start.to_string(),
                steps,
            })
    }

    proptest! {
        #[test]
        fn any_plan_gives_a_bounded_route_of_enabled_targets_with_legs_of_their_own(
            plan in any_plan(),
            groups in proptest::collection::vec(proptest::collection::vec(0..20usize, 0..30), 0..4),
            paused in proptest::collection::vec(0..20usize, 0..6),
        ) {
            let destinations = destinations(&groups, &paused);
            let route = route(&plan, &destinations, drawer());
            prop_assert!(route.candidates.len() <= MAX_CANDIDATES);
            let legs: BTreeSet<_> = route.candidates.iter().map(|c| c.leg).collect();
            prop_assert_eq!(legs.len(), route.candidates.len());
            for candidate in &route.candidates {
                prop_assert!(destinations.targets[&candidate.target].enabled);
            }
            if let Some(refusal) = &route.refuse {
                prop_assert!((400..=699).contains(&refusal.code));
            }
        }

        #[test]
        fn a_plan_that_passes_validation_never_refuses_with_404_of_its_own(
            plan in any_plan(),
        ) {
            let destinations = destinations(&[vec![1], vec![2], vec![3], vec![4]], &[]);
            if validate(&plan, Some(&destinations)).is_ok() {
                let last = route(&plan, &destinations, drawer()).refuse;
                if let Some(refusal) = last {
                    let named = plan.steps.values().any(|s| *s == Step::Reject { code: refusal.code });
                    prop_assert!(named);
                }
            }
        }
    }
}
