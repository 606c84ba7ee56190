//! What is wrong with a document by itself: everything at once, before anything is changed.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::Path;

use ringfence_model::{AccountId, E164, NumberState, PlanDocument, Step};
use ringfence_routing::{Destinations, PlanWarning, hours_problems, is_range, validate};
use ringfence_store::Db;

use super::shape::{Reach, Shape};
use super::{Arrangement, ArrangementError, GroupPart, PoolPart, TargetPart, TrunkPart};

/// A week: who comes back later is shown another number.
const MOST_HOLD_MINUTES: u32 = 10_080;

/// The heaviest weight of a member.
const MOST_WEIGHT: u32 = 10_000;
/// Calls that ring in vain before an agent is put on a break.
const MOST_IN_VAIN: u32 = 100;
/// An hour of rest after a call, in seconds.
const MOST_WRAP_UP: u32 = 3_600;
/// Two years.
const MOST_QUARANTINE_DAYS: u32 = 730;

impl Arrangement {
    /// Everything that is wrong with it, by itself.
    pub fn problems(&self) -> Vec<String> {
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
        let trunks = names(
            "trunk",
            self.trunk.iter().map(|part| &part.name),
            &mut problems,
        );
        names(
            "prompt",
            self.prompt.iter().map(|part| &part.name),
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
                let of = format!("group {:?}: `targets`", group.name);
                known("target", target, &targets, of);
            }
        }
        for group in &self.group {
            let of = |field: &str| format!("group {:?}: `{field}`", group.name);
            if let Some(overflow) = &group.overflow {
                known("group", overflow, &groups, of("overflow"));
            }
            for member in group.members.keys() {
                known("target", member, &targets, of("members"));
            }
        }
        for target in &self.target {
            if let Some(trunk) = &target.trunk {
                known("trunk", trunk, &trunks, format!("target {:?}", target.name));
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
        self.rule_problems(&mut problems);
        self.login_problems(&mut problems);
        self.values(&mut problems);
        problems
    }

    fn values(&self, problems: &mut Vec<String>) {
        for trunk in &self.trunk {
            of_trunk(trunk, problems);
        }
        self.register_problems(problems);
        for target in &self.target {
            of_target(target, problems);
        }
        for group in &self.group {
            of_group(group, problems);
        }
        for prompt in &self.prompt {
            if !crate::prompts::is_name(&prompt.name) {
                problems.push(format!(
                    "prompt {:?}: `name` expected 1 to 64 lower-case letters, digits, - and _, such as welcome",
                    prompt.name
                ));
            }
            if let Err(error) = ringfence_media::decode_prompt(&prompt.file) {
                problems.push(format!("prompt {:?}: `file`: {error}", prompt.name));
            }
        }
        for plan in &self.plan {
            let steps = plan.start.is_some() || !plan.steps.is_empty();
            if steps && (!plan.ring.is_empty() || plan.otherwise_reject.is_some()) {
                problems.push(format!(
                    "plan {:?}: expected either `ring` or `start` with steps, got both",
                    plan.name
                ));
            } else if steps && plan.start.is_none() {
                problems.push(format!(
                    "plan {:?}: expected `start` to name its first step",
                    plan.name
                ));
            }
        }
        for prefix in self.dialling.iter().flat_map(|dialling| &dialling.prefixes) {
            let digits = prefix.strip_prefix('+').unwrap_or_default();
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                problems.push(format!(
                    "[dialling]: `prefixes` expected the beginning of a number such as +4420, got {prefix:?}"
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
        let spare = |e164: &str| {
            let mut numbers = self.number.iter();
            numbers.any(|number| number.e164 == e164 && number.pool.is_none())
        };
        for pool in &self.pool {
            of_pool(pool, "this file", spare, problems);
        }
    }
}

/// Everything that is wrong with a pool; `is_spare` says whether a number is one of `whose` and in no pool.
pub(super) fn of_pool(
    pool: &PoolPart,
    whose: &str,
    is_spare: impl Fn(&str) -> bool,
    problems: &mut Vec<String>,
) {
    let of = |text: String| format!("pool {:?}: {text}", pool.name);
    if !(1..=MOST_HOLD_MINUTES).contains(&pool.hold_minutes) {
        problems.push(of(format!(
            "`hold_minutes` expected 1 to {MOST_HOLD_MINUTES}, got {}",
            pool.hold_minutes
        )));
    }
    if pool.quarantine_days > MOST_QUARANTINE_DAYS {
        problems.push(of(format!(
            "`quarantine_days` expected 0 to {MOST_QUARANTINE_DAYS}, got {}",
            pool.quarantine_days
        )));
    }
    if let Some(overflow) = &pool.overflow
        && !is_spare(overflow)
    {
        problems.push(of(format!(
            "`overflow` expected one of the numbers of {whose} that is in no pool, got {overflow}"
        )));
    }
}

/// Everything that is wrong with plans, each problem with its plan, step and field; and what is probably not meant.
#[derive(Debug, Clone, Default)]
pub struct PlanFindings {
    /// What is wrong.
    pub problems: Vec<String>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<String>,
}

/// What steps name beside groups, targets and trunks: what the account has, and what the arrangement brings.
#[derive(Debug, Clone, Default)]
pub struct Holdings {
    /// Names of its prompts.
    pub prompts: HashSet<String>,
    /// Its tracking numbers, those that were released left out.
    pub numbers: HashSet<E164>,
}

impl Holdings {
    /// What an account has; its prompts are kept beside `recordings`.
    ///
    /// # Errors
    /// When its rows or the folder of its prompts cannot be read.
    pub async fn of_account(
        db: &Db,
        account: AccountId,
        recordings: &Path,
    ) -> Result<Self, ArrangementError> {
        let folder = crate::prompts::folder(recordings, account);
        let prompts = crate::prompts::kept(&folder).map_err(ArrangementError::Prompts)?;
        let numbers = db.numbers(account).await?.into_iter();
        let in_use = numbers.filter(|number| number.state != NumberState::Released);
        Ok(Self {
            prompts: prompts.into_keys().collect(),
            numbers: in_use.map(|number| number.e164).collect(),
        })
    }
}

impl Shape {
    /// What of it calls cannot do, by step and field. `own` is what the account has already.
    pub fn not_carried_out(&self, arrangement: &Arrangement, mut own: Holdings) -> Vec<String> {
        let brought = arrangement.prompt.iter().map(|part| part.name.clone());
        own.prompts.extend(brought);
        let numbers = arrangement.number.iter();
        own.numbers
            .extend(numbers.filter_map(|part| part.e164.parse::<E164>().ok()));
        let mut found = Vec::new();
        for (plan, document) in &self.plans {
            for (name, step) in &document.steps {
                let fields = super::steps::not_carried_out(step, &own);
                let of = format!("plan {plan:?}: step {name:?}");
                found.extend(fields.iter().map(|told| format!("{of}: {told}")));
            }
        }
        found
    }

    /// Checks every plan against what there is. `reach` is asked whether numbers may be dialled.
    pub fn check_plans(&self, reach: Option<&Reach>) -> PlanFindings {
        let mut findings = PlanFindings {
            problems: self.problems.clone(),
            warnings: Vec::new(),
        };
        let known = self.destinations();
        if let Some(reach) = reach {
            for (target, profile) in &self.targets {
                if let (Some(number), Some(trunk)) = (number_of(&target.uri), profile.trunk) {
                    let barred = reach.uri(&number, trunk).err();
                    findings.problems.extend(
                        barred.map(|why| format!("target {:?}: {number}: {why}", target.name)),
                    );
                }
            }
        }
        for (name, document) in &self.plans {
            check_plan(name, document, Some(&known), reach, &mut findings);
        }
        findings
    }
}

/// Checks one plan.
pub fn check_plan(
    name: &str,
    document: &PlanDocument,
    known: Option<&Destinations>,
    reach: Option<&Reach>,
    findings: &mut PlanFindings,
) {
    let of_plan = |text: String| format!("plan {name:?}: {text}");
    let warned = |warnings: Vec<PlanWarning>| {
        let texts = warnings.into_iter().map(|warning| warning.to_string());
        texts.map(of_plan).collect::<Vec<_>>()
    };
    match validate(document, known) {
        Ok(warnings) => findings.warnings.extend(warned(warnings)),
        Err(error) => {
            let problems = error.problems.iter().map(ToString::to_string);
            findings.problems.extend(problems.map(of_plan));
            findings.warnings.extend(warned(error.warnings));
        }
    }
    let forwards = document.steps.iter().filter_map(|(step, what)| match what {
        Step::Forward(forward) => Some((step, forward)),
        _ => None,
    });
    for (step, forward) in forwards {
        let barred = reach.and_then(|reach| reach.uri(&forward.number, forward.trunk).err());
        findings.problems.extend(barred.map(|why| {
            of_plan(format!(
                "step {step:?}: `forward.number` {}: {why}",
                forward.number
            ))
        }));
    }
}

/// ISO 3166-1 alpha-2 by its form.
pub(super) fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// The number that a `tel:` URI names.
pub(crate) fn number_of(uri: &str) -> Option<E164> {
    uri.strip_prefix("tel:")?.parse().ok()
}

fn of_trunk(trunk: &TrunkPart, problems: &mut Vec<String>) {
    let of = |text: String| format!("trunk {:?}: {text}", trunk.name);
    let is_network =
        |text: &str| text.parse::<ipnet::IpNet>().is_ok() || text.parse::<IpAddr>().is_ok();
    let wrong = trunk.addresses.iter().filter(|text| !is_network(text));
    problems.extend(wrong.map(|text| {
        of(format!(
            "`addresses` expected an address or a network such as 203.0.113.0/28, got {text:?}"
        ))
    }));
    if let Some(country) = &trunk.country
        && !is_country(country)
    {
        problems.push(of(format!(
            "`country` expected two letters (ISO 3166-1) such as DE, got {country:?}"
        )));
    }
    if let Some(route) = &trunk.send_to
        && route
            .strip_prefix("sip:")
            .is_none_or(|host| host.is_empty() || host.contains(['@', ' ']))
    {
        problems.push(of(format!(
            "`send_to` expected a SIP URI without a user, such as sip:sbc.example.com:5060, got {route:?}"
        )));
    }
}

fn of_target(target: &TargetPart, problems: &mut Vec<String>) {
    let of = |text: String| format!("target {:?}: {text}", target.name);
    let host = target
        .uri
        .strip_prefix("sip:")
        .filter(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace));
    match (host, number_of(&target.uri)) {
        _ if target.phone.is_some() => {}
        (None, None) => problems.push(of(format!(
            "expected a SIP URI such as sip:desk@192.0.2.10 or a number such as tel:+442079460123, or `phone` for one that registers, got {:?}",
            target.uri
        ))),
        (_, Some(_)) if target.trunk.is_none() => problems.push(of(
            "`trunk` expected the name of the trunk that carries calls to a number".into(),
        )),
        _ => {}
    }
    let wrong = target
        .languages
        .iter()
        .filter(|language| !is_range(language));
    problems.extend(wrong.map(|language| {
        of(format!(
            "`languages` expected languages such as de or de-AT, got {language:?}"
        ))
    }));
    if target.wrap_up > MOST_WRAP_UP {
        problems.push(of(format!(
            "`wrap_up` expected 0 to {MOST_WRAP_UP} seconds, got {}",
            target.wrap_up
        )));
    }
    if target.break_after > MOST_IN_VAIN {
        problems.push(of(format!(
            "`break_after` expected 0 to {MOST_IN_VAIN} calls, got {}",
            target.break_after
        )));
    }
    if target.break_after > 0 && target.agent.is_none() {
        problems.push(of("`break_after` is of use with `agent` alone".into()));
    }
    let hours = target.hours.iter().flat_map(hours_problems);
    problems.extend(hours.map(|problem| of(format!("`hours`: {problem}"))));
}

fn of_group(group: &GroupPart, problems: &mut Vec<String>) {
    let of = |text: String| format!("group {:?}: {text}", group.name);
    if !(1..=300).contains(&group.ring_seconds) {
        problems.push(of(format!(
            "`ring_seconds` expected 1 to 300, got {}",
            group.ring_seconds
        )));
    }
    let heaviest = group
        .members
        .iter()
        .filter(|(_, one)| one.weight > MOST_WEIGHT);
    problems.extend(heaviest.map(|(name, one)| {
        of(format!(
            "`members` expected weights of 0 to {MOST_WEIGHT}, got {} for {name:?}",
            one.weight
        ))
    }));
    if group.explore > 100 {
        problems.push(of(format!(
            "`explore` expected 0 to 100 percent, got {}",
            group.explore
        )));
    }
    let wrong = group
        .languages
        .iter()
        .filter(|language| !is_range(language));
    problems.extend(wrong.map(|language| {
        of(format!(
            "`languages` expected languages such as de or de-AT, got {language:?}"
        ))
    }));
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
    use ringfence_model::Dialling;

    use crate::arrangement::{
        GroupPart, NumberPart, PlanPart, PoolPart, PromptPart, RulePart, SitePart, TargetPart,
        TrunkPart,
    };

    fn wrong_rules() -> Vec<RulePart> {
        vec![
            RulePart {
                pool: Some("Lake".into()),
                country: vec!["Germany".into()],
                ..RulePart::default()
            },
            RulePart {
                language: vec!["de".into()],
                pool: Some("Web".into()),
                number: Some("+442079460002".into()),
                ..RulePart::default()
            },
            RulePart {
                campaign: Some("Radio".into()),
                number: Some("+442079460003".into()),
                ..RulePart::default()
            },
            RulePart::default(),
        ]
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let arrangement = Arrangement {
            trunk: vec![TrunkPart {
                name: "Carrier".into(),
                addresses: vec!["here".into()],
                country: None,
                send_to: Some("sip:me@here".into()),
                ..TrunkPart::default()
            }],
            dialling: Some(Dialling {
                prefixes: vec!["44".into()],
                ..Dialling::default()
            }),
            target: vec![TargetPart {
                name: "Desk".into(),
                uri: "desk".into(),
                languages: vec!["german!".into()],
                ..TargetPart::default()
            }],
            prompt: vec![PromptPart {
                name: "Come in!".into(),
                file: "nowhere.wav".into(),
            }],
            group: vec![GroupPart {
                name: "Sales".into(),
                targets: vec!["Nobody".into()],
                overflow: Some("Elsewhere".into()),
                ..GroupPart::default()
            }],
            plan: vec![PlanPart {
                name: "Main".into(),
                ring: vec!["Nobody".into()],
                otherwise_reject: Some(200),
                steps: [("a".into(), serde_json::Value::Null)].into(),
                ..PlanPart::default()
            }],
            pool: vec![PoolPart {
                name: "Web".into(),
                hold_minutes: 30,
                quarantine_days: 731,
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
                rule: wrong_rules(),
            }],
        };
        let problems = arrangement.problems();
        for part in [
            "here",
            "send_to",
            "prefixes",
            "german!",
            "Elsewhere",
            "got both",
            "\"desk\"",
            "\"Nobody\"",
            "`name` expected 1 to 64",
            "nowhere.wav",
            "ring_seconds",
            "otherwise_reject",
            "overflow",
            "quarantine_days",
            "Pond",
            "None",
            "site",
            "\"Lake\"",
            "\"Germany\"",
            "rule 2: expected either",
            "+442079460003",
            "rule 4: expected at least one",
        ] {
            assert!(
                problems.iter().any(|problem| problem.contains(part)),
                "{part} is not in {problems:?}"
            );
        }
    }
}
