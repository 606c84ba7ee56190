//! Call plans as people change them: a text that is checked as `ringfence apply` checks a file, steps that are put into it
//! and taken out, and the versions that are made of it.
//!
//! A version is only ever added. Calls under way keep the one that they began with.

use std::collections::BTreeMap;

use ringfence_media::builtin_prompts;
use ringfence_model::{Account, AuditObject, CallPlan, PlanDocument, PlanId, Timestamp};
pub use ringfence_store::PlanVersion;
use ringfence_store::StoreError;
use serde_json::{Value, json};

use crate::arrangement::{
    self, Arrangement, ArrangementError, Holdings, Names, Own, PlanFindings, PlanPart,
};
use crate::audit::{Change, actor, object};
use crate::plan_templates::as_toml;
use crate::plan_trial::TriedStage;
use crate::plans::{Finding, PlanTrial, by_step, plan_text, tried};
use crate::{Platform, random};

/// Characters of a plan's name.
const LONGEST_NAME: usize = 100;

/// A plan as a text has it, with everything that is wrong with it. Nothing of it is saved.
#[derive(Debug, Clone)]
pub struct PlanDraft {
    /// The text.
    pub text: String,
    /// The plan that it would change, as it is now; `None` for a new one.
    pub plan: Option<CallPlan>,
    /// The version that holds now; 0 for a new plan.
    pub version: u32,
    /// What is read of the text, or why nothing of it can be read.
    pub read: Result<ReadPlan, String>,
    /// What is wrong with it, and what is probably not meant.
    pub findings: Vec<Finding>,
    /// What the account has that it may name.
    pub own: Own,
    /// Its prompts and numbers.
    pub holdings: Holdings,
}

/// A text that can be read, if perhaps not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPlan {
    /// What it is called.
    pub name: String,
    /// The steps as they are written, with groups and trunks by their names.
    pub steps: BTreeMap<String, Value>,
    /// The same as rows have it; for a step that cannot be read a `reject` stands in.
    pub document: PlanDocument,
}

/// What was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavedPlan {
    /// The plan.
    pub id: PlanId,
    /// There is a new version; otherwise the text said what the plan says already.
    pub is_new: bool,
}

/// Why a plan was not saved; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PlanEditError {
    /// Something is wrong with it.
    #[error("the plan has mistakes")]
    Refused(Box<PlanDraft>),
    /// Somebody saved a version since the one that the change was made from.
    #[error("version {} was saved meanwhile", .0.version)]
    Newer(Box<PlanVersion>),
    /// The account has no plan or version of this identifier.
    #[error("no such plan in this account")]
    NotFound,
    /// What the account has could not be read.
    #[error(transparent)]
    Own(#[from] ArrangementError),
    /// Rows could not be read or written.
    #[error("the database did not answer")]
    Store(#[from] StoreError),
}

impl Platform {
    /// Checks a text as the next version of a plan, or as a new one; `None` when the account has no such plan.
    ///
    /// # Errors
    /// When the rows or the folder of the account's prompts cannot be read.
    pub async fn plan_draft(
        &self,
        account: &Account,
        known: Option<PlanId>,
        text: &str,
    ) -> Result<Option<PlanDraft>, ArrangementError> {
        let mut plans = self.db.plans(account.id).await?;
        let (plan, version) = match known {
            None => (None, 0),
            Some(id) => {
                let Some(at) = plans.iter().position(|plan| plan.id == id) else {
                    return Ok(None);
                };
                let versions = self.db.plan_versions(account.id, id).await?;
                let version = versions.first().map_or(1, |newest| newest.version);
                (Some(plans.remove(at)), version)
            }
        };
        let own = arrangement::of_account(&self.db, account).await?;
        let recordings = &self.settings.recordings_folder;
        let holdings = Holdings::of_account(&self.db, account.id, recordings).await?;
        let name = plan.as_ref().map_or("", |plan| plan.name.as_str());
        let (read, mut findings) = match read(text, name) {
            Err(why) => (Err(why), Vec::new()),
            Ok(part) => {
                let (read, findings) = checked(account, part, &own, &holdings);
                (Ok(read), findings)
            }
        };
        if let Ok(read) = &read {
            let taken = plans.iter().any(|other| other.name == read.name);
            findings.extend(name_problem(&read.name, taken));
        }
        Ok(Some(PlanDraft {
            text: text.to_owned(),
            plan,
            version,
            read,
            findings,
            own,
            holdings,
        }))
    }

    /// Makes a text the next version of a plan that was of version `base` when the change began, or a new plan.
    ///
    /// # Errors
    /// [`PlanEditError`]; nothing was changed.
    pub async fn save_plan(
        &self,
        account: &Account,
        known: Option<(PlanId, u32)>,
        text: &str,
        now: Timestamp,
    ) -> Result<SavedPlan, PlanEditError> {
        let action = if known.is_some() {
            "plan.change"
        } else {
            "plan.add"
        };
        self.keep_plan(account, known, text, action, now).await
    }

    /// Makes what a plan said in an older version its next one.
    ///
    /// # Errors
    /// [`PlanEditError`]; [`PlanEditError::Refused`] when what it names is there no longer.
    pub async fn bring_back_plan(
        &self,
        account: &Account,
        (plan, base): (PlanId, u32),
        version: u32,
        now: Timestamp,
    ) -> Result<SavedPlan, PlanEditError> {
        let versions = self.db.plan_versions(account.id, plan).await?;
        let old = versions.iter().find(|old| old.version == version);
        let old = old.ok_or(PlanEditError::NotFound)?;
        let own = arrangement::of_account(&self.db, account).await?;
        let text = plan_text(&old.name, &old.document, &own.names);
        self.keep_plan(account, Some((plan, base)), &text, "plan.bring_back", now)
            .await
    }

    async fn keep_plan(
        &self,
        account: &Account,
        known: Option<(PlanId, u32)>,
        text: &str,
        action: &'static str,
        now: Timestamp,
    ) -> Result<SavedPlan, PlanEditError> {
        let id = known.map(|(id, _)| id);
        let draft = self.plan_draft(account, id, text).await?;
        let draft = draft.ok_or(PlanEditError::NotFound)?;
        if let Some((id, base)) = known
            && base != draft.version
        {
            return Err(self.newer(account, id).await?);
        }
        let Some(read) = draft.sound() else {
            return Err(PlanEditError::Refused(Box::new(draft)));
        };
        let plan = CallPlan {
            id: id.unwrap_or_else(|| PlanId::new(now, random())),
            account: account.id,
            name: read.name.clone(),
            document: read.document.clone(),
        };
        if draft.plan.as_ref() == Some(&plan) {
            return Ok(SavedPlan {
                id: plan.id,
                is_new: false,
            });
        }
        let names = &draft.own.names;
        let mut change = Change::new(account.id, action, of_plan(&plan));
        if let Some(old) = &draft.plan {
            change = change.before(told(old, draft.version, names));
        }
        let rows = self.recorded(change.after(told(&plan, draft.version + 1, names)));
        let by = actor();
        match known {
            None => rows.add_plan(&plan, &by, now).await?,
            Some((id, base)) => {
                if !rows.update_plan(&plan, Some(base), &by, now).await? {
                    return Err(self.newer(account, id).await?);
                }
            }
        }
        Ok(SavedPlan {
            id: plan.id,
            is_new: true,
        })
    }

    async fn newer(&self, account: &Account, plan: PlanId) -> Result<PlanEditError, StoreError> {
        let versions = self.db.plan_versions(account.id, plan).await?;
        let newest = versions.into_iter().next();
        Ok(newest.map_or(PlanEditError::NotFound, |newest| {
            PlanEditError::Newer(Box::new(newest))
        }))
    }
}

impl PlanDraft {
    /// What is read of it, when it may be saved.
    pub fn sound(&self) -> Option<&ReadPlan> {
        let is_sound = self.findings.iter().all(|finding| !finding.is_problem);
        self.read.as_ref().ok().filter(|_| is_sound)
    }

    /// Where a call would go when nobody answers; `None` while something is wrong.
    pub fn tried(&self, wish: &PlanTrial) -> Option<Vec<TriedStage>> {
        let document = &self.sound()?.document;
        Some(tried(document, &self.own, wish))
    }

    /// Prompts that steps may name: the account's own, then those of every installation, without the spoken numbers.
    pub fn prompts(&self) -> Vec<String> {
        let mut own: Vec<String> = self.holdings.prompts.iter().cloned().collect();
        own.sort();
        own.extend(builtin_prompts().filter(|name| !name.contains("/number-")));
        own
    }

    /// The text with a step put in: in the place of `old`, whose name in other steps follows, or beside all others.
    /// `None` when nothing of the text can be read.
    pub fn with_step(&self, old: Option<&str>, name: &str, step: Value) -> Option<String> {
        let read = self.read.as_ref().ok()?;
        let mut steps = read.steps.clone();
        let mut start = read.document.start.clone();
        if let Some(old) = old {
            steps.remove(old);
            if old != name {
                for step in steps.values_mut() {
                    rename(step, old, name);
                }
                if start == old {
                    name.clone_into(&mut start);
                }
            }
        }
        if steps.is_empty() {
            name.clone_into(&mut start);
        }
        let mut step = step;
        if let Some(old) = old {
            rename(&mut step, old, name);
        }
        steps.insert(name.to_owned(), step);
        Some(written(&read.name, &start, &steps))
    }

    /// The text without a step; what led there has to be led elsewhere.
    pub fn without_step(&self, name: &str) -> Option<String> {
        let read = self.read.as_ref().ok()?;
        let mut steps = read.steps.clone();
        steps.remove(name);
        Some(written(&read.name, &read.document.start, &steps))
    }

    /// The text with another first step.
    pub fn beginning_at(&self, name: &str) -> Option<String> {
        let read = self.read.as_ref().ok()?;
        Some(written(&read.name, name, &read.steps))
    }
}

/// A plan that came as JSON, as the text that is checked and saved. A field that is `null` is left out.
///
/// # Errors
/// When no text can hold it, in words that are shown.
pub fn text_of(plan: Value) -> Result<String, String> {
    toml::to_string(&without_nulls(plan)).map_err(|error| error.to_string())
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let filled = fields.into_iter().filter(|(_, value)| !value.is_null());
            filled
                .map(|(name, value)| (name, without_nulls(value)))
                .collect()
        }
        Value::Array(values) => values.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// Fields of steps that name other steps; `keys` and `cases` hold them further down.
const LEADING: [&str; 4] = ["open", "otherwise", "next", "step"];

/// Has a step lead to `new` where it led to `old`.
fn rename(step: &mut Value, old: &str, new: &str) {
    let follow = |place: &mut Value| {
        if place.as_str() == Some(old) {
            *place = new.into();
        }
    };
    let kinds = step
        .as_object_mut()
        .into_iter()
        .flat_map(|kinds| kinds.values_mut());
    for fields in kinds.filter_map(Value::as_object_mut) {
        for (field, value) in fields {
            if LEADING.contains(&field.as_str()) {
                follow(value);
            } else if let ("keys", Some(keys)) = (field.as_str(), value.as_object_mut()) {
                keys.values_mut().for_each(follow);
            } else if let ("cases", Some(cases)) = (field.as_str(), value.as_array_mut()) {
                cases
                    .iter_mut()
                    .filter_map(|case| case.get_mut("step"))
                    .for_each(follow);
            }
        }
    }
}

/// Reads a plan alone, or a file with nothing but one `[[plan]]`. One without a name keeps `name`.
fn read(text: &str, name: &str) -> Result<PlanPart, String> {
    let mut whole: Value = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut alone = whole.get("plan").is_none();
    if !alone {
        let plans = whole.as_object_mut().filter(|parts| parts.len() == 1);
        let plans = plans.and_then(|parts| parts.remove("plan"));
        whole = match plans {
            Some(Value::Array(mut plans)) if plans.len() == 1 => plans.remove(0),
            _ => return Err("expected one plan, and nothing beside it".into()),
        };
    }
    if let Some(parts) = whole.as_object_mut()
        && !parts.contains_key("name")
    {
        parts.insert("name".into(), name.into());
        alone = false;
    }
    // Only the text itself knows its lines.
    let part = if alone {
        toml::from_str::<PlanPart>(text).map_err(|error| error.to_string())
    } else {
        serde_json::from_value::<PlanPart>(whole).map_err(|error| error.to_string())
    };
    let mut part = part?;
    for step in part.steps.values_mut() {
        *step = arrangement::without_dates(step.take());
    }
    Ok(part)
}

/// What a plan says, and everything that `ringfence apply` would say of it in this account.
fn checked(
    account: &Account,
    part: PlanPart,
    own: &Own,
    holdings: &Holdings,
) -> (ReadPlan, Vec<Finding>) {
    let (name, steps) = (part.name.clone(), part.steps.clone());
    let file = Arrangement {
        plan: vec![part],
        ..Arrangement::default()
    };
    let shape = file.shape(account.id, &own.names);
    let plans = shape.plans.into_iter().next();
    let document = plans.map_or_else(no_steps, |(_, document)| document);
    let PlanFindings { problems, warnings } = own.plan_findings(&name, &document, holdings);
    let findings = PlanFindings {
        problems: [file.problems(), shape.problems, problems].concat(),
        warnings,
    };
    let findings = by_step(&name, &document, &findings);
    let steps = if steps.is_empty() {
        arrangement::written_steps(&document, &own.names)
    } else {
        steps
    };
    let read = ReadPlan {
        name,
        steps,
        document,
    };
    (read, findings)
}

fn no_steps() -> PlanDocument {
    PlanDocument {
        start: String::new(),
        steps: BTreeMap::new(),
    }
}

fn name_problem(name: &str, taken: bool) -> Option<Finding> {
    let length = name.trim().chars().count();
    let text = if length > LONGEST_NAME {
        format!("`name` expected at most {LONGEST_NAME} characters, got {length}")
    } else if taken {
        format!("`name`: {name:?} is the name of another plan; choose another")
    } else {
        return None;
    };
    Some(Finding {
        step: None,
        text,
        is_problem: true,
    })
}

fn written(name: &str, start: &str, steps: &BTreeMap<String, Value>) -> String {
    let whole = json!({"name": name, "start": start, "steps": steps});
    as_toml(&whole)
}

fn of_plan(plan: &CallPlan) -> AuditObject {
    object("plan", plan.id.0, &plan.name)
}

fn told(plan: &CallPlan, version: u32, names: &Names) -> Value {
    json!({
        "name": plan.name,
        "version": version,
        "start": plan.document.start,
        "steps": arrangement::written_steps(&plan.document, names),
    })
}

#[cfg(test)]
#[path = "plan_edit_tests.rs"]
mod tests;
