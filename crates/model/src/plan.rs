//! The call plan: the document that says what happens to a call, in named steps.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::{AccountId, PlanId, TargetGroupId};

/// A call plan as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPlan {
    /// Its identifier.
    pub id: PlanId,
    /// Whose it is.
    pub account: AccountId,
    /// What people call it.
    pub name: String,
    /// What it says.
    pub document: PlanDocument,
}

/// Named steps and where they begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanDocument {
    /// The name of the first step.
    pub start: String,
    /// Steps by name.
    pub steps: BTreeMap<String, Step>,
}

/// One thing that happens to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Ring the targets of a group, one after the other; `otherwise` names the step for when none answers.
    Ring {
        /// The group to ring.
        group: TargetGroupId,
        /// The next step when no target answered; without one the call is refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        otherwise: Option<String>,
    },
    /// Refuse the call with a SIP status code (RFC 3261 §21), 400 to 699.
    Reject {
        /// The status code that the caller's side is sent.
        code: u16,
    },
}
