//! What is wrong with a document by itself: everything at once, before anything is changed.

use std::collections::HashSet;
use std::net::IpAddr;

use ringfence_model::E164;

use super::Arrangement;

impl Arrangement {
    /// Everything that is wrong with it, by itself.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let targets = names(
            "target",
            self.target.iter().map(|part| &part.name),
            &mut problems,
        );
        let groups = names(
            "group",
            self.group.iter().map(|part| &part.name),
            &mut problems,
        );
        let plans = names(
            "plan",
            self.plan.iter().map(|part| &part.name),
            &mut problems,
        );
        let pools = names(
            "pool",
            self.pool.iter().map(|part| &part.name),
            &mut problems,
        );
        names(
            "trunk",
            self.trunk.iter().map(|part| &part.name),
            &mut problems,
        );
        names(
            "site",
            self.site.iter().map(|part| &part.name),
            &mut problems,
        );
        names(
            "number",
            self.number.iter().map(|part| &part.e164),
            &mut problems,
        );
        let mut known = |what: &str, name: &str, among: &HashSet<&str>, of: String| {
            if !among.contains(name) {
                problems.push(format!(
                    "{of}: expected the name of a {what} of this file, got {name:?}"
                ));
            }
        };
        for group in &self.group {
            for target in &group.targets {
                known(
                    "target",
                    target,
                    &targets,
                    format!("group {:?}", group.name),
                );
            }
        }
        for plan in &self.plan {
            for group in &plan.ring {
                known("group", group, &groups, format!("plan {:?}", plan.name));
            }
        }
        for number in &self.number {
            known(
                "plan",
                &number.plan,
                &plans,
                format!("number {}", number.e164),
            );
            if let Some(pool) = &number.pool {
                known("pool", pool, &pools, format!("number {}", number.e164));
            }
        }
        for site in &self.site {
            if let Some(pool) = &site.pool {
                known("pool", pool, &pools, format!("site {:?}", site.name));
            }
        }
        self.values(&mut problems);
        problems
    }

    fn values(&self, problems: &mut Vec<String>) {
        for trunk in &self.trunk {
            for address in &trunk.addresses {
                if address.parse::<ipnet::IpNet>().is_err() && address.parse::<IpAddr>().is_err() {
                    problems.push(format!(
                        "trunk {:?}: expected an address or a network such as 203.0.113.0/28, got {address:?}",
                        trunk.name
                    ));
                }
            }
        }
        for target in &self.target {
            let host = target
                .uri
                .strip_prefix("sip:")
                .filter(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace));
            if host.is_none() {
                problems.push(format!(
                    "target {:?}: expected a SIP URI such as sip:desk@192.0.2.10, got {:?}",
                    target.name, target.uri
                ));
            }
        }
        for group in &self.group {
            if !(1..=300).contains(&group.ring_seconds) {
                problems.push(format!(
                    "group {:?}: expected 1 to 300 ring_seconds, got {}",
                    group.name, group.ring_seconds
                ));
            }
        }
        for plan in &self.plan {
            if plan
                .otherwise_reject
                .is_some_and(|code| !(400..=699).contains(&code))
            {
                problems.push(format!(
                    "plan {:?}: expected a SIP status code from 400 to 699 in otherwise_reject",
                    plan.name
                ));
            }
        }
        let overflows = self.pool.iter().filter_map(|pool| pool.overflow.as_ref());
        for number in self.number.iter().map(|part| &part.e164).chain(overflows) {
            if let Err(error) = number.parse::<E164>() {
                problems.push(error.to_string());
            }
        }
        for pool in &self.pool {
            if let Some(overflow) = &pool.overflow
                && !self
                    .number
                    .iter()
                    .any(|number| number.e164 == *overflow && number.pool.is_none())
            {
                problems.push(format!(
                    "pool {:?}: expected its overflow number {overflow} among the numbers of this file, in no pool",
                    pool.name
                ));
            }
        }
    }
}

fn names<'a>(
    what: &str,
    names: impl Iterator<Item = &'a String>,
    problems: &mut Vec<String>,
) -> HashSet<&'a str> {
    let mut seen = HashSet::new();
    for name in names {
        if name.trim().is_empty() {
            problems.push(format!(
                "expected every {what} to have a name, got an empty one"
            ));
        } else if !seen.insert(name.as_str()) {
            problems.push(format!("expected every {what} once, got {name:?} twice"));
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrangement::{
        GroupPart, NumberPart, PlanPart, PoolPart, SitePart, TargetPart, TrunkPart,
    };

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let arrangement = Arrangement {
            trunk: vec![TrunkPart {
                name: "Carrier".into(),
                addresses: vec!["here".into()],
                country: None,
            }],
            target: vec![TargetPart {
                name: "Desk".into(),
                uri: "desk".into(),
                paused: false,
            }],
            group: vec![GroupPart {
                name: "Sales".into(),
                targets: vec!["Nobody".into()],
                ring_seconds: 0,
            }],
            plan: vec![PlanPart {
                name: "Main".into(),
                ring: vec!["Nobody".into()],
                otherwise_reject: Some(200),
            }],
            pool: vec![PoolPart {
                name: "Web".into(),
                hold_minutes: 30,
                overflow: Some("+442079460001".into()),
            }],
            number: vec![NumberPart {
                e164: "x".into(),
                label: String::new(),
                pool: Some("Pond".into()),
                plan: "None".into(),
            }],
            site: vec![SitePart {
                name: " ".into(),
                hosts: vec![],
                swap: vec![],
                pool: None,
            }],
        };
        let problems = arrangement.problems();
        for part in [
            "here",
            "\"desk\"",
            "\"Nobody\"",
            "ring_seconds",
            "otherwise_reject",
            "overflow",
            "Pond",
            "None",
            "site",
        ] {
            assert!(
                problems.iter().any(|problem| problem.contains(part)),
                "{part} is not in {problems:?}"
            );
        }
    }
}
