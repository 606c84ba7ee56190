//! An account's call plans as people look at them: what each says, what is wrong with it and at which step, what it
//! said before, and where a call would go.

use std::collections::HashMap;

use ringfence_model::{Account, CallPlan, E164, NumberState, PlanDocument, PlanId, Timestamp};
use ringfence_routing::CallFacts;
use ringfence_store::{PlanVersion, StoreError};
use serde_json::json;

use crate::Platform;
use crate::agents::loads_of;
use crate::arrangement::{self, ArrangementError, Holdings, Names, Own, PlanFindings};
use crate::plan_templates::as_toml;
use crate::plan_trial::{TriedStage, country_of, source_of, try_plan};

/// A plan in the list.
#[derive(Debug, Clone)]
pub struct PlanRow {
    /// The plan.
    pub plan: CallPlan,
    /// The numbers whose calls it leads, by their digits.
    pub numbers: Vec<E164>,
    /// The version that holds, from 1.
    pub version: u32,
    /// Since when it holds.
    pub changed_at: Option<Timestamp>,
}

/// A plan with all that its page tells.
#[derive(Debug, Clone)]
pub struct PlanStudy {
    /// The plan, its numbers and its version.
    pub row: PlanRow,
    /// What is wrong with it, and what is probably not meant.
    pub findings: Vec<Finding>,
    /// Every version, newest first.
    pub versions: Vec<PlanVersion>,
    /// What the account has that it may name.
    pub own: Own,
}

/// Something that was found in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The step that it is about; `None` when it is about the plan.
    pub step: Option<String>,
    /// What it is, in words that are shown.
    pub text: String,
    /// Whether calls would suffer by it; otherwise it is allowed and probably not meant.
    pub is_problem: bool,
}

/// The call that is tried.
#[derive(Debug, Clone)]
pub struct PlanTrial {
    /// Who calls; `None` when the number is withheld.
    pub caller: Option<E164>,
    /// The tracking number.
    pub dialled: Option<E164>,
    /// When.
    pub at: Timestamp,
    /// The languages of the visitor's browser (RFC 5646), the best first.
    pub languages: Vec<String>,
    /// The name or kind of the source.
    pub source: Option<String>,
    /// The keys that are pressed at menus.
    pub presses: String,
}

impl Platform {
    /// The call plans of an account, by name.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn plan_rows(&self, account: &Account) -> Result<Vec<PlanRow>, StoreError> {
        let mut numbers = self.numbers_by_plan(account).await?;
        let plans = self.db.versioned_plans(account.id).await?;
        let row = |(plan, version, changed_at): (CallPlan, u32, Option<Timestamp>)| PlanRow {
            numbers: numbers.remove(&plan.id).unwrap_or_default(),
            plan,
            version,
            changed_at,
        };
        Ok(plans.into_iter().map(row).collect())
    }

    /// One plan; `None` when it is not the account's.
    ///
    /// # Errors
    /// When the rows or the folder of the account's prompts cannot be read.
    pub async fn plan_study(
        &self,
        account: &Account,
        plan: PlanId,
    ) -> Result<Option<PlanStudy>, ArrangementError> {
        let Some(plan) = self.db.plan(account.id, plan).await? else {
            return Ok(None);
        };
        let mut numbers = self.numbers_by_plan(account).await?;
        let versions = self.db.plan_versions(account.id, plan.id).await?;
        let own = arrangement::of_account(&self.db, account).await?;
        let recordings = &self.settings.recordings_folder;
        let holdings = Holdings::of_account(&self.db, account.id, recordings).await?;
        let findings = own.plan_findings(&plan.name, &plan.document, &holdings);
        let of_plan = numbers.remove(&plan.id).unwrap_or_default();
        Ok(Some(PlanStudy {
            findings: by_step(&plan.name, &plan.document, &findings),
            row: row(plan, of_plan, &versions),
            versions,
            own,
        }))
    }

    async fn numbers_by_plan(
        &self,
        account: &Account,
    ) -> Result<HashMap<PlanId, Vec<E164>>, StoreError> {
        let mut by_plan: HashMap<PlanId, Vec<E164>> = HashMap::new();
        for number in self.db.numbers(account.id).await? {
            if let Some(plan) = number.plan
                && number.state != NumberState::Released
            {
                by_plan.entry(plan).or_default().push(number.e164);
            }
        }
        Ok(by_plan)
    }
}

impl PlanStudy {
    /// Where a call would go when nobody answers, as `ringfence plan try` tells it.
    pub fn tried(&self, wish: &PlanTrial) -> Vec<TriedStage> {
        tried(&self.row.plan.document, &self.own, wish)
    }
}

/// Where a call would go through a document, with the account's targets, nobody busy, and agents as they stand.
pub(crate) fn tried(document: &PlanDocument, own: &Own, wish: &PlanTrial) -> Vec<TriedStage> {
    let facts = CallFacts {
        country: country_of(wish.caller.as_ref()),
        caller: wish.caller.clone(),
        dialled: wish.dialled.clone(),
        visitor_languages: wish.languages.clone(),
        source: source_of(wish.source.as_deref(), None),
        ..CallFacts::default()
    };
    let stages = try_plan(
        document.clone(),
        &own.shape.destinations(),
        &loads_of(&own.agents),
        &facts,
        wish.at,
        1,
        &wish.presses,
    );
    stages.iter().map(TriedStage::from).collect()
}

fn row(plan: CallPlan, numbers: Vec<E164>, versions: &[PlanVersion]) -> PlanRow {
    let newest = versions.first();
    PlanRow {
        plan,
        numbers,
        version: newest.map_or(1, |newest| newest.version),
        changed_at: newest.map(|newest| newest.created_at),
    }
}

/// Findings begin with their plan and step.
pub(crate) fn by_step(
    plan: &str,
    document: &PlanDocument,
    findings: &PlanFindings,
) -> Vec<Finding> {
    let of_plan = format!("plan {plan:?}: ");
    let finding = |text: &String, is_problem| {
        let text = text.strip_prefix(&of_plan).unwrap_or(text);
        let at_step = document.steps.keys().find_map(|step| {
            let told = text.strip_prefix(&format!("step {step:?}: "))?;
            Some((step.clone(), told.to_owned()))
        });
        let (step, text) = match at_step {
            Some((step, told)) => (Some(step), told),
            None => (None, text.to_owned()),
        };
        Finding {
            step,
            text,
            is_problem,
        }
    };
    let problems = findings.problems.iter().map(|text| finding(text, true));
    let warnings = findings.warnings.iter().map(|text| finding(text, false));
    problems.chain(warnings).collect()
}

/// A plan as a file has it (TOML), with groups and trunks by their names.
pub fn plan_text(name: &str, document: &PlanDocument, names: &Names) -> String {
    let steps = arrangement::written_steps(document, names);
    let whole = json!({"name": name, "start": document.start, "steps": steps});
    as_toml(&whole)
}

/// One step as a file has it (TOML).
pub fn step_text(step: &str, document: &PlanDocument, names: &Names) -> String {
    let steps = arrangement::written_steps(document, names);
    let alone = json!({"steps": {step: steps.get(step)}});
    as_toml(&alone)
}

#[cfg(test)]
mod tests {
    use ringfence_model::Step;

    use super::*;

    #[test]
    fn a_finding_is_told_at_its_step() {
        let document = PlanDocument {
            start: "menu".into(),
            steps: [("a \"b\"".to_owned(), Step::Reject { code: 480 })].into(),
        };
        let findings = PlanFindings {
            problems: vec![
                "plan \"Main\": step \"a \\\"b\\\"\": it is wrong".into(),
                "plan \"Main\": `start` names nothing".into(),
            ],
            warnings: vec!["plan \"Main\": step \"a \\\"b\\\"\": it is odd".into()],
        };
        let found = by_step("Main", &document, &findings);
        let of = |finding: &Finding| (finding.step.clone(), finding.text.clone());
        let step = Some("a \"b\"".to_owned());
        assert_eq!(of(&found[0]), (step.clone(), "it is wrong".into()));
        assert_eq!(of(&found[1]), (None, "`start` names nothing".into()));
        assert_eq!(of(&found[2]), (step, "it is odd".into()));
        assert_eq!(
            found
                .iter()
                .map(|found| found.is_problem)
                .collect::<Vec<_>>(),
            [true, true, false]
        );
    }
}
