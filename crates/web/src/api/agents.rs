//! Agents: who answers at which target, and whether they are rung.

use axum::Json;
use axum::extract::State;
use ringfence_model::{AgentMeans, AgentState, BreakReason, TargetId};
use ringfence_platform::agents::{AgentError, AgentStanding, AgentWish};
use ringfence_platform::now;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::asking::{ApiBody, ApiPath};
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};

/// An agent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AgentView {
    /// The target at which the agent answers.
    target_id: Uuid,
    /// The target's name.
    target: String,
    user_id: Uuid,
    name: String,
    email: String,
    /// `signed_out`, `available`, `on_break` or `wrapping_up`; only an agent who is available is rung.
    state: &'static str,
    /// Of a break: `pause`, `meal`, `meeting`, `training`, `paperwork` or `not_answering`.
    reason: Option<&'static str>,
    /// When the state began.
    #[schema(format = DateTime)]
    since: String,
    /// When the wrap-up ends by itself.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Calls that ring at the target or are talked on.
    calls: u32,
}

impl From<AgentStanding> for AgentView {
    fn from(agent: AgentStanding) -> Self {
        Self {
            target_id: agent.target.0,
            target: agent.target_name,
            user_id: agent.user.0,
            name: agent.name,
            email: agent.email,
            state: agent.state.as_str(),
            reason: agent.reason.map(BreakReason::as_str),
            since: agent.since.to_string(),
            until: agent.until.map(|until| until.to_string()),
            calls: agent.calls,
        }
    }
}

/// What becomes of an agent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAgentState {
    /// `available`, which ends a wrap-up as well, `on_break` or `signed_out`.
    state: String,
    /// Of a break: `pause`, `meal`, `meeting`, `training` or `paperwork`; `pause` when nothing is said.
    #[serde(default)]
    reason: Option<String>,
}

impl NewAgentState {
    fn wish(&self) -> Result<AgentWish, ApiProblem> {
        let bad = |text: String| Err(ApiProblem::BadRequest(text));
        if self.reason.is_some() && self.state != AgentState::OnBreak.as_str() {
            return bad("expected `reason` with the state `on_break` alone".into());
        }
        match AgentState::from_word(&self.state) {
            Some(AgentState::Available) => Ok(AgentWish::Available),
            Some(AgentState::SignedOut) => Ok(AgentWish::SignOut),
            Some(AgentState::OnBreak) => {
                let word = self.reason.as_deref();
                let reason = BreakReason::from_word(word.unwrap_or(BreakReason::Pause.as_str()));
                let reason = reason.filter(|reason| BreakReason::CHOICES.contains(reason));
                reason.map(AgentWish::Break).map_or_else(
                    || {
                        bad(format!(
                            "expected `reason` pause, meal, meeting, training or paperwork, got {:?}",
                            word.unwrap_or_default()
                        ))
                    },
                    Ok,
                )
            }
            Some(AgentState::WrappingUp) | None => bad(format!(
                "expected `state` available, on_break or signed_out, got {:?}",
                self.state
            )),
        }
    }
}

/// The account's agents by the names of their targets, and how they stand
#[utoipa::path(get, path = "/agents", operation_id = "list_agents", tag = "agents", responses(
    (status = 200, body = Vec<AgentView>),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(api): State<Api>,
    Asker(program): Asker,
) -> Result<Json<Vec<AgentView>>, ApiProblem> {
    let agents = api.platform.agents(program.account.id, now()).await?;
    Ok(Json(agents.into_iter().map(AgentView::from).collect()))
}

/// Changes how the agent of a target stands
#[utoipa::path(patch, path = "/agents/{target}", operation_id = "change_agent", tag = "agents", params(("target" = Uuid, Path,)), request_body = NewAgentState, responses(
    (status = 200, body = AgentView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(target): ApiPath<Uuid>,
    ApiBody(new): ApiBody<NewAgentState>,
) -> Result<Json<AgentView>, ApiProblem> {
    let (account, target) = (program.account.id, TargetId(target));
    let wish = new.wish()?;
    let changed = api
        .platform
        .change_agent(account, target, wish, AgentMeans::Other, now());
    changed.await?;
    let agents = api.platform.agents(account, now()).await?;
    let agent = agents.into_iter().find(|agent| agent.target == target);
    Ok(Json(agent.ok_or(ApiProblem::NotFound)?.into()))
}

impl From<AgentError> for ApiProblem {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Store(error) => error.into(),
            AgentError::NoAgent => Self::NotFound,
            AgentError::NothingToWrapUp(_) | AgentError::Changed => {
                Self::Conflict(error.to_string())
            }
        }
    }
}
