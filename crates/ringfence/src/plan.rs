//! `ringfence plan check` and `ringfence plan try`: what a file's plans say, told without a call.
//!
//! Decides nothing: `platform` reads the files, `routing` checks and walks.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use jiff::tz::TimeZone;
use ringfence_model::{AccountId, AgentState, E164, PlanDocument, TargetId, Timestamp};
use ringfence_platform::arrangement::{
    Holdings, Names, PlanFile, PlanFindings, Reach, Shape, read_plan_file,
};
use ringfence_platform::now;
use ringfence_platform::plan_trial::{country_of, instant, says, source_of, try_plan};
use ringfence_routing::{CallFacts, Destinations, Instruction, Loads, Stage, StepOutcome};
use serde_json::{Value, json};

use crate::cli::{PlanCheck, PlanSource, PlanTry};
use crate::{admin, config};

/// Says everything that is wrong with the plans of a file.
///
/// # Errors
/// When the file cannot be read.
pub fn check(check: &PlanCheck) -> anyhow::Result<ExitCode> {
    let source = &check.source;
    let known = load(source)?;
    let findings = known.findings(source.plan.as_deref());
    let sound = findings.problems.is_empty();
    if source.json {
        let found = json!({
            "sound": sound,
            "problems": findings.problems,
            "warnings": findings.warnings,
        });
        println!("{found}");
    } else {
        for problem in &findings.problems {
            println!("{problem}");
        }
        for warning in &findings.warnings {
            println!("warning: {warning}");
        }
        if sound {
            for (name, document) in known.chosen(source.plan.as_deref()) {
                let steps = document.steps.len();
                println!(
                    "plan {name:?} is sound: {steps} steps, it begins at {:?}",
                    document.start
                );
            }
        }
        if known.stood_in {
            println!(
                "note: this is a plan alone, so that its groups and trunks exist was not checked; --config asks an account's"
            );
        }
    }
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Shows the way of a call through a plan.
///
/// # Errors
/// When the file cannot be read, has mistakes, or has no such plan.
pub fn try_call(wish: &PlanTry) -> anyhow::Result<()> {
    let known = load(&wish.source)?;
    let wanted = wish.source.plan.as_deref();
    let problems = known.findings(wanted).problems;
    if !problems.is_empty() {
        bail!("expected a sound plan:\n  {}", problems.join("\n  "));
    }
    let chosen = known.chosen(wanted);
    let [(name, document)] = chosen.as_slice() else {
        let names: Vec<&str> = known
            .shape
            .plans
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        bail!("expected --plan with one of {}", names.join(", "));
    };
    let mut destinations = known.shape.destinations();
    let mut loads = Loads::default();
    for busy in &wish.busy {
        fill(known.target(busy)?, &mut destinations, &mut loads);
    }
    for agent in &destinations.agents {
        loads.targets.entry(*agent).or_default().agent = Some(AgentState::Available);
    }
    for on_break in &wish.on_break {
        let target = known.target(on_break)?;
        if !destinations.agents.contains(&target) {
            bail!("expected --on-break with a target that has an agent, {on_break:?} has none");
        }
        loads.targets.entry(target).or_default().agent = Some(AgentState::OnBreak);
    }
    let at = match &wish.at {
        None => now(),
        Some(text) => instant(text, &TimeZone::system()).map_err(anyhow::Error::msg)?,
    };
    let facts = facts(wish, &known)?;
    let stages = try_plan(
        document.clone(),
        &destinations,
        &loads,
        &facts,
        at,
        wish.seed,
        &wish.press,
    );
    if wish.source.json {
        println!("{}", as_json(name, &stages));
    } else {
        print(name, &stages);
    }
    Ok(())
}

/// A file's plans and what they may name.
struct Known {
    shape: Shape,
    names: Names,
    problems: Vec<String>,
    reach: Option<Reach>,
    stood_in: bool,
    /// What `apply` refuses, for calls do not do it yet.
    not_yet: Vec<String>,
}

impl Known {
    fn chosen(&self, wanted: Option<&str>) -> Vec<(String, PlanDocument)> {
        let plans = self.shape.plans.iter();
        let plans = plans.filter(|(name, _)| wanted.is_none_or(|wanted| wanted == name));
        plans.cloned().collect()
    }

    fn findings(&self, wanted: Option<&str>) -> PlanFindings {
        let mut findings = self.shape.check_plans(self.reach.as_ref());
        if let Some(wanted) = wanted {
            if self.shape.plans.iter().all(|(name, _)| name != wanted) {
                findings
                    .problems
                    .push(format!("expected a plan {wanted:?} in the file"));
            }
            // What is wrong with other plans is not asked.
            let other = |text: &String| {
                text.starts_with("plan ") && !text.starts_with(&format!("plan {wanted:?}: "))
            };
            findings.problems.retain(|text| !other(text));
            findings.warnings.retain(|text| !other(text));
        }
        findings.warnings.extend(self.not_yet.iter().cloned());
        let mut problems = self.problems.clone();
        problems.append(&mut findings.problems);
        findings.problems = problems;
        findings
    }

    fn target(&self, name: &str) -> anyhow::Result<TargetId> {
        let names: Vec<&str> = self.names.targets.keys().map(String::as_str).collect();
        self.names.targets.get(name).copied().with_context(|| {
            format!(
                "expected one of the targets {}, got {name:?}",
                names.join(", ")
            )
        })
    }
}

fn load(source: &PlanSource) -> anyhow::Result<Known> {
    let file = source.file.display().to_string();
    let text = std::fs::read_to_string(&source.file)
        .with_context(|| format!("expected to read plans from {file}"))?;
    let mut plans = read_plan_file(&text, &source.file).with_context(|| file.clone())?;
    if let Some(path) = &source.config {
        let config = config::load(Some(path))?;
        return crate::carry_out(of_account(&config, source, &plans));
    }
    let stood_in = plans.alone;
    if stood_in {
        plans.stand_in();
    }
    Ok(of_file(&plans, stood_in))
}

/// Identifiers in the order in which they are drawn: they mean nothing outside of one run.
fn drawn() -> impl FnMut() -> uuid::Uuid {
    let mut drawn = 0;
    move || {
        drawn += 1;
        TargetId::new(Timestamp::from_micros(0), drawn).0
    }
}

fn of_file(plans: &PlanFile, stood_in: bool) -> Known {
    let arrangement = &plans.arrangement;
    let problems = arrangement.problems();
    let names = Names::default().with(arrangement, drawn());
    let shape = arrangement.shape(AccountId::new(Timestamp::from_micros(0), 0), &names);
    let dialling = arrangement.dialling.clone().unwrap_or_default();
    // The account is not known; its numbers tell its country.
    let home = arrangement
        .number
        .iter()
        .find_map(|number| number.e164.parse::<E164>().ok()?.country())
        .unwrap_or_else(|| "GB".to_owned());
    let reach = (!stood_in).then(|| shape.reach(&dialling, &home));
    Known {
        not_yet: shape.not_carried_out(arrangement, Holdings::default()),
        shape,
        names,
        problems,
        reach,
        stood_in,
    }
}

/// The file's plans against the account's own groups, targets and trunks. What the file has of these is added to them.
async fn of_account(
    config: &config::Config,
    source: &PlanSource,
    plans: &PlanFile,
) -> anyhow::Result<Known> {
    let db = admin::database(config).await?;
    let account = admin::account(&db, source.account.as_deref()).await?;
    let own = ringfence_platform::arrangement::of_account(&db, &account).await?;
    let holdings = Holdings::of_account(&db, account.id, &config.recordings_folder()).await?;
    db.close().await;
    let arrangement = &plans.arrangement;
    let problems = if plans.alone {
        Vec::new()
    } else {
        arrangement.problems()
    };
    let names = own.names.with(arrangement, drawn());
    let mut shape = arrangement.shape(account.id, &names);
    let mut reach = shape.reach(
        arrangement.dialling.as_ref().unwrap_or(&own.reach.dialling),
        &account.country,
    );
    for (trunk, route) in own.reach.routes {
        reach.routes.entry(trunk).or_insert(route);
    }
    shape.add(own.shape);
    Ok(Known {
        not_yet: shape.not_carried_out(arrangement, holdings),
        shape,
        names,
        problems,
        reach: Some(reach),
        stood_in: false,
    })
}

/// Makes a target full: as many calls as it may have, or one when it has no limit.
fn fill(target: TargetId, destinations: &mut Destinations, loads: &mut Loads) {
    let profile = destinations.profiles.entry(target).or_default();
    let most = *profile.caps.concurrent.get_or_insert(1);
    loads.targets.entry(target).or_default().active = most;
}

fn facts(wish: &PlanTry, known: &Known) -> anyhow::Result<CallFacts> {
    let number = |text: &Option<String>| -> anyhow::Result<Option<E164>> {
        Ok(text.as_deref().map(str::parse).transpose()?)
    };
    let caller = number(&wish.caller)?;
    let country = country_of(caller.as_ref());
    let source = source_of(wish.source_name.as_deref(), wish.campaign.as_deref());
    let last_target = wish.last_target.as_deref();
    let last_target = last_target.map(|name| known.target(name)).transpose()?;
    Ok(CallFacts {
        caller,
        dialled: number(&wish.dialled)?,
        visitor_languages: wish.language.clone(),
        caller_language: wish.caller_language.clone(),
        country: wish.country.clone().or(country),
        region: wish.region.clone(),
        device: wish.device.clone(),
        source,
        tags: wish.tag.clone(),
        returning: wish.returning || last_target.is_some(),
        last_target,
    })
}

fn print(name: &str, stages: &[Stage]) {
    println!("plan {name:?}");
    for stage in stages {
        for entry in &stage.decision.path {
            println!("  {}: {}", entry.step, entry.reason);
        }
        match &stage.decision.instruction {
            Instruction::Ring {
                choices, passed, ..
            } => {
                for (place, choice) in choices.iter().enumerate() {
                    println!(
                        "      {}. {} for {} s: {}",
                        place + 1,
                        choice.name,
                        choice.ring_timeout.as_secs(),
                        choice.reason
                    );
                }
                for passed in passed {
                    println!("      -  {}: {}", passed.name, passed.skip);
                }
            }
            Instruction::Queue { choices, .. } => {
                for choice in choices {
                    println!("      free now: {}: {}", choice.name, choice.reason);
                }
            }
            _ => {}
        }
        println!("  => {}", says(&stage.decision.instruction));
    }
}

fn as_json(name: &str, stages: &[Stage]) -> Value {
    let stages: Vec<Value> = stages
        .iter()
        .map(|stage| {
            let path: Vec<Value> = stage
                .decision
                .path
                .iter()
                .map(|entry| json!({"step": entry.step, "reason": entry.reason}))
                .collect();
            let mut told = BTreeMap::from([
                ("path", json!(path)),
                ("says", json!(says(&stage.decision.instruction))),
            ]);
            if let Instruction::Ring {
                choices, passed, ..
            } = &stage.decision.instruction
            {
                let choices: Vec<Value> = choices
                    .iter()
                    .map(|choice| {
                        json!({
                            "target": choice.name,
                            "uri": choice.uri,
                            "seconds": choice.ring_timeout.as_secs(),
                            "round": choice.round,
                            "reason": choice.reason,
                        })
                    })
                    .collect();
                let passed: Vec<Value> = passed
                    .iter()
                    .map(|passed| json!({"target": passed.name, "reason": passed.skip.to_string()}))
                    .collect();
                told.insert("candidates", json!(choices));
                told.insert("passed", json!(passed));
            }
            if let Instruction::Reject { code, .. } = &stage.decision.instruction {
                told.insert("code", json!(code));
            }
            if let Some(StepOutcome::Key(key)) = &stage.outcome {
                told.insert("pressed", json!(key.to_string()));
            }
            json!(told)
        })
        .collect();
    json!({"plan": name, "stages": stages})
}
