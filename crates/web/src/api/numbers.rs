//! Tracking numbers: state, pool, plan, and what each brought; added, changed and given back.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ringfence_model::{Account, NumberId, NumberState, PlanId, Pool, PoolId};
use ringfence_platform::marks::unless_changed;
use ringfence_platform::now;
use ringfence_platform::number_edit::{NewNumber, NumberWish, Wish};
use ringfence_platform::number_life::{LifeChange, NumberLife};
use ringfence_platform::numbers::NumberRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::asking::{ApiBody, ApiPath, Field, Matching};
use super::guard::Asker;
use super::parts::{TRIES, Tagged, name_of, tag};
use super::problem::{ApiProblem, Mistake, ProblemDocument};

/// A tracking number.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NumberView {
    id: Uuid,
    e164: String,
    label: String,
    /// `available`, `assigned`, `quarantined` or `released`.
    state: &'static str,
    /// The pool's name.
    pool: Option<String>,
    pool_id: Option<Uuid>,
    /// The call plan's name.
    plan: Option<String>,
    plan_id: Option<Uuid>,
    /// It is what its pool shows when every other number is leased.
    overflow: bool,
    /// Calls to it in the last thirty days.
    calls: u64,
    /// Of these, answered.
    answered: u64,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<NumberRow> for NumberView {
    fn from(row: NumberRow) -> Self {
        Self {
            id: row.number.id.0,
            e164: row.number.e164.as_str().to_owned(),
            label: row.number.label,
            state: row.number.state.as_str(),
            pool: row.pool,
            pool_id: row.number.pool.map(|pool| pool.0),
            plan: row.plan,
            plan_id: row.number.plan.map(|plan| plan.0),
            overflow: row.overflow,
            calls: row.calls,
            answered: row.answered,
            created_at: row.number.created_at.to_string(),
        }
    }
}

/// The account's tracking numbers in the order of their digits
#[utoipa::path(get, path = "/numbers", operation_id = "list_numbers", tag = "numbers", responses(
    (status = 200, body = Vec<NumberView>),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(api): State<Api>,
    Asker(program): Asker,
) -> Result<Json<Vec<NumberView>>, ApiProblem> {
    let rows = api.platform.number_rows(program.account.id, now()).await?;
    Ok(Json(rows.into_iter().map(NumberView::from).collect()))
}

/// A number to add.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NumberDocument {
    /// E.164, or as it is dialled in `country`.
    number: String,
    /// How it is written without a country code (ISO 3166-1 alpha-2); the account's country unless said.
    country: Option<String>,
    /// At most 100 characters; the number itself unless said.
    label: Option<String>,
    /// Its pool, by the name or the identifier.
    pool: Option<String>,
    /// What happens to its calls: a plan, by the name or the identifier. Without one they are refused.
    plan: Option<String>,
}

/// Numbers to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewNumbers {
    /// 1 to 1,000 of them.
    numbers: Vec<NumberDocument>,
}

/// Adds tracking numbers, all of them or none
///
/// When something is wrong nothing is added, and `errors` of the problem names each wrong one by its `line`, the first
/// number being line 1.
#[utoipa::path(post, path = "/numbers", operation_id = "add_numbers", tag = "numbers", request_body = NewNumbers, responses(
    (status = 201, body = Vec<NumberView>),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn add(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiBody(new): ApiBody<NewNumbers>,
) -> Result<(StatusCode, Json<Vec<NumberView>>), ApiProblem> {
    let (platform, account) = (&api.platform, &program.account);
    let belonging = Belonging::of(&api, account).await?;
    let line = |new: NumberDocument| NewNumber {
        number: new.number,
        country: new.country,
        label: new.label,
        pool: new.pool.map(|pool| belonging.pool_name(pool)),
        plan: new.plan.map(|plan| belonging.plan_name(plan)),
    };
    let lines = new.numbers.into_iter().map(line).collect();
    let added = platform.add_each_number(account, lines, now()).await?;
    let rows = platform.number_rows(account.id, now()).await?.into_iter();
    let own = rows.filter(|row| added.contains(&row.number.id));
    Ok((
        StatusCode::CREATED,
        Json(own.map(NumberView::from).collect()),
    ))
}

/// A change in a number's life.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NumberChangeView {
    #[schema(format = DateTime)]
    at: String,
    /// What it was from then on: `available`, `assigned`, `quarantined` or `released`.
    state: &'static str,
    /// Why, in words.
    why: String,
    /// Of a quarantine: calls that came while it lasted.
    calls: Option<u64>,
}

impl From<LifeChange> for NumberChangeView {
    fn from(LifeChange { change, calls }: LifeChange) -> Self {
        Self {
            at: change.at.to_string(),
            state: change.state.as_str(),
            why: change.why,
            calls,
        }
    }
}

/// A tracking number with its life.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NumberStory {
    #[serde(flatten)]
    number: NumberView,
    /// When its quarantine ends by itself, while it rests.
    #[schema(format = DateTime)]
    rests_until: Option<String>,
    /// Its changes, the first one first.
    changes: Vec<NumberChangeView>,
    /// What its removal would break, in sentences.
    lost_with_it: Vec<String>,
}

/// What decides whether somebody else changed a number.
#[derive(Serialize)]
struct Standing<'n> {
    label: &'n str,
    pool: Option<Uuid>,
    plan: Option<Uuid>,
    state: &'static str,
}

/// A number as it stands, with its tag, and its mark from before it was read.
struct Found {
    life: NumberLife,
    tag: String,
    mark: u64,
}

impl Found {
    async fn of(api: &Api, account: &Account, id: NumberId) -> Result<Self, ApiProblem> {
        let mark = api.platform.mark(account.id, id.0).await?;
        let life = api.platform.number_life(account.id, id, now()).await?;
        let life = life.ok_or(ApiProblem::NotFound)?;
        let number = &life.row.number;
        let standing = Standing {
            label: &number.label,
            pool: number.pool.map(|pool| pool.0),
            plan: number.plan.map(|plan| plan.0),
            state: number.state.as_str(),
        };
        let tag = tag(mark, &standing)?;
        Ok(Self { life, tag, mark })
    }

    async fn told(self, api: &Api) -> Result<Tagged<NumberStory>, ApiProblem> {
        let life = self.life;
        let number = &life.row.number;
        let lost = if number.state == NumberState::Released {
            Vec::new()
        } else {
            api.platform.lost_with_number(number, now()).await?
        };
        let story = NumberStory {
            rests_until: life.until.map(|until| until.to_string()),
            changes: life.changes.into_iter().map(Into::into).collect(),
            lost_with_it: lost,
            number: life.row.into(),
        };
        Ok(Tagged(self.tag, story))
    }
}

/// One tracking number, its life, and what its removal would break
#[utoipa::path(get, path = "/numbers/{number}", operation_id = "show_number", tag = "numbers", params(("number" = Uuid, Path,)), responses(
    (status = 200, body = NumberStory),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(id): ApiPath<Uuid>,
) -> Result<Tagged<NumberStory>, ApiProblem> {
    let found = Found::of(&api, &program.account, NumberId(id)).await?;
    found.told(&api).await
}

/// What is to be changed; what is left out stays.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ChangedNumber {
    /// At most 100 characters.
    label: Option<String>,
    /// Its pool, by the name or the identifier; `null` takes it out. It rests first when it leaves one.
    #[schema(value_type = Option<String>)]
    pool: Field<String>,
    /// Its plan, by the name or the identifier; `null` takes it away, and its calls are refused.
    #[schema(value_type = Option<String>)]
    plan: Field<String>,
}

/// Gives a tracking number another label, pool or plan
#[utoipa::path(patch, path = "/numbers/{number}", operation_id = "change_number", tag = "numbers", params(("number" = Uuid, Path,), ("If-Match" = Option<String>, Header, description = "The `ETag` that was read; 412 when it is another one by now")), request_body = ChangedNumber, responses(
    (status = 200, body = NumberStory),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(id): ApiPath<Uuid>,
    matching: Matching,
    ApiBody(changed): ApiBody<ChangedNumber>,
) -> Result<Tagged<NumberStory>, ApiProblem> {
    let (account, id) = (&program.account, NumberId(id));
    for _ in 0..TRIES {
        let found = Found::of(&api, account, id).await?;
        matching.check(&found.tag)?;
        let wish = Belonging::of(&api, account).await?.wish(&changed)?;
        let numbers = [id];
        let change = api
            .platform
            .change_numbers(account.id, &numbers, &wish, now());
        match unless_changed(id.0, found.mark, change).await {
            Ok(_) => return Found::of(&api, account, id).await?.told(&api).await,
            Err(error) => matching.again(error.into())?,
        }
    }
    Err(ApiProblem::Overtaken)
}

/// Gives a tracking number back: its calls stay in the log, and it is the account's no longer
#[utoipa::path(delete, path = "/numbers/{number}", operation_id = "remove_number", tag = "numbers", params(("number" = Uuid, Path,), ("If-Match" = Option<String>, Header, description = "The `ETag` that was read; 412 when it is another one by now")), responses(
    (status = 204),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn remove(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(id): ApiPath<Uuid>,
    matching: Matching,
) -> Result<StatusCode, ApiProblem> {
    let (account, id) = (&program.account, NumberId(id));
    for _ in 0..TRIES {
        let found = Found::of(&api, account, id).await?;
        matching.check(&found.tag)?;
        let removal = api.platform.remove_number(account.id, id, now());
        match unless_changed(id.0, found.mark, removal).await {
            Ok(()) => return Ok(StatusCode::NO_CONTENT),
            Err(error) => matching.again(error.into())?,
        }
    }
    Err(ApiProblem::Overtaken)
}

/// What numbers may belong to.
struct Belonging {
    pools: Vec<Pool>,
    plans: Vec<(PlanId, String)>,
}

impl Belonging {
    async fn of(api: &Api, account: &Account) -> Result<Self, ApiProblem> {
        Ok(Self {
            pools: api.platform.pools(account.id).await?,
            plans: api.platform.plan_names(account.id).await?,
        })
    }

    fn pool_name(&self, text: String) -> String {
        name_of(text, self.pools.iter().map(|pool| (pool.id.0, &pool.name)))
    }

    fn plan_name(&self, text: String) -> String {
        name_of(text, self.plans.iter().map(|(id, name)| (id.0, name)))
    }

    fn wish(&self, changed: &ChangedNumber) -> Result<NumberWish, ApiProblem> {
        let mut mistakes = Vec::new();
        let mut wish =
            |field: &str, wanted: &Field<String>, find: &dyn Fn(&str) -> Option<Uuid>| {
                let text = match wanted {
                    Field::Kept => return Wish::Keep,
                    Field::Said(None) => return Wish::Be(None),
                    Field::Said(Some(text)) => text,
                };
                let found = find(text);
                if found.is_none() {
                    let text = format!("expected one of the account's {field}s, got {text:?}");
                    mistakes.push(Mistake::of_field(field, text));
                }
                Wish::Be(found)
            };
        let pool = wish("pool", &changed.pool, &|text| self.pool(text));
        let plan = wish("plan", &changed.plan, &|text| self.plan(text));
        if !mistakes.is_empty() {
            return Err(ApiProblem::Wrong(mistakes));
        }
        Ok(NumberWish {
            label: changed.label.clone(),
            pool: pool.map(PoolId),
            plan: plan.map(PlanId),
        })
    }

    fn pool(&self, text: &str) -> Option<Uuid> {
        let mut pools = self.pools.iter();
        let pool = pools.find(|pool| pool.name == text || pool.id.to_string() == text);
        pool.map(|pool| pool.id.0)
    }

    fn plan(&self, text: &str) -> Option<Uuid> {
        let mut plans = self.plans.iter();
        let plan = plans.find(|(id, name)| name == text || id.to_string() == text);
        plan.map(|(id, _)| id.0)
    }
}
